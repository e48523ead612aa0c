"""What can go wrong with a call, sorted by whose fault it is and what the caller does next.

    PagerDutyError
    ├── Unavailable        nobody's fault: try again, after `retry_after` seconds if it is given
    │   └── RateLimited      429, or it would be one: hold every call of this credential till then
    ├── Refused            the call's fault: give it up, say why; made again it is refused again
    │   ├── NotAuthorised    the credential's: not valid, too few scopes, or too small a role
    │   ├── UnknownActor     the person's: PagerDuty does not let them act, or knows them not
    │   └── NotLicensed      the account's: its plan lacks this
    ├── Missing            there is no such thing, or it is hidden from this credential
    └── AlreadySo          take it as done

No token, e-mail address or body enters a message here.
"""

# The names say what happened, as `except` lines read best; the base has the suffix.
# ruff: noqa: N818

from __future__ import annotations

from typing import ClassVar


class PagerDutyError(Exception):
    """A call was not answered as it should be; the message ends with the cure.

    `status` is None where no answer came, `code` is PagerDuty's number for the error, None where
    it gave none. `details` is what PagerDuty itself said in addition, "" for nothing: somebody
    else's text, at most 300 characters, which is no part of the message. `sent` is False where
    the call was certainly not carried out; after an Unavailable with True, look for the result
    before you repeat a call that is not idempotent.
    """

    advice: ClassVar[str] = "See PagerDuty's documentation of this error, then retry."

    def __init__(
        self,
        message: str,
        *,
        cure: str = "",
        status: int | None = None,
        code: int | None = None,
        details: str = "",
        sent: bool = False,
        retry_after: float | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.details = details
        self.cure = cure or self.advice
        self.sent = sent
        self.retry_after = retry_after
        super().__init__(f"{message}. {self.cure}")


class Unavailable(PagerDutyError):
    advice = "Check status.pagerduty.com, and that pagerduty.url can be reached from here."


class RateLimited(Unavailable):
    advice = "Wait; if it lasts, give the relay a credential that nothing else uses."


class Refused(PagerDutyError):
    pass


class NotAuthorised(Refused):
    advice = "Check pagerduty.token, or the app's credentials and scopes, then retry."


class UnknownActor(Refused):
    advice = "Connect this person with an active PagerDuty user who may do this, then retry."


class NotLicensed(Refused):
    advice = "Ask PagerDuty for a plan that includes this, or do without."


class Missing(PagerDutyError):
    advice = "It was deleted, or the credential may not see it."


class AlreadySo(PagerDutyError):
    advice = "Nothing is to be done."
