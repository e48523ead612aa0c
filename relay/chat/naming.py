"""From the words that were typed to what they name: people, services, policies, incidents.

A part of a name will do where nothing else has it; else the person is asked which is meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from incidents import text
from mattermost_api.errors import MattermostError
from relay.chat import reading
from relay.chat.words import Mention, Said
from relay.directory import Directory
from relay.pagerduty.catalogue import Catalogue
from relay.store import CatalogueRow, IncidentRow, Store

_KINDS = {"policy": "policy", "team": "policy", "service": "service"}
_PLURAL = {"policy": "policies", "service": "services"}
_SHOWN = 8
_SEARCHED = 1_000


class Unclear(Exception):  # noqa: N818 - what was typed, not what we did
    """The words name nothing, or several things; the message asks back."""


class Naming:
    """Looks names up in what the relay remembers; people also at Mattermost."""

    def __init__(self, store: Store, directory: Directory, catalogue: Catalogue) -> None:
        self._store, self._directory, self._catalogue = store, directory, catalogue

    def met(self, people: Sequence[Mention]) -> list[dict[str, str]] | None:
        """Their names and ids from memory; None if somebody must be looked up first."""
        ids = {one.username: one.user_id for one in people}
        rows = self._store.people(f"user:{name}" for name, user_id in ids.items() if not user_id)
        ids |= {row.username: row.user_id for row in rows.values() if row.username and row.user_id}
        if not all(ids.values()):
            return None
        return [{"user_id": user_id, "username": name} for name, user_id in ids.items()]

    def people(self, people: Sequence[Mention]) -> list[dict[str, str]]:
        """The same, with Mattermost's help. Raises Unclear for somebody it does not know."""
        given = {one.username: one.user_id for one in people}
        unknown = [name for name, user_id in given.items() if not user_id]
        try:
            rows = self._directory.user_ids(unknown)
        except MattermostError as problem:
            raise Unclear(f"Mattermost did not say who they are: {problem}") from problem
        for name, row in rows.items():
            if not row.user_id:
                raise Unclear(
                    f"{text.message(f'@{name}')} is no active user of this Mattermost: check how"
                    " the name is written."
                )
            given[name] = row.user_id
        return [{"user_id": user_id, "username": name} for name, user_id in given.items()]

    def paged(self, said: Said) -> dict[str, Any]:
        """The policies or services that a page names, and the message that follows people."""
        kind, words = None, said.plain
        first, _, rest = said.plain.partition(" ")
        if first.lower() in _KINDS and rest.strip():
            kind, words = _KINDS[first.lower()], rest.strip()
        if not words:
            return {}
        kinds = (kind,) if kind else ("policy", "service")
        found = [(one, row) for one in kinds for row in self._catalogue.find(one, words)]
        exact = [(one, row) for one, row in found if row.name.casefold() == words.casefold()]
        if said.people and kind is None:  # what follows people is a message, unless it is a name
            found = exact
        found = exact or found
        if len(found) == 1:
            one, row = found[0]
            return {_PLURAL[one]: [{"id": row.id, "name": row.name}]}
        if found:
            named = ", ".join(f"`{one} {_code(row.name)}`" for one, row in found[:_SHOWN])
            raise Unclear(f"Several may be meant. Say which: {named}.")
        if said.people and kind is None:
            return {"message": words}
        raise Unclear(
            f"Nobody, no policy and no service is called {text.message(words)}:"
            " name people with `@`, anything else as PagerDuty does."
        )

    def service(self, words: str) -> CatalogueRow:
        """The service of this name. Raises Unclear."""
        found = self._catalogue.find("service", words)
        exact = [row for row in found if row.name.casefold() == words.casefold()]
        if len(exact or found) == 1:
            return (exact or found)[0]
        near = found or self._catalogue.services()
        asked = "Several may be meant" if found else "PagerDuty has no such service"
        named = ", ".join(str(text.message(row.name)) for row in near[:_SHOWN])
        raise Unclear(f"{asked}. Say which: {named}." if named else f"{asked}.")

    def priority(self, words: str) -> str:
        """The name of the priority as PagerDuty writes it. Raises Unclear."""
        known = [row.name for row in self._catalogue.priorities()]
        found = [name for name in known if name.casefold() == words.casefold()]
        if known and not found:
            named = ", ".join(str(text.message(name)) for name in known)
            raise Unclear(f"There is no priority {text.message(words)}. Choose one of: {named}.")
        return found[0] if found else text.clean(words)[:100]

    def incident(self, words: str, source: str) -> IncidentRow:
        """The incident of this number, room or id. Raises Unclear."""
        wanted = words.strip().lstrip("#~").casefold()
        rows = [row for row in self._store.latest(_SEARCHED) if row.born]
        found = [row for row in rows if _is_called(row, wanted, row.snapshot or {})]
        own = [row for row in found if row.source == source] or found
        if len(own) == 1:
            return own[0]
        if not own:
            raise Unclear(
                f"No incident is called {text.message(words)}: name it by its number, its room or"
                " its id. `list` shows what is open."
            )
        lines = [f"- {reading.row_line(row)}" for row in own[:_SHOWN]]
        raise Unclear("\n".join(["Several may be meant. Name one by its room:", *lines]))


def _is_called(row: IncidentRow, wanted: str, known: Mapping[str, Any]) -> bool:
    names = {row.incident_id, row.channel_name or "", str(known.get("number", ""))}
    return bool(wanted) and wanted in {name.casefold() for name in names}


def _code(name: str) -> str:
    return text.clean(name).replace("`", "'")
