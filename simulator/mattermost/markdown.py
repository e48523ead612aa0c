"""Markdown to HTML for the page, as Mattermost would show it; raw HTML never passes."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_MENTION = re.compile(r"(?<![\w@./-])(?:@[a-z](?:[a-z0-9._-]*[a-z0-9])?|~[a-z0-9][a-z0-9_-]+)")
_EMOJI = re.compile(r":([a-z0-9_+-]+):")
_UNICODE = {
    **{"rotating_light": "🚨", "fire": "🔥", "white_check_mark": "✅", "warning": "⚠️"},
    **{"red_circle": "🔴", "large_yellow_circle": "🟡", "large_green_circle": "🟢"},
    **{"large_orange_circle": "🟠", "large_blue_circle": "🔵", "bell": "🔔", "eyes": "👀"},
    **{"memo": "📝", "speech_balloon": "💬", "arrows_counterclockwise": "🔄", "clock1": "🕐"},
    **{"busts_in_silhouette": "👥", "bust_in_silhouette": "👤", "link": "🔗", "tada": "🎉"},
    **{"pushpin": "📌", "hourglass": "⌛", "pager": "📟", "telephone_receiver": "📞"},
}


def _finish(state: StateCore) -> None:
    """Mentions light up, ~channels are links, :names: emoji; links open elsewhere, images too."""
    for block in state.tokens:
        children: list[Token] = []
        for token in block.children or []:
            if token.type == "text":
                children += _split(token.content)
                continue
            if token.type == "link_open":
                token.attrs |= {"target": "_blank", "rel": "noopener noreferrer"}
            children.append(token)
        block.children = children if block.children else block.children


def _split(text: str) -> list[Token]:
    text = _EMOJI.sub(lambda name: _UNICODE.get(name[1], name[0]), text)
    pieces: list[Token] = []
    end = 0
    for found in _MENTION.finditer(text):
        pieces.append(_text(text[end : found.start()]))
        tag, attributes = "span", {"class": "mention"}
        if found[0][0] == "~":
            tag, attributes = "a", {"href": f"/{found[0][1:]}"}
        opening = Token("mention_open", tag, 1, attrs=dict(attributes))
        pieces += [opening, _text(found[0]), Token("mention_close", tag, -1)]
        end = found.end()
    return [*pieces, _text(text[end:])]


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _renderer() -> MarkdownIt:
    # Mattermost shows every line break of a message, and nothing here loads from elsewhere.
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True})
    markdown.enable(["table", "strikethrough"]).disable("image")
    markdown.core.ruler.push("finish", _finish)
    return markdown


_MARKDOWN = _renderer()


def to_html(text: str) -> str:
    """A message, a header or the text of an attachment as safe HTML."""
    return str(_MARKDOWN.render(text))
