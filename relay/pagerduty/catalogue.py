"""What PagerDuty has to choose from, as it was read last; and who is on call, as it is now.

The sweep reads it; whoever answers people takes it from the store, so that nobody waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pagerduty_api.client import PagerDuty
from pagerduty_api.errors import Refused
from pagerduty_api.models import Service
from relay.store import CatalogueRow, Store

Level = tuple[int, str, str]


class Catalogue:
    """Services, priorities and escalation policies; empty without PagerDuty. Safe in threads.

    A service's row names its escalation policy in ``extra["policy"]``, by id.
    """

    def __init__(self, store: Store, pagerduty: PagerDuty | None) -> None:
        self._store, self._pagerduty = store, pagerduty

    def services(self) -> list[CatalogueRow]:
        """By name."""
        return self._store.catalogue("service")

    def priorities(self) -> list[CatalogueRow]:
        """In PagerDuty's order, the highest first."""
        return sorted(self._store.catalogue("priority"), key=_place)

    def policies(self) -> list[CatalogueRow]:
        """By name."""
        return self._store.catalogue("policy")

    def find(self, kind: str, words: str) -> list[CatalogueRow]:
        """Those of a kind (service, priority, policy) whose names have all the words in them."""
        wanted = words.casefold().split()
        rows = self._store.catalogue(kind)
        return [row for row in rows if all(word in row.name.casefold() for word in wanted)]

    def oncall(self, id_: str) -> list[Level]:
        """Who is on call now for a service or a policy: (level from 1 on, name, user id), sorted.

        Calls PagerDuty, unless it was asked less than 45 s ago. Raises PagerDutyError.
        """
        if self._pagerduty is None:
            return []
        policy = self._policy_of(id_)
        if policy is None and id_ not in {row.id for row in self.policies()}:
            self._learn_services(self._pagerduty)  # it may be a new one
            policy = self._policy_of(id_)
        found = self._pagerduty.oncalls(policy or id_)
        return sorted({(one.level, one.user.name or one.user.id, one.user.id) for one in found})

    def refresh(self) -> None:
        """Read all of it anew. What PagerDuty refuses stands as it was, and is raised at the end.

        Raises PagerDutyError.
        """
        if self._pagerduty is None:
            return
        refusal: Refused | None = None
        tasks: tuple[Callable[[PagerDuty], None], ...] = (
            self._learn_services,
            self._learn_priorities,
            self._learn_policies,
        )
        for task in tasks:
            try:
                task(self._pagerduty)
            except Refused as problem:
                refusal = refusal or problem
        if refusal:
            raise refusal

    def _learn_services(self, pagerduty: PagerDuty) -> None:
        self._save("service", map(_of_service, pagerduty.services()))

    def _learn_priorities(self, pagerduty: PagerDuty) -> None:
        rows = (
            CatalogueRow(id=one.id, name=one.name, extra={"place": place})
            for place, one in enumerate(pagerduty.priorities())
        )
        self._save("priority", rows)

    def _learn_policies(self, pagerduty: PagerDuty) -> None:
        policies = pagerduty.escalation_policies()
        self._save("policy", (CatalogueRow(id=one.id, name=one.name) for one in policies))

    def _save(self, kind: str, rows: Iterable[CatalogueRow]) -> None:
        """Nothing is written as long as nothing changed, which is nearly always."""
        found = list(rows)
        if sorted(found, key=_id) != sorted(self._store.catalogue(kind), key=_id):
            self._store.save_catalogue(kind, found)

    def _policy_of(self, service_id: str) -> str | None:
        row = next((row for row in self.services() if row.id == service_id), None)
        return (row.extra or {}).get("policy") if row else None


def _of_service(service: Service) -> CatalogueRow:
    policy = service.escalation_policy
    return CatalogueRow(
        id=service.id, name=service.name, extra={"policy": policy.id if policy else None}
    )


def _id(row: CatalogueRow) -> str:
    return row.id


def _place(row: CatalogueRow) -> int:
    place: int = (row.extra or {}).get("place", 0)
    return place
