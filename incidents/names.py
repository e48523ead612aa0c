"""What a room is called, and the mark by which a relay knows its own. Never a call to chat."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache
from hashlib import sha256

from incidents.events import Link
from incidents.incident import Incident

NAME_LIMIT = 64
_WORD_LIMIT = 30  # of a title or a service, so that the id keeps its place
_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")
_PLACEHOLDERS = ("id", "number", "title", "service", "priority", "source")
_TELLING = {"id", "number", "title"}
_LITERAL = re.compile(r"[a-z0-9_-]*\Z")


def check_name_template(template: str) -> str | None:
    """What is wrong with a `room.name`, in a sentence that says what to write, or None."""
    used = _PLACEHOLDER.findall(template)
    unknown = [name for name in used if name not in _PLACEHOLDERS]
    known = ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
    if unknown:
        return f"{{{unknown[0]}}} is not known; use one of {known}"
    if not _TELLING.intersection(used):
        return "every incident would get the same name; put {id} in it"
    if not _LITERAL.match(_PLACEHOLDER.sub("", template)):
        return f"beside {known} it may hold only a-z, 0-9, - and _"
    return None


def channel_name(template: str, incident: Incident, attempt: int = 1) -> str:
    """The name of an incident's channel, valid for Mattermost 5.37 to 11.x whatever the incident.

    That is 2 to 64 characters ``a-z0-9_-``, letter or digit at both ends, never what a direct or
    group message is called (two ids joined by ``__``, 40 hexadecimal digits). A digest of
    source and id is added where the id did not survive whole. From the second `attempt` on,
    its number is appended.
    """
    suffix = f"-{attempt}" if attempt > 1 else ""
    digest = _digest(incident.source, incident.id)[:8]
    words = {
        "id": _slug(incident.id),
        "number": str(incident.number or ""),
        "title": _short(Link(name=incident.title or "")),
        "service": _short(incident.service),
        "priority": _short(incident.priority),
        "source": _slug(incident.source),
    }
    name = _slug(_PLACEHOLDER.sub(lambda found: words.get(found[1], ""), template))
    room = NAME_LIMIT - len(suffix)
    # Sources write ids in one case; mixed case would be lost like any other character.
    whole = "{id}" not in template or incident.id in {words["id"], words["id"].upper()}
    if len(name) < 2:
        name = f"incident-{digest}"
    elif len(name) > room or not whole:
        name = f"{name[: room - len(digest) - 1].rstrip('-_')}-{digest}"
    elif re.fullmatch(r"[0-9a-f]{40}", name):
        name = f"incident-{name}"
    return name + suffix


def marker(instance: str, source: str, incident_id: str) -> str:
    """The sign in a room's purpose that it belongs to this instance, source and incident."""
    return f"relay:{_digest(instance, source, incident_id)[:16]}"


def _digest(*parts: str) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()


@lru_cache(maxsize=256)  # one incident asks for the same few words at each of its 20 names
def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[-_]{2,}", "-", re.sub(r"[^a-z0-9_-]+", "-", plain)).strip("-_")


def _short(thing: Link | None) -> str:
    return _slug(thing.name if thing else "")[:_WORD_LIMIT]
