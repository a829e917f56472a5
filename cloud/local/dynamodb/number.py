"""Numbers as DynamoDB keeps them: 38 digits, one spelling for each value, bytes that sort."""

import re
from decimal import Context, Decimal, InvalidOperation

from cloud.local.dynamodb.errors import EngineError, invalid

# AWS, DynamoDB Developer Guide, "Supported data types and naming rules", Number.
DIGITS = 38
LARGEST_EXPONENT = 125
SMALLEST_EXPONENT = -130

_NUMERAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,9})?", re.ASCII)
# What needs no more work; "-0" does not match.
_SPELLED = re.compile(r"0|-?(?:[1-9]\d*(?:\.\d*[1-9])?|0\.\d*[1-9])", re.ASCII)
# Wide enough that a sum of any two numbers is exact; what is too long is then refused, not rounded.
_EXACT = Context(prec=300, Emin=-999_999_999, Emax=999_999_999)


def parse(text: str) -> Decimal:
    """Read a number.

    Raises:
        EngineError: the text is no number, or lies outside of what DynamoDB keeps.
    """
    if not _NUMERAL.fullmatch(text):
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}".rstrip(": "))
    try:
        return _within_range(Decimal(text))
    except InvalidOperation as reason:
        raise _overflow() from reason


def normalise(text: str) -> str:
    """Give the one spelling which DynamoDB gives back: no exponent, no needless zero or sign.

    Raises:
        EngineError: as `parse`.
    """
    if len(text) <= DIGITS and _SPELLED.fullmatch(text):
        return text
    return spell(parse(text))


def spell(value: Decimal) -> str:
    """Write a number without exponent and without trailing zeros."""
    sign, digits, exponent = _trimmed(value)
    if not digits:
        return "0"
    if exponent >= 0:
        whole, part = digits + "0" * exponent, ""
    elif -exponent < len(digits):
        whole, part = digits[:exponent], digits[exponent:]
    else:
        whole, part = "0", "0" * (-exponent - len(digits)) + digits
    return ("-" if sign else "") + whole + ("." + part if part else "")


def add(left: str, right: str) -> str:
    """Add two numbers; a sum that needs more than 38 digits is refused, never rounded."""
    return spell(_within_range(_EXACT.add(Decimal(left), Decimal(right))))


def subtract(left: str, right: str) -> str:
    """Subtract two numbers; a difference of more than 38 digits is refused, never rounded."""
    return spell(_within_range(_EXACT.subtract(Decimal(left), Decimal(right))))


def sortable(text: str) -> bytes:
    """Give bytes which sort as the numbers do: sign, exponent, then the significant digits.

    The number must have been normalised. A negative number has every part complemented, and an end
    mark above all digits, so that -1.51 sorts before -1.5.
    """
    whole, _, part = text.lstrip("-").partition(".")
    if whole != "0":
        digits, magnitude = (whole + part).rstrip("0"), len(whole) - 1
    else:
        digits = part.lstrip("0")
        magnitude = len(digits) - len(part) - 1
    if not digits:
        return b"\x80"
    biased = magnitude - SMALLEST_EXPONENT
    if text[0] != "-":
        return b"\x81" + bytes((biased,)) + digits.encode()
    turned = digits.translate(_NINES_COMPLEMENT).encode()
    return b"\x7f" + bytes((255 - biased,)) + turned + b"\xff"


def size(text: str) -> int:
    """Estimate the bytes of a normalised number: one for two digits, and one (AWS, item sizes)."""
    digits = text.lstrip("-").replace(".", "").strip("0")
    return (len(digits) + 1) // 2 + 1


_NINES_COMPLEMENT = str.maketrans("0123456789", "9876543210")


def _trimmed(value: Decimal) -> tuple[int, str, int]:
    """Split a number into sign, significant digits and exponent; zero has no digits."""
    sign, figures, exponent = value.as_tuple()
    digits = "".join(map(str, figures)).lstrip("0")
    short = digits.rstrip("0")
    # A finite Decimal has an integer exponent; the letters are for NaN and infinity.
    return sign, short, int(exponent) + len(digits) - len(short)


def _within_range(value: Decimal) -> Decimal:
    _, digits, exponent = _trimmed(value)
    if not digits:
        return value
    magnitude = exponent + len(digits) - 1
    if magnitude > LARGEST_EXPONENT:
        raise _overflow()
    if magnitude < SMALLEST_EXPONENT:
        raise invalid(
            "Number underflow. Attempting to store a number with magnitude smaller than "
            "supported range"
        )
    if len(digits) > DIGITS:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    return value


def _overflow() -> EngineError:
    return invalid(
        "Number overflow. Attempting to store a number with magnitude larger than supported range"
    )
