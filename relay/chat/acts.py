"""Acting: what somebody asks for is judged, and journalled if it may be, makes sense and can be.

PagerDuty is never called here. Mattermost is asked only whether somebody who speaks elsewhere is
in the room, and not waited for long. Every method raises StoreUnavailable, and then nothing was
done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hooks import wild
from incidents import text, words
from incidents.actions import makes_sense
from incidents.events import Event, Status
from incidents.incident import Request
from mattermost_api.client import Mattermost
from mattermost_api.errors import MattermostError
from relay.chat import beside, policy, reading, verbs, wishes
from relay.chat.beside import Beside, Busy
from relay.chat.oncall import OnCall
from relay.chat.scene import Scene, look
from relay.chat.values import Reply, Speaker
from relay.chat.wishes import DECIDES, LOCAL, Tie, Wish
from relay.clock import Clock
from relay.config import Config
from relay.directory import Directory
from relay.pagerduty.accounts import Account, Accounts
from relay.store import RawDelivery, Store
from relay.store.wake import Waker

# A second wish so soon after the first was done is the same one, clicked twice.
SAME_WISH = timedelta(seconds=10)
_INSTANT = timedelta(microseconds=1)

_GONE = "The relay knows no such incident, or no longer: it may be long over."
_TOLD = {
    "set_priority": "its priority is set",
    "annotate": "your note is in the timeline",
    "publish": "your update is published",
    "page": "they are called into the room",
    "link": "both incidents name each other now",
    "merge": "it is merged into this one",
}


def refused(sentence: str) -> Reply:
    """Nothing was done, and this is why."""
    return Reply(text=sentence, refused=True)


class Acts:
    """Judges and journals. Safe in threads."""

    def __init__(
        self,
        *,
        store: Store,
        waker: Waker,
        accounts: Accounts,
        oncall: OnCall,
        directory: Directory,
        mattermost: Mattermost,
        beside: Beside,
        config: Config,
        clock: Clock,
    ) -> None:
        self._store, self._waker, self._directory = store, waker, directory
        self._accounts, self._oncall = accounts, oncall
        self._mattermost, self._beside = mattermost, beside
        self._config, self._clock = config, clock

    def look(self, source: str, incident_id: str) -> Scene | None:
        """The incident as it is now; None if there is none, or it was never open here."""
        row = self._store.incident(source, incident_id)
        return look(self._store, self._directory, row) if row and row.born else None

    def account(self, speaker: Speaker) -> Account | None:
        """Who of PagerDuty's users somebody is, from memory."""
        return self._accounts.of(speaker.user_id, speaker.username)

    def may(self, speaker: Speaker, source: str, incident_id: str, action: str) -> Reply | None:
        """Why this cannot be done now, or that there is nothing to do; None if it can."""
        scene = self.look(source, incident_id)
        return self._judge(scene, speaker, action, {}) if scene else refused(_GONE)

    def ask(
        self,
        speaker: Speaker,
        source: str,
        incident_id: str,
        action: str,
        arguments: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Reply:
        """Have `action` of `actions.ACTIONS` done in the speaker's name, once by `request_id`.

        Without an id it is done once for the state that the incident is in.
        """
        given = _clean(arguments or {})
        scene = self.look(source, incident_id)
        if scene is None:
            return refused(_GONE)
        if reply := self._judge(scene, speaker, action, given):
            return reply
        other = None
        if action in ("merge", "link"):
            other = self.look(str(given.get("source", source)), str(given.get("incident_id")))
            if other is None:
                return refused(_GONE)
            if reply := self._unfit(scene, other, speaker, action):
                return reply
            given = {"incident_id": other.incident.id, "name": words.title(other.incident)}
        wish = Wish(
            action=action,
            arguments=given,
            actor=speaker.person,
            request_id=request_id or self._once(scene, action, given),
            at=_after(self._clock.now(), scene, other),
        )
        events = wishes.events_of(scene.incident, wish, _tie(scene, other))
        if not self._journal(wish, events):
            return self._asked_before(scene, speaker, events[0].source_event_id)
        return self._said(scene, speaker, wish)

    def declare(self, speaker: Speaker, arguments: Mapping[str, Any], request_id: str) -> Reply:
        """Open an incident: at PagerDuty, or one of the relay's own while that cannot be asked."""
        if reply := self.may_declare(speaker):
            return reply
        given = _clean(arguments)
        title = text.clean(str(given.get("title") or ""))
        if not title:
            return refused("An incident needs a title: say in one line what is wrong.")
        by_pagerduty = self._config.pagerduty.on
        if by_pagerduty and not (given.get("service") or {}).get("id"):
            return refused("PagerDuty opens no incident without a service: choose one that it has.")
        wish = Wish(
            action="declare",
            arguments=given | {"title": title},
            actor=speaker.person,
            request_id=request_id,
            at=self._clock.now(),
        )
        if not self._journal(wish, wishes.declared(wish, by_pagerduty=by_pagerduty)):
            return Reply(text="You asked for that already: its room is on the way.")
        shown = text.message(title)
        if not by_pagerduty:
            return Reply(text=f"Declared: **{shown}**. You are called into its room in a moment.")
        return Reply(
            text=f"Asked PagerDuty{self._as(speaker)} to open **{shown}**."
            " You are called into its room once that is done."
        )

    def may_declare(self, speaker: Speaker) -> Reply | None:
        """Why this person cannot declare an incident; None if they can."""
        if reply := self.not_granted(None, speaker, verbs.TABLE[0]):
            return reply
        return self._no_account(speaker) if self._config.pagerduty.on else None

    def not_granted(self, scene: Scene | None, speaker: Speaker, verb: verbs.Verb) -> Reply | None:
        """What the policy needs of the speaker for this verb; None if it lets them."""
        if verb.tier is None:
            return None
        standing = self.standing(scene, speaker)
        sentence = policy.refusal(self._config.policy, verb.tier, verb.doing, standing)
        return refused(sentence) if sentence else None

    def standing(self, scene: Scene | None, speaker: Speaker) -> policy.Standing:
        """What the speaker is to the incident."""
        standing = policy.Standing(username=speaker.username)
        if scene is None:
            return standing
        account = self.account(speaker)
        own = {speaker.person.id, account.pagerduty_id if account else None} - {None}
        assignee = any(
            one.id in own or scene.usernames.get(one.key) == speaker.username
            for one in scene.incident.assignees
        )
        return replace(
            standing,
            in_room=self._in_room(scene, speaker),
            assignee=assignee,
            on_call=self._is_on_call(scene, account),
        )

    def _in_room(self, scene: Scene, speaker: Speaker) -> bool:
        """As Mattermost says where they speak elsewhere; if it does not, as the ledger knows."""
        known = scene.in_room(speaker.username, speaker.channel_id)
        room = scene.row.channel_id
        belongs = known and scene.incident.status is Status.RESOLVED  # though taken out
        if not room or room == speaker.channel_id or belongs:
            return known
        if not policy.asks_for(self._config.policy, "room"):
            return known
        try:
            there = self._beside.wait(
                lambda: self._mattermost.member_ids(room, [speaker.user_id]), beside.ROOM_SECONDS
            )
        except (TimeoutError, Busy, MattermostError):
            return known
        return speaker.user_id in there

    def _is_on_call(self, scene: Scene, account: Account | None) -> bool | None:
        asked = policy.asks_for(self._config.policy, "oncall")
        service = scene.incident.service
        if not asked or not account or not account.pagerduty_id or not service or not service.id:
            return False
        known = self._oncall.known(service.id)
        return None if known is None else account.pagerduty_id in known

    def _judge(
        self, scene: Scene, speaker: Speaker, action: str, given: Mapping[str, Any]
    ) -> Reply | None:
        incident = scene.incident
        if reply := self.not_granted(scene, speaker, verbs.of_action(action)):
            return reply
        if not makes_sense(incident, action):
            return refused(f"Nothing to do: {reading.truth(scene)}")
        if why := wishes.impossible(incident, action, given) or _so_already(scene, action, given):
            return refused(why)
        if not wishes.asks_pagerduty(incident, action):
            return None
        if not self._config.pagerduty.on:
            there = text.link("there", incident.html_url)
            return refused(
                "PagerDuty decides this incident, and the relay cannot ask it: its operator has to"
                f" set `pagerduty.token` in conf.yaml. Until then do it {there}."
            )
        return self._no_account(speaker)

    def _no_account(self, speaker: Speaker) -> Reply | None:
        if self.account(speaker):
            return None
        return refused(
            "The relay does not know your PagerDuty user, and does nothing in another's name."
            f" Type `/{self._config.chat.command} connect`, then try again."
        )

    def _unfit(self, scene: Scene, other: Scene, speaker: Speaker, action: str) -> Reply | None:
        """Why these two cannot be merged or linked by this person."""
        one, two = scene.incident, other.incident
        if (one.source, one.id) == (two.source, two.id):
            return refused("That is this incident itself: name another one.")
        if action == "link":
            if any(link.id == two.id for link in one.related):
                return refused(f"They are linked already: {scene.title} and {other.title}.")
        elif one.source != two.source:
            return refused(
                "Only incidents of the same source can be merged. `link` ties any two together."
            )
        elif not makes_sense(two, action):
            return refused(f"Nothing to do: {reading.truth(other)}")
        reply = self.not_granted(other, speaker, verbs.of_action(action))
        if reply is None:
            return None
        return refused(f"For {other.title}: {reply.text[:1].lower()}{reply.text[1:]}")

    def _once(self, scene: Scene, action: str, given: Mapping[str, Any]) -> str:
        """An id that is the same for all who want this of the incident as it now is.

        What was refused, or is done for some time, may be asked for again.
        """
        incident = scene.incident
        facts = [len(incident.episodes), incident.updated_at]
        if action == "mitigate":
            facts.append(incident.mitigated_at)
        level = given.get("level", "")
        state = hashlib.sha256(repr(facts).encode()).hexdigest()[:8]
        first = name = f"{incident.id}:{action}{level}:{state}"
        turn = 1
        while row := scene.ledger.get(f"request:{wishes.event_id(name)}"):
            recent = self._clock.now() - row.intent_at < SAME_WISH
            if row.state != "parked" and not (row.state == "done" and not recent):
                break
            turn += 1
            name = f"{first}:{turn}"
        return name

    def _journal(self, wish: Wish, events: list[Event]) -> bool:
        """Write it down, and tell the workers; whether it was new."""
        body = {
            "action": wish.action,
            "arguments": wish.arguments,
            "by": {"id": wish.actor.id, "username": wish.actor.username},
            "incidents": [[event.source, event.incident_id] for event in events],
            "request": wish.request_id,
        }
        raw = json.dumps(body, sort_keys=True).encode()
        delivery = RawDelivery(source=LOCAL, body=raw, received_at=wish.at)
        receipt = self._store.accept(delivery, events, dead_letter=None)
        if receipt.wake:
            self._waker.notify()
        return receipt.events > 0

    def _asked_before(self, scene: Scene, speaker: Speaker, event_id: str) -> Reply:
        events = self._store.events(scene.row.row)
        first = next((one for one in events if one.source_event_id == event_id), None)
        by, at = (first.actor, words.when(first.occurred_at)) if first else (None, "")
        who = "You" if by is None or by.id == speaker.person.id else text.mention(by.username or "")
        waits = any(one.key == event_id for one in scene.waiting())
        more = " PagerDuty has not done it yet: it is queued." if waits else ""
        return Reply(text=f"{who} asked for that already, at {at}.{more}", refused=True)

    def _said(self, scene: Scene, speaker: Speaker, wish: Wish) -> Reply:
        incident, action = scene.incident, wish.action
        if incident.source != DECIDES or not wishes.asks_pagerduty(incident, action):
            told = _TOLD.get(action)
            now = self.look(incident.source, incident.id) or scene
            return Reply(text=f"Done: {told}." if told else f"Done. {reading.truth(now)}")
        ours = {
            "mitigate": ("Marked as mitigated. ", "acknowledge"),
            "cancel": ("It is to count as opened by mistake, in no statistics. ", "resolve"),
        }
        before, asked = ours.get(action, ("", action))
        request = Request(
            key="", action=asked, at=wish.at, actor=wish.actor, arguments=wish.arguments
        )
        return Reply(
            text=f"{before}Asked PagerDuty{self._as(speaker)} to"
            f" {text.message(words.asked(request))} ({scene.title})."
            " The room shows it once PagerDuty has done it."
        )

    def _as(self, speaker: Speaker) -> str:
        account = self.account(speaker)
        name = account.name if account else None
        return f", as {text.message(name)}," if name else ", in your name,"


def _so_already(scene: Scene, action: str, given: Mapping[str, Any]) -> str | None:
    """That it is as it is wanted, where that can be told."""
    priority = scene.incident.priority
    if action == "set_priority" and priority and priority.name == given.get("priority"):
        return f"Nothing to do: the priority of {scene.title} is {text.message(priority.name)}."
    return None


def _clean(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What both databases take."""
    cleaned = wild.cleaned(json.loads(json.dumps(dict(arguments))))
    assert isinstance(cleaned, dict)
    return cleaned


def _after(now: datetime, *scenes: Scene | None) -> datetime:
    """Now, or just after all that is known: a sender's clock may be ahead of ours."""
    told = (event.occurred_at for scene in scenes if scene for event in scene.events)
    try:
        return max(now, max(told) + _INSTANT)
    except OverflowError:
        return now


def _tie(scene: Scene, other: Scene | None) -> Tie | None:
    if other is None:
        return None
    return Tie(other=other.incident, room=scene.link, other_room=other.link)
