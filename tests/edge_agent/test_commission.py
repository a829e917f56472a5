"""The installer's report: what is found is told, what is wrong has a next step, nothing is run."""

import json
import os
import re
import socket
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edge_agent import clock as clocks
from edge_agent.cli import main
from edge_agent.command import Configure
from edge_agent.operation import commission
from edge_agent.operation.commission import (
    FoundDevice,
    Line,
    Verdict,
    as_data,
    as_page,
    as_text,
    certificate_lines,
    device_line,
    disk_line,
    disk_trouble,
    doubles_failed,
    live_values,
    report,
)
from edge_agent.reading import Reading
from edge_agent.remote import Remote, state_path
from edge_agent.settings import BrokerSettings, DeviceSettings, load
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.server import Server

ROOT = Path(__file__).parents[2]
DAY = 1781938800
NOON = DAY + 12 * 3600
EVIL = "<script>alert('1')</script>\"&"


@pytest.fixture
def homes():
    """Ports of a home with a battery, and of one whose device calls itself something evil."""
    with Server(lambda: NOON) as server:
        good = House(HouseSpec("SN-0001", battery=802), Curve("SN-0001", DAY))
        evil = House(HouseSpec("SN-0002", maker=EVIL, model="\x1b[2J\nred"), Curve("SN-0002", DAY))
        yield server.add(good).number, server.add(evil).number


def looked_at(settings, clock, *, why_not="", days=300, **more):
    return report(
        settings,
        clock,
        probe=commission.probe_over_modbus,
        reach=lambda _: why_not,
        days_left=lambda path, now: days,
        **more,
    )


def test_a_home_in_order_passes(homes, settings_of, clock):
    found = looked_at(settings_of(1, homes[:1]), clock)
    assert not found.has_failed
    (device,) = found.devices
    assert (device.serial, device.maker, device.models) == ("SN-0001", "Sunreeve", "1.103.160.802")
    assert device.values["AC power"] == "2335 W"
    assert device.values["battery, charge"] == "55.0 %"
    assert device.values["input 2, power"] == "1210 W"
    assert all(line.verdict is Verdict.OK and not line.next for line in found.lines)
    assert "PASS" in as_text(found)
    assert as_data(found)["result"] == "pass"
    assert json.loads(json.dumps(as_data(found))) == as_data(found)


def test_every_failure_has_a_next_step(homes, settings_of, clock):
    clock.has_server = False
    settings = settings_of(1, (homes[0], 1))
    changed = replace(settings.devices[0], serial="SN-9")
    settings = replace(settings, devices=(changed, settings.devices[1]))
    found = looked_at(settings, clock, why_not="connection refused")
    assert found.has_failed
    assert not found.is_nothing_reachable
    says = {line.subject: line for line in found.lines}
    assert says["device-0"].says == "another device answers: SN-0001"
    assert "SN-9" in says["device-0"].next
    assert says["device-1"].says.startswith("does not answer")
    assert "connection refused" in says["broker"].says
    assert says["clock"].verdict is Verdict.LOOK
    assert all(line.next for line in found.lines if line.verdict is not Verdict.OK)
    assert "FAIL: 3 of" in as_text(found)


def test_one_device_under_two_names_is_told(homes, settings_of, clock):
    found = looked_at(settings_of(1, (homes[0], homes[0])), clock)
    (line,) = [line for line in found.lines if line.verdict is Verdict.FAIL]
    assert line.subject == "device-1"
    assert line.says == "it has the serial number of device-0, SN-0001, and is not read"
    assert line.next
    assert doubles_failed(found.devices[:1]) == found.devices[:1]


def test_a_device_may_be_seen_in_two_ways():
    """A profile reads another part of it: the layouts differ, and both are read."""
    line = Line("x", Verdict.OK, "answers")
    one = FoundDevice("roof", "h:502", line, is_reached=True, serial="SN-1", models="1.103")
    views = (one, replace(one, name="battery", models="solaredge_battery"))
    assert doubles_failed(views) == views


@pytest.mark.parametrize(
    ("quality", "verdict", "hint"),
    [
        (0, Verdict.OK, ""),
        (1, Verdict.LOOK, "by day check the DC switch"),
        (2, Verdict.FAIL, "cable and power"),
        (3, Verdict.LOOK, "firmware"),
        (4, Verdict.LOOK, "look again"),
        (5, Verdict.FAIL, "mend it"),
    ],
)
def test_the_state_of_a_device_is_judged(quality, verdict, hint):
    reading = Reading("SN-1", 0, quality, "1.103")
    line = device_line(DeviceSettings("roof", "h"), reading, serial="SN-1", oddities=())
    assert line.verdict is verdict
    assert hint in line.next
    assert bool(line.next) == (verdict is not Verdict.OK)


