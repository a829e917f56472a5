"""Turns registers into numbers: types, "not implemented" values and scale factors, all exact.

Source of types and of the values that mean "not implemented": SunSpec Device Information Model
Specification, version 1.1, section 4.2.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from edge_agent.sunspec.definitions import Point

LARGEST_SCALE = 10
"""Scale factors lie in -10 .. 10; 0x8000 means there is none."""


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
    """Return what a point says, before its scale factor; None when not implemented.

    Text loses only the zero bytes behind it, and is not implemented when it begins with one; bytes
    that are no UTF-8 become replacement characters, so that one bad name does not spoil a reading.
    """
    if point.type in NUMBERS:
        return whole_number(registers, offset, point.size, NUMBERS[point.type])
    if point.type == "eui48":
        return mac_address(registers[offset : offset + point.size])
    if point.type in FLOATS:
        return floating(registers, offset, point.size)
    data = struct.pack(f">{point.size}H", *registers[offset : offset + point.size])
    if data[:1] == b"\0":
        return None
    if point.type == "ipv6addr":
        return data.hex(":", 4).upper()
    return data.rstrip(b"\0").decode("utf-8", errors="replace")


def floating(registers: Sequence[int], offset: int, size: int) -> float | None:
    """Return the float in 2 or 4 registers; None when it is no number, or without an end."""
    data = struct.pack(f">{size}H", *registers[offset : offset + size])
    number: float = struct.unpack(">f" if size == 2 else ">d", data)[0]
    return number if math.isfinite(number) else None


def mac_address(registers: Sequence[int]) -> str | None:
    """Return an EUI-48 as `00:40:AD:A9:95:76`; its first register is not used."""
    data = struct.pack(">3H", *registers[1:4])
    return None if data in {bytes(6), b"\xff" * 6} else data.hex(":").upper()


def is_scale(scale: int | None) -> bool:
    """Tell whether a scale factor may be used."""
    return scale is not None and -LARGEST_SCALE <= scale <= LARGEST_SCALE


def power_of_ten(exponent: int) -> int:
    """Return 10^`exponent` for an exponent that is not negative."""
    return int(10**exponent)


def scaled(number: int, scale: int) -> int | float:
    """Return `number` x 10^`scale`: whole when it is, else the float nearest to the exact value."""
    if scale >= 0:
        return number * power_of_ten(scale)
    return float(Decimal(number).scaleb(scale))


def fixed(number: int, scale: int, decimals: int) -> int:
    """Return `number` x 10^`scale` as a whole number of 10^-`decimals`; a half goes to even."""
    shift = scale + decimals
    if shift >= 0:
        return number * power_of_ten(shift)
    divisor = power_of_ten(-shift)
    quotient, rest = divmod(number, divisor)
    return quotient + (2 * rest > divisor or (2 * rest == divisor and quotient % 2 == 1))
