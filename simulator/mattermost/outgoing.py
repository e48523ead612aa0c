"""How the server calls integrations: whom it may call, with which headers, and for how long.

What it says to them, and what it makes of their answers, is ``integrations.py``'s and
``commands.py``'s.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import requests

# status, headers, body
Answered = tuple[int, Mapping[str, str], bytes]
# method, URL, headers, body, seconds; None where nobody answered in time
Out = Callable[[str, str, Mapping[str, str], bytes, float], Answered | None]

HEADERS = {"User-Agent": "Mattermost-Bot/1.1", "Accept": "application/json"}
CALL_SECONDS = 30.0
MOST_BYTES = 1024 * 1024


def over_http(
    method: str, url: str, headers: Mapping[str, str], body: bytes, seconds: float
) -> Answered | None:
    """One real request; no proxy of the environment is asked."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.request(
                method, url, headers=dict(headers), data=body, timeout=(3, seconds)
            )
        except requests.RequestException:
            return None
    return answer.status_code, answer.headers, answer.content[:MOST_BYTES]


def may_call(url: str, allowed: str) -> bool:
    """Whether the server lets itself call there: private addresses only when they are listed.

    ``localhost`` counts as private; no other name is looked up.
    """
    host = urlsplit(url).hostname or ""
    listed = allowed.replace(",", " ").split()
    if host in listed:
        return True
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return bool(host)
    networks = [ipaddress.ip_network(one) for one in listed if "/" in one]
    return address.is_global or any(address in one for one in networks)
