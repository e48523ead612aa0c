"""Made-up incidents on which a template is proved before it meets a real one.

One of which everything is known, in each state it can be in, and one of which hardly anything is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from incidents.events import ChangedField, EventType, Link, Person, Role, Status
from incidents.incident import Absent, Episode, Incident, Moment, Request, Responder, View

START = datetime(2026, 11, 21, 10, 2, tzinfo=UTC)
SITE = "https://example.pagerduty.com"
ALICE = Person(name="Alice Ng", id="PALICE", email="alice@example.com")
BOB = Person(name="Bob Meyer", id="PBOB", email="bob@example.com")
CAROL = Person(name="Carol Diaz", id="PCAROL")
TARGET = Link(name="#35 db-3 is gone", id="Q35", html_url=f"{SITE}/incidents/Q35")

DAVE = Person(name="dave", id="mattermost:dave", username="dave")
ASKED = Request(
    key="chat:1",
    action="page",
    at=START + timedelta(minutes=9),
    actor=DAVE,
    arguments={"people": [{"user_id": "u1", "username": "bob"}], "message": "Please help"},
)
# Why it was not done.
REASON = "PagerDuty does not know dave; type /incident connect"

EPISODE = Episode(
    number=1,
    opened_at=START,
    acknowledged_at=START + timedelta(minutes=2),
    acknowledged_by=ALICE,
)
FULL = View(
    incident=Incident(
        source="pagerduty",
        id="Q34",
        born=True,
        number=34,
        title="Disk full on db-3",
        status=Status.ACKNOWLEDGED,
        since=START + timedelta(minutes=2),
        html_url=f"{SITE}/incidents/Q34",
        incident_key="db-3/disk",
        service=Link(name="Orders database", id="PSVC", html_url=f"{SITE}/services/PSVC"),
        urgency="low",
        priority=Link(name="P1", id="PPRIO"),
        incident_type="Major incident",
        created_at=START,
        updated_at=START + timedelta(minutes=2),
        assignees=(ALICE, CAROL),
        acknowledged_by=ALICE,
        responders=(Responder(person=BOB, state="accepted"), Responder(person=CAROL)),
        roles=(Role(name="Commander", assignee=BOB), Role(name="Scribe")),
        custom_fields=(ChangedField(name="Region", value="eu-west-1"), ChangedField(name="Team")),
        conference_url="https://meet.example.com/db-3",
        conference_numbers=("+1 555 0100,,34#",),
        related=(Link(name="incident-q33", html_url="https://chat.example.com/ops/pl/def"),),
        episodes=(EPISODE,),
    ),
    usernames={ALICE.key: "alice", BOB.key: "bob", DAVE.key: "dave"},
    waiting=(ASKED,),
    absent=(
        Absent(
            name="Carol Diaz",
            reason="no Mattermost user found for her; add her to people in conf.yaml",
        ),
    ),
    predecessor=Link(name="incident-q34", html_url="https://chat.example.com/ops/pl/abc"),
)
EMPTY = View(
    incident=Incident(
        source="generic",
        id="7",
        born=True,
        status=Status.TRIGGERED,
        episodes=(Episode(number=1, opened_at=START),),
    )
)


def views() -> Iterator[View]:
    """Every state an incident can be in, and the one of which hardly anything is known."""
    incident = FULL.incident
    resolved = replace(
        EPISODE,
        resolved_at=START + timedelta(minutes=59, seconds=58),
        resolved_by=BOB,
        resolve_reason="Old logs deleted",
    )
    later = START + timedelta(days=1)
    again = replace(
        resolved,
        number=2,
        opened_at=later,
        acknowledged_at=later + timedelta(minutes=1),
        resolved_at=later + timedelta(minutes=5),
    )
    over = replace(incident, status=Status.RESOLVED, since=resolved.resolved_at)
    yield replace(FULL, incident=replace(incident, status=Status.TRIGGERED, acknowledged_by=None))
    yield FULL
    at = START + timedelta(minutes=20)
    eased = replace(EPISODE, mitigated_at=at, mitigated_by=BOB)
    eased_incident = replace(incident, mitigated_at=at, mitigated_by=BOB, episodes=(eased,))
    yield replace(FULL, incident=eased_incident)
    yield replace(FULL, incident=replace(over, episodes=(resolved,)))
    yield replace(FULL, incident=replace(over, episodes=(resolved, again)))
    cancelled = replace(resolved, cancelled=True)
    yield replace(FULL, incident=replace(over, episodes=(cancelled,)))
    merged = replace(resolved, merged_into=TARGET)
    yield replace(FULL, incident=replace(over, episodes=(merged,)))
    yield EMPTY


def moments(kind: EventType) -> tuple[Moment, Moment]:
    """A moment of which everything is known, and one of which hardly anything is."""
    bare = Moment(names=("e1",), type=kind, at=START + timedelta(minutes=9), episode=1)
    full = replace(
        bare, actor=ALICE, subject=BOB, before="P3", after="P1", text="Is it me?", link=TARGET
    )
    return full, bare
