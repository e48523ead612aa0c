"""The settings of what people do in chat: the door for it, PagerDuty's API, who may do what."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from relay.config.values import (
    Duration,
    Email,
    Grantee,
    Secret,
    Secrets,
    Section,
    Slug,
    Switch,
    Trigger,
    Url,
    Username,
    at_least,
    long_secrets,
)

DeclareField = Literal["title", "service", "urgency", "priority", "description", "people"]
_FIELDS: tuple[DeclareField, ...] = (
    "title",
    "service",
    "urgency",
    "priority",
    "description",
    "people",
)


def _with_title(fields: tuple[DeclareField, ...]) -> tuple[DeclareField, ...]:
    return tuple(dict.fromkeys(("title", *fields)))


class ChatSettings(Section):
    """Buttons, dialogs and the slash command; off as long as ``url`` or ``keys`` is missing.

    ``url`` is the relay's own address as Mattermost reaches it. The newest of ``keys`` signs and
    encrypts, all of them are read.
    """

    url: Url | None = None
    keys: Annotated[Secrets, AfterValidator(long_secrets)] = ()
    command: Trigger = "incident"
    button_lifetime: Annotated[Duration, at_least("1m")] = timedelta(days=7)
    stakeholders: Slug | None = None
    declare: Annotated[tuple[DeclareField, ...], AfterValidator(_with_title)] = _FIELDS

    @property
    def on(self) -> bool:
        """Whether people can act from chat."""
        return bool(self.url and self.keys)


class OAuthSettings(Section):
    """An app that was registered at PagerDuty for "PagerDuty User" sign-in (PKCE)."""

    client_id: str | None = None
    client_secret: Secret | None = None


class PagerDutyApiSettings(Section):
    """PagerDuty's REST API; off without a ``token`` or an app's ``client_id``.

    With ``client_id``, ``client_secret`` and ``subdomain`` the relay gets its own tokens by
    OAuth. ``email`` is whose name the relay's own acts bear; ``oauth`` lets people connect.
    """

    url: Url = "https://api.pagerduty.com"
    identity_url: Url = "https://identity.pagerduty.com"
    token: Secret | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    subdomain: str | None = None
    email: Email | None = None
    write_back: Literal["note", "conference_bridge", "none"] = "note"
    sweep_every: Annotated[Duration, at_least("1m")] = timedelta(minutes=5)
    email_match: Switch = True
    oauth: OAuthSettings = OAuthSettings()

    @property
    def on(self) -> bool:
        """Whether PagerDuty can be asked."""
        return bool(self.token or (self.client_id and self.client_secret and self.subdomain))


class PolicySettings(Section):
    """Who may do what: each tier lists user names, names of ``groups``, or one of the words
    ``room`` (who is in the room), ``assignees``, ``oncall``, ``everyone``.
    """

    groups: dict[str, tuple[Username, ...]] = Field(default_factory=dict)
    notify: tuple[Grantee, ...] = ("room",)
    act: tuple[Grantee, ...] = ("room",)
    approve: tuple[Grantee, ...] = ("room",)
    declare: tuple[Grantee, ...] = ("everyone",)
