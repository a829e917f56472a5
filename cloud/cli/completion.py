"""Writes what lets bash, zsh and fish complete `sunreeve`: from the same data as its help."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from shlex import quote

from cloud.cli.saying import say
from cloud.cli.shape import Command, Completes, Option, leaves
from cloud.cli.tree import COMMANDS
from cloud.reporting.process import REPORTS

_HELP = Option("--help", "all of it, with examples")


def show(options: argparse.Namespace) -> int:
    """Print the script for a shell."""
    write: Mapping[str, Callable[[], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
    say(write[options.shell](), end="")
    return 0


def _families() -> list[Command]:
    return [one for one in COMMANDS.values() if one.actions]


def _leaves() -> list[Command]:
    return list(leaves(list(COMMANDS.values())))


def _named(command: Command) -> list[Option]:
    return [*(one for one in command.options if not one.is_word), _HELP]


def _words(command: Command) -> list[Option]:
    return [one for one in command.options if one.is_word]


def _values(option: Option) -> list[str]:
    """Give the values that are known beforehand."""
    if option.completes is Completes.REPORT:
        return sorted(REPORTS)
    if option.completes is Completes.COMMAND:
        return [*COMMANDS, *(one.word for family in _families() for one in family.actions)]
    return list(option.choices)


# ------------------------------------------------------------------------------------------- bash
def bash() -> str:
    """Give the script for bash; it needs nothing but bash itself, 3.2 or newer."""
    families = "|".join(one.name for one in _families())
    lines = [
        "# sunreeve for bash, written by `sunreeve completion bash`",
        "_sunreeve() {",
        '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
        '    local command="${COMP_WORDS[1]}" first=2 offered="" place=0 at',
        "    COMPREPLY=()",
        "    if ((COMP_CWORD == 1)); then",
        f'        offered="{" ".join([*COMMANDS, _HELP.name])}"',
        '        COMPREPLY=($(compgen -W "$offered" -- "$word"))',
        "        return",
        "    fi",
        '    case "$command" in',
        f"    {families})",
        "        if ((COMP_CWORD == 2)); then",
        '            case "$command" in',
        *(
            f'            {one.name}) offered="{" ".join(a.word for a in one.actions)} --help" ;;'
            for one in _families()
        ),
        "            esac",
        '            COMPREPLY=($(compgen -W "$offered" -- "$word"))',
        "            return",
        "        fi",
        '        command="$command ${COMP_WORDS[2]}" first=3',
        "        ;;",
        "    esac",
        "    # What stands before may be an option that takes this word as its value.",
        '    case "$command:$before" in',
        *_bash_values(),
        "    esac",
        '    if [[ "$word" == -* ]]; then',
        '        case "$command" in',
        *(
            f'        {quote(one.name)}) offered="{" ".join(o.name for o in _named(one))}" ;;'
            for one in _leaves()
        ),
        "        esac",
        '        COMPREPLY=($(compgen -W "$offered" -- "$word"))',
        "        return",
        "    fi",
        '    case "$command" in',
        *_bash_words(),
        "    esac",
        "}",
        "complete -F _sunreeve sunreeve",
    ]
    return "\n".join(lines) + "\n"


def _bash_values() -> Iterator[str]:
    for command in _leaves():
        for option in _named(command):
            if option.value:
                where = quote(f"{command.name}:{option.name}")
                yield f"    {where}) {_bash_offer(option)}; return ;;"


def _bash_words() -> Iterator[str]:
    for command in _leaves():
        for option in _words(command):
            if _values(option) or option.completes is not Completes.NOTHING:
                yield f"    {quote(command.name)}) {_bash_offer(option)} ;;"


def _bash_offer(option: Option) -> str:
    known = _values(option)
    if known:
        return f'COMPREPLY=($(compgen -W "{" ".join(known)}" -- "$word"))'
    kind = {Completes.FOLDER: "-d", Completes.FILE: "-f"}.get(option.completes)
    return f'COMPREPLY=($(compgen {kind} -- "$word"))' if kind else "COMPREPLY=()"


# -------------------------------------------------------------------------------------------- zsh
def zsh() -> str:
    """Give the script for zsh; read by eval, or as a file `_sunreeve` of fpath."""
    lines = [
        "#compdef sunreeve",
        "# sunreeve for zsh, written by `sunreeve completion zsh`",
        "_sunreeve() {",
        '    local command="${words[2]}" before="${words[CURRENT-1]}" word="${words[CURRENT]}"',
        "    local -a found",
        "    if (( CURRENT == 2 )); then",
        *_zsh_found([(one.name, one.says) for one in COMMANDS.values()], 8),
        "        _describe 'command' found",
        "        return",
        "    fi",
        '    case "$command" in',
    ]
    for family in _families():
        lines += [
            f"    ({family.name})",
            "        if (( CURRENT == 3 )); then",
            *_zsh_found([(one.word, one.says) for one in family.actions], 12),
            "            _describe 'action' found",
            "            return",
            "        fi",
            '        command="$command ${words[3]}"',
            "        ;;",
        ]
    lines += ["    esac", '    case "$command:$before" in']
    for command in _leaves():
        lines += [
            f"    ({quote(f'{command.name}:{option.name}')}) {_zsh_offer(option)}; return ;;"
            for option in _named(command)
            if option.value
        ]
    lines += ["    esac", '    case "$command" in']
    for command in _leaves():
        options = [(one.name, one.says) for one in _named(command)]
        lines += [
            f"    ({quote(command.name)})",
            '        if [[ "$word" == -* ]]; then',
            *_zsh_found(options, 12),
            "            _describe -o 'option' found",
            *(f"        else\n            {_zsh_offer(one)}" for one in _words(command)[:1]),
            "        fi",
            "        ;;",
        ]
    lines += [
        "    esac",
        "}",
        'if [[ "$funcstack[1]" == _sunreeve ]]; then',
        '    _sunreeve "$@"',
        "else",
        "    compdef _sunreeve sunreeve",
        "fi",
    ]
    return "\n".join(lines) + "\n"


def _zsh_found(rows: Sequence[tuple[str, str]], indent: int) -> Iterator[str]:
    """Give the lines that list names, each with what it is."""
    yield f"{'':{indent}}found=("
    for name, says in rows:
        told = says.replace("\\", "\\\\").replace(":", "\\:")
        yield f"{'':{indent + 4}}{quote(f'{name}:{told}')}"
    yield f"{'':{indent}})"


def _zsh_offer(option: Option) -> str:
    known = _values(option)
    if known:
        return f"compadd -- {' '.join(map(quote, known))}"
    return {Completes.FOLDER: "_files -/", Completes.FILE: "_files"}.get(option.completes, ":")


# ------------------------------------------------------------------------------------------- fish
def fish() -> str:
    """Give the script for fish."""
    lines = [
        "# sunreeve for fish, written by `sunreeve completion fish`",
        "complete -c sunreeve -f",
    ]
    for command in COMMANDS.values():
        lines.append(
            f"complete -c sunreeve -n __fish_use_subcommand -a {command.name}"
            f" -d {_fish(command.says)}"
        )
        for action in command.actions:
            others = " ".join(one.word for one in command.actions)
            when = (
                f"__fish_seen_subcommand_from {command.name}; "
                f"and not __fish_seen_subcommand_from {others}"
            )
            lines.append(
                f"complete -c sunreeve -n {_fish(when)} -a {action.word} -d {_fish(action.says)}"
            )
    for command in _leaves():
        when = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in command.name.split())
        lines += [
            f"complete -c sunreeve -n {_fish(when)} {_fish_option(one)}"
            for one in command.options
            if not one.is_word or _values(one) or one.completes is not Completes.NOTHING
        ]
    lines.append(f"complete -c sunreeve -l help -d {_fish(_HELP.says)}")
    return "\n".join(lines) + "\n"


def _fish_option(option: Option) -> str:
    values = f"-a {_fish(' '.join(_values(option)))}" if _values(option) else ""
    if option.completes is Completes.FOLDER:
        values = "-a '(__fish_complete_directories)'"
    if option.completes is Completes.FILE:
        values = "-F"
    if option.is_word:
        return f"{values} -d {_fish(option.says)}"
    needs = f"-x {values}".strip() if values != "-F" else "-r -F"
    parts = (f"-l {option.name[2:]}", needs if option.value else "", f"-d {_fish(option.says)}")
    return " ".join(part for part in parts if part)


def _fish(text: str) -> str:
    """Quote as fish does: within single quotes only these two are escaped."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
