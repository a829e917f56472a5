"""What the field said, as values: samples of a device, days of energy of a site."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime


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


@dataclass(frozen=True, slots=True)
class DayOfEnergy:
    """What a site made on one day of its standard time.

    Attributes:
        pv_wh: difference of the lifetime counters over the day, in watt-hours; None is unknown and
            never zero.
        completeness: samples with a reading, over samples expected, 0 to 1.
    """

    day: date
    pv_wh: int | None
    completeness: float