def test_a_device_that_is_found_and_says_nothing_fails():
    line = device_line(DeviceSettings("roof", "h"), None, serial="", oddities=())
    assert line.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("days", "verdict"),
    [(None, Verdict.FAIL), (-1, Verdict.FAIL), (0, Verdict.LOOK), (29, Verdict.LOOK),
     (30, Verdict.OK)],
)  # fmt: skip
def test_the_end_of_the_certificate(days, verdict):
    broker = BrokerSettings("iot.example", ca="ca", cert="cert", key="key")
    (line,) = certificate_lines(broker, 0.0, lambda path, now: days)
    assert line.verdict is verdict
    assert bool(line.next) == (verdict is not Verdict.OK)
    assert certificate_lines(BrokerSettings("127.0.0.1"), 0.0, lambda path, now: days) == []


@pytest.mark.parametrize(
    ("free", "verdict"), [(None, Verdict.FAIL), (499, Verdict.LOOK), (500, Verdict.OK)]
)
def test_the_room_for_the_queue(free, verdict):
    assert disk_line(Path("/x"), free).verdict is verdict


def test_a_queue_that_can_be_written_leaves_no_trace(tmp_path):
    there = tmp_path / "outbox.sqlite"
    there.write_text("x")
    for path in (there, tmp_path / "new.sqlite", tmp_path / "not" / "there" / "o.sqlite"):
        assert disk_trouble(path) == ""
    assert [path.name for path in tmp_path.iterdir()] == ["outbox.sqlite"]


