"""The uplink and a broker that nobody here wrote: certificates, ends of all kinds, and restarts."""

import getpass
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from edge_agent.backoff import Backoff
from edge_agent.mqtt import MOST_UNDER_WAY, Message, Uplink, tls_context
from edge_agent.settings import BrokerSettings

ROOT = Path(__file__).parents[2]
GW = "gw-0001"

CONFIG = """
user {me}
listener {port} 127.0.0.1
persistence true
persistence_location {folder}/
max_queued_messages 0
log_type notice
log_type error
log_dest file {folder}/log
"""
TLS = """
cafile {ca}
certfile {cert}
keyfile {key}
require_certificate true
use_identity_as_username true
acl_file {acl}
"""
RIGHTS = """
pattern write sunreeve/%u/chunk
pattern write sunreeve/%u/status
pattern read sunreeve/%u/command

user cloud
topic readwrite sunreeve/#
"""

pytestmark = pytest.mark.skipif(not shutil.which("mosquitto"), reason="mosquitto is not installed")


def until(is_true, within_s=15.0):
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def paho_threads() -> list[str]:
    names = (thread.name for thread in threading.enumerate())
    return [name for name in names if name.startswith("paho") and not name.endswith("cloud")]


class Mosquitto:
    def __init__(self, folder: Path, papers, server: tuple[str, str] | None) -> None:
        folder.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._log = folder / "log"
        self._config = folder / "mosquitto.conf"
        acl = folder / "acl"
        acl.write_text(RIGHTS)
        acl.chmod(0o600)
        text = CONFIG.format(me=getpass.getuser(), port=self.port, folder=folder)
        if server is None:
            text += "allow_anonymous true\n"
        else:
            text += TLS.format(ca=papers.ca, cert=server[0], key=server[1], acl=acl)
        self._config.write_text(text)
        self.start()

    def start(self) -> None:
        command = ["mosquitto", "-c", str(self._config)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603
        until(self._answers)

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.send_signal(number)
        self.send_signal(signal.SIGCONT)
        self._process.wait(10)

    def log(self) -> str:
        return self._log.read_text()

    def connections_of(self, name: str) -> int:
        return sum(
            "New client connected" in line and f" as {name} " in line
            for line in self.log().splitlines()
        )

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def mosquitto_of(tmp_path, papers):
    """Start a broker with a certificate for an address, or given ones, or none."""
    running = []

    def start(host: str = "127.0.0.1", *, years=(2020, 2050), is_plain=False) -> Mosquitto:
        server = None if is_plain else papers.issue("broker", host=host, years=years)
        running.append(Mosquitto(tmp_path / f"mosquitto-{len(running)}", papers, server))
        return running[-1]

    yield start
    for one in running:
        one.stop(signal.SIGKILL)


@pytest.fixture
def mosquitto(mosquitto_of):
    return mosquitto_of()


def settings_of(papers, port: int, **changes) -> BrokerSettings:
    cert, key = papers.issue(GW)
    return BrokerSettings(**{"host": "127.0.0.1", "port": port, "ca": papers.ca, "cert": cert,
                             "key": key, **changes})  # fmt: skip


def uplink_to(broker: BrokerSettings, **changes) -> Uplink:
    return Uplink(
        broker,
        thing=GW,
        status_topic=f"sunreeve/{GW}/status",
        command_topic=f"sunreeve/{GW}/command",
        **changes,
    )


@pytest.fixture
def uplink(mosquitto, papers):
    made = uplink_to(settings_of(papers, mosquitto.port), patience_s=1.0)
    yield made
    made.close()
    until(lambda: not paho_threads())


class Cloud:
    """Hears all that the gateway says, and commands; its session is kept as well."""

    def __init__(self, mosquitto: Mosquitto, papers) -> None:
        cert, key = papers.issue("cloud")
        context = tls_context(BrokerSettings("127.0.0.1", mosquitto.port, papers.ca, cert, key))
        self.came: Counter[bytes] = Counter()
        self.status: list[bytes] = []
        self._is_there = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, "cloud", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.tls_set_context(context)
        self._client.on_connect = lambda client, *_: client.subscribe("sunreeve/#", qos=1)
        self._client.on_subscribe = lambda *_: self._is_there.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", mosquitto.port)
        self._client.loop_start()
        assert self._is_there.wait(10)

    def _on_message(self, _client, _data, message) -> None:
        if message.topic.endswith("/chunk"):
            self.came[message.payload] += 1
        elif message.topic.endswith("/status"):
            self.status.append(message.payload)

    def command(self, payload: bytes) -> None:
        topic = f"sunreeve/{GW}/command"
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def cloud(mosquitto, papers):
    made = Cloud(mosquitto, papers)
    yield made
    made.close()


def messages(count: int, start: int = 0) -> list[Message]:
    return [
        Message(("chunk", i), f"sunreeve/{GW}/chunk", f"{i:08}".encode() * 100)
        for i in range(start, start + count)
    ]


def texts(*sent: list[Message]) -> set[bytes]:
    return {message.payload for some in sent for message in some}


def test_both_show_certificates_and_talk(cloud, uplink):
    assert uplink.open(5.0), uplink.why
    assert uplink.deliver(messages(100), 10.0) == [("chunk", i) for i in range(100)]
    until(lambda: cloud.came == Counter(texts(messages(100))))
    until(uplink.is_listening)
    cloud.command(b"do")
    until(lambda: uplink._heard or uplink.wait(0.05))
    (command,) = uplink.heard()
    assert command.payload == b"do"
    uplink.acknowledge(command)
    until(lambda: cloud.status == [b'{"up":1}'])


@pytest.mark.parametrize(
    ("why", "server", "client"),
    [
        pytest.param("EXPIRED", {}, {"years": (2020, 2021)}, id="client certificate ended"),
        pytest.param("", {}, {"years": (2049, 2050)}, id="client certificate not begun"),
        pytest.param("EXPIRED", {"years": (2020, 2021)}, {}, id="server certificate ended"),
        pytest.param("NOT VALID FOR '127.0.0.1'", {"host": "other.example"}, {}, id="wrong name"),
        pytest.param("NOT VALID FOR '127.0.0.1'", {"host": "127.0.0.2"}, {}, id="wrong address"),
        pytest.param("", {"is_plain": True}, {}, id="server without TLS"),
    ],
)
def test_who_shows_something_wrong_is_refused(mosquitto_of, papers, why, server, client):
    mosquitto = mosquitto_of(**server)
    cert, key = papers.issue(GW, **client)
    uplink = uplink_to(settings_of(papers, mosquitto.port, cert=cert, key=key))
    assert not uplink.open(5.0)
    assert uplink.why
    assert why in uplink.why.upper()
    assert uplink.deliver(messages(1), 0.2) == []
    assert mosquitto.connections_of(GW) == 0
    until(lambda: not paho_threads())


def test_a_foreign_authority_is_refused_by_both(mosquitto, papers, foreign_papers):
    cert, key = foreign_papers.issue(GW)
    stranger = uplink_to(settings_of(papers, mosquitto.port, cert=cert, key=key))
    assert not stranger.open(5.0)
    assert stranger.why
    careful = uplink_to(settings_of(papers, mosquitto.port, ca=foreign_papers.ca))
    assert not careful.open(5.0)
    assert "CERTIFICATE_VERIFY_FAILED" in careful.why
    assert mosquitto.connections_of(GW) == 0
    good = uplink_to(settings_of(papers, mosquitto.port))
    assert good.open(5.0), "it is not the broker's fault"
    good.close()
    until(lambda: mosquitto.connections_of(GW) == 1)


def test_who_speaks_plainly_is_refused(mosquitto):
    plain = uplink_to(BrokerSettings("127.0.0.1", mosquitto.port))
    assert not plain.open(2.0)
    assert plain.why
    assert mosquitto.connections_of(GW) == 0
    until(lambda: not paho_threads())


CHILD = """
import sys, time
from edge_agent.mqtt import Uplink
from edge_agent.settings import BrokerSettings
port, ca, cert, key = sys.argv[1:]
uplink = Uplink(BrokerSettings("127.0.0.1", int(port), ca, cert, key), thing="gw-0001",
                status_topic="sunreeve/gw-0001/status")
print(uplink.open(10.0), flush=True)
sys.stdin.read()
uplink.close()
"""


@pytest.mark.parametrize(
    ("is_killed", "told"),
    [(True, [b'{"up":1}', b'{"up":0}']), (False, [b'{"up":1}'])],
    ids=["killed", "closed"],
)
def test_the_last_will_is_of_who_died_without_a_word(cloud, mosquitto, papers, is_killed, told):
    broker = settings_of(papers, mosquitto.port)
    command = [sys.executable, "-c", CHILD, str(broker.port), broker.ca, broker.cert, broker.key]
    with subprocess.Popen(  # noqa: S603 - our own script
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.stdout.readline() == b"True\n"
        until(lambda: cloud.status == [b'{"up":1}'])
        if is_killed:
            child.kill()
    until(lambda: cloud.status == told)
    cloud.command(b"a round trip later")
    time.sleep(0.1)
    assert cloud.status == told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_each_message_is_acknowledged_or_stays_the_callers(mosquitto, uplink, number):
    assert uplink.open(5.0)
    published = 0
    for message in messages(1000):
        if published == 500:
            mosquitto.stop(number)
        until(lambda: uplink.room() or not uplink.is_up())
        if not uplink.publish(message):
            break
        published += 1
    until(lambda: not uplink.is_up())
    acknowledged = uplink.acknowledged()
    assert uplink.under_way() == set()
    assert published - MOST_UNDER_WAY <= len(acknowledged) <= published
    assert len(set(acknowledged)) == len(acknowledged)
    assert uplink.why
    mosquitto.start()
    assert uplink.open(5.0)
    rest = [one for one in messages(1000) if one.key not in set(acknowledged)]
    assert uplink.deliver(rest, 10.0) == [one.key for one in rest]


def test_a_frozen_broker_is_left_and_nothing_is_lost(cloud, mosquitto, uplink):
    assert uplink.open(5.0)
    assert len(uplink.deliver(messages(50), 5.0)) == 50
    mosquitto.send_signal(signal.SIGSTOP)
    frozen_at = time.monotonic()
    sent = messages(30, 50)
    assert sum(uplink.publish(message) for message in sent) == MOST_UNDER_WAY
    turns = 0
    while time.monotonic() - frozen_at < 3:
        before = time.monotonic()
        uplink.check()
        uplink.open()
        uplink.publish(sent[-1])
        uplink.heard()
        assert time.monotonic() - before < 1, "no turn is held up"
        uplink.wait(0.05)
        turns += 1
    assert turns > 20
    assert uplink.acknowledged() == []
    assert "nothing was acknowledged" in uplink.why
    before = time.monotonic()
    uplink.close()
    assert time.monotonic() - before < 2.5
    mosquitto.send_signal(signal.SIGCONT)
    assert uplink.open(5.0)
    assert sorted(uplink.deliver(sent, 10.0)) == [one.key for one in sent]
    until(lambda: set(cloud.came) == texts(messages(80)))
    until(lambda: cloud.status.count(b'{"up":0}') == 1)
    assert cloud.status[-1] == b'{"up":1}'


def test_saying_goodbye_to_a_frozen_broker_takes_a_second_at_most(mosquitto, uplink):
    assert uplink.open(5.0)
    until(lambda: uplink.room() == MOST_UNDER_WAY)
    mosquitto.send_signal(signal.SIGSTOP)
    big = b"x" * 500_000
    for number in range(MOST_UNDER_WAY):
        assert uplink.publish(Message(("chunk", number), f"sunreeve/{GW}/chunk", big))
    before = time.monotonic()
    uplink.close()
    assert time.monotonic() - before < 2.5
    until(lambda: not paho_threads())


def test_a_command_waits_for_who_is_away_and_comes_until_it_is_acknowledged(cloud, uplink):
    assert uplink.open(5.0)
    until(uplink.is_listening)
    uplink.close()
    for number in range(3):
        cloud.command(b"%d" % number)

    def hear() -> list:
        assert uplink.open(5.0)
        heard: list = []
        until(lambda: uplink.wait(0.05) or heard.extend(uplink.heard()) or len(heard) >= 3)
        return heard

    first = hear()
    assert [command.payload for command in first] == [b"0", b"1", b"2"]
    uplink.acknowledge(first[0])
    uplink.close()
    cloud.command(b"3")
    second = hear()
    assert [command.payload for command in second] == [b"1", b"2", b"3"]
    uplink.acknowledge(first[1])  # of a connection that is gone: not of this one's number
    for command in second:
        uplink.acknowledge(command)
    uplink.close()
    assert uplink.open(5.0)
    until(uplink.is_listening)
    time.sleep(0.1)
    assert uplink.heard() == []


def test_a_clone_is_fought_at_the_pace_of_the_back_off_and_no_faster(mosquitto, papers):
    """The broker lets the newer of one name in and breaks the other: 0.2, 0.4, 0.8 s ..."""
    broker = settings_of(papers, mosquitto.port)
    both = [uplink_to(broker), uplink_to(broker)]
    backoffs = [Backoff(0.2, 60.0, lambda: 1.0) for _ in both]
    is_trying = [False, False]
    until_s = time.monotonic() + 3
    while (now := time.monotonic()) < until_s:
        for i, uplink in enumerate(both):
            if uplink.is_up():
                if uplink.up_for_s() > 60:
                    backoffs[i].succeeded()
                continue
            if uplink.is_connecting():
                continue
            if is_trying[i]:
                backoffs[i].failed(now)
                is_trying[i] = False
            if backoffs[i].may_try(now):
                is_trying[i] = True
                uplink.open()
        time.sleep(0.005)
    for uplink in both:
        uplink.close()
    until(lambda: not paho_threads())
    assert 4 <= mosquitto.connections_of(GW) <= 10


def test_ten_thousand_messages_while_the_broker_is_restarted_five_times(cloud, mosquitto, uplink):
    def restart() -> None:
        for _ in range(5):
            time.sleep(0.5)
            mosquitto.stop()
            time.sleep(0.05)
            mosquitto.start()

    waiting = {message.key: message for message in messages(10_000)}
    wanted = texts(list(waiting.values()))
    acknowledged: Counter = Counter()
    grown_from_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    restarts = threading.Thread(target=restart)
    restarts.start()
    breaks = 0
    deadline = time.monotonic() + 60
    while waiting or restarts.is_alive():
        assert time.monotonic() < deadline
        uplink.check()
        if not uplink.is_up() and not uplink.is_connecting():
            breaks += 1
            uplink.open()
        under_way = uplink.under_way()
        for key in list(waiting)[: 2 * MOST_UNDER_WAY]:
            if key not in under_way and not uplink.publish(waiting[key]):
                break
        uplink.wait(0.02)
        for key in uplink.acknowledged():
            acknowledged[key] += 1
            waiting.pop(key, None)
        assert uplink._facts.qsize() <= MOST_UNDER_WAY + 10
        if waiting and not restarts.is_alive():
            continue
        time.sleep(0.0005 * restarts.is_alive())  # so that it lasts as long as the restarts
    restarts.join()
    assert breaks >= 5
    assert len(acknowledged) == 10_000
    assert set(acknowledged.values()) == {1}, "none is told twice"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown_from_kb < 20_000
    until(lambda: set(cloud.came) == wanted, 30)
