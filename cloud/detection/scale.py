"""A site's own scale: learned from good days, followed slowly, never into a fault; pure."""

from dataclasses import dataclass
from statistics import median

from cloud.detection.terms import Terms


@dataclass(frozen=True, slots=True)
class Scale:
    """What a site makes of its baseline when its neighbours make theirs, as a logarithm.

    Attributes:
        log: the scale of today.
        anchor_log: its own slow mean, which begins at the end of the warm-up; None before.
        days: differences to the neighbours seen in the warm-up.
        seen: how many days it was learned from and has followed since.
    """

    log: float
    anchor_log: float | None = None
    days: tuple[float, ...] = ()
    seen: int = 0

    @property
    def is_learned(self) -> bool:
        """Tell whether the warm-up is over."""
        return self.anchor_log is not None


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
    """Give the scale after a judged day of a site that is not suspected.

    By D-73, D-73a, D-73b and D-73d. While it is young it is the mean of all days so far. It goes
    with a roof's seasons and its slow ageing, by good days and by single low ones alike: by good
    days alone it would only ever learn upwards. It is held close above its own slow mean, the
    anchor: a seasonal swing gets through, and what goes on falling for a month or two does not.
    So a fault is not learned away.
    """
    assert scale.anchor_log is not None  # noqa: S101 - the caller asks after the warm-up
    seen = scale.seen + 1
    clipped = max(-terms.scale_clip, min(terms.scale_clip, difference_log))
    moved = scale.log + max(terms.scale_step, 1 / seen) * clipped
    held = max(moved, scale.anchor_log - terms.scale_floor)
    anchor = scale.anchor_log + terms.anchor_step * (held - scale.anchor_log)
    return Scale(held, anchor, seen=seen)
