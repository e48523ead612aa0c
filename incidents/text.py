"""Untrusted words made harmless for the place they will stand in: one function a sink.

A title, a name or a note comes from whoever can raise an alert. In a Mattermost text it must
not mention, link, load an image, become a button, open a block or hide what it says; words
without active Markdown pass unchanged. No template and no knowledge of incidents in here.

Three means, each where it works in the web app, the mobile apps and the server's own parser:
a backslash for what Markdown lets one escape; a zero-width space behind what is found by
pattern (the server reads ``\\@channel`` and ``&#64;channel`` as mentions, so neither a backslash
nor taking out ``@`` is enough); an HTML reference for ``<`` and ``$``, which the web app's
parser will not let one escape.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote as percent_encode
from urllib.parse import urlsplit

ZERO_WIDTH_SPACE = "\u200b"

MESSAGE_LIMIT = 16_383
HEADER_LIMIT = 1_024
PURPOSE_LIMIT = 250
DISPLAY_NAME_LIMIT = 64
URL_LIMIT = 600

_JOINERS = "\u200c\u200d"  # Persian words and joined emoji need them; ASCII never does
_MARKS_IN_A_ROW = 4

_ACTIVE = re.compile(
    r"""
    (?P<pattern>
        [@＠](?![ ])                                  # mentions, e-mail addresses
      | \#(?=[^\W\d])                                 # hashtags begin with a letter: #34 is none
      | &(?=\#|\w+;)                                  # HTML references
      | (?i:\b(?:https?|ftp|mailto|tel|data|javascript|vbscript|mattermost|mmaction)):(?=\S)
      | :(?=/)                                        # any other scheme
      | (?i:\bwww\d{0,3})(?=\.)
      | \.[^\W\d_]{2,4}(?=/)                          # evil.com/x is linked without a scheme
      | \](?=[(\[:])                                  # links, images, definitions
      | :(?=[\w+-]+:)(?!(?<=\d:)\d\d:\d\d)            # :emoji:, but not 10:22:33
    )
  | (?P<channel> [~～](?![ ]) | (?<![ ])[~～] )         # ~channel, ~~struck~~, ~~~ fences
  | (?P<escape>
        ` | \*(?![ ]) | (?<![ ])\*
      | _(?![A-Za-z0-9]) | (?<![A-Za-z0-9])_
      | \\(?=[!-/:-@\[-`{-~]|$)
    )
  | (?P<less> <(?!=?[\d.]*%?(?:[ ]|$)) )              # <autolinks>, tags; not "< 5", "<= 5%"
  | (?P<dollar> \$(?![A-Za-z0-9]) )                             # ends inline LaTeX
    """,
    re.VERBOSE,
)
# What makes a block of a line: heading, list, quote, rule, underline of a heading, table.
_BLOCK = re.compile(r"(?:#{1,6}|[-+]|\d{1,9}[.)])(?: |$)|>|[-=|:+*_ ]+$")
# What a cut must not leave: a link, a mention or a reference half as long; a lonely mark.
_HALF_LINK = re.compile(r"\[(?:[^\[\]\\]|\\.)*\]\([^()\s]*\Z")
_HALF_WORD = re.compile(r"[@&][\w.:#-]*\Z")
_LONELY = " \n\\*~_`[!<&#@:" + ZERO_WIDTH_SPACE
_BRACKET = re.compile(r"[\[\]]")
_USERNAME = re.compile(r"[a-z0-9._-]{1,64}\Z")
_EVERYBODY = frozenset({"all", "channel", "here"})


class Safe(str):
    """Text that is ready for Markdown as it stands: neutralised, or written by ourselves."""

    __slots__ = ()


def message(text: str) -> Safe:
    """One value inside a post, in one line, at most 2,000 characters."""
    return _markdown(text, 2_000)


def attachment(text: str) -> Safe:
    """One value inside an attachment's text or field, in one line, at most 500 characters."""
    return _markdown(text, 500)


def header(text: str) -> Safe:
    """One value inside a channel's header, in one line, at most 400 of its 1,024 characters."""
    return _markdown(text, 400)


def purpose(text: str) -> Safe:
    """One value inside a channel's purpose (Markdown in the side bar), at most 250 characters."""
    return _markdown(text, PURPOSE_LIMIT)


def title(text: str) -> Safe:
    """A linked attachment's title: shown as it is, so no escape may be seen in it."""
    return _plain(text, 250)


def display_name(text: str) -> Safe:
    """A channel's display name: as a title; a ``/`` would be taken for a side bar category."""
    flat = text if isinstance(text, Safe) else text.replace("/", "\u2215")
    return _plain(flat, DISPLAY_NAME_LIMIT)


def quote(text: str, limit: int = 3_000) -> Safe:
    """A text of several lines as a Markdown quotation, at most `limit` characters."""
    lines = [_neutral(clean(line)) for line in text[: 4 * limit].splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return fit(Safe("\n".join(f"> {line}".rstrip() for line in lines)), limit)


def fit(text: Safe, limit: int) -> Safe:
    """Cut to `limit` code points, the last of them ``…``, leaving nothing half.

    A mention that lost its end would be somebody else's, a link would show its raw address.
    """
    if len(text) <= limit:
        return text
    whole = _HALF_WORD.sub("", _HALF_LINK.sub("", text[: limit - 1]))
    return Safe(whole.rstrip(_LONELY) + "…")


def destination(url: str | None) -> Safe:
    """The address, percent-encoded so that it cannot end a Markdown link; "" if not http(s)."""
    address = clean(url or "")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    encoded = percent_encode(address, safe=":/?#@!&+,;=%~-._")
    encoded = re.sub(r"(&#?\w+);", r"\1%3B", encoded)
    return Safe(encoded if usable and len(encoded) <= URL_LIMIT else "")


def link(label: str, url: str | None) -> Safe:
    """``[label](url)``, or the label alone when the address is not http(s) or is too long."""
    words = attachment(label)
    address = destination(url)
    if not address or not words:
        return words
    return Safe("[" + _BRACKET.sub(r"\\\g<0>", words) + f"]({address})")


def mention(username: str) -> Safe:
    """``@alice``; what is no user name, or would call everybody, is only text."""
    if _USERNAME.match(username) and username not in _EVERYBODY:
        return Safe(f"@{username}")
    return attachment(username)


def clean(text: str) -> str:
    """One line without control, direction and zero-width characters or towers of accents."""
    plain = text.isascii() and text.isprintable()  # as nearly all are: saves looking at each
    return " ".join((text if plain else "".join(_visible(text))).split())


def _visible(text: str) -> Iterator[str]:
    marks = 0
    for before, char in zip(" " + text, text, strict=False):
        category = unicodedata.category(char)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if category in {"Cc", "Zl", "Zp"}:
            yield " "
        elif category in {"Cf", "Cs"}:
            if char in _JOINERS and not before.isascii():
                yield char
        elif marks <= _MARKS_IN_A_ROW:
            yield char


def _markdown(text: str, limit: int) -> Safe:
    return text if isinstance(text, Safe) else fit(_neutral(clean(text[: 4 * limit])), limit)


def _plain(text: str, limit: int) -> Safe:
    if isinstance(text, Safe):
        return text
    return fit(Safe(_ACTIVE.sub(_disarm_unseen, clean(text[: 4 * limit]))), limit)


def _neutral(line: str) -> Safe:
    guard = ZERO_WIDTH_SPACE if _BLOCK.match(line) else ""
    return Safe(guard + _ACTIVE.sub(_disarm, line))


def _disarm(found: re.Match[str]) -> str:
    text = found.group()
    match found.lastgroup:
        case "pattern":
            return text + ZERO_WIDTH_SPACE
        case "channel":
            return ("\\~" if text == "~" else text) + ZERO_WIDTH_SPACE
        case "less":
            return "&lt;"
        case "dollar":
            return "&#36;"
        case _:
            return f"\\{text}"


def _disarm_unseen(found: re.Match[str]) -> str:
    unseen = found.lastgroup in {"pattern", "channel"}
    return found.group() + (ZERO_WIDTH_SPACE if unseen else "")
