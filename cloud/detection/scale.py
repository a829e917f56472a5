"""A site's own scale: learned from its first good days, followed slowly, never into a fault; pure."""

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
    """

    log: float
    learned_log: float | None = None
    days: tuple[float, ...] = ()

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
    return Scale(middle, middle)


def follow(scale: Scale, difference_log: float, *, terms: Terms) -> Scale:
    """Give the scale after a judged day that was not low (D-73, D-73a, D-73b).

    It follows a roof's seasons and its slow ageing. It does not go further below the warm-up's
    scale than the floor allows, so that a fault is never taken for a new normal.
    """
    assert scale.learned_log is not None  # noqa: S101 - the caller asks after the warm-up
    clipped = max(-terms.scale_clip, min(terms.scale_clip, difference_log))
    moved = scale.log + terms.scale_step * clipped
    return Scale(max(moved, scale.learned_log - terms.scale_floor), scale.learned_log)
