"""Turns registers into numbers: types, "not implemented" values and scale factors, all exact.

Source of types and of the values that mean "not implemented": SunSpec Device Information Model
Specification, version 1.1, section 4.2.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edge_agent.sunspec.definitions import Point

LARGEST_SCALE = 10
"""Scale factors lie in -10 .. 10; 0x8000 means there is none."""
POWERS: tuple[int, ...] = tuple(10**exponent for exponent in range(23))
"""Powers of ten by their exponent, more of them than a scale factor and decimals ask for."""


class NumberType(NamedTuple):
    """How a number stands in registers, and which pattern means that it is not implemented."""

    is_signed: bool
    absent: int | None


NUMBERS: Mapping[str, NumberType] = {
    "int16": NumberType(is_signed=True, absent=0x8000),
    "uint16": NumberType(is_signed=False, absent=0xFFFF),
    "count": NumberType(is_signed=False, absent=0xFFFF),
    "acc16": NumberType(is_signed=False, absent=None),
    "enum16": NumberType(is_signed=False, absent=0xFFFF),
    "bitfield16": NumberType(is_signed=False, absent=0xFFFF),
    "pad": NumberType(is_signed=True, absent=0x8000),
    "sunssf": NumberType(is_signed=True, absent=0x8000),
    "int32": NumberType(is_signed=True, absent=0x80000000),
    "uint32": NumberType(is_signed=False, absent=0xFFFFFFFF),
    "acc32": NumberType(is_signed=False, absent=None),
    "enum32": NumberType(is_signed=False, absent=0xFFFFFFFF),
    "bitfield32": NumberType(is_signed=False, absent=0xFFFFFFFF),
    "ipaddr": NumberType(is_signed=False, absent=0),
    "int64": NumberType(is_signed=True, absent=0x8000000000000000),
    "uint64": NumberType(is_signed=False, absent=0xFFFFFFFFFFFFFFFF),
    "acc64": NumberType(is_signed=False, absent=None),
    "bitfield64": NumberType(is_signed=False, absent=0xFFFFFFFFFFFFFFFF),
}
FLOATS = frozenset({"float32", "float64"})


def whole_number(
    registers: Sequence[int], offset: int, size: int, number_type: NumberType
) -> int | None:
    """Return the number in `size` registers from `offset` on; None when not implemented.

    An accumulator of 0 is 0: a new meter has counted nothing.
    """
    number = registers[offset]
    for register in registers[offset + 1 : offset + size]:
        number = number << 16 | register
    if number == number_type.absent:
        return None
    bits = 16 * size
    if number_type.is_signed and number >> (bits - 1):
        number -= 1 << bits
    return number


def raw(point: Point, registers: Sequence[int], offset: int) -> int | float | str | None:
    """Return what a point says, before its scale factor; None when not implemented."""
    if point.type in NUMBERS:
        return whole_number(registers, offset, point.size, NUMBERS[point.type])
    data = struct.pack(f">{point.size}H", *registers[offset : offset + point.size])
    if point.type in FLOATS:
        return other_value(
            point.type, struct.unpack(">" + code_of(point.type, point.size), data)[0]
        )
    return other_value(point.type, data)


def other_value(kind: str, value: float | bytes) -> float | str | None:
    """Return what a point that is no whole number says; None when not implemented.

    Text loses only the zero bytes behind it, and is not implemented when it begins with one; bytes
    that are no UTF-8 become replacement characters, so that one bad name does not spoil a reading.

    Args:
        kind: the type of the point.
        value: the bytes of its registers; of a float the number, which may have no end or be none.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if kind == "eui48":
        return mac_address(value)
    if value[:1] == b"\0":
        return None
    if kind == "ipv6addr":
        return value.hex(":", 4).upper()
    return value.rstrip(b"\0").decode("utf-8", errors="replace")


def mac_address(data: bytes) -> str | None:
    """Return an EUI-48 as `00:40:AD:A9:95:76`; its first register is not used."""
    address = data[2:8]
    return None if address in {bytes(6), b"\xff" * 6} else address.hex(":").upper()


def code_of(kind: str, size: int) -> str:
    """Return the letter with which `struct` unpacks a number of `size` registers."""
    if kind in FLOATS:
        return "f" if size == 2 else "d"
    code = {1: "H", 2: "I", 4: "Q"}[size]
    return code.lower() if NUMBERS[kind].is_signed else code


def absent_of(kind: str, size: int) -> int | None:
    """Return the whole number that means "not implemented"; None when there is no such."""
    absent = NUMBERS[kind].absent
    if absent is None or not NUMBERS[kind].is_signed:
        return absent
    return absent - (1 << 16 * size)


def is_scale(scale: int | None) -> bool:
    """Tell whether a scale factor may be used."""
    return scale is not None and -LARGEST_SCALE <= scale <= LARGEST_SCALE


def power_of_ten(exponent: int) -> int:
    """Return 10^`exponent` for an exponent that is not negative."""
    return POWERS[exponent] if exponent < len(POWERS) else int(10**exponent)


def scaled(number: int, scale: int) -> int | float:
    """Return `number` x 10^`scale`: whole when it is, else the float nearest to the exact value.

    The scale factor must be one that may be used. Python divides whole numbers so that the quotient
    is the float nearest to the exact one, however large they are.
    """
    if scale >= 0:
        return number * POWERS[scale]
    return number / POWERS[-scale]


def fixed(number: int, scale: int, decimals: int) -> int:
    """Return `number` x 10^`scale` as a whole number of 10^-`decimals`; a half goes to even."""
    shift = scale + decimals
    if shift >= 0:
        return number * power_of_ten(shift)
    divisor = power_of_ten(-shift)
    quotient, rest = divmod(number, divisor)
    return quotient + (2 * rest > divisor or (2 * rest == divisor and quotient % 2 == 1))
