"""Whether what somebody wrote into the form names a home on record."""

import re
from collections.abc import Iterable

from cloud.portfolio.models import Site

_WORD = re.compile(r"[a-z0-9]+")
_SAYS_NOTHING = frozenset(
    {
        "avenue",
        "ave",
        "boulevard",
        "blvd",
        "circle",
        "cir",
        "court",
        "ct",
        "drive",
        "dr",
        "highway",
        "hwy",
        "lane",
        "ln",
        "parkway",
        "pkwy",
        "place",
        "pl",
        "road",
        "rd",
        "street",
        "st",
        "terrace",
        "ter",
        "trail",
        "trl",
        "way",
        "north",
        "south",
        "east",
        "west",
        "n",
        "s",
        "e",
        "w",
        "ne",
        "nw",
        "se",
        "sw",
        "unit",
        "apt",
        "suite",
        "no",
    }
)
"""Words of an address that many homes share."""


def home_of(sites: Iterable[Site], *, email: str, address: str) -> Site | None:
    """Give the one home of a customer that an address names, None where it names none or several.

    The mail address has to be the one on record, and the house number and a word of the street as
    well: one that knows only the mail address reports nothing about somebody's home.
    """
    key = email.strip().casefold()
    named = [one for one in sites if one.customer_key == key and _names(one.address, address)]
    return named[0] if len(named) == 1 else None


def _names(on_record: str, written: str) -> bool:
    """Tell whether two addresses share the house number and a telling word of the street."""
    street = _WORD.findall(on_record.partition(",")[0].casefold())
    said = _WORD.findall(written.casefold())
    number = next((word for word in street if word[0].isdigit()), None)
    if number is None or number not in said:
        return False
    telling = {word for word in street if word != number} - _SAYS_NOTHING
    return not telling.isdisjoint(said)
