"""Polls one device: learns its layout once, reads its telemetry, judges it, backs off when silent.

No wrong number leaves here: a value that did not come whole, from the right device, in the right
model, with a usable scale factor of the same instant, is null.
"""

from collections.abc import Callable, Mapping, Sequence

from edge_agent.backoff import Backoff
from edge_agent.dictionary import QUALITY_UNREACHABLE
from edge_agent.quality import SETTINGS, Counters, check_counters, code
from edge_agent.reading import Reading
from edge_agent.source import (
    Busy,
    DeviceRefused,
    NoSerial,
    ReadFailed,
    RegisterSource,
    Unreachable,
    WrongDevice,
    connections_of,
)
from edge_agent.sunspec.decode import raw
from edge_agent.sunspec.definitions import Point
from edge_agent.sunspec.layout import (
    COMMON,
    PORT_COUNTS,
    ColumnSource,
    Expected,
    Layout,
    PolledModel,
    Torn,
    back,
    front,
    layout,
    torn,
)
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.plan import MOST_REGISTERS, Cutter, Extent, Read, divided, extract, plan
from edge_agent.sunspec.scan import MARKER, UNITS, Chain, scan, walk

FIRST_PAUSE_S = 30
LONGEST_PAUSE_S = 900
"""A silent device is asked at least every quarter of an hour, so that a visit sees it come back."""
DAY_S = 86_400
RESCAN_AT_S = 9 * 3600
"""The layout is looked over once in a period that begins so long after midnight in UTC: at night in
North America, when nobody misses a second."""
TOO_LARGE = frozenset({2, 3, 4})
"""Exceptions with which devices refuse a read that is too long or crosses a border of theirs."""
MOST_ALONG = 72
"""From the marker to the end of the common model: what is checked in one read."""
LOOK_AGAIN_S = 300
"""A chain that broke off is asked for its rest so often."""
LOOKS_UNTIL_ENDED = 72
"""So many looks in a row that find no more, six hours at least, and the chain has no more."""
MOST_DIVISIONS = 5
"""A read is divided into its models, and a model's into halves, down to some eight registers."""

Fetched = Sequence[tuple[int, ...] | None]
Columns = dict[str, int | None]
Reader = Callable[[int, int, int], tuple[int, ...]]


class LayoutChanged(ReadFailed):
    """The registers are not those of the layout that was learnt: the device must be scanned."""

    def in_short(self) -> str:
        """See `ReadFailed`."""
        return "models changed"


class NotSunSpec(ReadFailed):
    """The device answers, but has no chain of SunSpec models in any of the usual places."""

    def in_short(self) -> str:
        """See `ReadFailed`."""
        return "no SunSpec models"


class ChainCutOff(ReadFailed):
    """Asking for the models failed before their end; what was found may not be all."""

    def in_short(self) -> str:
        """See `ReadFailed`."""
        return "models broke off"


def _serial_registers(read: Reader, chain: Chain) -> Expected | None:
    """Return where the serial number stands, and what stands there; None where nothing does."""
    point = _serial_point()
    for model in chain.models:
        if model.id == COMMON and model.length >= point.offset + point.size - 2:
            address = model.address + point.offset
            return Expected(address, read(chain.unit, address, point.size))
    return None


def _text_of_serial(registers: Expected) -> str:
    """Return the serial number without the blanks around it; empty when there is none.

    Letters that cannot be printed become question marks; the cloud takes no others.
    """
    text = str(raw(_serial_point(), registers.words, 0) or "")
    whole = text.partition("\0")[0].strip()
    return "".join(letter if letter.isprintable() else "?" for letter in whole)


def _serial_point() -> Point:
    return next(point for point in MODELS[COMMON].group.points if point.name == "SN")


def _always_whole() -> float:
    return 1.0


