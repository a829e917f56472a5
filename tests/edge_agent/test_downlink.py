"""Commands over a broker that nobody here wrote, by TLS with client certificates, and `kill -9`."""

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from cloud.local.authority import Authority
from cloud.telemetry.chunk import decode
from cloud.telemetry.gaps import Resend, command_text
from edge_agent.agent import Agent
from edge_agent.command import command_topic
from edge_agent.queue.outbox import Outbox
from edge_agent.reading import Reading, Window
from edge_agent.settings import BrokerSettings

ROOT = Path(__file__).parents[2]
T0 = 1782000000
CHUNKS = 60

CONFIG = """
listener {port} 127.0.0.1
cafile {ca}
certfile {cert}
keyfile {key}
require_certificate true
use_identity_as_username true
persistence false
acl_file {acl}
"""
RIGHTS = """
pattern write $aws/rules/sunreeve_chunks/%u/chunk
pattern write $aws/rules/sunreeve_events/%u/event
pattern write sunreeve/%u/status
pattern read sunreeve/%u/command

user cloud
topic readwrite sunreeve/#
topic read $aws/#
"""


class StandingClock:
    def now(self) -> datetime:
        return datetime(2026, 6, 21, tzinfo=UTC)


def until(is_true, within_s=20.0):
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


class Cloud:
    """A client of the broker that commands, and counts the chunks that come by their numbers."""

    def __init__(self, port: int, authority: Authority) -> None:
        self.came: Counter[int] = Counter()
        self.payloads: dict[int, set[bytes]] = {}
        self.port, self.authority = port, authority
        self._is_there = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, "cloud")
        self._client.tls_set_context(authority.device_context("cloud"))
        self._client.on_connect = lambda client, *_: client.subscribe("$aws/#", qos=1)
        self._client.on_subscribe = lambda *_: self._is_there.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._is_there.wait(10)

    def _on_message(self, _client, _data, message) -> None:
        seq = decode(message.payload).seq
        self.payloads.setdefault(seq, set()).add(message.payload)
        self.came[seq] += 1

    def say(self, payload: bytes, topic: str = "sunreeve/gw-0001/command", **options) -> None:
        self._client.publish(topic, payload, qos=1, **options).wait_for_publish(10)

    def ask(self, name: str, *ranges: tuple[int, int]) -> None:
        self.say(command_text(Resend(name, ranges)))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def cloud(tmp_path):
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    authority = Authority(tmp_path / "ca", clock=StandingClock())
    cert, key = authority.server_certificate()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    acl, config = tmp_path / "acl", tmp_path / "mosquitto.conf"
    acl.write_text(RIGHTS)
    acl.chmod(0o600)
    config.write_text(CONFIG.format(port=port, ca=authority.ca_path, cert=cert, key=key, acl=acl))
    # It gives up root when started by it, and could then not read what only we may.
    command = ["mosquitto", "-c", str(config)]
    config.write_text(config.read_text() + f"user {_me()}\n")
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        until(lambda: _answers(port))
        made = Cloud(port, authority)
        yield made
        made.close()
    finally:
        process.terminate()
        process.wait()


def _me() -> str:
    import getpass

    return getpass.getuser()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def sent(tmp_path):
    """A queue whose chunks were all acknowledged, and are lost all the same."""
    box = Outbox(tmp_path / "outbox.sqlite")
    for i in range(CHUNKS):
        box.append([Reading("SN-1", T0 + 3600 * i, 0, "1.103", {"W": i})])
    head = Window("gw-0001", "5f", 0, T0, 900, 0, 1)
    box.seal(before=T0 + 3600 * CHUNKS, window_s=3600, head=head)
    payloads = {one.number: one.payload for one in box.waiting_chunks()}
    box.acknowledge(chunks=[*payloads], events=[], at=T0)
    box.close()
    return payloads


def broker_of(cloud) -> BrokerSettings:
    mine = cloud.authority.device_certificate("gw-0001")
    return BrokerSettings(
        "127.0.0.1", cloud.port, str(mine.ca_path), str(mine.cert_path), str(mine.key_path)
    )


@pytest.fixture
def agent(cloud, sent, settings_of, clock):
    clock.at = T0 + 3600 * CHUNKS
    made = Agent(settings_of(1, broker=broker_of(cloud)), clock=clock, boot_id="60")
    assert made.connect()
    until(made._uplink.is_listening)
    yield made
    made.close()


def serve(agent, is_done):
    def step():
        agent.publish(1.0)
        return is_done()

    until(step)


