"""Keeps account numbers, tokens and secrets off the pages, and lays out JSON for a person."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

MASK = "••• masked"
"""Stands where a secret would."""

_WORDS = (
    r"account[\s_-]?(?:number|no)|token|secret|passw|passphrase|private[\s_-]?key"
    r"|authorization|api[\s_-]?key|credential"
)
_NAMED = re.compile(_WORDS, re.IGNORECASE)
_IN_TEXT = re.compile(rf"((?:{_WORDS})[\w-]*[\\\"']*\s*[:=]).*", re.IGNORECASE | re.DOTALL)
_JSON_WEB_TOKEN = re.compile(r"eyJ[\w-]{6,}\.[\w-]+\.[\w-]*")


def is_secret(name: str) -> bool:
    """Tell whether what stands under a name is a secret, going by the name."""
    return _NAMED.search(name) is not None


def masked(value: Any) -> Any:
    """Give a JSON value with its secrets masked, and with JSON inside of texts as values.

    Raises:
        RecursionError: it is nested deeper than Python goes.
    """
    if isinstance(value, Mapping):
        return {
            str(name): MASK if is_secret(str(name)) and _may_tell(part) else masked(part)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [masked(part) for part in value]
    if not isinstance(value, str):
        return value
    if value.lstrip()[:1] in {"{", "["}:
        try:
            return masked(json.loads(value))
        except ValueError:
            pass
    return masked_text(value)


def _may_tell(value: Any) -> bool:
    """Tell whether a value could give a secret away; yes, no and nothing do not."""
    return value is not None and not isinstance(value, bool)


def masked_text(text: str) -> str:
    """Give plain text with its secrets masked.

    Where a secret ends is not known in plain text: all that follows its name is masked.
    """
    return _IN_TEXT.sub(rf"\1 {MASK}", _JSON_WEB_TOKEN.sub(MASK, text))


def laid_out(text: str) -> str:
    """Give text, laid out over lines when it is JSON, with its secrets masked."""
    try:
        return as_lines(json.loads(text))
    except (ValueError, RecursionError):
        return masked_text(text)


def as_lines(value: Any) -> str:
    """Give a JSON value over lines, with its secrets masked.

    Raises:
        RecursionError: it is nested deeper than Python goes.
    """
    return json.dumps(masked(value), indent=2, ensure_ascii=False)


def plain_item(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Give an item of DynamoDB as a plain JSON object."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(typed: Mapping[str, Any]) -> Any:
    ((kind, value),) = typed.items()
    match kind:
        case "N":
            return _number(value)
        case "NS":
            return [_number(one) for one in value]
        case "B":
            return _binary(value)
        case "BS":
            return [_binary(one) for one in value]
        case "L":
            return [_plain(one) for one in value]
        case "M":
            return plain_item(value)
        case "NULL":
            return None
        case _:
            return value


def _number(text: str) -> int | float | str:
    """Give a number that says exactly what is stored; as text, where no Python number does."""
    if text.lstrip("-").isdigit():
        return int(text)
    near = float(text)
    return near if Decimal(repr(near)) == Decimal(text) else text


def _binary(base64: str) -> str:
    return f"<{len(base64) * 3 // 4 - base64[-2:].count('='):,} bytes>"


def cut(text: str, *, characters: int) -> str:
    """Give text that is not longer than so many characters once it stands in a page.

    What a page must write in another way counts as long as it is written there.
    """
    left = characters
    for place, character in enumerate(text):
        left -= _written(character)
        if left < 0:
            return f"{text[:place]}\n… {len(text) - place:,} more characters"
    return text


def length_on_page(text: str) -> int:
    """Give how many bytes a text takes in a page."""
    return sum(map(_written, text))


def _written(character: str) -> int:
    return _ESCAPED.get(character) or len(character.encode(errors="replace"))


_ESCAPED = {'"': 5, "'": 5, "<": 4, ">": 4, "&": 5}
"""How many bytes Jinja writes for a character that means something in HTML."""
