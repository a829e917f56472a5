"""`sunreeve` teaches itself: the first screen, the help, the page, and a way out of each slip."""

import io
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.cli import main, parsing, teaching
from cloud.cli.kinds import profile
from cloud.cli.shape import Command, Example, leaves
from cloud.cli.tree import CHAPTERS, COMMANDS, FIRST_SIX
from cloud.kernel.errors import BadInput

ROOT = Path(__file__).parents[3]
EVERY = [*COMMANDS.values(), *(one for family in COMMANDS.values() for one in family.actions)]
BY_NAME = pytest.mark.parametrize("command", EVERY, ids=lambda one: one.name)


def said(capsys, *words, code=0):
    """Give what a command tells, which ends by itself or by leaving."""
    try:
        ended = main(list(words))
    except SystemExit as left:
        ended = left.code
    out, err = capsys.readouterr()
    assert ended == code
    return err if code else out


def test_the_first_screen_names_six_commands_and_where_to_read_on(capsys):
    text = said(capsys)
    assert len(FIRST_SIX) == 6
    for name in FIRST_SIX:
        assert re.search(rf"^    {name}  +\S", text, re.MULTILINE)
    for place in re.findall(r"docs/\S+\.md", text):
        assert (ROOT / place).is_file()
    assert "sunreeve help" in text
    assert len(text.splitlines()) <= 24


@pytest.mark.parametrize("words", [("help",), ("--help",), ("-h",)], ids=" ".join)
def test_the_help_lists_every_command(capsys, words):
    text = said(capsys, *words)
    named = re.findall(r"^    (\w+)  ", text, re.MULTILINE)
    assert named == [one.name for chapter in CHAPTERS for one in chapter.commands]
    for code, _ in teaching.CODES:
        assert re.search(rf"^  {code} ", text, re.MULTILINE)


@BY_NAME
def test_every_command_tells_all_of_itself_in_two_ways(capsys, command):
    by_option = said(capsys, *command.name.split(), "--help")
    assert by_option == said(capsys, "help", *command.name.split())
    for option in command.options:
        assert (option.name.upper() if option.is_word else option.name) in by_option
    for example in command.examples:
        assert f"    {example.line}\n" in by_option