def test_a_queue_that_can_never_be_written_fails(tmp_path, homes, settings_of, clock):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    for path, says in (
        (tmp_path / "file" / "o.sqlite", "Not a directory"),
        (tmp_path / "file" / "deep" / "o.sqlite", "Not a directory"),
        (tmp_path / "folder", "Is a directory"),
        (Path("/proc/o.sqlite"), ""),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        settings = settings_of(1, homes[:1], outbox=path)
        (line,) = [one for one in looked_at(settings, clock).lines if one.subject == "disk"]
        assert line.verdict is Verdict.FAIL
        assert str(path) in line.says
        assert says in line.says
        assert line.next


def test_the_meter_has_the_sign_that_the_device_gives():
    assert live_values({"MtrW": -110}) == {"meter, power (sign as the device gives it)": "-110 W"}


def test_the_report_says_which_settings_it_is_of(homes, settings_of, clock):
    settings = settings_of(1, homes[:1])
    assert "the settings file" in as_text(looked_at(settings, clock))
    found = looked_at(settings, clock, origin="configuration CF-1 from afar")
    assert as_data(found)["settings"] == "configuration CF-1 from afar"
    assert "configuration CF-1 from afar" in as_text(found)
    assert "configuration CF-1 from afar" in as_page(found)


def test_values_have_units_and_unknown_ones_are_left_out():
    values = {"W": -5, "SoC": 317, "DCW_2": 7, "DCW_1": None, "Evt1": 4, "TmpCab": -15}
    assert live_values(values) == {
        "AC power": "-5 W",
        "battery, charge": "31.7 %",
        "cabinet": "-1.5 °C",
        "input 2, power": "7 W",
    }


# ---------------------------------------------------------------------- the page
class Page(HTMLParser):
    """What a page has that could load or run something."""

    def __init__(self):
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.is_style = False

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.is_style = tag == "style"

    def handle_endtag(self, tag):
        self.is_style = False

    def handle_data(self, data):
        self.text += "" if self.is_style else data


@pytest.fixture
def evil_page(homes, settings_of, clock):
    settings = settings_of(1, homes)
    named = replace(settings.devices[1], name=EVIL, serial=EVIL)
    settings = replace(settings, devices=(settings.devices[0], named))
    return as_page(looked_at(settings, clock, why_not=EVIL))


def test_what_devices_say_is_text_and_no_more(evil_page):
    page = Page()
    page.feed(evil_page)
    assert "script" not in page.tags
    assert page.text.count("<script>alert('1')</script>\"&") >= 3
    assert "\x1b" not in evil_page
    assert "?[2J?red" in page.text


def test_the_page_needs_nothing_else(evil_page):
    page = Page()
    page.feed(evil_page)
    assert not page.tags & {"link", "img", "iframe", "object", "script", "video", "base", "form"}
    assert not page.attributes & {"src", "href", "action", "onload", "style"}
    style = re.search(r"<style>(.*?)</style>", evil_page, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in evil_page
    assert len(evil_page) < 40_000


def test_how_it_stands_is_told_without_colours(evil_page):
    page = Page()
    page.feed(evil_page)
    assert "✓ in order" in page.text
    assert "✗ not in order" in page.text
    assert "prefers-color-scheme: dark" in evil_page
    assert "@media print" in evil_page
    assert "width=device-width" in evil_page


def test_the_terminal_is_not_steered_by_a_device(homes, settings_of, clock):
    text = as_text(looked_at(settings_of(1, homes), clock))
    assert all(letter.isprintable() or letter == "\n" for letter in text)


# ---------------------------------------------------------------------- the command
CONFIG = """
thing = "gw-0001"
outbox = "{folder}/outbox.sqlite"
[broker]
host = "127.0.0.1"
port = {broker}
[[device]]
name = "roof"
host = "127.0.0.1"
port = {device}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def config(tmp_path):
    def write(broker, device):
        path = tmp_path / "agent.toml"
        path.write_text(CONFIG.format(folder=tmp_path, broker=broker, device=device))
        return str(path)

    return write


def test_all_in_order(homes, any_broker_port, config, tmp_path, capsys):
    page = tmp_path / "report.html"
    code = main(["commission", config(any_broker_port, homes[0]), "--json", "-o", str(page)])
    said = json.loads(capsys.readouterr().out)
    assert (code, said["result"]) == (0, "pass")
    assert "SN-0001" in page.read_text(encoding="utf-8")
    assert not (tmp_path / "outbox.sqlite").exists(), "looking leaves nothing behind"


def test_the_broker_is_told_that_nobody_is_up_in_the_end(homes, broker, config, capsys):
    main(["commission", config(broker.port, homes[0])])
    assert broker.of("/status")[-1] == b'{"up":0}'
    assert broker.wills == []


def test_one_thing_is_wrong(homes, broker, config, capsys):
    assert main(["commission", config(broker.port, free_port())]) == 1
    assert main(["commission", config(free_port(), homes[0])]) == 1


def test_nothing_is_reachable(config, capsys):
    assert main(["commission", config(free_port(), free_port())]) == 3
    assert "FAIL: 2 of" in capsys.readouterr().out


def test_a_profile_that_is_silent_is_told(config, capsys):
    path = Path(config(free_port(), free_port()))
    path.write_text(path.read_text() + 'profile = "solaredge_battery"\n')
    assert main(["commission", str(path)]) == 3
    assert "roof: does not answer" in capsys.readouterr().out


def test_it_looks_at_what_the_agent_goes_by(homes, broker, config, tmp_path, capsys):
    path = Path(config(broker.port, free_port()))
    own = load(path)
    remote = Remote(own, now_mono=0.0)
    device = {"name": "barn", "host": "127.0.0.1", "port": homes[0]}
    remote.begin(Configure("CF-1", {"device": [device]}), 0.0)
    before = state_path(own.outbox).read_bytes()
    assert main(["commission", str(path)]) == 0
    said = capsys.readouterr().out
    assert "barn: answers" in said
    assert "configuration CF-1 from afar, on trial" in said
    assert state_path(own.outbox).read_bytes() == before


@pytest.mark.parametrize(("clock", "asks"), [("kernel", True), ("machine", False)])
def test_the_clock_is_asked_as_the_agent_asks_it(config, capsys, monkeypatch, clock, asks):
    asked = []
    monkeypatch.setattr(clocks, "kernel_state", lambda: asked.append(1) or 5)
    path = Path(config(free_port(), free_port()))
    path.write_text(f'clock = "{clock}"\n' + path.read_text())
    main(["commission", str(path), "--json"])
    assert bool(asked) == asks
    assert json.loads(capsys.readouterr().out)["clock_set"] == (not asks)


def test_a_terminal_that_knows_few_letters(config):
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "edge_agent.cli", "commission", config(free_port(), free_port())],
        capture_output=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert done.returncode == 3
    assert b"? roof: does not answer" in done.stdout
    assert done.stderr == b""
