"""Whether nine digits can be the number of an American bank."""

import re

_DIGITS = re.compile(r"[0-9]{9}")
_WEIGHTS = (3, 7, 1)


def is_routing_number(number: str) -> bool:
    """Tell whether nine digits end with the right check digit (weights 3, 7, 1 modulo 10).

    Nine zeros pass the sum and are nobody's number; they do not pass here.
    """
    if not _DIGITS.fullmatch(number) or not number.strip("0"):
        return False
    return sum(int(digit) * _WEIGHTS[place % 3] for place, digit in enumerate(number)) % 10 == 0
