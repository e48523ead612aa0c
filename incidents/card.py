"""The pinned card of an incident, as one attachment that always fits. No templates in here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from incidents import text, words
from incidents.events import Person, Status
from incidents.incident import View
from incidents.text import Safe

# A 5.37 server refuses props of 8,000 characters; some are left for the operation's own mark.
PROPS_LIMIT = 7_500
# What a button's address and signed context add to it when it is sent.
INTEGRATION = 450
# Tried in this order until the card fits: characters of a text, custom fields shown.
_CUTS = ((300, 40), (160, 20), (80, 12), (40, 8))
_TEXT_CUTS = {300: 2_500, 160: 1_000, 80: 500, 40: 200}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    title: str
    value: Safe
    short: bool = True


def card(view: View, body: Safe, actions: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The props of the card's post, under `PROPS_LIMIT` characters of JSON.

    Too long, its texts are cut first, then its last fields go, and its last `actions` at the end.
    """
    kept = list(actions)
    props = _props(view, body, kept, *_CUTS[0])
    for cut in _CUTS[1:]:
        if _size(props) < PROPS_LIMIT:
            return props
        props = _props(view, body, kept, *cut)
    fields = props["attachments"][0]["fields"]
    while fields and _size(props) >= PROPS_LIMIT:
        fields.pop()
    while kept and _size(props) >= PROPS_LIMIT:
        kept.pop()
    return props


def _props(
    view: View, body: Safe, actions: list[dict[str, Any]], limit: int, customs: int
) -> dict[str, Any]:
    incident = view.incident
    state = words.state(incident)
    circle, colour = words.STATES[state]
    address = text.destination(incident.html_url)
    title = words.title(incident)
    shown = {
        "fallback": text.fit(text.title(f"{circle} {state}: {title}"), limit),
        "color": colour,
        # With a link the title is shown as it is; without one it is read as Markdown.
        "title": text.fit(text.title(title) if address else text.attachment(title), limit),
        "title_link": address,
        "text": text.fit(body, _TEXT_CUTS[limit]),
        "fields": [
            {"title": field.title, "value": text.fit(field.value, limit), "short": field.short}
            for field in (*_known(view, limit), *_custom(view, limit)[:customs])
            if field.value
        ],
        "actions": actions,
    }
    return {"attachments": [{key: value for key, value in shown.items() if value}]}


def _known(view: View, limit: int) -> tuple[_Field, ...]:
    incident = view.incident
    state = words.state(incident)
    over = incident.status is Status.RESOLVED
    began = words.since(incident)
    since = f" {'at' if over else 'since'} {words.when(began)}" if began else ""
    service, priority = incident.service, incident.priority
    address = text.destination(incident.conference_url)
    call = [_linked("Join the call", address, limit)] if address else []
    # The types that come with an account end in "_default"; the plainest of them says nothing.
    kind = (incident.incident_type or "").removesuffix("_default")
    numbers = [text.attachment(number) for number in incident.conference_numbers]
    return (
        _Field(title="Status", value=Safe(f"{words.STATES[state][0]} {state}{since}")),
        _Field(title="Priority", value=text.attachment(priority.name if priority else "")),
        _Field(
            title="Service",
            value=_linked(service.name, service.html_url, limit) if service else Safe(),
        ),
        _Field(title="Urgency", value=text.attachment(incident.urgency or "")),
        _Field(title="Assigned to", value=words.who(incident.assignees, view.usernames)),
        _Field(title="Acknowledged by", value=words.who(incident.acknowledged_by, view.usernames)),
        _Field(title="Mitigated by", value=words.who(incident.mitigated_by, view.usernames)),
        _Field(
            title="Responders",
            value=_each(view, [(one.person, one.state) for one in incident.responders]),
        ),
        _Field(
            title="Roles",
            value=_each(view, [(one.assignee, one.name) for one in incident.roles]),
        ),
        _Field(title="Type", value=text.attachment("" if kind == "incident" else kind)),
        _Field(title="Conference", value=Safe(" · ".join([*call, *numbers]))),
    )


def _custom(view: View, limit: int) -> list[_Field]:
    return [
        _Field(
            title=text.fit(text.attachment(field.name), limit // 4),
            value=text.attachment(field.value or ""),
            short=len(field.value or "") <= 40,
        )
        for field in view.incident.custom_fields
    ]


def _linked(label: str, url: str | None, limit: int) -> Safe:
    """A link as long as it may be, else its words: half of it would be nothing."""
    linked = text.link(label, url)
    return linked if len(linked) <= limit else text.attachment(label)


def _each(view: View, people: Sequence[tuple[Person | None, str | None]]) -> Safe:
    return Safe(
        ", ".join(
            words.who(person, view.usernames) + (f" ({text.attachment(word)})" if word else "")
            for person, word in people
            if person
        )
    )


def _size(props: dict[str, Any]) -> int:
    # The server writes these three as six characters; it counts what it writes.
    written = json.dumps(props)
    buttons = len(props["attachments"][0].get("actions", ()))
    return len(written) + 5 * sum(written.count(char) for char in "<>&") + buttons * INTEGRATION
