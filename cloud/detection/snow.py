"""Whether snow may lie on the roofs, told by a feed or by the cold and the neighbours; pure."""

import math

from cloud.detection.neighbours import Weather
from cloud.detection.terms import Terms


def is_snow_possible(
    *,
    told: bool | None,
    mean_4d_c: float | None,
    weather: Weather,
    terms: Terms,
    is_fed: bool,
) -> bool:
    """Tell whether a low day may be snow (D-72, D-72a, D-72b, D-72d, D-72e).

    A feed's word counts as it is. Without one, snow is possible when four days were cold and the
    roofs show it: they differ widely, or most make little. Cold alone is not snow; but roofs that
    differ more than clouds can make them are covered in merely cool days too; and where an
    hourly feed tells of light that most roofs do not make anything of, they are covered, however
    warm the days before were.

    Args:
        told: what the feed says, None when there is none.
        mean_4d_c: mean air temperature of this day and the three before.
        weather: what the neighbours say.
        terms: the numbers of the day.
        is_fed: the neighbours' expectation comes from an hourly feed, clouds are in it.
    """
    if told is not None:
        return told
    are_most_covered = math.exp(weather.log_ratio) < terms.snow_depth
    if is_fed and are_most_covered:
        return True
    if mean_4d_c is None:
        return False
    if weather.spread > terms.snow_wild and mean_4d_c < terms.snow_cool:
        return True
    if mean_4d_c >= terms.snow_cold:
        return False
    return weather.spread > terms.snow_spread or are_most_covered
