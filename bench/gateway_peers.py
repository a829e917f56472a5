"""The agent and its peers as processes that poll one house each and publish to one broker.

Peers live in environments of their own (`make bench-gateway-peers`), since each pins another
pymodbus; what is not there is left out, and the table says so.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.peers import free_port

ROOT = Path(__file__).parent.parent
SUNSPEC = {"W": (40084, "int16"), "Hz": (40086, "uint16"), "DCW": (40101, "int16")}
"""Registers of model 103 (SunSpec Inverter Models) in a device with a common model of 66."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One process.

    Attributes:
        name: as the table has it.
        python: interpreter of its environment.
        imports: what it imports before it can begin.
    """

    name: str
    python: Path
    imports: str

    @property
    def is_there(self) -> bool:
        """Tell whether its environment was made."""
        return self.python.exists()


def _venv(name: str) -> Path:
    return ROOT / f".venv-peers-{name}" / "bin" / "python"


OURS = Peer("sunreeve-edge", Path(sys.executable), "import edge_agent.cli, edge_agent.agent")
PEERS = (
    Peer("modpoll", _venv("modpoll"), "import modpoll.main"),
    Peer("modbus4mqtt", _venv("modbus4mqtt"), "import modbus4mqtt.modbus4mqtt"),
    Peer(
        "thingsboard-gateway",
        _venv("thingsboard"),
        "import thingsboard_gateway.gateway.tb_gateway_service\n"
        "import thingsboard_gateway.connectors.modbus.modbus_connector",
    ),
)


def command(peer: Peer, folder: Path, *, device: int, broker: int, poll_s: int) -> list[str]:
    """Write a peer's settings into a folder of its own; return the command that runs it there."""
    folder.mkdir(parents=True)
    if peer == OURS:
        (folder / "agent.toml").write_text(
            f'thing = "gw-{folder.name}"\noutbox = "{folder}/outbox.sqlite"\n'
            f"poll_s = {poll_s}\nwindow_s = {60 if poll_s < 60 else 3600}\n"
            f'[broker]\nhost = "127.0.0.1"\nport = {broker}\n'
            f'[[device]]\nname = "roof"\nhost = "127.0.0.1"\nport = {device}\nunit = 1\n'
        )
        return [str(peer.python), "-m", "edge_agent.cli", "run", str(folder / "agent.toml")]
    if peer.name == "modpoll":
        return _modpoll(peer, folder, device=device, broker=broker, poll_s=poll_s)
    if peer.name == "modbus4mqtt":
        return _modbus4mqtt(peer, folder, device=device, broker=broker, poll_s=poll_s)
    return _thingsboard(peer, folder, device=device, broker=broker, poll_s=poll_s)


def _modpoll(peer: Peer, folder: Path, *, device: int, broker: int, poll_s: int) -> list[str]:
    rows = ["device,roof,1,,", "poll,holding_register,40069,52,BE_BE"]
    rows += [f"ref,{name},{address},{kind},r" for name, (address, kind) in SUNSPEC.items()]
    (folder / "roof.csv").write_text("\n".join(rows) + "\n")
    return [
        *(str(peer.python), "-m", "modpoll", "--daemon", "--config", str(folder / "roof.csv")),
        *("--rate", str(poll_s), "--tcp", "127.0.0.1", "--tcp-port", str(device)),
        *("--mqtt-host", "127.0.0.1", "--mqtt-port", str(broker), "--mqtt-qos", "1"),
        *("--mqtt-clientid", "modpoll", "--mqtt-version", "5.0", "--loglevel", "ERROR"),
    ]


def _modbus4mqtt(peer: Peer, folder: Path, *, device: int, broker: int, poll_s: int) -> list[str]:
    lines = ["ip: 127.0.0.1", f"port: {device}", f"update_rate: {poll_s}", "registers:"]
    for name, (address, kind) in SUNSPEC.items():
        lines += [f'  - pub_topic: "{name}"', "    table: holding", f"    address: {address}"]
        lines += [f"    type: {kind}", "    pub_only_on_change: false"]
    (folder / "roof.yaml").write_text("\n".join(lines) + "\n")
    tool = str(peer.python.with_name("modbus4mqtt"))
    return [
        *(tool, "--hostname", "127.0.0.1", "--port", str(broker)),
        *("--config", str(folder / "roof.yaml")),
    ]


def _thingsboard(peer: Peer, folder: Path, *, device: int, broker: int, poll_s: int) -> list[str]:
    shipped = next(peer.python.parent.parent.glob("lib/*/site-packages/thingsboard_gateway/config"))
    settings = json.loads((shipped / "tb_gateway.json").read_text())
    settings["thingsboard"] |= {"host": "127.0.0.1", "port": broker, "remoteConfiguration": False}
    settings["thingsboard"]["security"] = {"type": "accessToken", "accessToken": "bench"}
    settings["connectors"] = [{"name": "roof", "type": "modbus", "configuration": "roof.json"}]
    series = [
        {"tag": name, "type": "16int", "functionCode": 3, "objectsCount": 1, "address": address}
        for name, (address, _) in SUNSPEC.items()
    ]
    slave = {
        **{"host": "127.0.0.1", "port": device, "type": "tcp", "method": "socket", "unitId": 1},
        **{"deviceName": "roof", "timeout": 5, "byteOrder": "BIG", "wordOrder": "BIG"},
        **{"retries": True, "pollPeriod": 1000 * poll_s, "connectAttemptTimeMs": 5000},
        **{"connectAttemptCount": 5, "waitAfterFailedAttemptsMs": 5000},
        **{"attributes": [], "timeseries": series, "attributeUpdates": [], "rpc": []},
    }
    (folder / "tb_gateway.json").write_text(json.dumps(settings))
    (folder / "roof.json").write_text(json.dumps({"master": {"slaves": [slave]}}))
    logs = (shipped / "logs.json").read_text().replace("./logs/", f"{folder}/")
    (folder / "logs.json").write_text(logs)
    return [str(peer.python.with_name("thingsboard-gateway"))]


@contextmanager
def running(words: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until the block ends; what it prints goes to a file in the folder."""
    environment = {
        **os.environ,
        "TB_GW_CONFIG_DIR": f"{folder}/",
        "PYTHONPATH": str(ROOT) if words[0] == sys.executable else "",
    }
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own words
            words, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def broker(folder: Path) -> Iterator[int | None]:
    """Run mosquitto until the block ends and give its port; None where it is not installed."""
    tool = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if tool is None:
        yield None
        return
    port = free_port()
    folder.mkdir()
    settings = folder / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    with running([tool, "-c", str(settings)], folder):
        time.sleep(0.5)
        yield port


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process has taken until now: peak memory in MB, CPU in seconds, and threads."""

    rss_mb: float
    cpu_s: float
    threads: int


def footprint(number: int) -> Footprint:
    """Read what a process has taken, its children not counted; Linux only.

    Raises:
        OSError: there is no such process any more.
    """
    lines = Path(f"/proc/{number}/status").read_text().splitlines()
    fields: Mapping[str, str] = dict(line.split(":", 1) for line in lines if ":" in line)
    numbers = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    ticks = int(numbers[11]) + int(numbers[12])
    return Footprint(
        rss_mb=int(fields["VmHWM"].split()[0]) / 1024,
        cpu_s=ticks / os.sysconf("SC_CLK_TCK"),
        threads=int(fields["Threads"]),
    )
