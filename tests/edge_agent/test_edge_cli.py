"""The command: what it prints, and the exit codes that scripts rely on."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloud.telemetry.chunk import decode
from edge_agent.cli import MODBUS_PORT, WrongUse, _address, main
from edge_agent.reading import Reading, Window, seal
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.image import Image, Template
from edge_agent.simulator.server import Misbehaviour, Server
from edge_agent.source import Busy

ROOT = Path(__file__).parents[2]
DAY = 1781938800
NOON = DAY + 12 * 3600


@pytest.fixture
def host():
    home = House(HouseSpec("SN-1", battery=802, unit=126), Curve("SN-1", DAY))
    with Server(lambda: NOON) as server:
        yield f"127.0.0.1:{server.add(home).number}"


def run(capsys, *arguments):
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_scan(capsys, host):
    code, out, _ = run(capsys, "scan", host, "--json")
    report = json.loads(out)
    assert code == 0
    assert report["unit"] == 126
    assert report["flags"] == []
    assert [model["model"] for model in report["models"]] == [1, 103, 160, 802]
    assert set(report["models"][0]) == {"model", "name", "address", "length", "flags"}
    assert "inverter_three_phase" in run(capsys, "scan", host)[1]


def test_read(capsys, host):
    code, out, _ = run(capsys, "read", host, "--unit", "126", "--json")
    models = {model["model"]: model for model in json.loads(out)["models"]}
    assert code == 0
    assert models[1]["points"]["SN"] == {"raw": "SN-1", "value": "SN-1", "unit": None, "flags": []}
    assert models[802]["points"]["SoC"]["value"] == 55.0
    assert models[103]["points"]["VA"] == {"raw": None, "value": None, "unit": "VA", "flags": []}
    assert [module["ID"]["value"] for module in models[160]["points"]["module"]] == [1, 2]
    assert "SoC          55.0 %WHRtg" in run(capsys, "read", host)[1]


@pytest.mark.parametrize("ends_by", [signal.SIGINT, signal.SIGTERM])
def test_dump_gives_an_image_that_reads_alike(capsys, host, tmp_path, ends_by):
    """What serves it ends by either signal, also in the background of a shell's script."""
    path = tmp_path / "image.json"
    assert run(capsys, "dump", host, "-o", str(path))[0] == 0
    command = [sys.executable, "-m", "edge_agent.cli", "sim", str(path)]
    with subprocess.Popen(  # noqa: S603
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command],  # noqa: S607
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        served = process.stdout.readline().split()[0]
        again = run(capsys, "read", served, "--json")[1]
        process.send_signal(ends_by)
        assert process.wait(5) == 0
    first = json.loads(run(capsys, "read", host, "--json")[1])
    assert json.loads(again)["models"] == first["models"]


def test_exit_codes(capsys, tmp_path):
    closed = run(capsys, "read", "127.0.0.1:1", "--json")
    assert closed[0] == 3
    assert re.fullmatch(
        r"sunreeve-edge: reading 2 registers at 40000 .*check address.*\n", closed[2]
    )
    assert run(capsys, "read", "127.0.0.1:99999")[0] == 2
    assert run(capsys, "read", "127.0.0.1:1", "--unit", "999")[0] == 2
    assert run(capsys, "sim", str(tmp_path / "none.json"))[0] == 2
    assert run(capsys, "sim", str(tmp_path / "none.json"), "--fault", "odd")[0] == 2
    assert run(capsys, "check", str(tmp_path / "none.toml"))[0] == 1
    assert run(capsys, "run", str(tmp_path / "none.toml"))[0] == 2
    with pytest.raises(SystemExit) as caught:
        main(["fly"])
    assert caught.value.code == 2
    with Server(lambda: 0.0) as server:
        port = server.add(Image(1, ((0, (0,) * 100),)))
        code, _, err = run(capsys, "scan", f"127.0.0.1:{port.number}")
    assert code == 1
    assert "no SunSpec models" in err


