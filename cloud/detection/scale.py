"""A site's own scale: learned from good days, followed slowly, never into a fault; pure."""

from dataclasses import dataclass
from statistics import median

from cloud.detection.terms import Terms


@dataclass(frozen=True, slots=True)
class Scale:
    """What a site makes of its baseline when its neighbours make theirs, as a logarithm.

    Attributes:
        log: the scale of today.
        learned_log: the scale at the end of the warm-up, None while it is being learned.
        days: differences to the neighbours seen in the warm-up.
        seen: how many days it was learned from and has followed since.
    """

    log: float
    learned_log: float | None = None
    days: tuple[float, ...] = ()
    seen: int = 0

    @property
    def is_learned(self) -> bool:
        """Tell whether the warm-up is over."""
        return self.learned_log is not None


def learn(scale: Scale, seen_log: float, *, terms: Terms) -> Scale:
    """Give the scale after one more valid day of the warm-up (D-63).

    Args:
        scale: as it was.
        seen_log: what the site made of its baseline, less what the neighbours made of theirs.
        terms: the numbers of the day.
    """
    days = (*scale.days, seen_log)
    middle = median(days)
    if len(days) < terms.warm_up:
        return Scale(middle, None, days)
    return Scale(middle, middle, seen=len(days))


def follow(scale: Scale, difference_log: float, *, terms: Terms) -> Scale:
    """Give the scale after a judged day of a site that is not suspected (D-73, D-73a, D-73b).

    It follows a roof's seasons and its slow ageing, by good days and by single low ones alike:
    by good days alone it would only ever learn upwards. It does not go further below the warm-up's
    scale than the floor allows, so that a fault is never taken for a new normal.
    """
    assert scale.learned_log is not None  # noqa: S101 - the caller asks after the warm-up
    clipped = max(-terms.scale_clip, min(terms.scale_clip, difference_log))
    seen = scale.seen + 1
    moved = scale.log + max(terms.scale_step, 1 / seen) * clipped
    lowest = scale.learned_log - terms.scale_floor
    return Scale(max(moved, lowest), scale.learned_log, seen=seen)