def test_asked_for_chunks_come_back_byte_for_byte_and_nothing_else(cloud, sent, agent):
    cloud.ask("RS-1", (3, 5), (40, 40), (58, 70))
    serve(agent, lambda: len(cloud.came) == 7)
    assert agent.publish(0.2) == 0
    assert set(cloud.came.elements()) == {3, 4, 5, 40, 58, 59, 60}
    assert {seq: {payload} for seq, payload in sent.items() if seq in cloud.came} == cloud.payloads
    assert agent._health()["again"] == 7
    assert agent._health()["gone"] == 10
    assert "refused" not in agent._health()


def test_what_is_no_command_changes_nothing_and_is_counted(cloud, sent, agent):
    nonsense = [
        b"",
        b"{",
        b"\xff\x00",
        b"x" * 100_000,
        b'{"v":2,"do":"resend","id":"a","seq":[[1,2]]}',
        b'{"v":1,"do":"resend","id":"a","seq":[[1,9000000000]]}',
    ]
    for payload in nonsense:
        cloud.say(payload)
    cloud.ask("RS-1", (9, 9))
    serve(agent, lambda: cloud.came[9])
    assert agent._health()["refused"] == len(nonsense)
    assert agent.outbox.depth() == 0
    assert set(cloud.came) == {9}


def test_it_hears_its_own_topic_only(cloud, sent, agent):
    for topic in ("sunreeve/gw-0002/command", "sunreeve/gw-0001/status", "sunreeve/command"):
        cloud.say(command_text(Resend("RS-1", ((1, 2),))), topic)
    cloud.ask("RS-2", (9, 9))
    serve(agent, lambda: cloud.came[9])
    assert set(cloud.came) == {9}
    assert command_topic("gw-0001") == "sunreeve/gw-0001/command"


def test_a_flood_is_obeyed_six_times_and_then_counted(cloud, sent, agent):
    for number in range(60):
        cloud.ask(f"RS-{number}", (number + 1, number + 1))
    serve(agent, lambda: agent._health().get("refused", 0) == 54)
    serve(agent, lambda: len(cloud.came) == 6)
    assert set(cloud.came) == {1, 2, 3, 4, 5, 6}


def test_a_command_that_the_broker_keeps_is_obeyed_once(cloud, sent, settings_of, clock):
    """Retained by somebody's mistake, it comes with every connection."""
    cloud.say(command_text(Resend("RS-1", ((2, 2),))), retain=True)
    for _ in range(3):
        made = Agent(settings_of(1, broker=broker_of(cloud)), clock=clock, boot_id="60")
        clock.at = T0 + 60
        assert made.connect()
        serve(made, lambda: cloud.came[2])
        for _ in range(5):
            made.publish(0.1)
            time.sleep(0.02)
        made.close()
    assert cloud.came == {2: 1}


AGENT = """
import sys, time
from pathlib import Path
from edge_agent.agent import Agent
from edge_agent.settings import BrokerSettings, DeviceSettings, Settings

class Clock:
    def now(self):
        return float(sys.argv[1])

    def monotonic(self):
        return time.monotonic()

    def is_synced(self):
        return True

settings = Settings("gw-0001", Path(sys.argv[2]), BrokerSettings("127.0.0.1", *eval(sys.argv[3])),
                    (DeviceSettings("roof", "127.0.0.1", port=1),), poll_s=900, window_s=3600)
agent = Agent(settings, clock=Clock(), boot_id="60")
while not agent.connect() or not agent._uplink.is_listening():
    time.sleep(0.002)
print("up", flush=True)
while True:
    agent.publish(1.0)
    time.sleep(0.002)
"""


class Home:
    """An agent in a process of its own, to be killed."""

    def __init__(self, cloud, path: Path) -> None:
        broker = broker_of(cloud)
        of_broker = (broker.port, broker.ca, broker.cert, broker.key)
        at = T0 + 3600 * CHUNKS
        self._command = [sys.executable, "-c", AGENT, str(at), str(path), repr(of_broker)]

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own script
            self._command, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self.process.stdout.readline() == "up\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def home(cloud, sent, tmp_path):
    made = Home(cloud, tmp_path / "outbox.sqlite")
    made.start()
    yield made
    made.kill()


def test_a_command_for_an_agent_that_was_killed_waits_for_it(cloud, home):
    home.kill()
    cloud.ask("RS-1", (10, 12))
    home.start()
    until(lambda: set(cloud.came) == {10, 11, 12})


def test_killed_at_any_moment_it_loses_no_request(cloud, home, sent):
    """Six times it is killed while it obeys: before, within and after its write."""
    for number in range(6):
        cloud.ask(f"RS-{number}", (10 * number + 1, 10 * number + 10))
        time.sleep(0.004 * number)
        home.kill()
        home.start()
    until(lambda: len(cloud.came) == CHUNKS)
    assert {seq: {payload} for seq, payload in sent.items()} == cloud.payloads
