"""Tells a person what `sunreeve` can do: the first screen, the help, and the page docs/cli.md."""

import argparse
import shutil
import textwrap
from collections.abc import Iterator, Sequence

from cloud.cli.saying import say
from cloud.cli.shape import Command, Option
from cloud.cli.tree import CHAPTERS, COMMANDS, FIRST_SIX

WHAT = (
    "Sunreeve watches home solar and battery systems, sends someone when one fails, and pays who "
    "built and mended it."
)
CODES = (
    ("0", "done"),
    ("1", "the answer is no: refused, not found, or something differs"),
    ("2", "wrong use: a command or an option that is none"),
    ("3", "the outside is unreachable: no stack runs there, or it does not answer"),
    ("130", "broken off with Ctrl-C, which is the good end of up and of logs --follow: 0"),
)
READ_ON = (
    ("sunreeve help", "all commands"),
    ("sunreeve help COMMAND", "one of them, with examples"),
    ("sunreeve completion", "lets your shell complete them"),
    ("docs/operations.md", "how to run it, where data lies, who decides what"),
    ("docs/architecture.md", "how a reading becomes a line of a bank file"),
)
_WIDEST = 100
_INDENT = 4


def show(options: argparse.Namespace) -> int:
    """Tell what there is, of one command or of all; `--markdown` writes the page."""
    # The parser finds commands by their words, and prints what is made here.
    from cloud.cli.parsing import named  # noqa: PLC0415

    if options.markdown:
        say(markdown(), end="")
    else:
        say(page_of(named(options.command_words)) if options.command_words else overview())
    return 0


def first_screen() -> str:
    """Give what a person sees who types `sunreeve` alone."""
    first = [(name, COMMANDS[name].says) for name in FIRST_SIX]
    return "\n".join(
        [
            *_paragraph(f"{WHAT} This is the owner's side of it; sunreeve-edge is the gateway's."),
            "",
            "six to start with:",
            *_rows(first),
            "",
            "read on:",
            *_rows(READ_ON),
        ]
    )


def overview() -> str:
    """Give all commands, chapter by chapter."""
    lines = [*_paragraph(WHAT), "", "usage: sunreeve COMMAND [OPTIONS]"]
    for chapter in CHAPTERS:
        lines += ["", f"{chapter.heading}:"]
        lines += _rows([(one.name, one.says) for one in chapter.commands], least=16)
    lines += ["", "exit codes:", *_rows(CODES, indent=2), ""]
    lines += _paragraph("sunreeve help COMMAND tells all of one, with examples.")
    return "\n".join(lines)


def page_of(command: Command) -> str:
    """Give all of one command, or of a family of them."""
    lines = [*_usage(command), "", *_paragraph(f"{_sentence(command.says)} {command.more}".strip())]
    if command.actions:
        lines += ["", "actions:", *_rows([(one.word, one.says) for one in command.actions])]
    words = [one for one in command.options if one.is_word]
    for heading, some in (
        ("words:", [(one.name.upper(), _says(one)) for one in words]),
        ("options:", [(_name(one), _says(one)) for one in command.options if not one.is_word]),
    ):
        if some:
            lines += ["", heading, *_rows(some)]
    lines += ["", "examples:"]
    for example in command.examples:
        lines += [f"    {example.line}", *_paragraph(example.says, indent=8)]
    return "\n".join(lines)


def markdown() -> str:
    """Give everything as a page."""
    lines = [
        "# The commands",
        "",
        *textwrap.wrap(
            "What `sunreeve` can do, written by `sunreeve help --markdown`. The lines that begin "
            "with a dollar sign are examples, and run as they stand on a stack that knows their "
            "ids. `sunreeve help COMMAND` tells the same on a terminal.",
            120,
        ),
        "",
        "| exit code | means |",
        "|---|---|",
        *(f"| {code} | {means} |" for code, means in CODES),
        "",
        *textwrap.wrap(
            "A list is drawn to fit the terminal; into a pipe it is written without colour, a "
            "record a line. With `--json` it is one document: names that stay, money in whole "
            "cents, instants as ISO 8601. `NO_COLOR` is honoured. Bars that show how far something "
            "is go to standard error, and only on a terminal.",
            120,
        ),
    ]
    for chapter in CHAPTERS:
        lines += ["", f"## {chapter.heading.capitalize()}"]
        for command in chapter.commands:
            for one in (command, *command.actions):
                lines += _section(one)
    return "\n".join(lines) + "\n"


def _section(command: Command) -> Iterator[str]:
    yield from ("", f"### {command.name}", "")
    yield from textwrap.wrap(f"{_sentence(command.says)} {command.more}".strip(), 120)
    if command.options:
        yield from ("", "| word or option | what |", "|---|---|")
        for one in command.options:
            name = one.name.upper() if one.is_word else _name(one)
            yield f"| `{name}` | {_says(one)} |"
    yield from ("", "```text")
    for example in command.examples:
        yield f"$ {example.line}"
        yield f"  {example.says}"
    yield "```"


def _usage(command: Command) -> list[str]:
    parts = [one.usage for one in command.options if one.is_word or one.is_required]
    parts += ["ACTION"] if command.actions else []
    parts += ["[OPTIONS]"] if any(not one.is_word for one in command.options) else []
    return _paragraph(" ".join(["usage: sunreeve", command.name, *parts]))


def _name(option: Option) -> str:
    return f"{option.name} {option.value}".rstrip()


def _says(option: Option) -> str:
    parts = [option.says]
    parts += [f"one of {', '.join(option.choices)}"] if option.choices else []
    parts += ["needed"] if option.is_required and not option.is_word else []
    return "; ".join(parts)


def _sentence(says: str) -> str:
    return f"{says[0].upper()}{says[1:]}."


def _width() -> int:
    return max(20, min(_WIDEST, shutil.get_terminal_size((80, 24)).columns))


def _paragraph(text: str, *, indent: int = 0) -> list[str]:
    before = " " * indent
    return textwrap.wrap(
        text, _width(), initial_indent=before, subsequent_indent=before, break_on_hyphens=False
    )


def _rows(
    rows: Sequence[tuple[str, str]], *, least: int = 0, indent: int = _INDENT
) -> Iterator[str]:
    """Give names with what they are beside them; below where there is no room for that."""
    column = max(least, indent + 2 + max(len(name) for name, _ in rows))
    if column > _width() // 2:
        for name, says in rows:
            yield f"{'':{indent}}{name}"
            yield from _paragraph(says, indent=indent + _INDENT)
        return
    for name, says in rows:
        first, *others = textwrap.wrap(says, _width() - column) or [""]
        yield f"{'':{indent}}{name:<{column - indent}}{first}".rstrip()
        yield from (f"{'':{column}}{line}" for line in others)
