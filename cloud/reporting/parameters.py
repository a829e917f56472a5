"""What a report can be asked: the words, their kinds, and what holds where they are left out."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Parameter:
    """One word of a question (`cloud.reporting.asking.question`).

    Attributes:
        kind: ``instant``, ``day``, ``text``, ``yes_or_no``, ``hours`` or ``settings``.
        default: what holds where it is left out, in words.
    """

    name: str
    kind: str
    says: str
    default: str


PARAMETERS: Final = (
    Parameter("as_of", "instant", "nothing that became true later is known", "now"),
    Parameter(
        "from", "day", "the first day of the period, in Eastern time", "90 days before until"
    ),
    Parameter("until", "day", "the first day after the period", "tomorrow"),
    Parameter("partner", "text", "only of this partner, by its id", "all"),
    Parameter("milestone", "text", "only of accept, schedule or complete", "all"),
    Parameter("region", "text", "only of homes of this region", "all"),
    Parameter("emergency", "yes_or_no", "only emergencies, or only the others", "both"),
    Parameter("horizon_hours", "hours", "how far ahead a report of what is coming looks", "72"),
    Parameter(
        "what_if",
        "settings",
        "another policy to replay under: accept=3,calendar=us_federal",
        "none",
    ),
)
"""A report that a word says nothing to leaves it aside and shows it among its parameters."""
