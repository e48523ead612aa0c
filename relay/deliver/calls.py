"""One method a kind of operation: which calls it takes, and what is learnt from them.

A method fills in the outcomes as it goes, so that what was done before an error is not forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from incidents.plan import Kind
from mattermost_api.client import Mattermost
from mattermost_api.errors import AlreadySo, Misconfigured, Missing, NameTaken, NotInTeam, Refused
from mattermost_api.models import Channel, Post
from relay.deliver.job import Call, Job, Outcomes, Place, Slots
from relay.directory import Directory
from relay.store import Outcome

# Buttons, source, incident and operation id -> the buttons with their addresses.
Integrate: TypeAlias = Callable[
    [Sequence[Mapping[str, Any]], str, str, str], Sequence[Mapping[str, Any]]
]
BATCH = 100
MARK = "incident_relay"  # the key in a post's props under which its operation id stands


class Calls:
    """The operations as Mattermost calls."""

    def __init__(
        self, chat: Mattermost, directory: Directory, place: Place, integrate: Integrate
    ) -> None:
        self.chat, self.place, self._directory = chat, place, directory
        self._integrate = integrate
        self._ground: tuple[str, str] | None = None
        self._public: dict[str, str] = {}  # name -> id of Town Hall and the stakeholders' channel
        self._calls: Mapping[Kind, Callable[[Call], None]] = {
            Kind.CREATE_CHANNEL: self._create_channel,
            Kind.PATCH_CHANNEL: self._patch_channel,
            Kind.ADD_MEMBERS: self._add_members,
            Kind.POST_CARD: self._post_card,
            Kind.EDIT_CARD: self._edit_card,
            Kind.PIN_CARD: self._pin_card,
            Kind.POST_TIMELINE: self._post_timeline,
            Kind.POST_STATISTICS: self._post_elsewhere,
            Kind.POST_STAKEHOLDERS: self._post_elsewhere,
            Kind.TELL_PERSON: self._post_elsewhere,
            Kind.REMOVE_MEMBER: self._remove_member,
            Kind.ARCHIVE_CHANNEL: self._archive_channel,
            Kind.RESTORE_CHANNEL: self._restore_channel,
        }

    def make(self, kind: Kind, call: Call) -> None:
        """Carry out one operation; ``call.done`` holds what has an outcome, even if this raises."""
        self._calls[kind](call)

    def get_ready(self) -> tuple[str, str]:
        """(our own user id, the team's id); learns the server's version and clock as well."""
        if self._ground is None:
            self._ground = self.chat.me().id, self.chat.team_by_name(self.place.team).id
        return self._ground

    def with_presence(self, job: Job, slots: Slots) -> Slots:
        """Note in each member slot whether adding them is our invitation.

        Who is in the room already came by themselves, unless we invited them before. Nobody but
        us is in a room that we just made, which saves the question.
        """
        users = self._directory.user_ids(wish["username"] for wish in slots.values())
        ids = [row.user_id for row in users.values() if row.user_id]
        new = job.result("channel").get("created") and not any(
            name.startswith("member:") for name in job.ledger
        )
        present = set() if new or not ids else self.chat.member_ids(job.channel_id, ids)
        return {
            name: {**wish, "invited": _invited(job, name, users[wish["username"]].user_id, present)}
            for name, wish in slots.items()
        }

    def adopted(self, channel: Channel, slots: Slots, *, created: bool) -> Outcomes:
        """The outcomes of a channel that is ours: it stands with the header that it has."""
        link = f"{self.place.link}/{self.place.team}/channels/{channel.name}"
        facts = {"id": channel.id, "name": channel.name, "link": link, "created": created}
        stands = {
            "display_name": channel.display_name,
            "header": channel.header,
            "purpose": channel.purpose,
        }
        if created:  # what was sent is what stands, even if the server trims it
            stands |= {key: wish[key] for wish in slots.values() for key in stands if key in wish}
        done: Outcomes = {}
        for name, wish in slots.items():
            value = {key: stands.get(key, known) for key, known in wish.items()}
            result = facts if name == "channel" else None
            done[name] = Outcome(state="done", value=value, result=result)
        return done

    def channel_of(self, kind: Kind, job: Job, wish: Mapping[str, Any]) -> str:
        """The id of the channel in which an operation of this kind posts."""
        match kind:
            case Kind.POST_STATISTICS:
                return self._public_channel(self.place.town_hall, "mattermost.town_hall")
            case Kind.POST_STAKEHOLDERS:
                return self._public_channel(self.place.stakeholders, "chat.stakeholders")
            case Kind.TELL_PERSON:
                bot_id, _ = self.get_ready()
                return self.chat.create_direct(bot_id, wish["user_id"]).id
            case _:
                return job.channel_id

    def _public_channel(self, name: str, key: str) -> str:
        if name not in self._public:
            _, team_id = self.get_ready()
            channel = self.chat.channel_by_name(team_id, name)
            if channel is None:
                raise Refused(
                    f"the channel {name} does not exist, or is hidden from the bot",
                    cure=f"Create it, or change `{key}`; add the bot, then retry.",
                )
            self._public[name] = channel.id
        return self._public[name]

    def find_ours(self, marker: str) -> Channel | None:
        """The live channel that carries `marker`, under whatever name."""
        bot_id, team_id = self.get_ready()
        mine = self.chat.my_channels(team_id)
        return next((one for one in mine if is_ours(one, bot_id, marker)), None)

    def _create_channel(self, call: Call) -> None:
        bot_id, team_id = self.get_ready()
        wish = call.slots["channel"]
        for name in wish["names"]:
            try:
                channel = self.chat.create_channel(
                    team_id=team_id,
                    name=name,
                    display_name=wish["display_name"],
                    header=call.slots["header"]["header"],
                    purpose=call.slots["purpose"]["purpose"],
                )
            except NameTaken:
                taken = self.chat.channel_by_name(team_id, name)
                if taken and is_ours(taken, bot_id, wish["marker"]):
                    call.done.update(self.adopted(taken, call.slots, created=False))
                    return
            else:
                call.done.update(self.adopted(channel, call.slots, created=True))
                return
        raise Refused(
            f"all of {wish['names'][0]} to {wish['names'][-1]} belong to other channels",
            cure="Choose another `room.name` in conf.yaml, then retry.",
        )

    def _patch_channel(self, call: Call) -> None:
        fields = {
            key: wish[key]
            for wish in call.slots.values()
            for key in ("display_name", "header", "purpose")
            if key in wish
        }
        self.chat.patch_channel(call.job.channel_id, **fields)
        call.done.update(
            {name: Outcome(state="done", value=wish) for name, wish in call.slots.items()}
        )

    def _add_members(self, call: Call) -> None:
        users = self._directory.user_ids(wish["username"] for wish in call.slots.values())
        wanted: dict[str, str] = {}
        for name, wish in call.slots.items():
            row = users[wish["username"]]
            if row.user_id:
                wanted[name] = row.user_id
            else:
                call.done[name] = Outcome(state="parked", reason=row.reason)
        names = list(wanted)
        step = BATCH if self.chat.batches_members else 1
        for start in range(0, len(names), step):
            self._add(call, {name: wanted[name] for name in names[start : start + step]})

    def _add(self, call: Call, ids: dict[str, str]) -> None:
        """Add some at once; who is missing from the answer is added alone, to learn why."""
        try:
            added = self.chat.add_members(call.job.channel_id, list(ids.values()))
        except Misconfigured:
            raise  # not for anybody's sake
        except (Refused, Missing) as problem:
            if len(ids) == 1:
                (name,) = ids
                self.chat.channel(call.job.channel_id)  # raises if it is the room that refuses
                why = problem.cure if isinstance(problem, NotInTeam) else str(problem)
                call.done[name] = Outcome(state="parked", reason=why)
                return
            added = set()
        for name, user_id in ids.items():
            if user_id in added:
                facts = {"user_id": user_id, "invited": call.slots[name]["invited"]}
                call.done[name] = Outcome(state="done", value=call.slots[name], result=facts)
            elif len(ids) > 1:
                self._add(call, {name: user_id})
            else:
                call.done[name] = Outcome(state="parked", reason="the server left them out")

    def _remove_member(self, call: Call) -> None:
        for name, wish in call.slots.items():
            username = wish["username"]
            user_id = call.job.result(name).get("user_id")
            if user_id := user_id or self._directory.user_ids([username])[username].user_id:
                with suppress(AlreadySo):
                    self.chat.remove_member(call.job.channel_id, user_id)
            call.done[name] = Outcome(state="done", value=wish)

    def _post_card(self, call: Call) -> None:
        wish = self._integrated(call)
        post = self._post(call.job.channel_id, call.operation_id, wish, pinned=True)
        call.done.update(posted(post, call.slots))

    def _edit_card(self, call: Call) -> None:
        wish, facts = self._integrated(call), call.job.result("card")
        props = {**wish["props"], MARK: facts["operation_id"]}
        self.chat.patch_post(facts["post_id"], message=wish["message"], props=props)
        call.done["card"] = Outcome(state="done", value=call.slots["card"])

    def _integrated(self, call: Call) -> Mapping[str, Any]:
        """The card with its buttons' addresses: they are Mattermost's business, not the room's."""
        wish, claim = call.slots["card"], call.job.claim
        granted = (claim.source, claim.incident_id, call.operation_id)
        cards = [
            {**card, "actions": self._integrate(card["actions"], *granted)}
            if card.get("actions")
            else card
            for card in wish["props"]["attachments"]
        ]
        return {**wish, "props": {**wish["props"], "attachments": cards}}

    def _pin_card(self, call: Call) -> None:
        self.chat.pin_post(call.job.result("card")["post_id"])
        call.done["pin"] = Outcome(state="done", value=call.slots["pin"])

    def _post_timeline(self, call: Call) -> None:
        ((_, wish),) = call.slots.items()
        post = self._post(call.job.channel_id, call.operation_id, wish)
        call.done.update(posted(post, call.slots))

    def _post_elsewhere(self, call: Call) -> None:
        ((_, wish),) = call.slots.items()
        try:
            channel_id = self.channel_of(call.kind, call.job, wish)
            post = self._post(channel_id, call.operation_id, wish)
        except (Refused, Missing):
            self._public.clear()  # they may be other channels by the next time
            raise
        call.done.update(posted(post, call.slots))

    def _post(
        self, channel_id: str, operation_id: str, wish: Mapping[str, Any], *, pinned: bool = False
    ) -> Post:
        return self.chat.create_post(
            channel_id=channel_id,
            message=wish["message"],
            props={**wish.get("props", {}), MARK: operation_id},
            pending_post_id=operation_id,
            is_pinned=pinned,
        )

    def _archive_channel(self, call: Call) -> None:
        with suppress(AlreadySo):
            self.chat.archive_channel(call.job.channel_id)
        call.done["archive"] = Outcome(state="done", value=call.slots["archive"])

    def _restore_channel(self, call: Call) -> None:
        with suppress(AlreadySo):
            self.chat.restore_channel(call.job.channel_id)
        call.done["archive"] = Outcome(state="done", value=call.slots["archive"])


def is_ours(channel: Channel, bot_id: str, marker: str) -> bool:
    """Created by our bot, marked for this instance, source and incident, and not archived."""
    return channel.creator_id == bot_id and marker in channel.purpose and not channel.delete_at


def posted(post: Post, slots: Slots) -> Outcomes:
    """The outcomes of a post that stands; the pin has its own, if it took."""
    facts = {"post_id": post.id, "operation_id": (post.props or {})[MARK]}
    done: Outcomes = {}
    for name, wish in slots.items():
        if name != "pin":
            done[name] = Outcome(state="done", value=wish, result=facts)
        elif post.is_pinned:
            done[name] = Outcome(state="done", value=wish)
        else:
            done[name] = Outcome(state="failed", reason="the server did not pin the post")
    return done


def _invited(job: Job, name: str, user_id: str | None, present: set[str]) -> bool:
    row = job.ledger.get(name)
    if row and row.state == "intent" and row.wanted["in"]:
        return bool(row.wanted["invited"])
    return bool(job.result(name).get("invited")) or user_id not in present