class Poller:
    """One device, its source of registers, and what was learnt of it.

    Attributes:
        serial: of the device; empty while it is not known.
        label: its models, such as `1.103.160.802`.
        failures: polls in a row to which it did not answer.
        why: why it is silent, in a few words; empty when it is not.
        chain: its models as they were found last; None while they are not known.
        counters: what its counters showed last, to be kept over a restart.
    """

    def __init__(
        self,
        source: RegisterSource,
        *,
        unit: int | None = None,
        rated_w: int | None = None,
        serial: str = "",
        label: str = "",
        wanted_serial: str = "",
        counters: Counters | None = None,
        draw: Callable[[], float] = _always_whole,
        rescan_s: int = DAY_S,
    ) -> None:
        """Prepare to poll; nothing is read yet.

        Args:
            source: where the registers come from.
            unit: its Modbus unit id; the usual ones are tried when it is not known.
            rated_w: rated AC power in watts, to tell jumps of the counters by.
            serial: serial number known from an earlier run, to report silence before first contact.
            label: layout known from an earlier run, for the same purpose.
            wanted_serial: the only serial number that is believed; any when empty. A device that
                never says one is called so.
            counters: what its counters showed in that run.
            draw: gives numbers from 0 to 1, of which the pauses of a silent device are made.
            rescan_s: how often the layout is looked over.
        """
        is_known = wanted_serial in {"", serial}
        self.serial = wanted_serial or serial
        self.label = label if is_known else ""
        self.failures = 0
        self.why = ""
        self.chain: Chain | None = None
        self.counters = counters if is_known else None
        self._source = source
        self._units = UNITS if unit is None else (unit,)
        self._rated_w = rated_w
        self._wanted = wanted_serial
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, draw)
        self._failed_at = 0
        self._rescan_s = rescan_s
        self._period = -1
        self._cut_off: Chain | None = None
        self._looks = 0
        self._looked_at = 0
        self._says_serial = False
        self._layout: Layout | None = None
        self._is_checked = False
        self._connections = 0
        self._cutter = Cutter(())
        self._divisions: dict[Read, int] = {}
        self._longest = MOST_REGISTERS
        self._passing = 0
        self._torn: dict[int, Torn] = {}
        self._gaps: frozenset[int] = frozenset()

    def poll(self, at: int) -> Reading | None:
        """Return the reading for the instant `at`; None while the device was never identified.

        A device that did not answer is left alone for a while, twice as long after each failure;
        meanwhile it counts as unreachable without being asked.
        """
        # A clock that was put back does not make the pause longer.
        if at >= self._failed_at and not self._backoff.may_try(at):
            return self._silence(at)
        try:
            reading = self._reading(at)
        except ReadFailed as error:
            self._backoff.failed(at)
            self.failures = self._backoff.failures
            self._failed_at = at
            self._is_checked = False
            self.why = error.in_short()
            return self._silence(at)
        self._backoff.succeeded()
        self.failures = 0
        self.why = ""
        self._look_over(at)
        return reading

    def close(self) -> None:
        """Let go of the connection."""
        self._source.close()

    def _silence(self, at: int) -> Reading | None:
        # A section without models is no section: what was never met has none yet, only a `why`.
        if not self.serial or not self.label:
            return None
        return Reading(self.serial, at, QUALITY_UNREACHABLE, self.label)

    def _reading(self, at: int) -> Reading:
        known = self._layout or self._learn(at)
        fetched = self._fetch(known)
        try:
            self._check(known, fetched)
            values, is_partial, is_doubtful = self._values(known, fetched)
        except LayoutChanged:
            self._layout = None
            known = self._learn(at)
            fetched = self._fetch(known)
            self._check(known, fetched)
            values, is_partial, is_doubtful = self._values(known, fetched)
        checked = check_counters(
            values, at, self.counters, self._rated_w, lambda name: self._turn(known, fetched, name)
        )
        self.counters = checked.counters
        quality = code(
            checked.values,
            is_suspect=checked.is_suspect or is_doubtful,
            is_partial=is_partial or self._may_have_more(known.chain),
        )
        return Reading(self.serial, at, quality, self.label, checked.values)

    def _learn(self, at: int) -> Layout:
        """Scan the device, and forget the counters when it is another one than before."""
        self._layout = None
        self._longest = MOST_REGISTERS
        self._connections = connections_of(self._source)
        chain = scan(self._source, self._units)
        if chain is None:
            raise NotSunSpec(f"scanning units {self._units}: no SunSpec models found")
        if not chain.is_cut_off:
            self._cut_off = None
        elif chain != self._cut_off or all(model.id != COMMON for model in chain.models):
            # Read, as partial, when it is the same at the next try.
            if chain != self._cut_off:
                self._cut_off, self._looks = chain, 0
            raise ChainCutOff(f"scanning unit {chain.unit}: asking broke off at {chain.end}")
        if not chain.models:
            raise NotSunSpec(f"scanning unit {chain.unit}: a marker, and no models behind it")
        registers = _serial_registers(self._in_pieces, chain)
        serial = self._serial_from(chain, registers)
        if serial != self.serial:
            self.counters = None
        self.serial, self.label, self.chain = serial, chain.label, chain
        self._looked_at = at
        first = chain.models[0]
        ends = (
            *front(chain, registers or Expected(first.address, (first.id, first.length))),
            *back(chain),
        )
        known = layout(chain, self._counts(chain), ends)
        self._divisions = {}
        self._ask_in(known, known.reads)
        self._is_checked = True
        self._period = self._period_of(at)
        self._layout = known
        return known

    def _serial_from(self, chain: Chain, registers: Expected | None) -> str:
        """Return the serial number of the device, or what the settings call one without.

        Raises:
            NoSerial: it has none, and the settings name none.
            WrongDevice: it is not the wanted one; one that said its number before never has none.
        """
        serial = _text_of_serial(registers) if registers else ""
        if not serial and not self._wanted:
            raise NoSerial(f"scanning unit {chain.unit}: no serial number")
        is_other_label = bool(self.label) and self.label != chain.label
        if not serial and (self._says_serial or is_other_label):
            raise WrongDevice(f"scanning unit {chain.unit}: no serial number, not {self._wanted}")
        if serial and self._wanted and serial != self._wanted:
            raise WrongDevice(f"scanning unit {chain.unit}: it is {serial}, not {self._wanted}")
        self._says_serial = bool(serial)
        return serial or self._wanted

    def _may_have_more(self, chain: Chain) -> bool:
        """Tell whether asking for the models broke off, and not often enough at the same place."""
        return chain.is_cut_off and self._looks < LOOKS_UNTIL_ENDED

    def _counts(self, chain: Chain) -> Mapping[int, int]:
        """Return how many ports each model that says so has, by the model's address."""
        found: dict[int, int] = {}
        for model in chain.models:
            if model.id in PORT_COUNTS:
                points = MODELS[model.id].group.points
                point = next(point for point in points if point.name == PORT_COUNTS[model.id])
                try:
                    (count,) = self._source.read(chain.unit, model.address + point.offset, 1)
                except Unreachable:
                    raise
                except ReadFailed:
                    continue
                if 0 < count < 0xFFFF:
                    found[model.address] = count
        return found

    def _ask_in(self, known: Layout, reads: Sequence[Read]) -> None:
        """Fetch in these reads from now on."""
        self._cutter = Cutter(reads)
        apart = {polled.model.address: torn(polled, reads) for polled in known.models}
        self._torn = {address: found for address, found in apart.items() if found is not None}

    def _fetch(self, known: Layout) -> Fetched:
        """Do the reads of the plan; one that the device refuses is None, silence raises.

        A refused read that is given in parts is asked for in parts from then on.

        Raises:
            ReadFailed: nothing at all could be read.
        """
        fetched: list[tuple[int, ...] | None] = []
        reads: list[Read] = []
        failure: ReadFailed | None = None
        for read in self._cutter.reads:
            try:
                fetched.append(self._ask(known, read))
                reads.append(read)
            except Unreachable:
                raise
            except ReadFailed as error:
                failure = error
                for part, words in self._in_parts(known, read, error):
                    fetched.append(words)
                    reads.append(part)
        if failure is not None:
            if all(words is None for words in fetched):
                raise failure
            if tuple(reads) != self._cutter.reads:
                self._ask_in(known, reads)
        return fetched

    def _in_pieces(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        """Return registers that need not be of one instant, in reads as short as the device wants.

        Raises:
            ReadFailed: it does not even give one of them alone.
        """
        words: tuple[int, ...] = ()
        while len(words) < count:
            size = min(self._longest, count - len(words))
            try:
                words += self._source.read(unit, address + len(words), size)
            except DeviceRefused as error:
                if error.code not in TOO_LARGE:
                    raise
                if size == 1:
                    self._longest = MOST_REGISTERS
                    raise
                self._longest = size // 2
        return words

    def _in_parts(
        self, known: Layout, read: Read, error: ReadFailed
    ) -> list[tuple[Read, tuple[int, ...] | None]]:
        """Return the parts of a refused read; the read itself when dividing it gives nothing.

        Of one model all parts are needed: when the device refuses one, the others are not asked.
        """
        divisions = self._divisions.get(read, 0)
        may_divide = isinstance(error, DeviceRefused) and error.code in TOO_LARGE
        self._passing += not may_divide
        passing = self._passing
        # The common model is read along where it costs nothing, and not for its own sake.
        parts = tuple(
            part
            for part in divided(read, known.extents)
            if any(
                part.address < p.extent.end and p.extent.address < part.end for p in known.models
            )
        )
        if not may_divide or divisions >= MOST_DIVISIONS or parts == (read,):
            return [(read, None)]
        is_one_model = (
            sum(e.address < read.end and read.address < e.end for e in known.extents) == 1
        )
        found: list[tuple[Read, tuple[int, ...] | None]] = []
        for part in parts:
            if is_one_model and any(words is None for _, words in found):
                break
            self._divisions[part] = divisions + 1
            try:
                found.append((part, self._ask(known, part)))
            except Unreachable:
                raise
            except ReadFailed as refusal:
                found += self._in_parts(known, part, refusal)
        given = [words is not None for _, words in found]
        if all(given) or (any(given) and not is_one_model):
            return found
        if self._passing == passing:
            self._divisions[read] = MOST_DIVISIONS
        return [(read, None)]

    def _ask(self, known: Layout, read: Read) -> tuple[int, ...]:
        return self._source.read(known.chain.unit, read.address, read.count)

    def _check(self, known: Layout, fetched: Fetched) -> None:
        """Compare both ends of the chain with what they were, as far as the reads hold them.

        After a failure or at a new connection what they do not hold is asked for.

        Raises:
            LayoutChanged: an end is not what it was.
        """
        opened = connections_of(self._source)
        if opened != self._connections:
            # Somebody else on the same line may have opened it anew: who answers must be looked at.
            self._connections = opened
            self._is_checked = False
        missing: list[Expected] = []
        for end in known.ends:
            words = self._cutter.cut(fetched, end.address, len(end.words))
            if words is None:
                missing.append(end)
            elif words != end.words:
                raise LayoutChanged(f"reading {len(words)} registers at {end.address}: not as ever")
        if self._is_checked:
            return
        reads = _joined(missing)
        try:
            asked = [self._in_pieces(known.chain.unit, one.address, one.count) for one in reads]
        except Busy:
            raise
        except DeviceRefused as error:
            raise LayoutChanged(f"checking the layout: {error}") from error
        for end in missing:
            words = extract(reads, asked, Extent(end.address, len(end.words)))
            if words != end.words:
                raise LayoutChanged(f"reading the layout at {end.address}: not as ever")
        self._is_checked = True

    def _values(self, known: Layout, fetched: Fetched) -> tuple[Columns, bool, bool]:
        """Return the columns, whether a model is missing, and whether a value was refused.

        Raises:
            LayoutChanged: a model does not start with its own number and length.
        """
        values: Columns = {}
        gaps: set[int] = set()
        is_doubtful = False
        for polled in known.models:
            words = self._cutter.cut(fetched, polled.extent.address, polled.extent.count)
            if words is None:
                gaps.add(polled.model.address)
                continue
            if words[:2] != (polled.model.id, polled.model.length):
                raise LayoutChanged(f"reading model {polled.model.id}: something else is there")
            found, unusable = polled.decoder.columns(words)
            values |= found
            moved = self._moved(known, polled, words)
            if moved:
                values |= dict.fromkeys(moved)
            is_doubtful = is_doubtful or not SETTINGS.issuperset((*unusable, *moved))
        if not gaps <= self._gaps:
            self._is_checked = False
        self._gaps = frozenset(gaps)
        return values, bool(gaps), is_doubtful

    def _moved(self, known: Layout, polled: PolledModel, words: Sequence[int]) -> frozenset[str]:
        """Return the columns whose scale factor is not proved to be of the same instant.

        Their model is longer than a read, or had to be divided: the factors are read again.
        """
        apart = self._torn.get(polled.model.address)
        if apart is None:
            return frozenset()
        try:
            again = apart.again
            after = self._in_pieces(known.chain.unit, again.address, again.count)
        except Unreachable:
            raise
        except ReadFailed:
            return apart.columns
        start = apart.again.address - polled.model.address
        is_same = after == tuple(words[start : start + apart.again.count])
        return frozenset() if is_same else apart.columns

    def _turn(self, known: Layout, fetched: Fetched, name: str) -> int | None:
        """Return where a counter begins again at 0; only asked of one that fell."""
        for polled in known.models:
            column = _column(polled.columns, name)
            words = self._cutter.cut(fetched, polled.extent.address, polled.extent.count)
            if words is not None and column is not None:
                return column.turns_over_at(words)
        return None

    def _look_over(self, at: int) -> None:
        """Walk the chain once a night, after a reading; learn anew when it is not what it was.

        Of a chain that broke off the rest is asked for more often.
        """
        known = self._layout
        if known is None:
            return
        # A clock that was put back does not make the wait longer.
        is_due = not 0 <= at - self._looked_at < LOOK_AGAIN_S
        if self._may_have_more(known.chain) and is_due:
            self._looked_at = at
            rest = walk(self._source, known.chain.unit, known.chain.end - len(MARKER))
            self._looks += 1
            if rest.models or not rest.is_cut_off:
                self._layout = None
                return
        if self._period_of(at) == self._period:
            return
        self._period = self._period_of(at)
        chain = walk(self._source, known.chain.unit, known.chain.base)
        if chain.is_cut_off and chain != known.chain:
            self._is_checked = False
        elif chain != known.chain:
            self._layout = None

    def _period_of(self, at: int) -> int:
        return (at - RESCAN_AT_S) // self._rescan_s


def _column(columns: Sequence[ColumnSource], name: str) -> ColumnSource | None:
    return next((column for column in columns if column.column == name), None)


def _joined(ends: Sequence[Expected]) -> tuple[Read, ...]:
    """Return few reads that hold all of these; what lies between is read along."""
    reads: list[Read] = []
    for read in plan(Extent(end.address, len(end.words)) for end in ends):
        if reads and read.end - reads[-1].address <= MOST_ALONG:
            reads[-1] = Read(reads[-1].address, read.end - reads[-1].address)
        else:
            reads.append(read)
    return tuple(reads)
