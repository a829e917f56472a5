"""Reads a profile: a TOML file that says what the registers of one kind of device mean.

`profiles/blueprint.toml` explains every key. A file is checked whole; the error is one line that
names the file, the register and the key, and says what would be right.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from edge_agent.dictionary import BITS, COLUMNS, ENUMS
from edge_agent.profiles.profile import FLOATS, NumberAt, Profile, ProfileColumn, SerialAt
from edge_agent.sunspec.decode import LARGEST_SCALE, NUMBERS
from edge_agent.sunspec.plan import MOST_REGISTERS, Extent, Read, plan

FOLDER = Path(__file__).parent
SIZES: Mapping[str, int] = {
    "uint16": 1,
    "int16": 1,
    "acc16": 1,
    "uint32": 2,
    "int32": 2,
    "acc32": 2,
    "float32": 2,
    "uint64": 4,
    "int64": 4,
    "acc64": 4,
    "float64": 4,
}
TEXT = "string"
ORDERS = {"big": False, "little": True}
HEAD = (
    *("name", "maker", "says", "manual", "source"),
    *("unit", "words", "blocks", "serial", "register"),
)
NUMBER = ("type", "words", "absent")
SERIAL = ("address", "registers", "says", "page", *NUMBER)
REGISTER = (
    *("column", "address", "says", "page", "optional", *NUMBER),
    *("scale", "factor", "least", "most", "codes", "bits"),
)
FACTOR = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12}|/[0-9]{1,12})?")
REGISTERS_IN_ALL = 65_536
MOST_INPUTS = 64
MOST_TEXT = 120
MOST_SENTENCE = 300
MOST_DIGITS = 20
"""More than a number of 64 bits has."""
LONGEST_SERIAL = 32
"""Registers of a serial number; a chunk has room for 64 letters."""


class ProfileError(ValueError):
    """A profile cannot be used; the message is one line."""


def names(folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the names of the profiles that there are."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def load(name: str, folder: Path = FOLDER) -> Profile:
    """Return the profile `name`.

    Raises:
        ProfileError: there is none, or it cannot be used.
    """
    if name not in names(folder):
        known = ", ".join(names(folder)) or "none"
        raise ProfileError(f"profile {name}: there is no such file; there are {known}")
    return load_file(folder / f"{name}.toml")


def load_file(path: Path) -> Profile:
    """Return the profile of a file.

    Raises:
        ProfileError: there is none, or it cannot be used.
    """
    try:
        return from_tables(tomllib.loads(path.read_text(encoding="utf-8")), path.stem)
    except OSError as error:
        raise ProfileError(f"profile {path.name}: {error.strerror}") from error
    except RecursionError as error:
        raise ProfileError(f"profile {path.name}: nested too deeply") from error
    except ValueError as error:  # no UTF-8, no TOML, a number too long to be read, no profile
        raise ProfileError(f"profile {path.name}: {error}") from error


def from_tables(tables: Mapping[str, Any], name: str) -> Profile:
    """Return a checked profile from the tables of the file `name`.toml.

    Raises:
        ProfileError: a key is missing, unknown or wrong.
    """
    _no_others("", tables, HEAD)
    if _text("", tables, "name") != name:
        raise ProfileError(f"name: must be that of the file, {name}")
    if not name.strip("0123456789."):
        raise ProfileError("name: must have a letter; digits and dots are labels of SunSpec models")
    words = _choice("", tables, "words", ORDERS, "big")
    serial = _serial(_table(tables, "serial"), words)
    entries = tables.get("register")
    if not isinstance(entries, list) or not entries:
        raise ProfileError("register: give a [[register]] for each column")
    columns: list[ProfileColumn] = []
    for position, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise ProfileError(f"register {position}: must be a table, [[register]]")
        column = _column(f"register {position}", entry, words)
        if column.column in {other.column for other in columns}:
            raise ProfileError(f"register {position}: column: {column.column} stands there twice")
        columns.append(column)
    blocks = _blocks(tables)
    at_serial = Extent(serial.address, serial.size)
    extents = [extent for column in columns for extent in column.extents]
    if blocks:
        _all_inside(blocks, [at_serial, *extents])
    return Profile(
        name=name,
        unit=_whole("", tables, "unit", 0, 255),
        serial=serial,
        columns=tuple(columns),
        reads=_reads(blocks, extents),
        notes={key: _text("", tables, key) for key in ("maker", "says", "manual")}
        | {key: _text("", tables, key, MOST_SENTENCE) for key in ("source",) if key in tables},
    )


def _serial(entry: Mapping[str, Any], words: str) -> SerialAt:
    where = "serial: "
    _no_others(where, entry, SERIAL)
    _notes(where, entry)
    kind = _choice(where, entry, "type", {TEXT: True, **SIZES})
    if kind == TEXT:
        size = _whole(where, entry, "registers", 1, LONGEST_SERIAL)
        number = None
    else:
        number = _number(where, entry, words)
        if kind in FLOATS or "registers" in entry:
            raise ProfileError(f"{where}type: must be {TEXT} with registers, or a whole number")
        size = number.size
    return SerialAt(_address(where, entry.get("address"), size), size, number)


def _column(position: str, entry: Mapping[str, Any], words: str) -> ProfileColumn:
    name = _text(f"{position}: ", entry, "column")
    where = f"{position} ({name}): "
    _no_others(where, entry, REGISTER)
    _notes(where, entry)
    known = _known_column(where, name)
    number = _number(where, entry, words)
    given = entry.get("address")
    several = given if isinstance(given, list) and given else [given]
    addresses = tuple(_address(where, one, number.size) for one in several)
    codes, bits = _table_of(where, entry, "codes", name), _table_of(where, entry, "bits", name)
    if codes is not None or bits is not None:
        unfit = [key for key in ("scale", "factor", "least", "most") if key in entry]
        if unfit:
            raise ProfileError(f"{where}{unfit[0]}: codes and bits are no quantities; leave it out")
        if len(addresses) > 1:
            raise ProfileError(f"{where}address: codes and bits stand at one address")
        if number.type in FLOATS:
            raise ProfileError(f"{where}type: codes and bits are whole numbers")
        high = next((bit for bit in bits or () if bit >= 16 * number.size), None)
        if high is not None:
            raise ProfileError(f"{where}bits: {high}: {number.type} has no such bit")
    factor = _factor(where, entry) * 10**known.decimals
    least, most = (_bound(where, entry, key, known.decimals) for key in ("least", "most"))
    if least is not None and most is not None and most < least:
        raise ProfileError(f"{where}most: is below least")
    return ProfileColumn(
        column=name,
        addresses=addresses,
        number=number,
        times=factor.numerator,
        over=factor.denominator,
        codes=codes,
        bits=bits,
        least=least,
        most=most,
        is_optional=_choice(where, entry, "optional", {False: False, True: True}, usual=False),
    )


def _known_column(where: str, name: str) -> Any:
    stem, _, digits = name.rpartition("_")
    if digits.isdecimal() and digits.isascii():
        known = COLUMNS.get(f"{stem}_n")
        if known is not None and digits == str(int(digits)) and 1 <= int(digits) <= MOST_INPUTS:
            return known
    elif name in COLUMNS and not COLUMNS[name].per_input:
        return COLUMNS[name]
    raise ProfileError(
        f"{where}column: contract/dictionary.json has none of that name; inputs are numbered "
        f"from 1, as in DCW_1"
    )


def _number(where: str, entry: Mapping[str, Any], words: str) -> NumberAt:
    kind = _choice(where, entry, "type", SIZES)
    size = SIZES[kind]
    patterns = entry.get("absent")
    if patterns is None:
        usual = NUMBERS[kind].absent if kind in NUMBERS else None
        patterns = [] if usual is None else [usual]
    most = (1 << 16 * size) - 1
    if not isinstance(patterns, list) or any(
        type(pattern) is not int or not 0 <= pattern <= most for pattern in patterns
    ):
        raise ProfileError(f"{where}absent: must be a list of bit patterns from 0 to 0x{most:X}")
    is_low_first = ORDERS[_choice(where, entry, "words", ORDERS, words)]
    return NumberAt(kind, size, is_low_first, frozenset(patterns))


def _factor(where: str, entry: Mapping[str, Any]) -> Fraction:
    if "scale" in entry and "factor" in entry:
        raise ProfileError(f"{where}factor: give scale or factor, not both")
    if "factor" not in entry:
        if "scale" not in entry:
            return Fraction(1)
        return Fraction(10) ** _whole(where, entry, "scale", -LARGEST_SCALE, LARGEST_SCALE)
    given = entry["factor"]
    # A factor of floating point would not be exact: there is no 0.1 among them.
    factor = Fraction(0)
    if type(given) in {int, str} and FACTOR.fullmatch(str(given)):
        with suppress(ZeroDivisionError):
            factor = Fraction(given)
    if factor == 0:
        raise ProfileError(f'{where}factor: must be a whole number or a text, as "-0.1" or "1/3"')
    return factor


def _bound(where: str, entry: Mapping[str, Any], key: str, decimals: int) -> int | None:
    if key not in entry:
        return None
    if type(entry[key]) not in {int, float} or not abs(entry[key]) < 10**15:
        raise ProfileError(f"{where}{key}: must be a number in the unit of the column")
    bound: int = round(entry[key] * 10**decimals)
    return bound


def _table_of(
    where: str, entry: Mapping[str, Any], key: str, column: str
) -> Mapping[int, int] | None:
    """Return codes or bits as numbers; a column of codes must have them, and no other may."""
    stem, _, digits = column.rpartition("_")
    listed = f"{stem}_n" if digits.isdecimal() else column
    known = (ENUMS if key == "codes" else BITS).get(listed)
    given = entry.get(key)
    if known is None:
        if given is not None:
            raise ProfileError(f"{where}{key}: {column} has none; leave them out, or use VndSt")
        return None
    if not isinstance(given, dict) or not given:
        raise ProfileError(
            f"{where}{key}: say which of the dictionary's each of the device's is, as {{0 = 1}}; "
            f"where none fits, use VndSt or VndFlt"
        )
    found: dict[int, int] = {}
    for theirs, ours in given.items():
        if not (theirs.isascii() and theirs.isdecimal() and len(theirs) <= MOST_DIGITS):
            raise ProfileError(f"{where}{key}: {theirs[:MOST_DIGITS]} must be a whole number")
        if type(ours) is not int or ours not in known:
            raise ProfileError(f"{where}{key}: {theirs}: the dictionary has no {ours!r}")
        found[int(theirs)] = ours
    return found


def _blocks(tables: Mapping[str, Any]) -> tuple[Read, ...]:
    given = tables.get("blocks", [])
    if not isinstance(given, list):
        raise ProfileError("blocks: must be a list of [address, count]")
    blocks: list[Read] = []
    for block in given:
        if not isinstance(block, list) or [type(part) for part in block] != [int, int]:
            raise ProfileError("blocks: must be a list of [address, count]")
        address, count = block
        if not 1 <= count <= MOST_REGISTERS or not 0 <= address <= REGISTERS_IN_ALL - count:
            raise ProfileError(f"blocks: {block}: must have 1 to {MOST_REGISTERS} registers")
        blocks.append(Read(address, count))
    blocks.sort(key=lambda block: block.address)
    for i in range(1, len(blocks)):
        if blocks[i].address < blocks[i - 1].end:
            raise ProfileError(f"blocks: that from {blocks[i].address} on overlaps another one")
    return tuple(blocks)


def _block_of(blocks: Sequence[Read], extent: Extent) -> Read | None:
    end = extent.address + extent.count
    return next((b for b in blocks if b.address <= extent.address and end <= b.end), None)


def _all_inside(blocks: Sequence[Read], extents: Sequence[Extent]) -> None:
    for extent in extents:
        if _block_of(blocks, extent) is None:
            raise ProfileError(f"blocks: the {extent.count} registers at {extent.address} of none")


def _reads(blocks: Sequence[Read], extents: Sequence[Extent]) -> tuple[Read, ...]:
    """Return the reads: one for each block, as long as needed; without blocks as few as can be."""
    if not blocks:
        return plan(extents)
    reads: list[Read] = []
    for block in blocks:
        inside = [extent for extent in extents if _block_of([block], extent)]
        if inside:
            first = min(extent.address for extent in inside)
            end = max(extent.address + extent.count for extent in inside)
            reads.append(Read(first, end - first))
    return tuple(reads)


def _table(tables: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    entry = tables.get(key)
    if not isinstance(entry, dict):
        raise ProfileError(f"{key}: the table [{key}] is missing")
    return entry


def _no_others(where: str, entry: Mapping[str, Any], known: Sequence[str]) -> None:
    others = sorted(set(entry) - set(known))
    if others:
        raise ProfileError(
            f"{where}{others[0]}: there is no such key; there are {', '.join(known)}"
        )


def _notes(where: str, entry: Mapping[str, Any]) -> None:
    _text(where, entry, "says")
    if "page" in entry:
        _text(where, entry, "page")


def _text(where: str, entry: Mapping[str, Any], key: str, most: int = MOST_TEXT) -> str:
    given = entry.get(key)
    if not isinstance(given, str) or not given.isprintable() or not 1 <= len(given) <= most:
        raise ProfileError(f"{where}{key}: must be a text of 1 to {most} characters")
    return given


def _whole(where: str, entry: Mapping[str, Any], key: str, least: int, most: int) -> int:
    given = entry.get(key)
    if type(given) is not int or not least <= given <= most:
        raise ProfileError(f"{where}{key}: must be a whole number from {least} to {most}")
    return given


def _choice(
    where: str,
    entry: Mapping[str, Any],
    key: str,
    known: Mapping[Any, Any],
    usual: str | bool | None = None,  # noqa: FBT001 - a value of the file, not a flag
) -> Any:
    given = entry.get(key, usual)
    if type(given) not in {str, bool} or given not in known:
        told = ", ".join(str(one).lower() if one in {True, False} else str(one) for one in known)
        raise ProfileError(f"{where}{key}: must be one of {told}")
    return given


def _address(where: str, given: object, size: int) -> int:
    if type(given) is not int or not 0 <= given <= REGISTERS_IN_ALL - size:
        raise ProfileError(f"{where}address: must be that of a register, from 0 to 65535")
    return given
