"""What shells offer: bash is really asked, zsh and fish wherever they are installed."""

import re
import shutil
import subprocess

import pytest

from cloud.cli import completion, main
from cloud.cli.shape import leaves
from cloud.cli.tree import COMMANDS
from cloud.reporting.process import REPORTS

LEAVES = list(leaves(list(COMMANDS.values())))


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("bash") / "sunreeve.bash"
    path.write_text(completion.bash())
    return path


def offered(script, *words, cwd=None):
    """Give what bash offers for the last of the words."""
    ask = (
        'source "$1"; shift; COMP_WORDS=(sunreeve "$@"); COMP_CWORD=$#; _sunreeve; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(  # noqa: S603 - our own script
        ["/bin/bash", "--noprofile", "--norc", "-euc", ask, "bash", str(script), *words],
        capture_output=True, text=True, check=False, cwd=cwd, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("de",), ["demo", "detect", "device"]),
        (("xyzzy",), []),
        (("fund", "se"), ["send", "sent", "settle"]),
        (("fund", ""), [*(one.word for one in COMMANDS["fund"].actions), "--help"]),
        (("sweep", "r"), ["release", "replay"]),
        (("fund", "settle", "comfort-2026-06-11", "--st"), ["--statement"]),
        (("clock", "--"), ["--jump", "--to", "--speed", "--pause", "--resume", "--folder", "--json",
                           "--help"]),
        (("report", "due"), ["due_soon"]),
        (("report", "due_soon", "--format", ""), ["csv", "json", "html"]),
        (("report", "--emergency", "y"), ["yes"]),
        (("runs", "--state", "sen"), ["sending", "sent"]),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("help", "fu"), ["fund"]),
        (("help", "fund", "appr"), ["approvals", "approve"]),
        (("clock", "--jump", ""), []),
        (("token", "sam"), []),
        (("rules", "85"), []),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else "",
)  # fmt: skip
def test_bash_offers_what_can_stand_there(script, words, answer):
    assert offered(script, *words) == answer


def test_bash_offers_every_command_and_every_report(script):
    assert offered(script, "") == [*COMMANDS, "--help"]
    assert offered(script, "report", "") == sorted(REPORTS)


@pytest.mark.parametrize("command", LEAVES, ids=lambda one: one.name)
def test_bash_offers_every_option(script, command):
    known = [one.name for one in command.options if not one.is_word]
    assert offered(script, *command.name.split(), "-") == [*known, "--help"]


def test_bash_offers_folders_and_files_where_they_belong(script, tmp_path):
    (tmp_path / "stack").mkdir()
    (tmp_path / "statement.ach").write_text("")
    assert offered(script, "clock", "--folder", "st", cwd=tmp_path) == ["stack"]
    both = {"stack", "statement.ach"}
    assert set(offered(script, "fund", "return", "st", cwd=tmp_path)) == both
    assert set(offered(script, "report", "ageing", "--out", "st", cwd=tmp_path)) == both


@pytest.mark.parametrize("shell", [one for one in ("bash", "zsh", "fish") if shutil.which(one)])
def test_the_script_is_one_of_its_shell(capsys, shell, tmp_path):
    assert main(["completion", shell]) == 0
    path = tmp_path / "script"
    path.write_text(capsys.readouterr().out)
    subprocess.run([shutil.which(shell), "-n", str(path)], check=True, timeout=60)  # noqa: S603


ZSH_TOKEN = (
    "                '--task:only waiting for this, as approve_spend'\n"
    "                '--as:in whose name, on this machine; otto.audit'\n"
)


@pytest.mark.parametrize(
    "text",
    [
        "#compdef sunreeve\n",
        "    if (( CURRENT == 2 )); then\n        found=(\n            "
        "'demo:play a month from register to bank line, and stop'\n",
        "            'fund:funding runs\\: preview, approve, send, returns'\n",
        "    (fund)\n        if (( CURRENT == 3 )); then\n            found=(\n",
        "    (clock:--folder) _files -/; return ;;\n",
        "    ('fund settle:--statement') :; return ;;\n",
        "    (report:--format) compadd -- csv json html; return ;;\n",
        "            compadd -- bash zsh fish\n",
        ZSH_TOKEN,
        "    compdef _sunreeve sunreeve\n",
    ],
    ids=["head", "commands", "colons", "family", "folder", "no value", "choice", "word", "options",
         "end"],
)  # fmt: skip
def test_zsh_is_told(text):
    assert text in completion.zsh()


def test_zsh_touches_no_variable_that_is_the_shells_own():
    named = set(re.findall(r"local (?:-a )?(.*)", completion.zsh()))
    assert not {"path", "words", "status"} & {word.split("=")[0] for one in named for word in
                                             one.split()}  # fmt: skip


@pytest.mark.parametrize("script", [completion.zsh, completion.fish], ids=["zsh", "fish"])
def test_quotes_are_closed_on_every_line(script):
    for line in script().splitlines():
        bare = re.sub(r"'\\''|\\'|\"[^\"]*\"", "", line)
        assert bare.count("'") % 2 == 0, line


@pytest.mark.parametrize(
    "line",
    [
        "complete -c sunreeve -n __fish_use_subcommand -a queue"
        " -d 'what waits for a person: emergencies, then what is due first'",
        "complete -c sunreeve -n '__fish_seen_subcommand_from sweep; and not "
        "__fish_seen_subcommand_from holds release discard replay' -a release"
        " -d 'let them be told: they are true'",
        "complete -c sunreeve -n '__fish_seen_subcommand_from clock' -l folder"
        " -x -a '(__fish_complete_directories)'"
        " -d 'the stack\\'s files; var/up unless told otherwise'",
        "complete -c sunreeve -n '__fish_seen_subcommand_from clock' -l pause"
        " -d 'let it stand; ends a jump'",
        "complete -c sunreeve -n '__fish_seen_subcommand_from fund; and"
        " __fish_seen_subcommand_from return' -F -d 'in the Nacha format'",
        "complete -c sunreeve -n '__fish_seen_subcommand_from report' -l format"
        " -x -a 'csv json html'"
        " -d 'instead of a table'",
    ],
    ids=["command", "action", "folder", "flag", "file", "choice"],
)
def test_fish_is_told(line):
    assert line in completion.fish().splitlines()


def test_every_option_is_told_to_fish():
    lines = completion.fish().splitlines()
    for command in LEAVES:
        when = "; and ".join(f"__fish_seen_subcommand_from {one}" for one in command.name.split())
        for option in command.options:
            if not option.is_word:
                begin = f"complete -c sunreeve -n '{when}' -l {option.name[2:]} "
                assert any(line.startswith(begin) for line in lines)
