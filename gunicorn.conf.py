"""How gunicorn serves the relay unless its command line says otherwise. No setting of the relay.

``PORT`` is what platforms that read the Procfile set; there the relay listens on every address.
Never preload the app: the worker's threads start in create_app() and would not survive the fork.
"""

import logging
import os

bind = f"0.0.0.0:{os.environ['PORT']}" if os.environ.get("PORT") else "127.0.0.1:9000"
# One process: on SQLite only one of them may work, and threads are enough to receive.
workers = 1
worker_class = "gthread"
threads = 8
# The worker's threads finish the work in hand within 10 s.
graceful_timeout = 15
# Nobody steers the relay by gunicorn's own socket, and two relays would share its path.
control_socket_disable = True


def post_fork(_server: object, _worker: object) -> None:
    """Let the relay's own log lines look like gunicorn's."""
    line = "[%(asctime)s] [%(process)d] [%(levelname)s] %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=line, datefmt="%Y-%m-%d %H:%M:%S %z")
