"""What Mattermost posts to us when somebody types, clicks or sends a dialog; and our answers.

First of all a call proves that it is ours: a command by its token, a button and a dialog by what
we signed. PagerDuty is never called in here: what is asked is journalled, and done by a worker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hooks.signatures import same
from incidents.text import Safe
from mattermost_api.client import Mattermost
from mattermost_api.errors import MattermostError
from relay.chat import bodies
from relay.chat.beside import LOOK_SECONDS, Beside, Busy
from relay.chat.buttons import Buttons, Grant, Standing, foreign_channel, standing
from relay.chat.desk import CONFIRM_FOR, Desk
from relay.chat.dialogs import Dialogs, about
from relay.chat.forms import Wrong
from relay.chat.reading import is_open, truth
from relay.chat.refusals import Malformed, Refused, Unknown
from relay.chat.scene import look
from relay.chat.values import OpenDialog, Reply, Speaker
from relay.clock import Clock
from relay.config import Config
from relay.directory import Directory
from relay.keys import BadToken, ExpiredToken, Keys
from relay.metrics import Measures
from relay.pagerduty.catalogue import Catalogue
from relay.store import IncidentRow, Store, StoreUnavailable
from relay.store.wake import Waker

log = logging.getLogger("relay.chat")

DOCTOR = "doctor"
DOCTOR_FOR = timedelta(minutes=10)

# What is typed where a dialog cannot be shown; the keys are also the buttons that open one.
_TYPED = {
    "declare": "new <title>",
    "resolve": "resolve <reason>",
    "reassign": "assign @person",
    "set_priority": "priority <name>",
    "annotate": "note <text>",
    "publish": "status <text>",
    "page": "page @person",
}

_UNAVAILABLE = (
    "Nothing was done: the relay's database cannot be written. Try again in a minute; if it lasts,"
    " tell whoever runs the relay."
)
_BUSY = "Nothing was done: too much is under way. Try again in a minute."

Json = dict[str, Any]


class Chat:
    """The three doors. Safe in threads."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        waker: Waker,
        keys: Keys,
        desk: Desk,
        catalogue: Catalogue,
        directory: Directory,
        mattermost: Mattermost,
        beside: Beside,
        clock: Clock,
        measures: Measures,
        new_id: Callable[[], str],
    ) -> None:
        """`config.chat` is on. `mattermost` should not wait long for its turn."""
        self._config, self._store, self._waker, self._keys = config, store, waker, keys
        self._desk, self._directory = desk, directory
        self._mattermost, self._beside = mattermost, beside
        self._clock, self._measures = clock, measures
        self._dialog_url = f"{config.chat.url}/chat/dialog"
        self._buttons = Buttons(keys, config.chat.url or "", config.chat.button_lifetime)
        offers = {
            "service": catalogue.services,
            "priority": catalogue.priorities,
            "policy": catalogue.policies,
        }
        self._dialogs = Dialogs(keys, lambda kind: offers[kind](), config.chat.declare, new_id)

    def close(self) -> None:
        """Begin nothing more."""
        self._beside.close()

    def command(self, body: bytes, authorization: str | None) -> Json:
        """The answer to a slash command, shown to who typed it. Raises Refused."""
        return self._counted("command", lambda: self._command(body, authorization), _shown)

    def action(self, body: bytes) -> Json:
        """The answer to a click. Raises Refused."""
        return self._counted("action", lambda: self._click(body), _beneath)

    def dialog(self, body: bytes) -> Json:
        """The answer to a dialog that was sent. Raises Refused."""
        return self._counted("dialog", lambda: self._submission(body), _inside)

    def _counted(
        self, door: str, work: Callable[[], tuple[Reply, str]], shape: Callable[[Reply], Json]
    ) -> Json:
        try:
            reply, outcome = work()
        except Refused as refusal:
            self.refused(door, refusal)
            raise
        except StoreUnavailable as problem:
            log.error("what was asked in chat could not be kept: %s", problem)
            reply, outcome = Reply(text=_UNAVAILABLE, refused=True), "unavailable"
        except Busy:
            reply, outcome = Reply(text=_BUSY, refused=True), "busy"
        self._measures.chat.labels(door, outcome).inc()
        return shape(reply)

    def refused(self, door: str, refusal: Refused) -> None:
        """Count a call that was turned away, and say why without a word of it."""
        self._measures.chat.labels(door, "turned_away").inc()
        self._measures.chat_refused.labels(refusal.reason).inc()
        log.warning("turned a call of /chat/%s away: %s", door, refusal.cure)

    # Commands

    def _command(self, body: bytes, authorization: str | None) -> tuple[Reply, str]:
        form = bodies.form(body)
        command = bodies.command(form)
        self._check_token(command, authorization)
        servers = (self._config.mattermost.url, self._config.mattermost.public_url)
        hook = bodies.hook_of(command.response_url, servers)
        begun: list[Future[Reply]] = []
        answer = self._desk.command(form, lambda work: begun.append(self._begin(work)))
        if isinstance(answer, OpenDialog):
            return self._open(answer, command.speaker, command.trigger_id, hook)
        for work in begun:
            answer = self._found(work, answer, hook)
        return _judged(answer)

    def _check_token(self, command: bodies.Command, authorization: str | None) -> None:
        """The form's own token; the header may be another's where an OAuth connection is used."""
        scheme, _, header = (authorization or "").partition(" ")
        told = command.token or (header if scheme == "Token" else "")
        rows = [one for one in self._store.commands() if one.team_id == command.team_id]
        try:
            known = self._keys.open(rows[0].sealed_token) if rows else ""
        except BadToken:
            known = ""
        if not (known and same(told, known)):
            cure = (
                "The command's token is none of ours. If it was made anew, run"
                " python -m relay mattermost setup"
            )
            raise Unknown("command_token", cure)

    def _begin(self, work: Callable[[], Reply]) -> Future[Reply]:
        """Do it beside the answer; what comes of it is a reply in any case."""

        def reply() -> Reply:
            try:
                return work()
            except StoreUnavailable as problem:
                log.error("what was asked in chat could not be kept: %s", problem)
                return Reply(text=_UNAVAILABLE, refused=True)
            except Exception:  # nobody else would hear of it, least of all who asked
                log.exception("an answer to a command failed")
                return Reply(text="The relay failed at this; its log says more.", refused=True)

        return self._beside.start(reply)

    def _found(self, work: Future[Reply], meanwhile: Reply, hook: str) -> Reply:
        """Its reply, if that comes in time; else `meanwhile`, and the reply when it is there.

        A late answer that is quick overtakes the first one, and reads as if nothing had come yet.
        """
        try:
            return self._beside.soon(work)
        except TimeoutError:
            work.add_done_callback(
                lambda done: None if done.cancelled() else self._respond(done.result(), hook)
            )
            return meanwhile

    def _respond(self, reply: Reply, hook: str) -> None:
        try:
            self._mattermost.respond(hook, _shown(reply))
        except MattermostError as problem:
            log.warning("Mattermost did not take a late answer: %s", problem)

    # Buttons

    def _click(self, body: bytes) -> tuple[Reply, str]:
        click = bodies.document(body, bodies.Click)
        context = click.context or {}
        token, now = context.get("token"), self._clock.now()
        if not isinstance(token, str):
            raise Refused("no_context", "A button that is not ours points at the relay")
        for read in (self._button, self._confirmation, self._doctor):
            try:
                answer = read(click, token, now)
            except BadToken:
                continue  # not of this kind
            return answer
        cure = "A button is not signed by the relay. Was a key of chat.keys taken away?"
        raise Refused("forged_context", cure)

    def _button(self, click: bodies.Click, token: str, now: datetime) -> tuple[Reply, str]:
        grant = self._buttons.read(token, now)
        if "selected_option" in (click.context or {}):
            raise Refused("selected_option", "An option was chosen from a button, which has none")
        row = self._store.in_channel(click.channel_id)
        if row is None or not grant.of(row):
            raise foreign_channel()
        before = (self._store.retired(row.row, "channel"), self._store.retired(row.row, "card"))
        stands = standing(
            grant, click.channel_id, click.post_id, self._store.ledger(row.row), before
        )
        speaker = click.speaker
        if stands is Standing.ARCHIVED or self._archived(click.channel_id):
            said = "Nothing was done: this room is archived."
            said += " Unarchive it to go on here." if is_open(row) else ""
            return self._truth(said, speaker, grant, row), "archived"
        if grant.expired:
            self._store.stale(row.row, "card")
            self._waker.notify()
            said = (
                "Nothing was done: this button was too old. The card is being renewed, click again."
            )
            return self._truth(said, speaker, grant, row), "expired"
        if stands is Standing.STALE:
            said = "Nothing was done: the card has changed since. Look at it again."
            return self._truth(said, speaker, grant, row), "stale"
        where = row.source, row.incident_id
        if grant.action not in _TYPED:
            return _judged(self._desk.ask(speaker, *where, grant.action))
        if reply := self._desk.may(speaker, *where, grant.action):
            return reply, "refused"
        opening = OpenDialog(kind=grant.action, source=row.source, incident_id=row.incident_id)
        return self._open(opening, speaker, click.trigger_id, None)

    def _archived(self, channel_id: str) -> bool:
        """Whether somebody archived the room: Mattermost delivers its clicks all the same."""
        try:
            look = partial(self._mattermost.channel, channel_id)
            return self._beside.wait(look, LOOK_SECONDS).delete_at > 0
        except (TimeoutError, Busy, MattermostError):
            return False  # it will not say; the incident is what counts

    def _truth(self, said: str, speaker: Speaker, grant: Grant, row: IncidentRow) -> Reply:
        """What was not done, and what is true now."""
        reply = self._desk.may(speaker, row.source, row.incident_id, grant.action)
        now = reply.text if reply else truth(look(self._store, self._directory, row))
        return Reply(text=f"{said} {now}", refused=True)

    def _confirmation(self, click: bodies.Click, token: str, now: datetime) -> tuple[Reply, str]:
        expired = False
        try:
            payload = self._keys.read("confirm", token, CONFIRM_FOR, now)
        except ExpiredToken as old:
            payload, expired = old.payload, True
        if payload["user_id"] != click.user_id:
            raise Refused("foreign_confirmation", "One person confirmed what was asked of another")
        if expired:
            typed = self._typed("connect")
            return Reply(
                text=f"This question is too old. Type {typed} again.", refused=True
            ), "expired"
        try:
            return _judged(self._beside.wait(lambda: self._desk.confirm(click.speaker, payload)))
        except TimeoutError:
            said = f"PagerDuty is still being asked. {self._typed('whoami')} tells what came of it."
            return Reply(text=said, refused=True), "waiting"

    def _doctor(self, _click: bodies.Click, token: str, now: datetime) -> tuple[Reply, str]:
        payload = self._keys.read(DOCTOR, token, DOCTOR_FOR, now)
        self._store.once(DOCTOR, payload["nonce"], now)
        return Reply(text="ok"), "done"

    # Dialogs

    def _open(
        self, opening: OpenDialog, speaker: Speaker, trigger_id: str, hook: str | None
    ) -> tuple[Reply, str]:
        """Show a dialog; where that cannot be done, say what to type instead."""
        dialog = self._dialogs.make(opening, speaker, self._about(opening), hook, self._clock.now())
        typed = self._typed(_TYPED[opening.kind])
        try:
            self._beside.wait(
                lambda: self._mattermost.open_dialog(trigger_id, self._dialog_url, dialog)
            )
        except (TimeoutError, Busy):
            said = f"If no form opens within a few seconds, type {typed} instead."
            return Reply(text=said, refused=True), "not_opened"
        except MattermostError as problem:
            log.warning("Mattermost opened no dialog: %s", problem)
            said = f"Mattermost could not open the form. Type {typed} instead."
            return Reply(text=said, refused=True), "not_opened"
        return Reply(), "opened"

    def _about(self, opening: OpenDialog) -> Safe:
        if opening.source is None or opening.incident_id is None:
            return Safe()
        row = self._store.incident(opening.source, opening.incident_id)
        known = (row.snapshot if row else None) or {}
        return about(known.get("number"), known.get("title"))

    def _submission(self, body: bytes) -> tuple[Reply, str]:
        sent = bodies.document(body, bodies.Submission)
        if sent.type != "dialog_submission":
            raise Malformed("no submission of a dialog")
        now = self._clock.now()
        try:
            opened = self._dialogs.opened(sent.state, sent.user_id, sent.channel_id, now)
        except ExpiredToken:
            said = "This form is too old. Close it and open it again."
            return Reply(text=said, refused=True), "expired"
        if sent.cancelled:
            return Reply(), "cancelled"
        arguments, wrong = self._dialogs.arguments(opened.kind, sent.submission or {}, self._who)
        if wrong:
            if any(one.forged for one in wrong.values()):
                self._measures.chat_refused.labels("option_not_offered").inc()
            told = {name: str(one) for name, one in wrong.items()}
            return Reply(refused=True, errors=told), "refused"
        if opened.source is None or opened.incident_id is None:
            reply = self._desk.declare(opened.speaker, arguments, opened.nonce)
        else:
            # What acts once in a state has no id of its own: two dialogs that ask it are one.
            own = None if opened.kind == "resolve" else opened.nonce
            where = opened.source, opened.incident_id
            reply = self._desk.ask(opened.speaker, *where, opened.kind, arguments, own)
        if (hook := opened.hook) and reply.text and not reply.refused:
            with suppress(Busy):  # it is done all the same, and the room shows it
                self._beside.start(lambda: self._respond(reply, hook))
        return _judged(reply)

    def _who(self, ids: Sequence[str]) -> list[dict[str, str]]:
        """The people of a dialog, whom a client chose. Raises Wrong."""
        try:
            found = self._beside.wait(lambda: self._mattermost.users_by_ids(ids))
        except (TimeoutError, Busy, MattermostError):
            raise Wrong("Mattermost cannot say who this is. Send it again.") from None
        known = {user.id: user for user in found}
        if not all(one in known for one in ids):
            raise Wrong("Nobody here has this id: choose from the list.", forged=True)
        users = [known[one] for one in ids]
        for user in users:
            if user.delete_at or user.is_bot:
                what = "a bot" if user.is_bot else "deactivated"
                raise Wrong(f"{user.username} is {what}: choose somebody else.")
        return [{"user_id": one.id, "username": one.username} for one in users]

    def _typed(self, rest: str) -> str:
        return f"`/{self._config.chat.command} {rest}`"


def _judged(reply: Reply) -> tuple[Reply, str]:
    return reply, "refused" if reply.refused else "done"


def _shown(reply: Reply) -> Json:
    """As a command's answer; without words nothing is posted."""
    if not reply.text and not reply.attachments:
        return {}
    shown: Json = {"response_type": "ephemeral", "text": reply.text, "skip_slack_parsing": True}
    return shown | ({"attachments": list(reply.attachments)} if reply.attachments else {})


def _beneath(reply: Reply) -> Json:
    """As a click's answer."""
    return {"ephemeral_text": reply.text, "skip_slack_parsing": True} if reply.text else {}


def _inside(reply: Reply) -> Json:
    """As a dialog's answer: one that is empty closes it."""
    if reply.errors:
        return {"errors": dict(reply.errors)}
    return {"error": reply.text} if reply.refused else {}
