"""Whatever a stranger writes, it is read as words and does nothing."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from incidents import text
from incidents.text import Safe

MARKDOWN = [text.message, text.attachment, text.header, text.purpose]
PLAIN = [text.title, text.display_name]
LIMITS: dict[Callable[[str], Safe], int] = {
    text.message: 2_000,
    text.attachment: 500,
    text.header: 400,
    text.purpose: 250,
    text.title: 250,
    text.display_name: 64,
}

# Marks and words that do something in Mattermost, alone or put together.
PIECES = (
    *("@", "channel", "all", "here", "alice", "＠", "&#64;", "&commat;", "&", "#64;", "amp;"),
    *("&#x40;", "&#64", "~", "town-square", "～", "#", "ops", "##", ":smile:", ":", "+1:"),
    *("http://", "https:", "//", "evil.com", "/x", "www.", "www", "ftp://", "mailto:", "a@b.co"),
    *("mmaction://", "javascript:", "tel:1", "data:", "[", "]", "(", ")", "!", "![", "](", "]:"),
    *("<", ">", "<b>", "</", "<!--", "`", "```", "~~~", "*", "**", "_", "__", "~~", "$", "\\"),
    *("|", "-", "---", "===", "+", "1.", "1)", "- [ ] ", "|-|-|", "| a |", "> ", "\n", "\r\n"),
    *(" ", "  ", "    ", "\t", "\u00a0", "\u2028", "\u200b", "\u200d", "\u202e", "\u2066"),
    *("\x00", "\x1b", "\ud800", "a", "é", "0", "10:22:33", "disk", "…", "\u0301", "🔥", "．"),
)
hostile = st.lists(st.sampled_from(PIECES), max_size=14).map("".join) | st.text(max_size=40)

# What the apps and the server look for in a text, after Markdown and references are read.
LIVE = [
    re.compile(r"[@＠][^\W]", re.I),
    re.compile(r"[~～][\w.-]"),
    re.compile(r"(?:^|\W)#[^\W\d]"),
    re.compile(r"(?<!\d):[A-Za-z0-9_+-]+:"),
    re.compile(r"[a-z][a-z0-9.+-]*:/", re.I),
    re.compile(r"\b(?:https?|ftp|mailto|tel|data|javascript|mmaction):\w", re.I),
    re.compile(r"\bwww\d{0,3}\.", re.I),
    re.compile(r"[\w.-]+\.[^\W\d_]{2,4}/"),
]
# Inline LaTeX ends with a dollar that is written as such.
LATEX = re.compile(r"\$[^$\n]+\$(?![A-Za-z0-9_])")
PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
# Where a template may put a value.
FRAMES = ("{}", "{} and more", "so: {}", "**{}**", "### {}", "> {}", "- {}", "a\n{}\nb", "_so_ {}")


def tokens(source: str) -> list[Token]:
    return PARSER.parse(source)


def shape(source: str) -> list[str]:
    """The blocks and spans that Markdown sees, without the words."""
    found = []
    for token in tokens(source):
        found.append(token.type)
        found += [child.type for child in token.children or ()]
    return [kind for kind in found if kind not in {"text", "text_special"}]


def read(source: str) -> str:
    """The text as a reader's program has it: no escapes, no references, however often decoded."""
    return html.unescape(html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", source)))


def lively(shown: str) -> list[str]:
    """The patterns by which a program would make more than words of what is shown."""
    return [pattern.pattern for pattern in LIVE if pattern.search(read(shown))]


@pytest.mark.parametrize("sink", MARKDOWN)
@given(untrusted=hostile)
@example("@channel")
@example("[a](http://b)")
@example("# a")
def test_markdown_sees_nothing_but_words(sink: Callable[[str], Safe], untrusted: str) -> None:
    shown = sink(untrusted)
    if shown:
        for frame in FRAMES:
            assert shape(frame.format(shown)) == shape(frame.format("word"))


@pytest.mark.parametrize("sink", [*MARKDOWN, *PLAIN])
@given(untrusted=hostile)
@example("&#64;channel &commat;all \\@here &amp;#64;channel")
@example("&#64channel")
def test_nobody_is_called_and_nothing_is_linked(
    sink: Callable[[str], Safe], untrusted: str
) -> None:
    shown = sink(untrusted)
    assert not lively(shown)
    assert sink in PLAIN or not LATEX.search(shown)


@pytest.mark.parametrize("sink", [*MARKDOWN, *PLAIN])
@given(untrusted=hostile)
def test_one_line_shows_all_it_holds(sink: Callable[[str], Safe], untrusted: str) -> None:
    shown = sink(untrusted).replace(text.ZERO_WIDTH_SPACE, "")
    hidden = [c for c in shown if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not hidden
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
    assert shown == shown.strip()


@pytest.mark.parametrize("sink", [*MARKDOWN, *PLAIN])
@given(untrusted=hostile, times=st.integers(1, 400))
def test_every_sink_cuts_to_its_limit_and_is_idempotent(
    sink: Callable[[str], Safe], untrusted: str, times: int
) -> None:
    shown = sink(untrusted * times)
    assert len(shown) <= LIMITS[sink]
    assert sink(shown) is shown


@given(untrusted=hostile, limit=st.integers(1, 40))
def test_a_cut_brings_nothing_to_life(untrusted: str, limit: int) -> None:
    shown = text.fit(text.message(untrusted), limit)
    assert len(shown) <= limit
    assert not lively(shown)
    if shown:
        assert shape(f"**{shown}**") == shape("**word**")


@pytest.mark.parametrize("sink", MARKDOWN)
@pytest.mark.parametrize(
    "words",
    [
        "[#34] Disk full",
        "[FIRING:1] DiskFull (db-3 prod)",
        "cpu > 90% on db-3",
        "cpu < 5% & falling",
        "load <= 3",
        "a_b.c",
        "100% of 5 * 3",
        "node_cpu_seconds_total{mode='idle'} = 0",
        "C# service: down!",
        "since 10:22:33 UTC",
        "HTTP: 500 errors | 3 hosts",
        "costs $5",
        "C:\\temp\\logs",
        "#34 disk full",
        "R&D, e.g. a-b",
        "Übergröße – naïve 東京 🔥 👨‍👩‍👧",
        "می‌خواهم",
        "",
    ],
)
def test_plain_words_pass_unchanged(sink: Callable[[str], Safe], words: str) -> None:
    assert sink(words) == words


@pytest.mark.parametrize(
    ("untrusted", "shown"),
    [
        ("@channel", "@\u200bchannel"),
        ("see ~town", "see \\~\u200btown"),
        ("～town", "～\u200btown"),
        ("#ops", "#\u200bops"),
        ("<b>", "&lt;b>"),
        ("$x$", "$x&#36;"),
        ("`id`", "\\`id\\`"),
        ("# down", "\u200b# down"),
        ("\\*x", "\\\\\\*x"),
        ("one\ntwo\u2028three", "one two three"),
        ("e" + "\u0301" * 9, "e" + "\u0301" * 4),
        ("[a](http://b)", "[a]\u200b(http:\u200b//b)"),
    ],
)
def test_what_each_mark_becomes(untrusted: str, shown: str) -> None:
    assert text.message(untrusted) == shown


def test_a_title_is_shown_as_it_is_and_holds_no_escapes() -> None:
    assert text.title("*a* `b` <c> @all") == "*a* `b` <c> @\u200ball"
    assert text.display_name("db/3 *a*") == "db\u22153 *a*"


def test_a_quotation_keeps_its_lines_and_nothing_else() -> None:
    assert text.quote("a | b\n- | -\n\n# c\n\n") == "> a | b\n> \u200b- | -\n>\n> \u200b# c"
    assert text.quote("") == ""


@given(untrusted=hostile)
def test_a_quotation_holds_one_paragraph_after_another_and_no_other_block(untrusted: str) -> None:
    allowed = {"blockquote_open", "blockquote_close", "paragraph_open", "paragraph_close"}
    shown = text.quote(untrusted)
    assert set(shape(shown)) <= allowed | {"inline", "softbreak"}
    assert not lively(shown)


@given(untrusted=hostile)
def test_a_quotation_ends_in_time(untrusted: str) -> None:
    assert len(text.quote(untrusted * 50, 100)) <= 100


def test_a_cut_leaves_no_other_person_and_no_raw_address() -> None:
    assert text.fit(Safe("seen by @alice"), 13) == "seen by…"
    assert text.fit(Safe("go to [the call](https://meet.example.com)"), 30) == "go to…"
    assert text.fit(Safe("a \\* b"), 4) == "a…"
    assert text.fit(Safe("short"), 5) == "short"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.b/c?d=1&e=%20#f", "https://a.b/c?d=1&e=%20#f"),
        ("http://a.b/(c) d", "http://a.b/%28c%29%20d"),
        ("https://a.b/?x=1&copy;", "https://a.b/?x=1&copy%3B"),
        ('https://a.b/"><script>', "https://a.b/%22%3E%3Cscript%3E"),
        ("https://a.b/\\`*[x]", "https://a.b/%5C%60%2A%5Bx%5D"),
        ("javascript:alert(1)", ""),
        ("mmaction://x", ""),
        ("data:text/html,x", ""),
        ("//a.b/c", ""),
        ("https://", ""),
        ("https://[", ""),
        ("https://a.b/" + "x" * 600, ""),
        ("", ""),
        (None, ""),
    ],
)
def test_an_address_is_http_and_cannot_end_its_link(url: str | None, shown: str) -> None:
    assert text.destination(url) == shown


