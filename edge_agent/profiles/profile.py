"""Polls a device that does not speak SunSpec, by a profile that says what its registers mean.

The columns are those of SunSpec devices, and the same rules hold: what did not come whole, is not
there, or cannot be, is null. Profiles are files (`edge_agent.profiles.file` reads them).
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from edge_agent.backoff import Backoff
from edge_agent.dictionary import QUALITY_UNREACHABLE
from edge_agent.quality import SETTINGS, Counters, check_counters, code, is_counter
from edge_agent.reading import Reading
from edge_agent.source import (
    NoSerial,
    ReadFailed,
    RegisterSource,
    Unreachable,
    WrongDevice,
    connections_of,
)
from edge_agent.sunspec.decode import NUMBERS
from edge_agent.sunspec.plan import Extent, Read, extract

FIRST_PAUSE_S = 30
LONGEST_PAUSE_S = 900
"""A silent device is asked at least every quarter of an hour, so that a visit sees it come back."""
LIMIT = 2**63
"""Values in a chunk lie in -LIMIT .. LIMIT-1."""
FLOATS: Mapping[str, str] = {"float32": ">f", "float64": ">d"}


class Implausible(Exception):
    """A column (the argument) has a number that cannot be."""


@dataclass(frozen=True, slots=True)
class NumberAt:
    """How a number stands in registers.

    Attributes:
        type: a type of SunSpec: `uint16`, `int32`, `acc32`, `float32` ...
        size: registers.
        is_low_word_first: whether the least significant register comes first.
        absent: bit patterns that mean that the device has no such value.
    """

    type: str
    size: int
    is_low_word_first: bool
    absent: frozenset[int]

    def read(self, words: Sequence[int]) -> int | float | None:
        """Return the number in these registers; None when there is none."""
        pattern = 0
        for word in reversed(words) if self.is_low_word_first else words:
            pattern = pattern << 16 | word
        if pattern in self.absent:
            return None
        if self.type in FLOATS:
            data = pattern.to_bytes(2 * self.size, "big")
            number: float = struct.unpack(FLOATS[self.type], data)[0]
            return number if math.isfinite(number) else None
        bits = 16 * self.size
        if NUMBERS[self.type].is_signed and pattern >> (bits - 1):
            pattern -= 1 << bits
        return pattern


@dataclass(frozen=True, slots=True)
class ProfileColumn:
    """One column and where its value comes from.

    Attributes:
        column: name in the dictionary.
        addresses: where numbers of this kind stand; the value is the sum of those that there are.
        number: how they stand there.
        times: with `over`, the exact factor from the number to the dictionary's decimals.
        over: see `times`.
        codes: the dictionary's code for each of the device's; None when it is no code.
        bits: the dictionary's bit for each of the device's; None when they are no bits.
        least: smallest value that can be, in the dictionary's decimals; None without a bound.
        most: largest value that can be.
        is_optional: whether some devices of the kind have no such registers.
    """

    column: str
    addresses: tuple[int, ...]
    number: NumberAt
    times: int = 1
    over: int = 1
    codes: Mapping[int, int] | None = None
    bits: Mapping[int, int] | None = None
    least: int | None = None
    most: int | None = None
    is_optional: bool = False

    @property
    def extents(self) -> tuple[Extent, ...]:
        """Return the stretches of registers that the value needs."""
        return tuple(Extent(address, self.number.size) for address in self.addresses)

    def present(self, parts: Sequence[Sequence[int]]) -> frozenset[int]:
        """Return which of the addresses, by position, hold a number."""
        return frozenset(i for i in range(len(parts)) if self.number.read(parts[i]) is not None)

    def value(self, parts: Sequence[Sequence[int]]) -> int | None:
        """Return the value in the dictionary's decimals, a half to even; None when there is none.

        A code that the profile does not know is None.

        Raises:
            Implausible: it is outside of what can be, or too large for a chunk.
        """
        numbers = [number for part in parts if (number := self.number.read(part)) is not None]
        if not numbers:
            return None
        if self.codes is not None:
            return self.codes.get(int(numbers[0]))
        if self.bits is not None:
            return sum(1 << to for at, to in self.bits.items() if int(numbers[0]) >> at & 1)
        value = sum(self._exact(number) for number in numbers)
        if not -LIMIT <= value < LIMIT:
            raise Implausible(self.column)
        if self.least is not None and value < self.least:
            raise Implausible(self.column)
        if self.most is not None and value > self.most:
            raise Implausible(self.column)
        return value

    def _exact(self, number: int | float) -> int:
        numerator, denominator = number.as_integer_ratio()
        divisor = denominator * self.over
        quotient, rest = divmod(numerator * self.times, divisor)
        return quotient + (2 * rest > divisor or (2 * rest == divisor and quotient % 2 == 1))


@dataclass(frozen=True, slots=True)
class SerialAt:
    """Where the serial number stands: text, or a number when `number` is given."""

    address: int
    size: int
    number: NumberAt | None = None

    def text(self, words: Sequence[int]) -> str:
        """Return the serial number without blanks around it; empty when there is none.

        Letters that cannot be printed become question marks; the cloud takes no others.
        """
        if self.number is not None:
            number = self.number.read(words)
            return "" if not number else str(number)
        data = struct.pack(f">{len(words)}H", *words).split(b"\0", 1)[0]
        text = data.decode("utf-8", errors="replace").strip()
        return "".join(letter if letter.isprintable() else "?" for letter in text)


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of device: its registers, and the reads that fetch them all."""

    name: str
    unit: int
    serial: SerialAt
    columns: tuple[ProfileColumn, ...]
    reads: tuple[Read, ...]
    notes: Mapping[str, str] = field(default_factory=dict)
    """Maker, manual and what else the file says for people."""


