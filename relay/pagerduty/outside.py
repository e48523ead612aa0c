"""PagerDuty's API as the config describes it, and who acts there for whom: for workers and web."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from mattermost_api.client import Mattermost
from mattermost_api.deadline import DeadlineAdapter
from pagerduty_api.client import PagerDuty
from pagerduty_api.oauth import AppTokens, SignIn, region_of
from pagerduty_api.transport import Adapter, Session, new_session
from relay.clock import Clock
from relay.config import Config
from relay.keys import Keys
from relay.pagerduty.accounts import Accounts
from relay.pagerduty.catalogue import Catalogue
from relay.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What is known of PagerDuty; ``pagerduty`` is None while its API is not configured, and
    ``sign_in`` while no app is registered there for people to connect by.
    """

    keys: Keys
    pagerduty: PagerDuty | None
    sign_in: SignIn | None
    accounts: Accounts
    catalogue: Catalogue


def outside(
    config: Config, store: Store, chat: Mattermost, clock: Clock, adapter: Adapter | None = None
) -> Outside:
    """Build it; makes no call. `adapter` replaces the one that speaks HTTP with PagerDuty."""
    session = new_session(adapter or DeadlineAdapter(pool_maxsize=32))
    # Without keys nothing is signed or kept, so any will do.
    given = [key.get_secret_value() for key in config.chat.keys]
    keys = Keys(given or [secrets.token_hex(32)])
    pagerduty = _api(config, session, clock)
    sign_in = _sign_in(config, session, clock)
    accounts = Accounts(
        store=store,
        chat=chat,
        pagerduty=pagerduty,
        sign_in=sign_in,
        keys=keys,
        overrides=config.people,
        email_match=config.pagerduty.email_match,
        command=config.chat.command,
        clock=clock,
    )
    return Outside(
        keys=keys,
        pagerduty=pagerduty,
        sign_in=sign_in,
        accounts=accounts,
        catalogue=Catalogue(store, pagerduty),
    )


def _api(config: Config, session: Session, clock: Clock) -> PagerDuty | None:
    settings = config.pagerduty
    if not settings.on:
        return None
    token = settings.token
    if token:
        key = f"Token token={token.get_secret_value()}"
        return PagerDuty(settings.url, lambda: key, session=session, now=clock.now)
    app = AppTokens(
        settings.client_id or "",
        settings.client_secret.get_secret_value() if settings.client_secret else "",
        settings.subdomain or "",
        region=region_of(settings.url),
        identity_url=settings.identity_url,
        session=session,
        now=clock.now,
    )
    return PagerDuty(settings.url, app.authorization, session=session, now=clock.now)


def _sign_in(config: Config, session: Session, clock: Clock) -> SignIn | None:
    app = config.pagerduty.oauth
    if not (config.chat.on and app.client_id):
        return None
    return SignIn(
        app.client_id,
        app.client_secret.get_secret_value() if app.client_secret else "",
        f"{config.chat.url}/chat/connected",
        config.pagerduty.identity_url,
        session=session,
        now=clock.now,
    )
