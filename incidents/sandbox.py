"""What a message template may do: print values through its sink, choose, repeat. Nothing else.

No environment, no loader, no calls into values: a template from a folder is a text, not a program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import is_dataclass
from datetime import datetime, timedelta
from typing import Any

from jinja2 import StrictUndefined, Template, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import SandboxedEnvironment

from incidents import text, words
from incidents.events import Link, Person
from incidents.text import Safe

# None of these makes much of little, and none hands out text past the sink.
_BUILT_IN_FILTERS = (
    *("capitalize", "default", "first", "last", "length", "list", "lower", "map", "reject"),
    *("rejectattr", "reverse", "select", "selectattr", "sort", "title", "trim", "unique", "upper"),
)


class Sandbox(SandboxedEnvironment):
    """Compiles templates whose every value goes through `sink` (it neutralises one string)."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, sink: Callable[[str], Safe]) -> None:
        self._sink = sink
        super().__init__(
            undefined=StrictUndefined,
            finalize=self._shown,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
        )
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in _BUILT_IN_FILTERS}
        self.filters |= {
            "who": _who,
            "when": words.when,
            "asked": words.asked,
            "iso": words.iso,
            "duration": words.duration,
            "dhms": words.dhms,
            "link": _link,
            "url": text.destination,
            "quote": _quote,
        }

    def compiled(self, name: str, source: str) -> Template:
        """The template; its `name` is what tracebacks call its file."""
        code = self.compile(source, name, name)
        return Template.from_code(self, code, self.make_globals(None))

    def call_binop(self, *_: Any, **__: Any) -> Any:
        """Refuse: ``"x" * 10 ** 9`` would fill the memory."""
        raise SecurityError("*, ** and % are not for templates")

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Only our own values' fields: methods of texts and numbers can fill the memory."""
        ours = isinstance(obj, LoopContext) or is_dataclass(obj)
        return ours and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Offer no ``str.format`` either: its widths fill the memory as well."""

    def _shown(self, value: object) -> Safe:
        match value:
            case None:
                return Safe()
            case Safe():
                return value
            case datetime():
                return words.when(value)
            case timedelta():
                return words.duration(value)
            case Link():
                return _link(value)
            case Person():
                return self._sink(value.name)
            case _:
                return self._sink(str(value))


@pass_context
def _who(context: Context, people: Person | Iterable[Person] | None) -> Safe:
    return words.who(people, context["usernames"])


def _link(label: Link | str | None, url: str | None = None) -> Safe:
    if isinstance(label, Link):
        return text.link(label.name, url or label.html_url)
    return text.link(str(label or ""), url)


def _quote(body: str | None) -> Safe:
    return text.quote(body or "")