@pytest.mark.parametrize("missing", ["pymodbus", "paho"])
def test_without_its_extra_it_says_so_in_one_line(missing, tmp_path):
    config = tmp_path / "agent.toml"
    config.write_text(CONFIG.format(folder=tmp_path, broker=1, device=1))
    code = (
        f"import sys; sys.modules[{missing!r}] = None; from edge_agent.cli import main; "
        f"sys.exit(main(['run', {str(config)!r}]))"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert missing in done.stderr
    assert "is not installed; install the agent with its extra" in done.stderr


CONFIG = """
thing = "gw-0001"
outbox = "{folder}/outbox.sqlite"
poll_s = 1
window_s = 2
clock = "machine"

[broker]
host = "127.0.0.1"
port = {broker}

[[device]]
name = "roof"
host = "127.0.0.1"
port = {device}
"""


def test_run_on_the_real_clock(capsys, host, broker, tmp_path):
    config = tmp_path / "agent.toml"
    config.write_text(CONFIG.format(folder=tmp_path, broker=broker.port, device=host.split(":")[1]))
    assert run(capsys, "check", str(config))[0] == 0
    assert run(capsys, "queue", str(config))[0] == 2, "there is no queue yet"
    command = [sys.executable, "-m", "edge_agent.cli", "run", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT) as process:  # noqa: S603
        for _ in range(100):
            if len(broker.of("/chunk")) >= 2:
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    chunks = [decode(payload) for payload in broker.of("/chunk")]
    assert len(chunks) >= 2
    assert chunks[1].devices[0].serial == "SN-1"
    assert chunks[1].is_clock_synced
    code, out, _ = run(capsys, "status", str(config))
    assert (code, json.loads(out)["roof"]["serial"]) == (0, "SN-1")
    code, out, _ = run(capsys, "queue", str(config))
    assert (code, json.loads(out)["kept_chunks"]) == (0, len(chunks))
    assert json.loads(out)["waiting_chunks"] == json.loads(out)["asked_again"] == 0


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("192.168.1.20", ("192.168.1.20", MODBUS_PORT)),
        ("inverter:1502", ("inverter", 1502)),
        ("::1", ("::1", MODBUS_PORT)),
        ("[::1]", ("::1", MODBUS_PORT)),
        ("[fe80::1]:1502", ("fe80::1", 1502)),
    ],
)
def test_addresses(given, address):
    assert _address(given) == address


@pytest.mark.parametrize(
    "given", ["", ":502", "h:", "h:0", "h:65536", "h:x", "h:²", "[]:5", "[::1]x", f"h:{'9' * 9000}"]
)
def test_addresses_that_are_none(given):
    with pytest.raises(WrongUse, match="reading the address"):
        _address(given)


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "1e9"])
def test_a_time_out_that_is_none(capsys, timeout):
    code, _, err = run(capsys, "read", "127.0.0.1:1", "--timeout", timeout)
    assert code == 2
    assert "--timeout goes from 0 to 60" in err


