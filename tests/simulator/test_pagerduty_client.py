"""The relay's own client of PagerDuty and the simulated PagerDuty understand each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from pagerduty_api import errors
from pagerduty_api.client import PagerDuty
from pagerduty_api.models import Actor
from pagerduty_api.oauth import AppTokens, SignIn
from pagerduty_api.transport import new_session
from simulator.faults import Fault
from simulator.pagerduty.in_process import InProcess
from tests.simulator.paging import ALICE, BOB, Stage, assigned

API, IDENTITY = "https://api.pagerduty.com", "https://identity.pagerduty.com"
BACK = "https://relay.test/chat/connected"
AS_BOB = Actor("PBOB", BOB, None)


class Scene(Stage):
    """The stage, and a client with the account's key."""

    def __init__(self) -> None:
        super().__init__()
        self.session = new_session(InProcess(self.api.handle))
        self.client = PagerDuty(
            API, lambda: f"Token token={self.key}", session=self.session, now=self.now
        )

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.time, UTC)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_every_call_of_the_client_is_answered(scene: Scene) -> None:
    client, api = scene.client, scene.api
    service = {"id": "PSHOP", "type": "service_reference"}
    made = client.create_incident({"title": "Slow", "service": service}, AS_BOB)
    other = client.create_incident(
        {"title": "Slower", "service": service, "assignments": assigned("PBOB")}, AS_BOB
    )
    assert (made.status, other.status) == ("triggered", "acknowledged")
    assert client.update_incident(made.id, {"status": "acknowledged"}, AS_BOB).assignees[0].id == (
        "PBOB"
    )
    with pytest.raises(errors.AlreadySo):
        client.update_incident(made.id, {"status": "acknowledged"}, AS_BOB)
    assert client.incident(made.id).last_status_change_by == made.last_status_change_by
    assert client.add_note(made.id, "hm", AS_BOB) == client.notes(made.id)[0]
    client.publish(made.id, "soon", AS_BOB)
    targets = [("user_reference", "PCAROL")]
    client.request_responders(made.id, "PBOB", "Help", targets, AS_BOB)
    assert client.merge(made.id, [other.id], AS_BOB).id == made.id
    assert [one.id for one in client.incidents(statuses=["resolved"])] == [other.id]
    assert [one.id for one in client.incidents(since=scene.now() - timedelta(days=1))] == [
        made.id,
        other.id,
    ]
    assert [(one.level, one.user.id) for one in client.oncalls(scene.shop.policy_id)] == [
        (1, "PALICE"),
        (2, "PBOB"),
    ]
    assert (client.user("PBOB").email, client.users(ALICE)[0].id) == (BOB, "PALICE")
    assert client.me(Actor("PBOB", BOB, _token(scene))).id == "PBOB"
    assert (client.services()[0].name, client.priorities()[0].name) == ("Web shop", "P1")
    assert client.escalation_policies()[0].id == scene.shop.policy_id
    assert "coordinated_responding" in client.abilities()
    one = api.subscribe("https://relay.test/hooks/pagerduty")
    one.disabled = True
    assert client.webhook_subscriptions()[0].temporarily_disabled
    client.enable_subscription(one.id)
    scene.heard()
    client.ping_subscription(one.id)
    assert scene.heard() == [("pagey.ping", None)]
    assert {who for who, *_ in api.writes} == {BOB, "app"}


def _token(scene: Scene) -> str:
    """Bob's, by way of the page to sign in."""
    app = scene.api.identity.add_app(BACK)
    door = SignIn(
        app.client_id, app.client_secret, BACK, IDENTITY, session=scene.session, now=scene.now
    )
    url, verifier = door.start("state")
    back = parse_qs(urlsplit(scene.api.authorize(url, BOB)).query)
    assert back["state"] == ["state"]
    tokens = door.finish(back["code"][0], verifier)
    with pytest.raises(errors.NotAuthorised):
        door.finish(back["code"][0], verifier)
    return door.renew(tokens.refresh).access


def test_the_relays_own_app_gets_a_token(scene: Scene) -> None:
    app = scene.api.identity.add_app()
    tokens = AppTokens(
        *(app.client_id, app.client_secret, "acme"),
        region="us",
        identity_url=IDENTITY,
        session=scene.session,
        now=scene.now,
    )
    client = PagerDuty(API, tokens.authorization, session=scene.session, now=scene.now)
    id_ = scene.incident()
    assert client.update_incident(id_, {"status": "resolved"}, AS_BOB).status == "resolved"
    assert scene.api.writes[-1][0] == BOB


def test_what_fails_is_told_apart(scene: Scene) -> None:
    """Nobody there, an answer lost, a limit, an unknown sender, a plan that is too small."""
    client, api = scene.client, scene.api
    id_ = scene.incident()
    api.down = True
    with pytest.raises(errors.Unavailable) as away:
        client.add_note(id_, "hm", AS_BOB)
    api.down = False
    api.faults = [Fault(kind="hangup_after")]
    with pytest.raises(errors.Unavailable) as lost:
        client.add_note(id_, "hm", AS_BOB)
    assert (away.value.sent, lost.value.sent, len(api.writes)) == (False, True, 1)
    api.faults = [Fault(kind="429", retry_after=9)]
    with pytest.raises(errors.RateLimited) as limited:
        client.add_note(id_, "hm", AS_BOB)
    assert limited.value.retry_after == 9
    scene.clock.time += 10
    with pytest.raises(errors.UnknownActor):
        client.add_note(id_, "hm", Actor("PX", "gone@example.com", None))
    with pytest.raises(errors.NotAuthorised):
        client.add_note(id_, "hm", Actor("PBOB", BOB, "expired"))
    with pytest.raises(errors.Missing):
        client.incident("PNONE")
    api.priorities.clear()
    assert client.priorities() == []
    assert len(api.writes) == 1