@given(label=hostile, path=hostile)
def test_a_link_is_one_link_whatever_its_parts(label: str, path: str) -> None:
    made = text.link(label, f"https://a.b/{path}")
    if made.startswith("[") and made.endswith(")"):
        spans = [span for block in tokens(made) for span in block.children or ()]
        opened = [span for span in spans if span.type == "link_open"]
        assert [str(token.attrs["href"])[:12] for token in opened] == ["https://a.b/"]
        assert shape(made) == shape("[word](https://a.b/)")
    else:
        assert shape(made) == (shape("word") if made else [])


def test_a_link_without_an_address_or_a_label_is_only_its_label() -> None:
    assert text.link("Disk @all", "ftp://a.b") == "Disk @\u200ball"
    assert text.link("", "https://a.b") == ""
    assert text.link("[#1] a", "https://a.b") == "[\\[#1\\] a](https://a.b)"


@pytest.mark.parametrize(
    ("username", "shown"),
    [
        ("alice", "@alice"),
        ("a.b-c_d", "@a.b-c_d"),
        ("channel", "channel"),
        ("all", "all"),
        ("here", "here"),
        ("no user", "no user"),
        ("@all", "@\u200ball"),
        ("alice\n", "alice"),
    ],
)
def test_only_a_user_name_is_a_mention(username: str, shown: str) -> None:
    assert text.mention(username) == shown
