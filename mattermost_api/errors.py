"""What can go wrong with a call, sorted by whose fault it is and what the caller does next.

    MattermostError
    ├── Retryable          nobody's fault: try again, after `retry_after` seconds if it is given
    │   ├── Unreachable      no answer: hold the other calls too, until `healthy()`
    │   │   └── HungUp         taken, then closed without a word; a restart does that once, a
    │   │                      panic to the same call every time: count, and give it up
    │   ├── RateLimited      429: hold every call of this token and address
    │   ├── ServerTrouble    5xx: ask `healthy()` whether it is down for all
    │   └── Pending          a twin of this call is still at work: the very same again in a second
    ├── Refused            the call's fault: give it up, say why; made again it is refused again
    │   ├── Misconfigured    the operator's: hold all calls, say so loudly, try one now and then
    │   │   └── Unauthorised   401; a disabled bot and a revoked token look the same
    │   ├── Forbidden        a right or a membership is lacking; or the post is gone
    │   ├── NameTaken        look the name up; if it is not your channel, take the next free one
    │   ├── ChannelArchived  restore the channel or leave it be
    │   ├── NotInTeam        go on without this person, and tell the room
    │   └── TooLong          send it shorter
    ├── Missing            forget the id, or make the thing anew
    └── AlreadySo          take it as done

While its database is down a server answers some good calls 400, 401 or 403: ask `healthy()`
before believing a Refused on a call that used to work. No token, e-mail or body enters here.
"""

# The names say what happened, as `except` lines read best; the base has the suffix.
# ruff: noqa: N818

from __future__ import annotations

from typing import ClassVar


class MattermostError(Exception):
    """A call was not answered as it should be; the message ends with the cure.

    `status` is None where no answer came. `error_id` is Mattermost's own name for the error, ""
    where it gave none. `sent` is False where the call was certainly not carried out; after a
    Retryable with True, look for the result before you repeat a call that is not idempotent.
    """

    advice: ClassVar[str] = "See the log of the Mattermost server, then retry."

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        error_id: str = "",
        cure: str = "",
        sent: bool = True,
        retry_after: float | None = None,
    ) -> None:
        self.status = status
        self.error_id = error_id
        self.cure = cure or self.advice
        self.sent = sent
        self.retry_after = retry_after
        super().__init__(f"{message}. {self.cure}")


class Retryable(MattermostError):
    advice = "If it lasts, see the logs of the server, its database and the proxies before it."


class Unreachable(Retryable):
    advice = "Check that Mattermost is up and that mattermost.url can be reached from here."


class HungUp(Unreachable):
    advice = "If this call alone fails so, it makes the server panic: see the server's log."


class RateLimited(Retryable):
    advice = "Lower mattermost.rate_limit, or raise RateLimitSettings on the server."


class ServerTrouble(Retryable):
    pass


class Pending(Retryable):
    pass


class Refused(MattermostError):
    pass


class Misconfigured(Refused):
    advice = "Check that mattermost.url is the address of the Mattermost server itself."


class Unauthorised(Misconfigured):
    advice = "Check mattermost.token, and that neither the bot nor its owner is deactivated."


class Forbidden(Refused):
    advice = "Add the bot to the team and the channel, or give it the right, then retry."


class NameTaken(Refused):
    advice = "Another channel, perhaps archived or private, has this name: choose another."


class ChannelArchived(Refused):
    advice = "Let a team administrator unarchive the channel, then retry."


class NotInTeam(Refused):
    advice = "Add this person to the team, then retry."


class TooLong(Refused):
    advice = "Shorten the message template that made this text, then retry."


class Missing(MattermostError):
    advice = "It was deleted, or the bot cannot see it."


class AlreadySo(MattermostError):
    advice = "Nothing is to be done."