def test_the_help_teaches(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert "sunreeve-edge commission agent.toml -o report.html" in said
    assert "exit codes: 0 done" in said
    for command in ("scan", "read", "dump", "queue", "profiles", "support-bundle", "commission"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert len(capsys.readouterr().out.splitlines()) > 6


def test_every_fault_is_in_the_help(capsys):
    with pytest.raises(SystemExit):
        main(["sim", "--help"])
    said = capsys.readouterr().out
    assert all(fault.value in said for fault in Misbehaviour)
    code, _, err = run(capsys, "sim", "none.json", "--fault", "odd")
    assert code == 2
    assert all(fault.value in err for fault in Misbehaviour)


def test_help_and_looking_load_little():
    code = (
        "import sys; from edge_agent.cli import _parser; _parser(); "
        "print([name for name in ('asyncio', 'pymodbus', 'paho', 'ssl', 'sqlite3', 'difflib') "
        "if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture
def waiting(tmp_path):
    """Settings whose queue has three chunks, two of which wait."""
    config = tmp_path / "agent.toml"
    config.write_text(CONFIG.format(folder=tmp_path, broker=1, device=1))
    db = sqlite3.connect(tmp_path / "outbox.sqlite")
    db.executescript(
        "CREATE TABLE readings (at); CREATE TABLE events (number); CREATE TABLE again (seq);"
        "CREATE TABLE devices (name, state);"
        "CREATE TABLE chunks (seq INTEGER PRIMARY KEY, t0, payload, acked_at);"
    )
    for seq in (1, 2, 3):
        head = Window("gw-0001", "5f", seq, 3600 * seq, 60, 60, 1, {"up": seq})
        payload = seal(head, [Reading("SN-1", 3600 * seq, 0, "1.103", {"W": seq})])
        acked_at = 5 if seq == 1 else None
        db.execute("INSERT INTO chunks VALUES (?, ?, ?, ?)", (seq, 3600 * seq, payload, acked_at))
    db.commit()
    db.close()
    return str(config)


def test_looking_into_the_queue(capsys, waiting, tmp_path):
    code, out, _ = run(capsys, "queue", waiting)
    assert (code, json.loads(out)["waiting_chunks"]) == (0, 2)
    assert json.loads(out)["lost"] == json.loads(out)["thin"] == 0
    code, out, _ = run(capsys, "queue", waiting, "--peek", "1")
    assert code == 0
    assert json.loads(out)["chunk"]["seq"] == 3
    target = tmp_path / "chunks.jsonl"
    code, out, _ = run(capsys, "queue", waiting, "--export", str(target))
    assert (code, out) == (0, f"3 chunks in {target}\n")
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert [(line["seq"], line["acked_at"]) for line in lines] == [(3, None), (2, None), (1, 5)]
    assert lines[0]["chunk"]["dev"][0]["cols"]["W"][0] == 3
    assert run(capsys, "queue", waiting, "--peek", "0")[0] == 2
    assert run(capsys, "queue", waiting, "--export", "/nowhere/x")[0] == 2
    assert run(capsys, "status", waiting)[:2] == (0, "{}\n")


def test_who_reads_our_output_may_stop(waiting):
    command = f"{sys.executable} -m edge_agent.cli queue {waiting} --peek 2 | true"
    done = subprocess.run(  # noqa: S602
        command, shell=True, capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.stderr == ""


def test_profiles(capsys, tmp_path):
    code, out, _ = run(capsys, "profiles")
    assert code == 0
    assert "solaredge_battery" in out
    code, out, _ = run(capsys, "profiles", "solaredge_battery")
    assert code == 0
    assert "in order\ncolumns: " in out
    own = tmp_path / "solaredge_battery.toml"
    source = ROOT / "edge_agent/profiles/solaredge_battery.toml"
    own.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    assert run(capsys, "profiles", str(own))[0] == 0
    own.write_text("nothing = 1")
    code, _, err = run(capsys, "profiles", str(own))
    assert (code, err.count("\n")) == (1, 1)
    assert run(capsys, "profiles", "none")[0] == 1


def test_a_queue_that_this_user_may_not_see_is_told_in_one_line(capsys, waiting, monkeypatch):
    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", denied)
    for arguments in (("status",), ("queue",), ("queue", "--peek", "1")):
        code, _, err = run(capsys, arguments[0], waiting, *arguments[1:])
        assert code == 2
        assert re.fullmatch(r"sunreeve-edge: opening the queue .*: Permission denied\n", err)


@pytest.mark.parametrize("name", ["x" * 300, "none"])
def test_a_profile_that_cannot_be_opened_is_told_in_one_line(capsys, tmp_path, name):
    config = tmp_path / "agent.toml"
    text = CONFIG.format(folder=tmp_path, broker=1, device=1)
    config.write_text(text + f'profile = "{tmp_path}/{name}.toml"\n')
    code, _, err = run(capsys, "check", str(config))
    assert (code, err.count("\n")) == (1, 1)
    assert "device roof" in err


def test_profiles_say_what_they_are_and_what_they_were_compared_with(capsys):
    assert "hybrid inverter ET" in run(capsys, "profiles")[1]
    assert "compared with: " in run(capsys, "profiles", "goodwe_et")[1]


@pytest.mark.parametrize("arguments", [["read", "host", "--unit", "x"], ["read"], [], ["nothing"]])
def test_wrong_arguments_are_told_in_one_line(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    error = capsys.readouterr().err
    assert (ended.value.code, error.count("\n")) == (2, 1)
    assert error.startswith("sunreeve-edge: ")
    assert "--help" in error


def test_json_for_a_terminal_that_knows_few_letters_loses_nothing():
    words = Template([(1, 0)]).filled({"1.SN": "S"})
    words[4:6] = [0xC3A9, 0]
    with Server(lambda: NOON) as server:
        port = server.add(Image(1, ((40_000, tuple(words)),)))
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "edge_agent.cli", "read", f"127.0.0.1:{port.number}", "--json"],
            capture_output=True,
            cwd=ROOT,
            check=True,
            env={"PYTHONIOENCODING": "ascii"},
        )
    assert json.loads(done.stdout)["models"][0]["points"]["Mn"]["value"] == "é"


def test_a_busy_device_is_told_as_such(capsys, monkeypatch):
    def busy(*_):
        raise Busy("reading: exception 6", 6)

    monkeypatch.setattr("edge_agent.modbus.Registers.read", busy)
    code, _, err = run(capsys, "scan", "127.0.0.1:1", "--unit", "1")
    assert (code, err.count("\n")) == (1, 1)
    assert "the device is busy; try again" in err


def test_a_dump_names_what_is_missing(capsys, tmp_path):
    template = Template([(1, 0), (103, 0)])
    words = template.filled({"1.SN": "S"})
    there = template.slots["103.ID"].offset + 9
    with Server(lambda: NOON) as server:
        port = server.add(Image(1, ((40_000, tuple(words[:there])),)))
        target = tmp_path / "image.json"
        code, out, _ = run(capsys, "dump", f"127.0.0.1:{port.number}", "-o", str(target))
    assert code == 0
    assert f"{there} registers from 40000 on" in out
    assert f"missing: model 103: no registers {40_000 + there} to " in out
    (block,) = json.loads(target.read_text())["blocks"]
    assert block["registers"] == words[:there]
