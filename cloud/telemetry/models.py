"""What the field said, as values: samples of a device, days of energy of a site."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of one device.

    Attributes:
        at: the instant it was read.
        quality: a code of the dictionary (ok, asleep, unreachable, ...).
        columns: column name -> value in the dictionary's fixed units, None for not known.
        layout: the device's SunSpec models, which are known also while it is silent.
    """

    at: datetime
    quality: int
    columns: Mapping[str, int | None]
    layout: str = ""


class PvEnergySource(StrEnum):
    """Where the energy of a day comes from, the best first (T-05).

    Energies of different sources are not comparable: DC energy knows no loss of the inverter. What
    is learned of a site is learned anew when its source changes.
    """

    AC_COUNTER = "ac_counter"
    """The inverter's lifetime counter: true wherever no battery hangs on its DC side."""
    INPUT_COUNTERS = "input_counters"
    """DC counters of the MPPT inputs (model 160)."""
    PORT_COUNTERS = "port_counters"
    """DC counters of the ports that modules hang on (model 714)."""
    MODULES_COUNTER = "modules_counter"
    """DC energy of all modules together: a counter of a device outside of SunSpec, or one that the
    gateway sums. Which of them it is, a chunk does not tell."""
    DC_POWER = "dc_power"
    """DC power of the modules, summed over the samples."""
    AC_AND_BATTERY = "ac_and_battery"
    """The AC counter, plus what went into the battery, less what came out: of low quality."""


COUNTED = frozenset(
    {PvEnergySource.AC_COUNTER, PvEnergySource.INPUT_COUNTERS, PvEnergySource.PORT_COUNTERS}
)
"""Sources of which a day's energy is the difference of counters, and nothing else.

The counter of all modules is none of them: where the gateway sums it, what was made while the
gateway could not read is left out, and the difference over a gap would look like a loss.
"""


@dataclass(frozen=True, slots=True)
class DayOfEnergy:
    """What a site made on one day of its standard time.

    Attributes:
        pv_wh: what the modules made over the day, in watt-hours; None is unknown and never zero.
        completeness: samples with a reading, over samples expected, 0 to 1.
        throttled_share: share of the daylight samples in which a limit held the inverter back, 0 to
            1, of the inverter that was held back most (T-03).
        state_minutes: minutes in each operating state, by its name in the table of codes; those of
            several inverters are summed.
        event_bits: table of bits -> all bits seen on the day; tables without any are left out.
        inputs_wh: input or port with modules, as ``serial/number`` -> DC energy, None for unknown.
        pv_energy_source: where `pv_wh` comes from; of several inverters, the worst.
        opening_wh: counter -> what it showed at the start of the day, None for unknown. Counters
            are named as serial number or as ``serial/number``; estimated energy has none.
        closing_wh: the same at the day's end.
        coldest_c: lowest temperature inside a cabinet while it was dark, in degrees Celsius.
        hybrids: serial numbers of the inverters with a battery on their DC side, also those that
            were known to be such before.
    """

    day: date
    pv_wh: int | None
    completeness: float
    throttled_share: float = 0.0
    state_minutes: Mapping[str, int] = field(default_factory=dict)
    event_bits: Mapping[str, int] = field(default_factory=dict)
    inputs_wh: Mapping[str, int | None] = field(default_factory=dict)
    pv_energy_source: PvEnergySource = PvEnergySource.AC_COUNTER
    opening_wh: Mapping[str, int | None] = field(default_factory=dict)
    closing_wh: Mapping[str, int | None] = field(default_factory=dict)
    coldest_c: float | None = None
    hybrids: tuple[str, ...] = ()

    @property
    def is_counter_delta(self) -> bool:
        """Tell whether the energy is known and is the very difference of lifetime counters."""
        return self.pv_wh is not None and self.pv_energy_source in COUNTED
