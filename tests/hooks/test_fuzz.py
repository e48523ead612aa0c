"""Whatever comes in, parsing gives a result or Unreadable, and verifying a HookError at worst."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hooks.delivery import HOMELESS, Credentials
from hooks.errors import HookError, Unreadable
from hooks.registry import SOURCES
from tests.hooks.helpers import SECRET, delivery, fixtures, parse

SEEN_TEXTS = """
user_reference nil incident incident_note merged merge_resolve_reason triggered https://a.example
2026-03-02T09:14:07Z 0001-01-01T00:00:00+14:00 9999-12-31T23:59:59-14:00 111111111111111111111
"""
SEEN_KEYS = """
event messages events type event_type data incident id agent incident_id assignees log_entries
incident_role_assignments occurred_at resolve_reason service title roles actor
"""
texts = st.text(st.characters(exclude_categories=()), max_size=20) | st.sampled_from(
    SEEN_TEXTS.split()
)
keys = texts | st.sampled_from(SEEN_KEYS.split())
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5)
)
sources = st.sampled_from(sorted(SOURCES))
BODIES = [(source, path.read_bytes()) for source in SOURCES for path in fixtures(source)]
JSON_BODIES = [(source, json.loads(body)) for source, body in BODIES]
quick = settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def check(source: str, body: bytes) -> None:
    with contextlib.suppress(Unreadable):
        for event in parse(source, body).events:
            assert event.source_event_id
            assert event.incident_id or event.type in HOMELESS
            text = repr(event)
            text.encode("utf-8")
            assert "\\x00" not in text
    with contextlib.suppress(HookError):
        SOURCES[source].verify(
            delivery(source, body, url_secret=SECRET), Credentials(url_secret=SECRET)
        )


@quick
@given(source=sources, value=json_values)
def test_any_json_is_read_or_unreadable(source: str, value: Any) -> None:
    check(source, json.dumps(value).encode())


@quick
@given(source=sources, body=st.binary(max_size=200))
def test_any_bytes_are_read_or_unreadable(source: str, body: bytes) -> None:
    check(source, body)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: Any = enumerate(value) if isinstance(value, list) else ()
    inner = value.items() if isinstance(value, dict) else inner
    return [path, *(place for key, part in inner for place in _places(part, (*path, key)))]


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = _with(copy[path[0]], path[1:], new)
    return copy


@quick
@given(data=st.data(), case=st.sampled_from(JSON_BODIES), new=json_values)
def test_a_recorded_body_with_one_place_spoiled_is_read_or_unreadable(
    data: st.DataObject, case: tuple[str, Any], new: Any
) -> None:
    source, body = case
    place = data.draw(st.sampled_from(_places(body)))
    check(source, json.dumps(_with(body, place, new)).encode())


@quick
@given(data=st.data(), case=st.sampled_from(BODIES))
def test_a_recorded_body_with_bytes_cut_out_is_read_or_unreadable(
    data: st.DataObject, case: tuple[str, bytes]
) -> None:
    source, body = case
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, len(body)))
    check(source, body[:start] + body[end:])


@quick
@given(source=sources, header=st.text(st.characters(exclude_categories=())), body=st.binary())
def test_any_header_is_refused_and_nothing_worse(source: str, header: str, body: bytes) -> None:
    headers = SOURCES[source].signed_headers(body, SECRET, 0, "n")
    for name in headers:
        with contextlib.suppress(HookError):
            SOURCES[source].verify(
                delivery(source, body, headers | {name: header}), Credentials(secrets=(SECRET,))
            )
