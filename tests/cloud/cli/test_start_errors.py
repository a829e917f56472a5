"""What stands in the way of a stack's start is one line that names the file and the remedy."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud.cli import main
from cloud.kernel.errors import BadInput
from cloud.local.clock import SimulatedClock
from cloud.local.dynamodb import hook

# At collection, before a test of another folder can make boto3's default session.
hook.prepare()

ROOT = Path(__file__).parents[3]
START = datetime(2026, 6, 1, tzinfo=UTC)
OF_A_FOLDER = [
    ["up"],
    ["demo"],
    ["trace", "091000011520001"],
    ["clock"],
    ["token", "client-alder"],
    ["logs"],
    ["queues"],
]


def ended(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a command and give its exit code with its one line."""
    try:
        code = main(arguments)
    except SystemExit as left:
        code = int(left.code or 0)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.endswith("\n")
    assert said.startswith(f"sunreeve {arguments[0]}: ")
    return code, said


@pytest.mark.parametrize("option", ["--port", "--mqtt-port", "--smtp-port"])
@pytest.mark.parametrize("port", ["99999", "65536", "-1", "http", "8_0", "9" * 5000, "", "٣"])
def test_a_port_that_is_none_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, port: str
) -> None:
    code, said = ended(["up", "--folder", str(tmp_path), f"{option}={port}"], capsys)
    assert code == 2
    assert f"argument {option}: {port!r} is not a port of 0 to 65535" in said


@pytest.mark.parametrize("command", OF_A_FOLDER, ids=lambda command: command[0])
@pytest.mark.parametrize("below", ["", "/deeper/still"])
def test_a_folder_that_is_a_file_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str], below: str
) -> None:
    path = tmp_path / "file"
    path.write_text("kept")
    code, said = ended([*command, f"--folder={path}{below}"], capsys)
    assert code == 2
    assert f"{path} is a file; name a folder" in said
    assert path.read_text() == "kept"


def test_a_default_folder_that_is_a_file_is_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("var").write_text("")
    assert ended(["clock"], capsys)[0] == 2


def test_a_command_that_is_none_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["demolish"])
    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture(scope="module")
def ran_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a stack that ran once: all of its databases are there."""
    folder = tmp_path_factory.mktemp("ran") / "stack"
    assert main(["demo", "--days", "0", "--folder", str(folder)]) == 0
    return folder


@pytest.fixture
def started(tmp_path: Path, ran_once: Path) -> Path:
    """Give such a folder of a test's own."""
    return shutil.copytree(ran_once, tmp_path / "stack")


@pytest.mark.parametrize("command", [["clock"], ["up", "--port=0"], ["demo", "--days=0"]])
def test_a_damaged_clock_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    clock = tmp_path / "data" / "clock.sqlite"
    clock.parent.mkdir()
    clock.write_bytes(b"no database" * 1000)
    code, said = ended([*command, "--folder", str(tmp_path)], capsys)
    assert code == 1
    assert str(clock) in said
    assert "from a copy" in said
    assert clock.read_bytes() == b"no database" * 1000


@pytest.mark.parametrize(
    "statement",
    ["UPDATE clock SET now = 'noon'", "UPDATE clock SET now = NULL", "DROP TABLE clock",
     "UPDATE clock SET now = '2026-06-01T00:00:00'", "UPDATE clock SET now = x'ff'"],
)  # fmt: skip
def test_a_clock_that_shows_no_instant_is_named(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "clock.sqlite"
    SimulatedClock(path, starts_at=START).close()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)
        if statement.startswith("DROP"):
            database.execute("CREATE TABLE clock (one, more)")
    with pytest.raises(BadInput, match=r"reading the clock in .*clock\.sqlite: .*from a copy"):
        SimulatedClock(path, starts_at=START)


def test_a_clock_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="unable to open"):
        SimulatedClock(tmp_path, starts_at=START)


def test_every_damaged_database_is_named(started: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    databases = sorted((started / "data").glob("*.sqlite"))
    assert {"clock.sqlite", "queues.sqlite", "tables.sqlite"} <= {path.name for path in databases}
    for path in (one for one in databases if one.name != "mqtt.sqlite"):
        whole = path.read_bytes()
        path.write_bytes(b"no database" * 1000)
        code, said = ended(["clock", "--folder", str(started)], capsys)
        assert code == 1
        assert str(path) in said
        path.write_bytes(whole)
    assert main(["clock", "--folder", str(started)]) == 0


def test_a_line_that_nobody_knows_is_told_by_a_stack_that_was_started_for_it(
    started: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    code, said = ended(["trace", "091000010000000", "--folder", str(started)], capsys)
    assert code == 1
    assert "091000010000000 is not known here" in said
    assert "{" not in said


def test_a_standing_clock_jumps_to_the_very_instant(
    started: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    until = "2026-06-01T06:00:00.000007+00:00"
    words = ["clock", "--to", until, "--json", "--folder", str(started)]
    before = main(["clock", "--json", "--folder", str(started)])
    shown = json.loads(capsys.readouterr().out)["now"]
    assert before == main(words) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["now"] == max(shown, until)
    assert err == ""


def clock_of(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "cloud.cli", "clock", "--folder", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_database_that_is_opened_late_is_named_and_the_process_ends(started: Path) -> None:
    path = started / "data" / "mqtt.sqlite"
    path.write_bytes(b"no database" * 1000)
    done = clock_of(started)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert str(path) in done.stderr


def test_the_queue_of_a_home_that_cannot_be_read_is_set_aside_as_a_gateway_does(
    started: Path,
) -> None:
    path = started / "data" / "homes" / "gw-ash.sqlite"
    path.write_bytes(b"no database" * 1000)
    assert clock_of(started).returncode == 0
    assert path.with_name("gw-ash.sqlite.corrupt-1").read_bytes() == b"no database" * 1000


@pytest.mark.parametrize("days", ["inf", "nan", "0", "-1", "1e300", "3661", "many"])
def test_days_that_no_clock_can_jump_are_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], days: str
) -> None:
    code, said = ended(["clock", f"--jump={days}", "--folder", str(tmp_path)], capsys)
    assert code == 2
    assert f"argument --jump: {days!r} is not a number of days above 0, up to 3660" in said


def test_a_file_in_the_place_of_the_data_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").write_text("")
    code, said = ended(["clock", "--folder", str(tmp_path)], capsys)
    assert code == 1
    assert f"{tmp_path / 'data'}: File exists; bring it back" in said
    (tmp_path / "data").unlink()
    (tmp_path / "data" / "lock").mkdir(parents=True)
    code, said = ended(["clock", "--folder", str(tmp_path)], capsys)
    assert code == 1
    assert str(tmp_path / "data" / "lock") in said
    shutil.rmtree(tmp_path / "data")
