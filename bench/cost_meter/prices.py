"""The dated prices of `prices.toml`, checked when they are read."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

PRICES = Path(__file__).with_name("prices.toml")
CONFIDENCE = ("seen", "harvested", "memory")


@dataclass(frozen=True, slots=True)
class Price:
    """What a meter costs.

    Attributes:
        part: of the bill, in which it is counted.
        per: so many units cost the price.
        tiers: up to how many units a month, and the price; the last has no end.
        seen: when somebody looked.
        confidence: one of `CONFIDENCE`.
    """

    meter: str
    part: str
    per: float
    tiers: tuple[tuple[float, float], ...]
    seen: date
    source: str
    confidence: str

    def __post_init__(self) -> None:
        if self.confidence not in CONFIDENCE or not self.source or not self.tiers or self.per <= 0:
            msg = f"price of {self.meter}: source, confidence, tiers or unit is wrong"
            raise ValueError(msg)

    def dollars(self, units: float, *, before: float = 0.0) -> float:
        """Give what so many units of a month cost, behind those that were used before them."""
        return self._all(before + units) - self._all(before)

    def _all(self, units: float) -> float:
        total = begins = 0.0
        for ends, price in self.tiers:
            some = units - begins if not ends else min(units, ends) - begins
            total += max(0.0, some) * price / self.per
            begins = ends or begins
        return total


@dataclass(frozen=True, slots=True)
class Work:
    """How counted work becomes billed time, and how queues are polled.

    Attributes:
        us_per_call: of a whole processor, by function; `other` for those that are not named.
        wait_ms: for an answer, by service.
    """

    us_per_call: Mapping[str, float]
    wait_ms: Mapping[str, float]
    whole_processor_mb: float
    pollers: int
    poll_s: float
    round_trip_s: float
    own_send_s: float

    def spent_ms(self, function: str, calls: float) -> float:
        """Give how long so much work takes a whole processor."""
        return calls * self.us_per_call.get(function, self.us_per_call["other"]) / 1000


@dataclass(frozen=True, slots=True)
class Prices:
    """All of them, by meter."""

    by: Mapping[str, Price]
    work: Work

    @property
    def parts(self) -> list[str]:
        """Name the parts of the bill, in the order of the file."""
        return list(dict.fromkeys(price.part for price in self.by.values()))


def load(path: Path = PRICES) -> Prices:
    """Read the prices.

    Raises:
        ValueError: an entry is wrong, or a meter has two prices; the message names it.
    """
    read = tomllib.loads(path.read_text(encoding="utf-8"))
    found = [_price(one) for one in read["price"]]
    by = {one.meter: one for one in found}
    if len(by) < len(found):
        raise ValueError("prices: a meter has two; keep one of them")
    return Prices(by, Work(**read["work"]))


def _price(one: Mapping[str, Any]) -> Price:
    tiers = tuple((float(ends), float(price)) for ends, price in one["tiers"])
    return Price(**{**one, "tiers": tiers})
