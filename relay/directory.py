"""Who is who: a source's person to a Mattermost user name, and that to the user's id.

In this order: the user name that somebody had in chat, the config's ``people``, the e-mail
address (asked of PagerDuty where its delivery brought none), a user name that equals the
address's local part or the person's name. Only exact matches count: a guess would let a stranger
into a private room. What is found is remembered for a day, what is not for ten minutes, and what
PagerDuty could not say not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from incidents.events import Person
from mattermost_api.client import Mattermost
from mattermost_api.errors import Forbidden, MattermostError
from mattermost_api.models import User
from pagerduty_api.client import PagerDuty
from pagerduty_api.errors import PagerDutyError, Unavailable
from relay.clock import Clock
from relay.store import PersonRow, Store

FOUND_FOR = timedelta(days=1)
MISSED_FOR = timedelta(minutes=10)
ASK_AGAIN = timedelta(minutes=1)
USERNAME = re.compile(r"[a-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduced:
    """``usernames`` and ``strangers`` are keyed by ``Person.key``; the latter says why.

    ``again_at`` is set where a stranger may be none: PagerDuty could not be asked until then.
    """

    usernames: Mapping[str, str]
    strangers: Mapping[str, str]
    again_at: datetime | None = None


class Unanswered(Exception):  # noqa: N818 - Mattermost's problem, not ours
    """Somebody could not be looked up: ``problem`` says why, ``known`` is all without them."""

    def __init__(self, problem: MattermostError, known: Introduced) -> None:
        super().__init__(str(problem))
        self.problem, self.known = problem, known


class _NotNow(Exception):  # noqa: N818 - PagerDuty's problem, not ours
    """PagerDuty did not answer, and is let be ``until`` then."""

    def __init__(self, why: str, until: datetime) -> None:
        super().__init__(why)
        self.until = until


class Directory:
    """Looks people up, and remembers them in the store."""

    def __init__(
        self,
        store: Store,
        chat: Mattermost,
        overrides: Mapping[str, str],
        clock: Clock,
        pagerduty: PagerDuty | None = None,
    ) -> None:
        self._store, self._chat, self._clock = store, chat, clock
        self._pagerduty = pagerduty
        self._away: _NotNow | None = None
        self._overrides = {key.lower(): name.lower() for key, name in overrides.items()}

    def introduce(self, source: str, people: Iterable[Person]) -> Introduced:
        """Map everybody, asking only about those we do not know yet.

        Raises Unanswered, with what is known all the same.
        """
        usernames: dict[str, str] = {}
        asked: dict[str, Person] = {}
        for person in people:
            if name := self._override(person):
                usernames[person.key] = name
            else:
                asked[f"person:{source}:{person.key}"] = person
        rows = self._fresh(asked)
        missing = {key: person for key, person in asked.items() if key not in rows}
        try:
            found, unsure = self._find(source, missing) if missing else ({}, {})
        except MattermostError as problem:
            known = self.known(source, (*asked.values(),))
            why = f"could not be looked up: {problem}"
            lost = {one.key: why for one in missing.values() if one.key not in known.usernames}
            raise Unanswered(
                problem,
                Introduced(
                    usernames={**usernames, **known.usernames},
                    strangers={**known.strangers, **lost},
                ),
            ) from problem
        rows |= found
        for key, person in asked.items():
            if username := rows[key].username:
                usernames[person.key] = username
        strangers = {
            person.key: rows[key].reason or ""
            for key, person in asked.items()
            if not rows[key].username
        }
        doubtful = [until for key, until in unsure.items() if not rows[key].username]
        again_at = min(doubtful, default=None)
        return Introduced(usernames=usernames, strangers=strangers, again_at=again_at)

    def known(self, source: str, people: Iterable[Person]) -> Introduced:
        """The same from memory alone, however old; in neither map who was never looked up."""
        usernames: dict[str, str] = {}
        strangers: dict[str, str] = {}
        keys = {person: f"person:{source}:{person.key}" for person in people}
        rows = self._store.people(keys.values())
        for person, key in keys.items():
            row = rows.get(key)
            if username := self._override(person) or (row.username if row else None):
                usernames[person.key] = username
            elif row:
                strangers[person.key] = row.reason or ""
        return Introduced(usernames=usernames, strangers=strangers)

    def user_ids(self, usernames: Iterable[str]) -> dict[str, PersonRow]:
        """User ids by user name; a row without an id says why there is none."""
        keys = {f"user:{name}": name for name in usernames}
        rows = self._fresh(keys)
        missing = [name for key, name in keys.items() if key not in rows]
        if missing:
            users = {user.username: user for user in self._chat.users_by_usernames(missing)}
            found = {f"user:{name}": self._row(users.get(name)) for name in missing}
            self._store.remember_people(found)
            rows |= found
        return {name: rows[key] for key, name in keys.items()}

    def configured(self, people: Iterable[Person]) -> dict[str, str]:
        """Those whom the config names, by ``Person.key``."""
        return {person.key: name for person in people if (name := self._override(person))}

    def _override(self, person: Person) -> str | None:
        if person.username and USERNAME.fullmatch(person.username):
            return person.username
        for key in (person.id, person.email):
            if key and (name := self._overrides.get(key.lower())):
                return name
        return None

    def _fresh(self, keys: Iterable[str]) -> dict[str, PersonRow]:
        now = self._clock.now()
        return {
            key: row
            for key, row in self._store.people(list(keys)).items()
            if now - row.checked_at < (FOUND_FOR if row.user_id else MISSED_FOR)
        }

    def _find(
        self, source: str, people: Mapping[str, Person]
    ) -> tuple[dict[str, PersonRow], dict[str, datetime]]:
        """Those people; and of whom PagerDuty could say nothing, until when."""
        people, unsure = self._addressed(source, people)
        found = {key: self._by_email(person) for key, person in people.items()}
        names = {key: _usernames(person) for key, person in people.items() if not found[key]}
        wanted = sorted({name for several in names.values() for name in several})
        users = (
            {user.username: user for user in self._chat.users_by_usernames(wanted)}
            if wanted
            else {}
        )
        for key, several in names.items():
            found[key] = next((users[name] for name in several if name in users), None)
        rows = {key: self._row(user) for key, user in found.items()}
        known = {f"user:{row.username}": row for row in rows.values() if row.user_id}
        for key, (_, why) in unsure.items():
            reason = None if rows[key].username else f"their address is not known yet: {why}"
            past = rows[key].checked_at - FOUND_FOR  # seen in memory, and asked about all the same
            rows[key] = replace(rows[key], reason=reason, checked_at=past)
        self._store.remember_people(rows | known)
        return rows, {key: until for key, (until, _) in unsure.items()}

    def _addressed(
        self, source: str, people: Mapping[str, Person]
    ) -> tuple[dict[str, Person], dict[str, tuple[datetime, str]]]:
        """The people with the addresses that PagerDuty has of them; whom it was not asked about.

        Its webhooks bring none. Once it did not answer, nobody waits for it again for a minute.
        """
        known = dict(people)
        unsure: dict[str, tuple[datetime, str]] = {}
        for key, person in people.items():
            if self._pagerduty and source == "pagerduty" and person.id and not person.email:
                try:
                    email = self._address(self._pagerduty, person.id)
                    known[key] = replace(person, email=email)
                except _NotNow as away:
                    unsure[key] = (away.until, str(away))
        return known, unsure

    def _address(self, pagerduty: PagerDuty, user_id: str) -> str | None:
        """The address that this user logs in with; None for one who is gone or hidden."""
        away, now = self._away, self._clock.now()
        if away and now < away.until:
            raise _NotNow(str(away), away.until)
        try:
            return pagerduty.user(user_id).email
        except Unavailable as problem:
            wait = max(ASK_AGAIN, timedelta(seconds=problem.retry_after or 0))
            self._away = _NotNow(str(problem), now + wait)
            raise self._away from None
        except PagerDutyError:
            return None

    def _by_email(self, person: Person) -> User | None:
        if not person.email:
            return None
        try:
            return self._chat.user_by_email(person.email)
        except Forbidden:  # PrivacySettings.ShowEmailAddress is off: names are all that is left
            return None

    def _row(self, user: User | None) -> PersonRow:
        now = self._clock.now()
        if user is None:
            reason = "no Mattermost user found; add them to people in conf.yaml"
        elif user.delete_at:
            reason = f"the Mattermost user {user.username} is deactivated"
        else:
            return PersonRow(username=user.username, user_id=user.id, reason=None, checked_at=now)
        return PersonRow(username=None, user_id=None, reason=reason, checked_at=now)


def _usernames(person: Person) -> list[str]:
    """The user names this person might have, best first."""
    local = (person.email or "").partition("@")[0]
    words = person.name.lower().split()
    names = [local.lower(), *(sep.join(words) for sep in ("", ".", "-", "_"))]
    return [name for name in dict.fromkeys(names) if USERNAME.fullmatch(name)]
