"""Who decides how an incident stands: its source, where that can be asked, or the relay itself."""

from __future__ import annotations

from incidents.actions import ACTIONS
from relay.chat.wishes import DECIDES
from relay.config import Config

# Where the relay keeps the incident there is no escalation policy.
_OURS = frozenset(ACTIONS) - {"escalate"}


def offers(config: Config, source: str) -> frozenset[str]:
    """The actions that people can be offered for an incident of this source."""
    if not config.chat.on:
        return frozenset()
    if source != DECIDES:
        return _OURS
    return frozenset(ACTIONS) if config.pagerduty.on else frozenset()
