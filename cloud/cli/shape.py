"""What a command is: its words, its options and its examples, as data.

The parser, the help, the page of the documents and the completion of shells are all made from it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cloud.kernel.errors import BadInput


class Completes(StrEnum):
    """What a shell offers in the place of a value."""

    NOTHING = "nothing"
    FILE = "file"
    FOLDER = "folder"
    REPORT = "report"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a command takes: an option, or a word in its place.

    Attributes:
        name: with two dashes it is an option, else a word.
        value: the word for its value in the help; an option without one is a flag.
        into: the attribute that it is read into, where that is not its name.
        constant: what a flag stands for, where that is not yes.
        choices: the only values that are taken.
        only_one_of: options that share this word exclude each other.
    """

    name: str
    says: str
    value: str = ""
    reads: Callable[[str], Any] | None = None
    default: Any = None
    into: str = ""
    constant: str = ""
    choices: tuple[str, ...] = ()
    is_required: bool = False
    is_many: bool = False
    only_one_of: str = ""
    completes: Completes = Completes.NOTHING

    @property
    def is_word(self) -> bool:
        """Tell whether it is known by its place, not by its name."""
        return not self.name.startswith("--")

    @property
    def is_flag(self) -> bool:
        """Tell whether it is an option without a value."""
        return not self.is_word and not self.value

    @property
    def usage(self) -> str:
        """Give it as the first line of the help shows it."""
        if self.is_word:
            shown = f"{self.name.upper()}..." if self.is_many else self.name.upper()
            return shown if self.is_required else f"[{shown}]"
        shown = f"{self.name} {self.value}".rstrip()
        return shown if self.is_required else f"[{shown}]"


@dataclass(frozen=True, slots=True)
class Example:
    """A command line that runs as it stands, and what it is for."""

    line: str
    says: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command, or a family of actions that share a word.

    Attributes:
        name: as it is typed after `sunreeve`, `fund preview`.
        runs: module and function, `cloud.cli.fund:preview`; empty for a family.
        more: what a person has to know besides, in sentences.
        is_endless: it runs until Ctrl-C, which is its good end.
        needs_one_of: families of options of which one must be given.
    """

    name: str
    says: str
    examples: tuple[Example, ...]
    runs: str = ""
    options: tuple[Option, ...] = ()
    more: str = ""
    actions: tuple["Command", ...] = ()
    is_endless: bool = False
    needs_one_of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.runs) == bool(self.actions):
            msg = f"command {self.name}: give either what it runs or its actions"
            raise BadInput(msg)

    @property
    def word(self) -> str:
        """Give the last word of its name."""
        return self.name.rpartition(" ")[2]


@dataclass(frozen=True, slots=True)
class Chapter:
    """Commands that belong together, under a heading of the help."""

    heading: str
    commands: tuple[Command, ...]


def leaves(commands: Sequence[Command]) -> Iterator[Command]:
    """Give all commands that run something, actions in the place of their family."""
    for command in commands:
        yield from leaves(command.actions) if command.actions else (command,)