def read_serial(source: RegisterSource, profile: Profile, unit: int | None = None) -> str:
    """Return the serial number of the device that answers.

    Raises:
        NoSerial: it has none where the profile says.
        ReadFailed: it could not be read.
    """
    at = profile.serial
    asked = profile.unit if unit is None else unit
    serial = at.text(source.read(asked, at.address, at.size))
    if not serial:
        raise NoSerial(f"reading the serial number by profile {profile.name}: there is none")
    return serial


class ProfilePoller:
    """One device that a profile describes, its source of registers, and what is known of it.

    Attributes:
        serial: of the device; empty while it is not known.
        label: name of the profile.
        failures: polls in a row to which it did not answer.
        why: why it is silent, in a few words; empty when it is not.
        counters: what its counters showed last, to be kept over a restart.
    """

    def __init__(
        self,
        source: RegisterSource,
        profile: Profile,
        *,
        unit: int | None = None,
        rated_w: int | None = None,
        serial: str = "",
        wanted_serial: str = "",
        counters: Counters | None = None,
        draw: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """Prepare to poll; nothing is read yet.

        Args:
            source: where the registers come from.
            profile: what they mean.
            unit: its Modbus unit id; that of the profile when not given.
            rated_w: rated AC power in watts, to tell jumps of the counters by.
            serial: serial number known from an earlier run, to report silence before first contact.
            wanted_serial: the only serial number that is believed; any when empty.
            counters: what its counters showed in that run.
            draw: gives numbers from 0 to 1, of which the pauses of a silent device are made.
        """
        self.serial = wanted_serial or serial
        self.label = profile.name
        self.failures = 0
        self.why = ""
        self.counters = counters if wanted_serial in {"", serial} else None
        self._source = source
        self._profile = profile
        self._unit = profile.unit if unit is None else unit
        self._rated_w = rated_w
        self._wanted_serial = wanted_serial
        self._is_identified = False
        self._seen: dict[str, frozenset[int]] = {}
        self._connections = 0
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, draw)

    def poll(self, at: int) -> Reading | None:
        """Return the reading for the instant `at`; None while the device was never identified.

        A device that did not answer is left alone for a while, longer after each failure; meanwhile
        it counts as unreachable without being asked. When it is back, its serial number is asked
        for first: another device may have its address now.
        """
        if not self._backoff.may_try(at):
            return self._silence(at)
        try:
            reading = self._reading(at)
        except ReadFailed as error:
            self.why = error.in_short()
            self._is_identified = False
            self._backoff.failed(at)
            self.failures = self._backoff.failures
            return self._silence(at)
        self.why = ""
        self._backoff.succeeded()
        self.failures = 0
        return reading

    def close(self) -> None:
        """Let go of the connection; any thread may call it."""
        self._source.close()

    def _silence(self, at: int) -> Reading | None:
        if not self.serial:
            return None
        return Reading(self.serial, at, QUALITY_UNREACHABLE, self.label)

    def _reading(self, at: int) -> Reading:
        if not self._is_identified:
            self._identify()
        fetched = self._fetch()
        if connections_of(self._source) != self._connections:
            # Somebody else on the same line has lost the connection, and this read opened it anew.
            self._identify()
        values, has_gap, is_odd = values_of(self._profile, fetched, self._seen)
        checked = check_counters(values, at, self.counters, self._rated_w, self._turn)
        self.counters = checked.counters
        quality = code(checked.values, is_suspect=checked.is_suspect or is_odd, is_partial=has_gap)
        return Reading(self.serial, at, quality, self.label, checked.values)

    def _turn(self, name: str) -> int | None:
        """Return the value at which a counter begins again at 0, when it has 32 bits."""
        column = next(column for column in self._profile.columns if column.column == name)
        if column.number.type not in {"uint32", "acc32"} or len(column.addresses) > 1:
            return None
        return 2**32 * column.times // column.over

    def _identify(self) -> None:
        """Learn who answers, and forget the counters when it is another device than before."""
        serial = read_serial(self._source, self._profile, self._unit)
        if self._wanted_serial and serial != self._wanted_serial:
            raise WrongDevice(f"reading by profile {self.label}: another device answers there")
        if serial != self.serial:
            self.counters = None
            self._seen = {}
        self.serial = serial
        self._is_identified = True
        self._connections = connections_of(self._source)

    def _fetch(self) -> list[tuple[int, ...] | None]:
        """Do the reads; one that the device refuses is None, silence raises."""
        fetched: list[tuple[int, ...] | None] = []
        for read in self._profile.reads:
            try:
                fetched.append(self._source.read(self._unit, read.address, read.count))
            except Unreachable:
                raise
            except ReadFailed:
                fetched.append(None)
        return fetched


