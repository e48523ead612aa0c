"""The reader of unchecked JSON, where no source's own tests can see the difference."""

from __future__ import annotations

import hashlib
import json

import pytest

from hooks.errors import Unreadable
from hooks.signatures import fingerprint
from hooks.wild import MAX_DEPTH, Wild, load


@pytest.mark.parametrize("lenient", [True, False])
def test_depth_is_limited_by_count_not_by_what_the_stack_allows(lenient: bool) -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        inner = "" if opening == "[" else "1"
        deep = [f"{opening * n}{inner}{closing * n}".encode() for n in (MAX_DEPTH, MAX_DEPTH + 1)]
        assert load(deep[0], lenient=lenient)
        with pytest.raises(Unreadable, match="100 levels"):
            load(deep[1], lenient=lenient)


def test_only_a_lenient_reader_takes_control_characters_and_odd_numbers() -> None:
    for body, value in ((b'["a\x01\nb"]', ["a\x01\nb"]), (b"[NaN, -Infinity]", [None, None])):
        assert load(body, lenient=True) == value
        with pytest.raises(Unreadable):
            load(body, lenient=False)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2026-13-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\ud800"],
)
def test_what_is_no_time_in_utc_is_none(text: str) -> None:
    assert Wild(text).time() is None


def test_a_complaint_carries_the_path() -> None:
    place = Wild({"messages": [{}, {"incident": None}]}).get("messages").items()
    assert place
    with pytest.raises(Unreadable, match=r"^messages\[1\]\.incident\.id: a text is needed"):
        place[1].get("incident").get("id").need_identity()


def test_texts_are_cut_and_keep_their_blanks() -> None:
    assert Wild("x" * 30_000).text() == "x" * 20_000
    assert Wild(" a\0b ").text() == " ab "
    assert Wild(" \0 ").text() is None


def test_a_fingerprint_is_not_the_plain_hash_that_tables_exist_of() -> None:
    assert fingerprint("secret") not in hashlib.sha256(b"secret").hexdigest()
    assert len({fingerprint("secret"), fingerprint("secret "), fingerprint("")}) == 3


def test_equal_values_have_equal_digests() -> None:
    one, other = '{"a": 1, "b": "\\u00e4"}', '{"b":"ä","a":1}'
    assert Wild(json.loads(one)).digest() == Wild(json.loads(other)).digest()
