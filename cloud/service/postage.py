"""Whether a letter may leave, or waits because too many are leaving; pure."""

from datetime import date, datetime
from enum import StrEnum

from cloud.service.models import MailState, PostHold
from cloud.service.policy import POST_LEAST, POST_MOST, POST_SHARE_BPS


class Leaving(StrEnum):
    """What becomes of a letter that is due."""

    LEAVES = "leaves"
    WAITS = "waits"
    DROPPED = "dropped"


def too_many(*, letters: int, fleet_sites: int, on: date) -> str:
    """Give why letters are held, empty when they are not (M-76, M-76a, M-76b).

    Args:
        letters: how many leave in this hour, this one included.
        fleet_sites: how many homes there are; none when it is not known.
        on: the day.
    """
    if letters > POST_MOST.on(on):
        return f"more than {POST_MOST.on(on)} letters in one hour"
    if letters > POST_LEAST.on(on) and letters * 10_000 > fleet_sites * POST_SHARE_BPS.on(on):
        return f"{letters} letters in one hour, of a fleet of {fleet_sites} homes"
    return ""


def under(hold: PostHold, *, written_at: datetime) -> Leaving:
    """Give what became of a letter that was held (M-76).

    A decision covers the letters that were written before it; later ones wait for the next.
    """
    if hold.state is MailState.HELD or hold.decided_at is None or written_at > hold.decided_at:
        return Leaving.WAITS
    return Leaving.LEAVES if hold.state is MailState.RELEASED else Leaving.DROPPED
