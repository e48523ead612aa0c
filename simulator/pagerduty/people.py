"""Who and what an account has: users, services, escalation policies, priorities, who is on call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from simulator.pagerduty.account import Account, Ref
from simulator.pagerduty.wire import Refused

# Roles that may look and not act.
ONLOOKERS = frozenset({"observer", "read_only_user", "read_only_limited_user"})
ABILITIES = ("teams", "urgencies", "coordinated_responding", "service_support_hours")


@dataclass(frozen=True, slots=True)
class User:
    """A person; ``ref`` is what other objects say of them."""

    id: str
    name: str
    email: str
    role: str
    ref: Ref

    def json(self) -> dict[str, Any]:
        own = {"type": "user", "name": self.name, "email": self.email, "role": self.role}
        more = {"time_zone": "Etc/UTC", "color": "purple", "description": None, "job_title": None}
        picture = "https://pd-static-assets.pagerduty.com/users/blank-avatar.png"
        return {**self.ref, **own, **more, "avatar_url": picture, "teams": []}


@dataclass(eq=False, slots=True)
class Policy:
    """An escalation policy; ``levels`` hold user ids, the first level first."""

    id: str
    name: str
    ref: Ref
    levels: list[list[str]]
    people: People

    def json(self) -> dict[str, Any]:
        users = self.people.users
        rules = [
            {
                "id": f"{self.id}{number}",
                "escalation_delay_in_minutes": 30,
                "targets": [users[one].ref for one in level],
            }
            for number, level in enumerate(self.levels, 1)
        ]
        services = [s.ref for s in self.people.services.values() if s.policy_id == self.id]
        own = {"type": "escalation_policy", "name": self.name, "num_loops": 0, "teams": []}
        return {**self.ref, **own, "escalation_rules": rules, "services": services}


@dataclass(eq=False, slots=True)
class Service:
    """Something that can fail."""

    id: str
    name: str
    ref: Ref
    policy_id: str
    people: People

    def json(self) -> dict[str, Any]:
        policy = self.people.policies[self.policy_id].ref
        own = {"type": "service", "name": self.name, "description": None, "status": "active"}
        times = {"auto_resolve_timeout": 14400, "acknowledgement_timeout": 1800}
        return {**self.ref, **own, **times, "escalation_policy": policy, "teams": []}


class People:
    """``abilities`` are what the account pays for; an account has priorities once it has added
    some. A person, service or policy is named by its id, its name, or (a person) e-mail address."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.users: dict[str, User] = {}
        self.services: dict[str, Service] = {}
        self.policies: dict[str, Policy] = {}
        self.priorities: list[Ref] = []  # the highest first
        self.abilities = list(ABILITIES)

    def add_user(self, name: str, email: str, id: str | None = None, role: str = "user") -> User:
        ref = self.account.user(name, id)
        user = self.users[ref["id"]] = User(ref["id"], name, email, role, ref)
        return user

    def remove_user(self, user: str | User) -> None:
        """They are gone from every escalation policy too; what they did stays theirs."""
        gone = self.user(user)
        del self.users[gone.id]
        for policy in self.policies.values():
            policy.levels = [[one for one in level if one != gone.id] for level in policy.levels]

    def add_policy(
        self,
        name: str,
        levels: Sequence[Iterable[str | User]],
        id: str | None = None,
    ) -> Policy:
        ref = self.account.reference("escalation_policy", name, id)
        people = [[self.user(one).id for one in level] for level in levels]
        policy = self.policies[ref["id"]] = Policy(ref["id"], name, ref, people, self)
        return policy

    def add_service(
        self,
        name: str,
        levels: Sequence[Iterable[str | User]],
        id: str | None = None,
    ) -> Service:
        """A service with an escalation policy of its own, named after it."""
        policy = self.add_policy(f"{name} on call", levels)
        ref = self.account.service(name, id)
        service = self.services[ref["id"]] = Service(ref["id"], name, ref, policy.id, self)
        return service

    def add_priorities(self, *names: str) -> None:
        """The highest first."""
        self.priorities += [self.account.priority(name) for name in names]

    def user(self, key: str | User) -> User:
        """By id, name or e-mail address; KeyError for nobody."""
        if isinstance(key, User):
            return key
        return self.by_email(key) or _named(self.users, key)

    def service(self, key: str | Service) -> Service:
        """By id or name; KeyError for none."""
        return key if isinstance(key, Service) else _named(self.services, key)

    def by_email(self, email: str) -> User | None:
        wanted = email.casefold()
        return next((u for u in self.users.values() if u.email.casefold() == wanted), None)

    def priority(self, given: Any) -> Ref:
        """By reference, or by a name as text; the highest of that name."""
        if not self.priorities:
            raise Refused(2014, "priorities")
        key, value = ("id", given.get("id")) if isinstance(given, dict) else ("summary", given)
        found = next((one for one in self.priorities if one[key] == value), None)
        if found is None:
            raise Refused(1020)
        return found

    def on_call(self, policy: Policy, level: int) -> list[User]:
        """Who is asked at that level; refuses when there is no such level, or nobody on it."""
        if not 1 <= level <= len(policy.levels):
            raise Refused(1006, f"The escalation policy has no level {level}")
        found = [self.users[one] for one in policy.levels[level - 1]]
        if not found:
            raise Refused(1015)
        return found


Thing = TypeVar("Thing", User, Service)


def _named(things: dict[str, Thing], key: str) -> Thing:
    """By id, else by name; KeyError says what there is."""
    for one in things.values():
        if key in {one.id, one.name}:
            return one
    known = ", ".join(one.name for one in things.values()) or "nothing"
    raise KeyError(f"There is no {key!r} here; there is {known}.")
