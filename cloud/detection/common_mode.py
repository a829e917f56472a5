"""A fault that a whole make, model or firmware has: neighbours of one kind hide it; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from statistics import median

from cloud.detection.terms import Terms


@dataclass(frozen=True, slots=True)
class Hint:
    """A kind of device that makes less than all others, for somebody to look at; never a case.

    Attributes:
        ratio: what its middle site makes of what the middle one of the others makes.
    """

    kind: str
    sites: int
    others: int
    ratio: float


def hints(said: Mapping[str, float], kinds: Mapping[str, str], terms: Terms) -> tuple[Hint, ...]:
    """Give the kinds whose middle site was below the floor of a day, the worst first (D-79).

    Where there are too few others, a kind is put beside its own expectation instead, which an
    hourly feed makes meaningful: then `others` is 0.

    Args:
        said: site -> logarithm of what it made of its own expectation by the weather alone.
        kinds: site -> make, model and firmware.
        terms: the numbers of the day.
    """
    by_kind: dict[str, list[float]] = {}
    for site_id in sorted(said):
        if site_id in kinds:
            by_kind.setdefault(kinds[site_id], []).append(said[site_id])
    found = []
    for kind, values in by_kind.items():
        if len(values) < terms.fewest_of_a_kind:
            continue
        others = [value for other, of in by_kind.items() if other != kind for value in of]
        is_alone = len(others) < terms.fewest_of_a_kind
        apart = median(values) - (0.0 if is_alone else median(others))
        if apart < log(terms.production_floor / 100):
            found.append(Hint(kind, len(values), 0 if is_alone else len(others), exp(apart)))
    return tuple(sorted(found, key=lambda hint: (hint.ratio, hint.kind)))