@BY_NAME
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_help_fits_the_terminal(command, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    examples = {f"    {one.line}" for one in command.examples}  # these are copied, so never broken
    lines = teaching.page_of(command).splitlines()
    assert max(len(line) for line in lines if line not in examples) <= width


@BY_NAME
def test_every_command_has_two_examples_that_are_read(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert len(command.examples) >= 2
    assert len({one.line for one in command.examples}) == len(command.examples)
    for example in command.examples:
        first, *words = shlex.split(example.line)
        assert first == "sunreeve"
        found, _ = parsing.read(words)
        assert found.name.startswith(command.name)


@BY_NAME
def test_what_a_command_runs_is_there(command):
    if command.runs:
        module, _, function = command.runs.partition(":")
        path = ROOT / f"{module.replace('.', '/')}.py"
        assert re.search(rf"^def {function}\(", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_page_in_the_repository_is_the_one_that_is_made(capsys):
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert page == said(capsys, "help", "--markdown")
    for command in EVERY:
        assert f"\n### {command.name}\n" in page


def test_the_page_is_held_against_the_commands_by_make_check():
    rule = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "sunreeve help --markdown | diff - docs/cli.md" in rule


def test_the_version_is_told(capsys):
    assert re.fullmatch(r"sunreeve \d+\.\d+\.\d+\n", said(capsys, "--version"))


@pytest.mark.parametrize(
    ("words", "what", "near"),
    [
        (["demolish"], "no command 'demolish'", "demo"),
        (["reprot"], "no command 'reprot'", "report"),
        (["approve"], "no command 'approve'", "fund approve"),
        (["settel"], "no command 'settel'", "fund settle"),
        (["xyzzy"], "no command 'xyzzy'", ""),
        (["two\nlines"], r"no command 'two\nlines'", ""),
        (["--hlep"], "no option '--hlep' before a command", "--help"),
        (["fund", "aprove"], "no fund 'aprove'", "approve"),
        (["fund"], "say which: preview, ", ""),
        (["sweep", "--json"], "say which: holds, ", ""),
        (["up", "--prot", "1"], "no option '--prot'", "--port"),
        (["up", "--homs=1"], "no option '--homs'", "--homes"),
        (["detect", "--flet", "x"], "no option '--flet'", "--fleet"),
        (["clock", "now"], "no place for 'now'", ""),
        (["clock", "-x"], "no place for '-x'", ""),
        (["token"], "required: NAME", ""),
        (["help", "fnud"], "no command 'fnud'", "fund"),
        (["help", "fund", "nothing"], "no fund 'nothing'", ""),
        (["completion", "tcsh"], "invalid choice: 'tcsh'", ""),
        (["report", "--profile", "none"], "profile none", ""),
        (["baseline", "--fleet", "f"], "one of the arguments --out --put is required", ""),
        (["mails", "--state", "x", "--thread", "y"], "not allowed with", ""),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_wrong_use_is_one_line_that_says_what_may_be_meant(  # noqa: PLR0917 - a table
    capsys, monkeypatch, tmp_path, words, what, near
):
    monkeypatch.setenv("SUNREEVE_PROFILES", str(tmp_path / "none.toml"))
    line = said(capsys, *words, code=2)
    assert line.count("\n") == 1
    assert line.startswith("sunreeve")
    assert what in line
    assert ("did you mean" in line) == bool(near)
    assert f"did you mean {near}? see " in line or not near
    assert line.endswith(" --help\n")


def test_what_the_line_of_a_slip_names_as_help_is_help(capsys):
    line = said(capsys, "fund", "approve", "--hsah", "x", code=2)
    words = line.rpartition(" see ")[2].split()
    assert words == ["sunreeve", "fund", "approve", "--help"]
    assert said(capsys, *words[1:]).startswith("usage: sunreeve fund approve")


def test_a_word_that_begins_like_an_option_is_told_apart_by_two_dashes():
    _, options = parsing.read(["rules", "--", "--json"])
    assert (options.words, options.json) == (["--json"], False)


WORDS = st.sampled_from(
    [*COMMANDS, "preview", "settle", "-h", "--json", "--folder", "--fleet", "--out", "--put",
     "--state=sent", "--statement", "--", "-7", "1.5", "--wait", "x"]
)  # fmt: skip


@given(st.lists(st.one_of(WORDS, st.text(max_size=8)), min_size=1, max_size=6))
def test_whatever_is_typed_is_read_or_refused_in_one_line(words):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            command, options = parsing.read(words)
        except SystemExit as left:
            code = left.code
        else:
            code = None
    if code is None:
        assert command.runs
        assert options.command == words[0]
    else:
        assert code in {0, 2}
        assert err.getvalue().count("\n") == (1 if code else 0)
        assert bool(out.getvalue()) == (code == 0)


def test_a_command_that_runs_nothing_cannot_be_written_down():
    with pytest.raises(BadInput, match="what it runs or its actions"):
        Command("x", "y", (Example("sunreeve x", "z"),))


def test_every_leaf_is_a_command_or_an_action():
    assert {one.name for one in leaves(list(COMMANDS.values()))} == {
        one.name for one in EVERY if one.runs
    }


@pytest.mark.parametrize(
    "words",
    [[], ["--help"], ["help", "fund"], ["up", "--help"], ["demolish"], ["completion", "zsh"],
     ["report", "--help"], ["fund", "approve", "--help"]],
    ids=lambda words: " ".join(words) or "alone",
)  # fmt: skip
def test_help_imports_nothing_of_aws_nor_of_the_terminal(words):
    code = (
        "import sys\nfrom cloud.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "names = {one.partition('.')[0] for one in sys.modules}\n"
        "print('loaded', *sorted(names & {'boto3', 'botocore', 'pynamodb', 'rich', 'pydantic',"
        " 'samtranslator', 'paho', 'pymodbus'}), file=sys.stderr)\n"
    )
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", code, *words],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    loaded = done.stderr.splitlines()[-1].split()
    assert loaded == ["loaded"] or (words[:1] == ["completion"] and loaded == ["loaded", "rich"])


def test_a_profile_is_read_before_a_command_runs(monkeypatch, tmp_path):
    path = tmp_path / "profiles.toml"
    path.write_text('[prod]\naddress = "https://api.owner.example"\n')
    monkeypatch.setenv("SUNREEVE_PROFILES", str(path))
    assert profile("prod").address == "https://api.owner.example"
