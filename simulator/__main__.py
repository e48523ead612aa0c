"""``python -m simulator [--port N]``: a Mattermost to practise on, with people and a bot in it."""

from __future__ import annotations

import argparse
import logging

from simulator.mattermost import Mattermost
from simulator.mattermost.server import create_app

PEOPLE = ("alice", "bob", "carol", "dave")


def staged() -> tuple[Mattermost, str]:
    """Team ``ops``, four people, the bot ``relay``; returns the server and the bot's token."""
    mattermost = Mattermost()
    mattermost.username_override = True
    mattermost.add_team("ops")
    for name in PEOPLE:
        mattermost.add_user(name, email=f"{name}@example.com", team="ops")
    return mattermost, mattermost.add_bot("relay")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=8065, help="default: 8065")
    port = parser.parse_args().port
    mattermost, token = staged()
    url = mattermost.site_url = f"http://127.0.0.1:{port}"
    print(f"Mattermost {mattermost.version}, team ops: {url}\nToken of the bot relay: {token}")  # noqa: T201
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # the page asks once a second
    create_app(mattermost).run("127.0.0.1", port, threaded=True)


if __name__ == "__main__":
    main()
