"""Finds the SunSpec models of a device, and makes columns of their registers; integers only."""

from sunreeve_device.maps import COLUMNS, MODELS
from sunreeve_device.modbus import BadAnswer, NoAnswer, Refused

BASES = (40000, 0, 50000)
_MARKER = b"SunS"
_MOST_MODELS = 200
_NOTHING_THERE = (1, 2, 3, 4)
_BUSY = (5, 6)
_LIMIT = 1 << 63
_NO_SCALE = -0x8000


async def discover(link, unit, timeout_ms=1000):
    """Return the (model, address, length) of each model; empty where there is no SunSpec.

    Raises what the link does when the device is silent, or asking breaks off before the end: what
    was found may then not be all.
    """
    for base in BASES:
        try:
            if await link.read(unit, base, 2, timeout_ms) == _MARKER:
                return await _walk(link, unit, base + 2, timeout_ms)
        except Refused as error:
            if error.code not in _NOTHING_THERE:
                raise
    return []


async def _walk(link, unit, address, timeout_ms):
    models = []
    while len(models) < _MOST_MODELS and address <= 0xFFFF:
        try:
            head = await _head(link, unit, address, timeout_ms)
        except Refused as error:
            if error.code not in _NOTHING_THERE:
                raise
            break
        number, length = head
        if number in (0, 0xFFFF) or length == 0 or address + 2 + length > 0x10000:
            break
        models.append((number, address, length))
        address += 2 + length
    return models


async def _head(link, unit, address, timeout_ms):
    """Return ID and length; some devices end with one register, and refuse a read of two."""
    if address < 0xFFFF:
        try:
            got = await link.read(unit, address, 2, timeout_ms)
            return got[0] << 8 | got[1], got[2] << 8 | got[3]
        except Refused as error:
            if error.code in _BUSY:
                raise
        except (NoAnswer, BadAnswer):
            pass
    got = await link.read(unit, address, 1, timeout_ms)
    number = got[0] << 8 | got[1]
    if number in (0, 0xFFFF) or address == 0xFFFF:
        return number, 0
    got = await link.read(unit, address + 1, 1, timeout_ms)
    return number, got[0] << 8 | got[1]


def maps_of(models, counts):
    """Return a (model, address, length, registers to read, steps) for each that columns come from.

    Where several models give one column, the first does; inputs are numbered on. `counts` has, by
    address, how many ports a model says that it has.
    """
    found = []
    taken = set()
    numbered = {}
    for number, address, length in models:
        if number not in MODELS:
            continue
        before, step, _, most, fixed, repeated = MODELS[number]
        steps = _placed(fixed, 0, length, taken, 0)
        if step:
            times = max(2 + length - before, 0) // step
            if address in counts:
                times = min(times, counts[address])
            first = numbered.get(number, 0)
            times = min(times, most - first)
            for i in range(times):
                steps += _placed(repeated, before + i * step, length, taken, first + i + 1)
            if steps:
                numbered[number] = first + times
        if not steps:
            continue
        ends = [offset + size for _, offset, size, _, _, _ in steps]
        ends += [scale + 1 for _, _, _, _, scale, _ in steps if scale != 255]
        found.append((number, address, length, max(ends), steps))
    return found


def _placed(points, start, length, taken, number):
    steps = []
    for i in range(0, len(points), 6):
        column, offset, size, kind, scale, decimals = points[i : i + 6]
        name = COLUMNS[column]
        if number:
            name = name[:-1] + str(number)
        is_inside = start + offset + size <= 2 + length
        if name in taken or not is_inside or (scale != 255 and scale >= 2 + length):
            continue
        taken.add(name)
        steps.append((name, start + offset, size, kind, scale, decimals))
    return steps


def decode(block, steps):
    """Return {column: int or None} of the bytes of a model, and the columns that cannot be used.

    Not usable: there is a number, but its scale factor is absent or out of range, or makes it too
    large; an accumulator of all ones, as some have after a reset.
    """
    found = {}
    unusable = []
    for name, offset, size, kind, scale_at, decimals in steps:
        found[name] = None
        number = int.from_bytes(block[2 * offset : 2 * (offset + size)], "big")
        ones = (1 << 16 * size) - 1
        if kind == 3:
            value = _of_float(number, decimals)
            if value is None:
                continue
        else:
            top = 1 << (16 * size - 1)
            if kind in (0, 4) and number == ones or kind == 1 and number == top:
                continue
            if kind == 1 and number & top:
                number -= ones + 1
            scale = 0
            if scale_at != 255:
                scale = block[2 * scale_at] << 8 | block[2 * scale_at + 1]
                if scale & 0x8000:
                    scale -= 0x10000
            if not -10 <= scale <= 10 or kind == 2 and number == ones:
                if number or scale != _NO_SCALE:
                    unusable.append(name)
                continue
            value = _fixed(number, scale + decimals)
        if -_LIMIT <= value < _LIMIT:
            found[name] = value
        else:
            unusable.append(name)
    return found, unusable


def turn_of(block, size, kind, scale_at, decimals):
    """Return where an accumulator of 32 bits begins again at 0, in its column's unit, else None."""
    if kind != 2 or size != 2:
        return None
    scale = 0
    if scale_at != 255:
        scale = block[2 * scale_at] << 8 | block[2 * scale_at + 1]
        if scale & 0x8000:
            scale -= 0x10000
    return _fixed(1 << 32, scale + decimals) if -10 <= scale <= 10 else None


def _fixed(number, shift):
    """Return number x 10^shift; a half goes to even."""
    return number * 10**shift if shift >= 0 else _divided(number, 10**-shift)


def _divided(number, divisor):
    whole, rest = divmod(number, divisor)
    return whole + (2 * rest > divisor or (2 * rest == divisor and whole & 1))


def _of_float(bits, decimals):
    """Return the value of a float32 by its bits; None for infinity and what is no number."""
    exponent = bits >> 23 & 255
    part = bits & 0x7FFFFF
    if exponent == 255:
        return None
    if exponent:
        part |= 0x800000
    else:
        exponent = 1
    part *= 10**decimals
    if bits >> 31:
        part = -part
    exponent -= 150
    return part << exponent if exponent >= 0 else _divided(part, 1 << -exponent)
