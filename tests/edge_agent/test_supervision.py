"""What systemd hears of the agent, and the unit that it is started by."""

import configparser
import os
import re
import shutil
import socket
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from edge_agent.operation.supervision import (
    ACK_LIMIT_S,
    TURN_LIMIT_S,
    Liveness,
    Supervisor,
    is_alive,
)

UNIT = Path(__file__).parents[2] / "edge_agent/operation/systemd/sunreeve-edge.service"
ALIVE = Liveness(1.0, 5.0, is_queue_healthy=True)


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """A socket as systemd has one, and its name as systemd tells it."""
    name = str(tmp_path / "notify")
    if request.param == "abstract":
        name = f"@sunreeve-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name.replace("@", "\0"))
        listener.settimeout(2)
        yield listener, name


def heard(listener) -> list[str]:
    listener.setblocking(False)
    messages = []
    while True:
        try:
            messages.append(listener.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_a_life(manager):
    listener, name = manager
    environ = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "7"}
    supervisor = Supervisor.from_environment(environ, pid=7)
    supervisor.ready()
    supervisor.status("2 devices\nREADY=1")
    supervisor.status("2 devices\nREADY=1")
    assert supervisor.feed(ALIVE, 0.0)
    assert not supervisor.feed(ALIVE, 29.9)
    assert supervisor.feed(ALIVE, 30.0), "four times within the time of the watchdog"
    supervisor.stopping()
    assert heard(listener) == [
        "READY=1",
        "STATUS=2 devices?READY=1",
        "WATCHDOG=1",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (ALIVE, True),
        (Liveness(TURN_LIMIT_S - 1, 0, is_queue_healthy=True), True),
        (Liveness(TURN_LIMIT_S, 0, is_queue_healthy=True), False),
        (Liveness(1, 10 * ACK_LIMIT_S, is_queue_healthy=True), True),
        (Liveness(1, ACK_LIMIT_S - 1, is_queue_healthy=False), True),
        (Liveness(1, ACK_LIMIT_S, is_queue_healthy=False), False),
    ],
    ids=[
        "all well",
        "a slow turn",
        "the loop stands",
        "the broker is away, the queue keeps",
        "the disk is full, the broker takes",
        "neither of them",
    ],
)
def test_alive(facts, expected):
    assert is_alive(facts) is expected


def test_a_dead_agent_does_not_feed(manager):
    listener, name = manager
    supervisor = Supervisor(name, 120.0)
    assert not supervisor.feed(Liveness(1e9, 0.0, is_queue_healthy=True), 0.0)
    assert heard(listener) == []


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "relative"},
        {"NOTIFY_SOCKET": "/nowhere/at/all"},
        {"NOTIFY_SOCKET": "/" + "x" * 300},
        {"NOTIFY_SOCKET": "@" + "x" * 300},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "8"},
    ],
    ids=str,
)
def test_without_a_manager_nothing_happens(environ):
    supervisor = Supervisor.from_environment(environ, pid=7)
    supervisor.ready()
    supervisor.stopping()
    assert not supervisor.feed(ALIVE, 0.0)


def test_a_manager_that_does_not_listen_stops_nobody(manager):
    listener, name = manager
    supervisor = Supervisor(name)
    for number in range(2000):
        supervisor.status(f"{number} " + "x" * 200)
    kept = heard(listener)
    assert 0 < len(kept) < 2000, "what found no room is dropped, the first stays"
    assert kept[0].startswith("STATUS=0 ")
    supervisor.ready()
    assert heard(listener) == ["READY=1"]


# ---------------------------------------------------------------------- the unit
def unit() -> dict[str, dict[str, list[str]]]:
    sections: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    section = ""
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            sections[section][key].append(value)
    return sections


def test_the_unit_is_what_the_agent_relies_on():
    service, head = unit()["Service"], unit()["Unit"]
    assert head["After"] == ["network.target"]
    assert not {"Requires", "Wants", "BindsTo"} & set(head)
    assert "time-sync" not in UNIT.read_text(encoding="utf-8").replace("nor time-sync", "")
    expected = {
        "Type": "notify",
        "WatchdogSec": "120",
        "Restart": "always",
        "RestartSec": "5",
        "DynamicUser": "yes",
        "StateDirectory": "sunreeve-edge",
        "ProtectSystem": "strict",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
        "MemoryMax": "128M",
    }
    assert {name: service[name] for name in expected} == {
        name: [value] for name, value in expected.items()
    }
    # The key lies in the service's own folder: what renews a certificate writes both files.
    assert service["StateDirectoryMode"] == ["0700"]
    assert service["UMask"] == ["0077"]
    assert service["SystemCallFilter"][0] == "@system-service"
    assert re.fullmatch(r"/\S+/sunreeve-edge run /\S+\.toml", service["ExecStart"][0])


def test_the_agent_may_ask_whether_the_clock_was_set():
    """ProtectClock= refuses adjtimex, which only asks; every time would then be believed."""
    service = unit()["Service"]
    assert "ProtectClock" not in service
    assert any("adjtimex" in filters.split() for filters in service["SystemCallFilter"])


def test_no_key_stands_twice_by_mistake():
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    text = UNIT.read_text(encoding="utf-8")
    parser.read_string("\n".join(li for li in text.splitlines() if "SystemCallFilter" not in li))
    assert parser.sections() == ["Unit", "Service", "Install"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_unit(tmp_path):
    program = tmp_path / "sunreeve-edge"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/sunreeve/bin", str(tmp_path)))
    done = subprocess.run(  # noqa: S603
        ["systemd-analyze", "verify", str(copy)],  # noqa: S607
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_gives_away_little():
    done = subprocess.run(  # noqa: S603
        ["systemd-analyze", "security", "--offline=true", str(UNIT)],  # noqa: S607
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    if found is None:
        pytest.skip("this systemd cannot judge a file")
    assert float(found[1]) < 2.0
