"""Tokens prove what they say; a new key takes over and the old one is still read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from relay.keys import BadToken, ExpiredToken, Keys

OLD, NEW = "o" * 32, "n" * 32
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PAYLOAD = {"user_id": "u1", "who": "Łukasz", "n": 1}


def test_what_was_signed_is_read_until_it_is_too_old() -> None:
    keys = Keys([NEW])
    token = keys.sign("connect", PAYLOAD, NOW)
    assert keys.read("connect", token, DAY, NOW + DAY) == PAYLOAD
    with pytest.raises(ExpiredToken, match="too old: ask for a new one") as caught:
        keys.read("connect", token, DAY, NOW + DAY + timedelta(seconds=1))
    assert caught.value.payload == PAYLOAD


def test_another_machines_clock_may_be_ahead() -> None:
    keys = Keys([NEW])
    assert keys.read("connect", keys.sign("connect", PAYLOAD, NOW + DAY), DAY, NOW) == PAYLOAD


def test_a_token_goes_into_an_address_as_it_is() -> None:
    token = Keys([NEW]).sign("connect", {"long": "ü/+ &" * 50}, NOW)
    assert set(token) <= set("-_.=") | {*map(chr, range(48, 58))} | {
        one for letter in map(chr, range(97, 123)) for one in (letter, letter.upper())
    }


@pytest.mark.parametrize("change", ["", "x", "é", "\ud800", ".", "..", "a.b.c", "\0"])
def test_what_is_not_ours_is_refused(change: str) -> None:
    keys = Keys([NEW])
    token = keys.sign("connect", PAYLOAD, NOW)
    for forged in (change, change + token, token[:-1] + change) if change else ("", token[:-1]):
        with pytest.raises(BadToken, match="not made here"):
            keys.read("connect", forged, DAY, NOW)


def test_a_token_serves_its_purpose_alone() -> None:
    keys = Keys([NEW])
    with pytest.raises(BadToken):
        keys.read("dialog", keys.sign("connect", PAYLOAD, NOW), DAY, NOW)


def test_a_forged_token_is_not_called_old() -> None:
    token = Keys([OLD]).sign("connect", PAYLOAD, NOW)
    with pytest.raises(BadToken) as caught:
        Keys([NEW]).read("connect", token, timedelta(0), NOW + DAY)
    assert not isinstance(caught.value, ExpiredToken)


def test_what_an_older_key_sealed_is_sealed_anew() -> None:
    both = Keys([NEW, OLD])
    new = both.anew(Keys([OLD]).seal("secret"))
    assert new and Keys([NEW]).open(new) == "secret"
    assert both.anew(new) is None, "nothing to do"
    assert both.anew(Keys(["x" * 32]).seal("secret")) is None, "nobody can"


def test_the_newest_key_signs_and_seals_and_all_are_read() -> None:
    before, between, after = Keys([OLD]), Keys([NEW, OLD]), Keys([NEW])
    assert between.read("p", before.sign("p", PAYLOAD, NOW), DAY, NOW) == PAYLOAD
    assert after.read("p", between.sign("p", PAYLOAD, NOW), DAY, NOW) == PAYLOAD
    assert between.open(before.seal("secret")) == "secret"
    assert after.open(between.seal("secret")) == "secret"
    with pytest.raises(BadToken):
        after.read("p", before.sign("p", PAYLOAD, NOW), DAY, NOW)
    with pytest.raises(BadToken, match=r"chat\.keys opens this"):
        after.open(before.seal("secret"))


def test_what_is_sealed_shows_nothing_and_is_never_the_same() -> None:
    keys = Keys([NEW])
    one, two = keys.seal("pdus+_token ü"), keys.seal("pdus+_token ü")
    assert one != two
    assert "pdus" not in one
    assert keys.open(one) == keys.open(two) == "pdus+_token ü"


@pytest.mark.parametrize("sealed", ["", "x", "é", "\ud800", "gAAAAA"])
def test_what_was_not_sealed_here_is_not_opened(sealed: str) -> None:
    with pytest.raises(BadToken):
        Keys([NEW]).open(sealed)
