"""Values of options, each read and checked before a command runs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloud.cli.profile import Profile
    from cloud.kernel.money import Money

LONGEST_JUMP_DAYS = 3660
"""Ten years: a longer jump is a slip of the finger."""

LONGEST_WAIT_S = 86_400

LEAST_HOMES, MOST_HOMES = 20, 2_000
"""A smaller town has no neighbours to be judged beside; a larger one takes too long to make."""


def port(text: str) -> int:
    """Read a TCP port; 0 is any that is free."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1
    if not 0 <= number <= 65535:
        msg = f"{text!r} is not a port of 0 to 65535"
        raise argparse.ArgumentTypeError(msg)
    return number


def days(text: str) -> float:
    """Read how many days a clock jumps."""
    number = _number(text, unread=0.0)
    if not 0 < number <= LONGEST_JUMP_DAYS:
        msg = f"{text!r} is not a number of days above 0, up to {LONGEST_JUMP_DAYS}"
        raise argparse.ArgumentTypeError(msg)
    return number


def homes(text: str) -> int:
    """Read how many homes a town has."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not LEAST_HOMES <= number <= MOST_HOMES:
        msg = f"{text!r} is not a number of homes from {LEAST_HOMES} to {MOST_HOMES}"
        raise argparse.ArgumentTypeError(msg)
    return number


def seconds(text: str) -> float:
    """Read how long is waited."""
    number = _number(text, unread=-1.0)
    if not 0 <= number <= LONGEST_WAIT_S:
        msg = f"{text!r} is not a number of seconds from 0 to {LONGEST_WAIT_S}"
        raise argparse.ArgumentTypeError(msg)
    return number


def amount(text: str) -> "Money":
    """Read an amount of money."""
    from cloud.kernel.errors import BadInput  # noqa: PLC0415 - most commands take no money
    from cloud.kernel.money import Money  # noqa: PLC0415

    try:
        return Money.parse(text)
    except BadInput as wrong:
        msg = f"{text!r} is not an amount, as 23480.00"
        raise argparse.ArgumentTypeError(msg) from wrong


def folder(text: str) -> Path:
    """Read the path of a folder, which may be there or may be made."""
    found = Path(text)
    for path in (found, *found.parents):
        if path.exists() and not path.is_dir():
            msg = f"{path} is a file; name a folder"
            raise argparse.ArgumentTypeError(msg)
    return found


def path(text: str) -> Path:
    """Read the path of a file, which is looked at when it is used."""
    return Path(text)


def profile(text: str) -> "Profile":
    """Read the name of a profile, and what its file says of it."""
    from cloud.cli.profile import read_profile  # noqa: PLC0415 - most commands stay on this machine
    from cloud.kernel.errors import BadInput  # noqa: PLC0415

    try:
        return read_profile(text)
    except BadInput as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from wrong


def _number(text: str, *, unread: float) -> float:
    """Give the number that a text is, or one that is out of bounds where it is none."""
    try:
        return float(text)
    except ValueError:
        return unread
