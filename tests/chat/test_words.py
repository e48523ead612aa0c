"""What is typed behind the slash command is taken apart, whatever it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.chat.words import Mention, parse, split, unquoted

_TYPED = st.text(
    st.one_of(st.sampled_from("\"'“”„«»‘’‚‹› @.,-_:abc\t\n\0ñ"), st.characters()), max_size=60
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("one two", ["one", "two"]),
        ('"Disk full" now', ["Disk full", "now"]),
        ("'Disk full' “very soon” „gar nicht“ «bien sûr» »doch nicht« ‚so‘ ‹ici›",
         ["Disk full", "very soon", "gar nicht", "bien sûr", "doch nicht", "so", "ici"]),
        ("„auch so” “und so“", ["auch so", "und so"]),
        ("don't say 'it's fine'", ["don't", "say", "it's fine"]),
        ('5" and "open end', ['5"', "and", '"open', "end"]),
        ('a"b c"', ['a"b', 'c"']),
        ('"" x', ["", "x"]),
        ('"', ['"']),
        ("  \u3000 ", []),
        ("Störung 障害 🔥", ["Störung", "障害", "🔥"]),
    ],
)  # fmt: skip
def test_quotes_hold_words_together(text: str, parts: list[str]) -> None:
    assert split(text) == parts


def test_an_end_of_quotation_that_is_not_there_is_looked_for_once() -> None:
    text = "„x " * 20_000
    assert len(split(text)) == 20_000


@pytest.mark.parametrize(
    ("text", "verb", "rest"),
    [
        ("", "", ""),
        ("   ", "", ""),
        ("ACK", "ack", ""),
        ("\tnote  the  disk \n is full ", "note", "the  disk \n is full"),
        ('note "the disk is full"', "note", "the disk is full"),
        ('note "one" and "two"', "note", '"one" and "two"'),
        ("note “halb offen", "note", "“halb offen"),
        ("RÉSOUDRE oui", "résoudre", "oui"),
    ],
)
def test_a_verb_and_its_rest(text: str, verb: str, rest: str) -> None:
    said = parse(text)
    assert (said.verb, said.rest) == (verb, rest)


@pytest.mark.parametrize(
    ("text", "names", "plain"),
    [
        ("assign @bob", ["bob"], ""),
        ("page @bob, @carol.d and (@dave)! now", ["bob", "carol.d", "dave"], "and ( )! now"),
        ("page @Bob. please", ["bob"], "please"),
        ("page @bob @BOB", ["bob"], ""),
        ("page @channel @all", [], "@channel @all"),
        ("page bob@example.com @@bob", [], "bob@example.com @@bob"),
        ("page @bob “Storage EU”", ["bob"], "Storage EU"),
        ("page @" + "a" * 200, [], "@" + "a" * 200),
        ("page @bobé", [], "@bobé"),
        ("page @...", [], "@..."),
    ],
)
def test_people_are_found_by_their_names(text: str, names: list[str], plain: str) -> None:
    said = parse(text)
    assert [one.username for one in said.people] == names
    assert said.plain == plain


def test_mattermost_knows_where_a_name_ends() -> None:
    said = parse("page @bob. @carol.-, @dave.", {"bob.": "u1", "Carol": "u2"})
    assert said.people == (Mention("bob.", "u1"), Mention("carol", "u2"), Mention("dave"))


@given(_TYPED, st.dictionaries(_TYPED, _TYPED, max_size=3))
def test_nothing_that_is_typed_makes_it_fail(text: str, known: dict[str, str]) -> None:
    said = parse(text, known)
    assert said.verb == said.verb.strip() and not any(map(str.isspace, said.verb))
    assert bool(said.verb) == bool(text.split())
    assert all(one.username and one.user_id == one.user_id for one in said.people)
    assert said.rest == said.rest.strip()
    assert said.plain == said.plain.strip()


@given(_TYPED)
def test_no_word_is_lost(text: str) -> None:
    told = "".join("".join(split(text)).split())
    assert all(char in text for char in told)
    assert len(told) <= len(text)
    quoted = any(mark in text for mark in "\"'“”„«»‘’‚‹›")
    assert quoted or split(text) == text.split()


@given(st.text(st.characters(exclude_characters="\"'“”„«»‘’‚‹›"), min_size=1))
def test_a_quoted_text_is_taken_whole(text: str) -> None:
    if text.strip() == text:
        assert unquoted(f"“{text}”") == text
