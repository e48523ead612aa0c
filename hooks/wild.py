"""A reader over JSON that nobody has checked yet.

Nothing comes out of a ``Wild`` without a check: the optional readers answer None for whatever
is absent, null or of another kind, the ``need_`` readers complain with the path. Strings lose
NUL and lone surrogates here, because neither PostgreSQL nor UTF-8 can hold them. No vendor's
word belongs in this module.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from hooks.errors import Unreadable

MAX_DEPTH = 100  # far above any sender's, far below where Python's own recursion gives up
MAX_TEXT = 20_000
MAX_ID = 200
MAX_URL = 2_000
MAX_NUMBER = 2**53  # above it, JSON numbers stop being exact for many readers
MAX_ITEMS = 1_000
URL_PATTERN = r"^[hH][tT][tT][pP][sS]?://[^\s\x00-\x20\x7f]+$"

_URL = re.compile(URL_PATTERN)
_UNWANTED = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without NUL and lone surrogates."""
    return _UNWANTED.sub("", text)


def load(body: bytes, *, lenient: bool) -> object:
    """The JSON in a body, or Unreadable. Of a key given twice the last one counts.

    ``lenient`` reads NaN and Infinity as null and lets control characters stand in strings.
    The limit on depth is our own: what Python's stack allows depends on who calls, and a body
    must mean the same to the one who verifies it and the one who parses it.
    """
    try:
        value: object = json.loads(
            body.decode("utf-8-sig"),
            parse_constant=(lambda _: None) if lenient else _refuse_constant,
            strict=not lenient,
        )
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"The body is not UTF-8 (byte {error.start}). Send JSON encoded as UTF-8."
        ) from None
    except json.JSONDecodeError as error:
        raise Unreadable(
            f"The body is not JSON: {error.msg} in line {error.lineno}, column {error.colno}. "
            "Mend the JSON and send it again."
        ) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # a constant that JSON has not, or a number of thousands of digits
        raise Unreadable(
            "The body holds a number that JSON does not allow (NaN, Infinity or thousands of "
            "digits). Send null or a plain number instead."
        ) from None
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [part for whole in level for part in _parts(whole)]
        if not level:
            return value
    raise _too_deep()


def canonical(value: object) -> bytes:
    """JSON in one fixed spelling: equal values, equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def digest(value: object) -> str:
    """An id for a message that brought none: the SHA-256 of its canonical bytes."""
    return hashlib.sha256(canonical(value)).hexdigest()


def cleaned(value: object) -> object:
    """A copy of decoded JSON in which every string and key went through ``clean``."""
    if isinstance(value, dict):
        return {clean(key): cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    return clean(value) if isinstance(value, str) else value


class Wild:
    """One place in decoded JSON: a value nobody has checked, and the path that leads to it."""

    __slots__ = ("_value", "path")

    def __init__(self, value: object, path: str = "") -> None:
        self._value = value
        self.path = path

    @property
    def is_object(self) -> bool:
        return isinstance(self._value, dict)

    def get(self, key: str) -> Wild:
        """The value below a key; nothing, if this is no object or has no such key."""
        value = self._value.get(key) if isinstance(self._value, dict) else None
        return Wild(value, f"{self.path}.{key}" if self.path else key)

    def first(self, *keys: str) -> Wild:
        """The value below the first of the keys that holds anything but null."""
        places = [self.get(key) for key in keys]
        return next((place for place in places if place._value is not None), places[-1])

    def items(self, key: str | None = None) -> tuple[Wild, ...] | None:
        """The members of a list, or what each has below a key; None for anything but a list."""
        if not isinstance(self._value, list):
            return None
        members = (Wild(item, f"{self.path}[{n}]") for n, item in enumerate(self._value))
        return tuple(member if key is None else member.get(key) for member in members)

    def text(self) -> str | None:
        """A string with something in it, as it stands but for ``clean``; a number as digits."""
        value = self._value
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            return None
        value = clean(value[:MAX_TEXT])
        return value if value.strip() else None

    def words(self) -> str | None:
        """Any scalar, or a list of scalars, as text for people."""
        if isinstance(self._value, bool):
            return "true" if self._value else "false"
        if isinstance(self._value, list):
            return ", ".join(filter(None, (item.words() for item in self.items() or ()))) or None
        return self.text()

    def identity(self) -> str | None:
        """An id. One that is too long is cut and keeps its identity by a hash of the whole."""
        value = (self.text() or "").strip()
        if len(value) > MAX_ID:
            value = f"{value[: MAX_ID - 17]}~{self.digest()[:16]}"
        return value or None

    def need_identity(self) -> str:
        value = self.identity()
        if value is None:
            raise Unreadable(f"{self.path}: a text is needed here. docs/sources says what is read.")
        return value

    def integer(self) -> int | None:
        """A whole number that is not negative, also when it comes as digits in a string."""
        value = self._value
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,16}", value.strip()):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        return value if 0 <= value <= MAX_NUMBER else None

    def flag(self) -> bool | None:
        return self._value if isinstance(self._value, bool) else None

    def time(self) -> datetime | None:
        """An ISO 8601 time in UTC. With offset, with Z, without seconds; without zone it is UTC."""
        if not isinstance(self._value, str):
            return None
        try:
            moment = datetime.fromisoformat(self._value.strip())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            return None

    def url(self) -> str | None:
        """A link that is safe to offer: http or https, no blanks, not endless."""
        value = (self.text() or "").strip()
        return value if len(value) <= MAX_URL and _URL.match(value) else None

    def digest(self) -> str:
        return digest(self._value)


def renew_ids(body: bytes, holders: Iterable[Wild], key: str, new_id: Callable[[], str]) -> bytes:
    """Give each holder's ``key`` a new value and leave every other byte alone.

    Wherever the same key holds the same old value, it gets the same new one.
    """
    for holder in holders:
        old = holder.get(key)
        if old.identity() is None:
            raise Unreadable(f"{old.path}: there is no id to renew. Give the message an id.")
        spellings = (json.dumps(old._value, ensure_ascii=ascii) for ascii in (True, False))
        values = b"|".join(re.escape(text.encode("utf-8", "surrogatepass")) for text in spellings)
        pattern = rb'("%s"\s*:\s*)(?:%s)(?![0-9])' % (key.encode(), values)
        token = json.dumps(new_id()).encode().replace(b"\\", rb"\\")
        body = re.sub(pattern, rb"\g<1>" + token, body)
    return body


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return ()
    return (part for part in value if isinstance(part, dict | list))


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _too_deep() -> Unreadable:
    return Unreadable(
        f"The body is nested more than {MAX_DEPTH} levels deep. Send a flatter document."
    )