def values_of(
    profile: Profile,
    fetched: Sequence[Sequence[int] | None],
    seen: dict[str, frozenset[int]],
) -> tuple[dict[str, int | None], bool, bool]:
    """Return the columns, whether one that must be there is missing, and whether one cannot be.

    A sum of which a part is gone that was there before, or any part of a counter, would be too
    small: it is null, and missing. One of which all parts are absent is null like any other.

    Args:
        profile: what the registers mean.
        fetched: what each read of the profile gave, None where it was refused.
        seen: the parts of each sum that the device has shown so far; new ones are added.
    """
    values: dict[str, int | None] = {}
    has_gap = is_odd = False
    for column in profile.columns:
        parts = [extract(profile.reads, fetched, extent) for extent in column.extents]
        whole = [part for part in parts if part is not None]
        if len(whole) < len(parts):
            has_gap = has_gap or not column.is_optional
            if not column.is_optional:
                values[column.column] = None
            continue
        if len(parts) > 1:
            there = column.present(whole)
            needed = seen.get(column.column, frozenset())
            if is_counter(column.column):
                needed = frozenset(range(len(parts)))
            if there and not there >= needed:
                values[column.column] = None
                has_gap = True
                continue
            seen[column.column] = there | needed
        try:
            values[column.column] = column.value(whole)
        except Implausible:
            values[column.column] = None
            is_odd = is_odd or column.column not in SETTINGS
    return values, has_gap, is_odd
