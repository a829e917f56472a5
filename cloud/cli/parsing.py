"""Finds the command that is meant, and reads its options; wrong use is one line and a way out."""

import argparse
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib.metadata import version
from typing import NoReturn

from cloud.cli import teaching
from cloud.cli.saying import complain, say
from cloud.cli.shape import Command, Option
from cloud.cli.tree import COMMANDS

WRONG_USE = 2
HELP = ("-h", "--help")
_NEAR = 0.55
"""How alike two words are that one may be a slip for the other, from 0 to 1."""


def read(words: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """Give the command and its options.

    Raises:
        SystemExit: with 2 for wrong use, said in one line; with 0 when help was asked for.
    """
    command, rest = _meant(words)
    parser = _Parser(command)
    parser.refuse_unknown(rest)
    options, left = parser.parse_known_args(rest)
    if left:
        parser.error(f"there is no place for {' '.join(map(repr, left))}")
    options.command = command.name.partition(" ")[0]
    return command, options


def named(words: Sequence[str]) -> Command:
    """Give the command or family of one, by the words of its name.

    Raises:
        SystemExit: with 2 when there is none.
    """
    command = COMMANDS.get(words[0])
    if command is None:
        wrong_use("sunreeve", f"there is no command {words[0]!r}", _near_command(words[0]))
    for word in words[1:]:
        actions = {one.word: one for one in command.actions}
        if word not in actions:
            said = f"there is no {command.name} {word!r}"
            wrong_use(f"sunreeve {command.name}", said, _near(word, actions))
        command = actions[word]
    return command


def wrong_use(what: str, said: str, near: str = "", *, see: str = "") -> NoReturn:
    """End with one line: what is wrong, what may be meant, where help is."""
    guess = f"; did you mean {near}?" if near else ";"
    complain(f"{what}: {said}{guess} see {see or what} --help".replace("\n", " "))
    raise SystemExit(WRONG_USE)


def _meant(words: Sequence[str]) -> tuple[Command, Sequence[str]]:
    if words[0] in HELP:
        _answer(teaching.overview())
    if words[0] == "--version":
        _answer(f"sunreeve {version('sunreeve')}")
    if words[0].startswith("-"):
        said = f"there is no option {words[0]!r} before a command"
        wrong_use("sunreeve", said, _near(words[0], (*HELP, "--version")))
    command = named(words[:1])
    if not command.actions:
        return command, words[1:]
    if len(words) > 1 and words[1] in HELP:
        _answer(teaching.page_of(command))
    actions = ", ".join(one.word for one in command.actions)
    if len(words) == 1 or words[1].startswith("-"):
        wrong_use(f"sunreeve {command.name}", f"say which: {actions}")
    return named(words[:2]), words[2:]


def _answer(text: str) -> NoReturn:
    say(text)
    raise SystemExit(0)


def _near(word: str, known: Iterable[str]) -> str:
    return next(iter(get_close_matches(word, list(known), 1, _NEAR)), "")


def _near_command(word: str) -> str:
    actions = {one.word: one.name for family in COMMANDS.values() for one in family.actions}
    return actions.get(word) or _near(word, COMMANDS) or actions.get(_near(word, actions), "")


class _Parser(argparse.ArgumentParser):
    """Reads the options of one command."""

    def __init__(self, command: Command) -> None:
        super().__init__(prog=f"sunreeve {command.name}")
        self._of = command
        groups: dict[str, argparse._MutuallyExclusiveGroup] = {}
        for option in command.options:
            family = option.only_one_of
            if family and family not in groups:
                groups[family] = self.add_mutually_exclusive_group(
                    required=family in command.needs_one_of
                )
            _add(groups[family] if family else self, option)

    def refuse_unknown(self, words: Sequence[str]) -> None:
        """Name an option that is none before anything that is missing: it may be just that."""
        known = [*(one.name for one in self._of.options if not one.is_word), *HELP]
        for word in words:
            if word == "--":
                return
            name = word.partition("=")[0]
            if name.startswith("--") and not any(one.startswith(name) for one in known):
                wrong_use(self.prog, f"there is no option {name!r}", _near(name, known))

    def print_help(self, file: object = None) -> None:  # noqa: ARG002 - as argparse calls it
        """Tell all of the command."""
        say(teaching.page_of(self._of))

    def error(self, message: str) -> NoReturn:
        """End with the exit code for wrong use."""
        wrong_use(self.prog, message)


def _add(to: argparse._ActionsContainer, option: Option) -> None:
    """Add one option as argparse knows it."""
    into = option.into or option.name.removeprefix("--").replace("-", "_")
    if option.constant:
        to.add_argument(option.name, action="store_const", const=option.constant, dest=into)
    elif option.is_flag:
        to.add_argument(option.name, action="store_true", dest=into)
    elif option.is_word:
        count = "*" if option.is_many else None if option.is_required else "?"
        to.add_argument(
            option.into or option.name,
            metavar=option.name.upper(),
            nargs=count,
            type=option.reads or str,
            default=[] if option.is_many else option.default,
            choices=option.choices or None,
        )
    else:
        to.add_argument(
            option.name,
            metavar=option.value,
            type=option.reads or str,
            default=option.default,
            required=option.is_required,
            choices=option.choices or None,
            dest=into,
        )
