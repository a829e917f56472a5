"""Polls one device: learns its layout once, reads its telemetry, judges it, backs off when silent.

No wrong number leaves here: a value that did not come whole, in the right model, with a usable
scale factor, is null.
"""

from collections.abc import Sequence

from edge_agent.dictionary import QUALITY_UNREACHABLE
from edge_agent.quality import SETTINGS, Counters, check_counters, code
from edge_agent.reading import Reading
from edge_agent.source import ReadFailed, RegisterSource, Unreachable
from edge_agent.sunspec.decode import raw
from edge_agent.sunspec.layout import COMMON, Layout, PolledModel, ScaleUnusable, layout
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.plan import extract
from edge_agent.sunspec.scan import UNITS, Chain, scan

FIRST_PAUSE_S = 30
LONGEST_PAUSE_S = 900
"""A silent device is asked at least every quarter of an hour, so that a visit sees it come back."""

Fetched = Sequence[tuple[int, ...] | None]


class LayoutChanged(ReadFailed):
    """The registers are not those of the layout that was learnt: the device must be scanned."""


class NotSunSpec(ReadFailed):
    """The device answers, but has no chain of SunSpec models in any of the usual places."""


def serial_of(source: RegisterSource, chain: Chain) -> str:
    """Return the serial number from the common model, without the blanks around it.

    Letters that cannot be printed become question marks; the cloud takes no others.

    Raises:
        NotSunSpec: there is no common model, or no serial number in it.
    """
    point = next(point for point in MODELS[COMMON].group.points if point.name == "SN")
    for model in chain.models:
        if model.id == COMMON and model.length >= point.offset + point.size - 2:
            words = source.read(chain.unit, model.address + point.offset, point.size)
            text = str(raw(point, words, 0) or "").strip()
            serial = "".join(letter if letter.isprintable() else "?" for letter in text)
            if serial:
                return serial
    raise NotSunSpec(f"reading the serial number of unit {chain.unit}: there is none")


class Poller:
    """One device, its source of registers, and what was learnt of it."""

    def __init__(
        self,
        source: RegisterSource,
        *,
        unit: int | None = None,
        rated_w: int | None = None,
        serial: str = "",
        label: str = "",
    ) -> None:
        """Prepare to poll; nothing is read yet.

        Args:
            source: where the registers come from.
            unit: its Modbus unit id; the usual ones are tried when it is not known.
            rated_w: rated AC power in watts, to tell jumps of the counters by.
            serial: serial number known from an earlier run, to report silence before first contact.
            label: layout known from an earlier run, for the same purpose.
        """
        self.serial = serial
        self.label = label
        self.failures = 0
        self._source = source
        self._units = UNITS if unit is None else (unit,)
        self._rated_w = rated_w
        self._layout: Layout | None = None
        self._counters: Counters | None = None
        self._ask_again_at = 0

    def poll(self, at: int) -> Reading | None:
        """Return the reading for the instant `at`; None while the device was never identified.

        A device that did not answer is left alone for a while, twice as long after each failure;
        meanwhile it counts as unreachable without being asked.
        """
        if at < self._ask_again_at:
            return self._silence(at)
        try:
            reading = self._reading(at)
        except ReadFailed:
            pause = min(FIRST_PAUSE_S << min(self.failures, 10), LONGEST_PAUSE_S)
            self.failures += 1
            self._ask_again_at = at + pause
            return self._silence(at)
        self.failures = 0
        return reading

    def close(self) -> None:
        """Let go of the connection."""
        self._source.close()

    def _silence(self, at: int) -> Reading | None:
        if not self.serial:
            return None
        return Reading(self.serial, at, QUALITY_UNREACHABLE, self.label)

    def _reading(self, at: int) -> Reading:
        known = self._layout or self._learn()
        fetched = self._fetch(known)
        try:
            values, has_gap, has_bad_scale = self._values(known, fetched)
        except LayoutChanged:
            known = self._learn()
            values, has_gap, has_bad_scale = self._values(known, self._fetch(known))
        checked = check_counters(values, at, self._counters, self._rated_w)
        self._counters = checked.counters
        quality = code(
            checked.values, is_suspect=checked.is_suspect or has_bad_scale, is_partial=has_gap
        )
        return Reading(self.serial, at, quality, known.label, checked.values)

    def _learn(self) -> Layout:
        """Scan the device, and forget the counters when it is another one than before."""
        chain = scan(self._source, self._units)
        if chain is None:
            raise NotSunSpec(f"scanning units {self._units}: no SunSpec models found")
        serial = serial_of(self._source, chain)
        if serial != self.serial:
            self._counters = None
        self.serial, self.label = serial, chain.label
        self._layout = layout(chain)
        return self._layout

    def _fetch(self, known: Layout) -> Fetched:
        """Do the reads of the plan; one that the device refuses is None, silence raises."""
        fetched: list[tuple[int, ...] | None] = []
        for read in known.reads:
            try:
                fetched.append(self._source.read(known.chain.unit, read.address, read.count))
            except Unreachable:
                raise
            except ReadFailed:
                fetched.append(None)
        return fetched

    def _values(self, known: Layout, fetched: Fetched) -> tuple[dict[str, int | None], bool, bool]:
        """Return the columns, whether a model is missing, and whether a scale factor was unusable.

        Raises:
            LayoutChanged: a model does not start with its own number and length.
        """
        values: dict[str, int | None] = {}
        has_gap = has_bad_scale = False
        for polled in known.models:
            words = extract(known.reads, fetched, polled.extent)
            if words is None or not self._has_steady_scales(known, polled, words):
                has_gap = True
                continue
            if words[:2] != (polled.model.id, polled.model.length):
                self._layout = None
                raise LayoutChanged(f"reading model {polled.model.id}: something else is there")
            for column in polled.columns:
                try:
                    values[column.column] = column.value(words)
                except ScaleUnusable:
                    values[column.column] = None
                    has_bad_scale = has_bad_scale or column.column not in SETTINGS
        return values, has_gap, has_bad_scale

    def _has_steady_scales(
        self, known: Layout, polled: PolledModel, words: tuple[int, ...]
    ) -> bool:
        """Tell whether the scale factors of a long model are still what they were at its start."""
        again = polled.scales_again
        if again is None:
            return True
        try:
            after = self._source.read(known.chain.unit, again.address, again.count)
        except Unreachable:
            raise
        except ReadFailed:
            return False
        start = again.address - polled.model.address
        return after == words[start : start + again.count]
