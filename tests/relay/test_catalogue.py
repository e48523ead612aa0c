"""What people choose from stands in the store; who is on call is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pagerduty_api.errors import PagerDutyError, Refused
from relay.pagerduty.catalogue import Catalogue
from relay.store import CatalogueRow
from tests.relay.sweeping import Watch


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    watch = Watch(tmp_path)
    yield watch
    watch.close()


def names(rows: list[CatalogueRow]) -> list[str]:
    return [row.name for row in rows]


def test_nothing_is_known_before_it_was_read(watch: Watch) -> None:
    catalogue = watch.catalogue
    assert catalogue.services() == catalogue.priorities() == catalogue.policies() == []
    assert catalogue.find("service", "Storage") == []
    assert watch.api.calls == []


def test_what_was_read_is_told_without_a_call(watch: Watch) -> None:
    watch.api.add_service("archive", levels=[["PBOB222"]], id="PARCHIV")
    watch.catalogue.refresh()
    watch.asked()
    assert names(watch.catalogue.services()) == ["archive", "Storage"]
    assert names(watch.catalogue.priorities()) == ["Sev 2", "Sev 1"]
    assert len(watch.catalogue.policies()) == 2
    assert watch.asked() == []


def test_names_are_found_by_their_words(watch: Watch) -> None:
    watch.api.add_service("Storage (EU, cold)", levels=[["PBOB222"]], id="PCOLD00")
    watch.catalogue.refresh()
    assert names(watch.catalogue.find("service", "storage")) == ["Storage", "Storage (EU, cold)"]
    assert names(watch.catalogue.find("service", "cold  STORAGE")) == ["Storage (EU, cold)"]
    assert watch.catalogue.find("service", "network") == []
    assert names(watch.catalogue.find("priority", "sev 1")) == ["Sev 1"]


def test_nothing_is_written_while_nothing_changed(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.catalogue.refresh()
    written: list[str] = []
    monkeypatch.setattr(watch.store, "save_catalogue", lambda kind, _rows: written.append(kind))
    watch.catalogue.refresh()
    assert written == []
    watch.api.add_priorities("Sev 0")
    watch.catalogue.refresh()
    assert written == ["priority"]


def test_a_refusal_leaves_that_part_as_it_was_and_is_raised(watch: Watch) -> None:
    watch.catalogue.refresh()
    watch.api.add_priorities("Sev 0")
    watch.refuse("/services")
    watch.refuse("/escalation_policies")
    with pytest.raises(Refused, match="/services"):
        watch.catalogue.refresh()
    assert names(watch.catalogue.services()) == ["Storage"]
    assert "Sev 0" in names(watch.catalogue.priorities())


def test_pagerduty_being_away_is_raised_at_once(watch: Watch) -> None:
    watch.api.down = True
    with pytest.raises(PagerDutyError):
        watch.catalogue.refresh()
    assert len(watch.asked()) <= 1


def test_who_is_on_call_for_a_service_or_a_policy(watch: Watch) -> None:
    watch.catalogue.refresh()
    levels = [(1, "Alice Adams", "PALICE1"), (2, "Bob Brown", "PBOB222")]
    assert watch.catalogue.oncall("PSTORAG") == levels
    (policy,) = watch.catalogue.policies()
    watch.asked()
    assert watch.catalogue.oncall(policy.id) == levels
    assert watch.asked() == []  # asked less than 45 s ago


def test_a_service_that_is_new_is_looked_for(watch: Watch) -> None:
    assert watch.catalogue.oncall("PSTORAG")[0] == (1, "Alice Adams", "PALICE1")
    assert names(watch.catalogue.services()) == ["Storage"]


def test_without_pagerduty_there_is_nothing_to_choose_from(watch: Watch) -> None:
    catalogue = Catalogue(watch.store, None)
    catalogue.refresh()
    assert catalogue.services() == [] and catalogue.oncall("PSTORAG") == []
