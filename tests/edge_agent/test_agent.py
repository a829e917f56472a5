"""The agent in lock-step: it polls, seals, sends, and keeps what was not acknowledged."""

import json
import ssl
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cloud.telemetry.chunk import decode
from edge_agent.agent import Agent
from edge_agent.health import AGENT_VERSION
from edge_agent.mqtt import Message, Uplink
from edge_agent.settings import BrokerSettings
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.faults import dead_string, inverter_fault, silence
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.quiet import readings
from edge_agent.simulator.server import Misbehaviour, Server

DAY = 1781938800
"""A midnight in UTC-7."""
NOON = DAY + 12 * 3600


def house(serial="SN-1", *faults, **spec):
    return House(HouseSpec(serial, **spec), Curve(serial, DAY), faults)


@pytest.fixture
def server(clock):
    clock.at = DAY
    with Server(clock.now) as running:
        yield running


def step(agent, clock, instants, timeout_s=5.0):
    acknowledged = 0
    for clock.at in instants:
        agent.tick()
        acknowledged += agent.publish(timeout_s)
    return acknowledged


def test_a_day_in_lock_step(broker, server, clock, settings_of):
    homes = [house("SN-1", battery=802), house("SN-2", inverter=701, battery=713)]
    ports = [server.add(home).number for home in homes]
    agent = Agent(
        settings_of(broker.port, ports),
        clock=clock,
        boot_id="5f",
    )
    assert agent.connect()
    instants = range(DAY, DAY + 86400 + 900, 900)
    assert step(agent, clock, instants) >= 24
    assert agent.outbox.depth() == 0
    agent.close()
    chunks = [decode(payload) for payload in broker.of("/chunk")]
    assert [chunk.seq for chunk in chunks] == list(range(1, 25))
    assert [chunk.t0 for chunk in chunks] == list(range(DAY, DAY + 86400, 3600))
    assert {chunk.n for chunk in chunks} == {4}
    for number, home in enumerate(homes):
        wanted = [reading.values["WH"] for reading in readings(home, instants)][:-1]
        told = [v for chunk in chunks for v in chunk.devices[number].columns["WH"]]
        assert told == wanted
    topics = {message.topic for message in broker.published}
    assert topics == {
        "$aws/rules/sunreeve_chunks/gw-0001/chunk",
        "sunreeve/gw-0001/status",
    }, "dusk and dawn are no events"
    assert broker.clients == [("gw-0001", False)], "one connection, session kept"
    assert broker.wills == [], "it said goodbye"


def test_second_tick_in_one_step_does_nothing(broker, server, clock, settings_of):
    port = server.add(house())
    agent = Agent(settings_of(broker.port, [port.number]), clock=clock, boot_id="5f")
    assert agent.tick() == 1
    asked = port.requests
    clock.at += 899
    assert agent.tick() == 0
    assert port.requests == asked
    agent.close()


def test_a_dead_device_delays_no_other(broker, server, clock, settings_of):
    homes = [server.add(house("SN-1")), server.add(house("SN-2"))]
    clock.at = NOON
    agent = Agent(settings_of(broker.port, [p.number for p in homes]), clock=clock, boot_id="5f")
    assert agent.tick() == 2
    homes[0].misbehaviour = Misbehaviour.SILENT
    before = homes[0].requests
    for clock.at in range(NOON + 60, NOON + 5 * 900, 900):
        agent.tick()
    assert homes[0].requests - before <= 5, "one question per tick at most"
    for clock.at in range(NOON + 5 * 900, NOON + 9 * 900, 900):
        agent.tick()
    agent.publish(5.0)
    agent.close()
    chunks = [decode(payload) for payload in broker.of("/chunk")]
    quality = {d.serial: d.quality for d in max(chunks, key=lambda c: c.t0).devices}
    assert quality == {"SN-1": (2, 2, 2, 2), "SN-2": (0, 0, 0, 0)}


def test_events_leave_at_once(broker, server, clock, settings_of):
    home = house("SN-1", inverter_fault(NOON + 900, bit=7, until=NOON + 1800))
    home.break_down(silence(NOON + 2700))
    port = server.add(home)
    agent = Agent(settings_of(broker.port, [port.number]), clock=clock, boot_id="5f")
    step(agent, clock, range(NOON, NOON + 3600, 900))
    agent.close()
    events = [json.loads(payload) for payload in broker.of("/event")]
    told = [(e["at"] - NOON, e["kind"], e["from"], e["to"], e.get("col")) for e in events]
    assert told == [
        (900, "state", 0, 5, None),
        (900, "alarm", 0, 128, "Evt1"),
        (1800, "state", 5, 0, None),
        (1800, "alarm", 128, 0, "Evt1"),
        (2700, "state", 0, 2, None),
    ]
    assert broker.of("/event")[0].decode() == (
        f'{{"v":1,"gw":"gw-0001","boot":"5f","at":{NOON + 900},"sn":"SN-1",'
        '"kind":"state","from":0,"to":5}'
    )


def test_a_restart_tells_no_event_twice_and_knows_silent_devices(
    broker, server, clock, settings_of
):
    home = house("SN-1", silence(NOON + 900))
    settings = settings_of(broker.port, [server.add(home).number])
    for boot, clock.at in (("a", NOON), ("b", NOON + 900), ("c", NOON + 1800)):
        agent = Agent(settings, clock=clock, boot_id=boot)
        assert agent.tick() == 1
        agent.publish(5.0)
        agent.close()
    assert [json.loads(e)["boot"] for e in broker.of("/event")] == ["b"]


def test_unacknowledged_chunks_stay_and_are_sent_again(broker, server, clock, settings_of):
    settings = settings_of(broker.port, [server.add(house()).number])
    agent = Agent(settings, clock=clock, boot_id="5f")
    for clock.at in range(NOON, NOON + 6 * 3600, 900):
        agent.tick()
    assert agent.outbox.depth() == 5
    broker.withhold_after = 2
    assert agent.publish(0.4) == 2
    assert agent.outbox.depth() == 3
    broker.withhold_after = None
    assert agent.publish(5.0) == 3
    assert agent.outbox.depth() == 0
    agent.close()
    payloads = broker.of("/chunk")
    assert {decode(payload).seq for payload in payloads} == {1, 2, 3, 4, 5}
    by_seq = {}
    for payload in payloads:
        assert by_seq.setdefault(decode(payload).seq, payload) == payload, "same key, same bytes"


def test_a_connection_that_breaks_loses_nothing(broker, server, clock, settings_of):
    settings = settings_of(broker.port, [server.add(house()).number])
    agent = Agent(settings, clock=clock, boot_id="5f")
    for clock.at in range(NOON, NOON + 31 * 3600, 900):
        agent.tick()
    broker.drop_after = 7
    first = agent.publish(5.0)
    assert first <= 30
    second = agent.publish(5.0)
    assert agent.outbox.depth() == 0
    agent.close()
    assert {decode(p).seq for p in broker.of("/chunk")} == set(range(1, 31))
    assert first + second >= 30
    assert broker.wills == [("sunreeve/gw-0001/status", b'{"up":0}')]


def test_newest_first_after_an_outage(broker, server, clock, settings_of):
    settings = settings_of(broker.port, [server.add(house()).number])
    agent = Agent(settings, clock=clock, boot_id="5f")
    for clock.at in range(NOON, NOON + 5 * 3600, 900):
        agent.tick()
    agent.publish(5.0)
    agent.close()
    assert [decode(payload).seq for payload in broker.of("/chunk")] == [4, 3, 2, 1]


def test_no_broker_costs_no_time_and_comes_back_by_the_clock(server, clock, settings_of):
    agent = Agent(settings_of(1, [server.add(house()).number]), clock=clock, boot_id="5f")
    assert not agent.connect()
    tried = agent._sender.backoff.failures
    assert not agent.connect()
    assert agent._sender.backoff.failures == tried, "left alone"
    clock.at += 5
    assert not agent.connect()
    assert agent._sender.backoff.failures == tried + 1
    assert agent.publish(1.0) == 0
    agent.close()


def test_dead_string_shows_in_the_chunk(broker, server, clock, settings_of):
    home = house("SN-1", dead_string(NOON + 1800, number=2))
    agent = Agent(settings_of(broker.port, [server.add(home).number]), clock=clock, boot_id="5f")
    step(agent, clock, range(NOON, NOON + 3601, 900))
    agent.close()
    columns = decode(broker.of("/chunk")[0]).devices[0].columns
    assert columns["DCW_2"][2:] == (0, 0)
    assert min(columns["DCW_1"]) > 0


def test_a_jump_gives_the_same_chunks_and_events_as_ticks(
    broker, server, clock, settings_of, tmp_path
):
    home = house(
        "SN-1", inverter_fault(NOON + 900, until=NOON + 9000), silence(NOON + 20000), battery=802
    )
    settings = settings_of(broker.port, [server.add(home).number])
    instants = range(NOON, NOON + 8 * 3600 + 1, 900)
    ticked = Agent(settings, clock=clock, boot_id="5f")
    for clock.at in instants:
        ticked.tick()
    jumped = Agent(replace(settings, outbox=tmp_path / "jump.sqlite"), clock=clock, boot_id="5f")
    assert jumped.absorb("device-0", readings(home, instants)) == len(instants)
    chunks = [
        [replace(decode(waiting.payload), health={}) for waiting in agent.outbox.waiting_chunks()]
        for agent in (ticked, jumped)
    ]
    events = [agent.outbox.waiting_events() for agent in (ticked, jumped)]
    states = [
        {name: replace(state, extra={}) for name, state in agent.outbox.states().items()}
        for agent in (ticked, jumped)
    ]
    ticked.close()
    jumped.close()
    assert len(chunks[0]) == 8
    assert chunks[0] == chunks[1]
    assert len(events[0]) == 5
    assert events[0] == events[1]
    assert states[0] == states[1]


def test_the_version_in_the_health_is_that_of_the_distribution():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == AGENT_VERSION


def test_every_message_is_acknowledged(any_broker_port):
    uplink = Uplink(BrokerSettings("127.0.0.1", any_broker_port), thing="gw-1", status_topic="s/s")
    assert uplink.open(5.0)
    messages = [Message(("chunk", i), "sunreeve/test", b"x" * 900) for i in range(150)]
    assert sorted(uplink.deliver(messages, 10.0)) == [("chunk", i) for i in range(150)]
    uplink.close()
    assert uplink.deliver(messages, 1.0) == [], "nothing is published without connection"


def certificate(name, issuer=None, issuer_key=None):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
    )
    return builder.sign(issuer_key or key, hashes.SHA256()), key


def pem(path, cert, key):
    path.with_suffix(".crt").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    path.with_suffix(".key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(path.with_suffix(".crt")), str(path.with_suffix(".key"))


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_with_client_certificates(tmp_path, broker_class):
    ca, ca_key = certificate("ca")
    ca_file, _ = pem(tmp_path / "ca", ca, ca_key)
    server_files = pem(tmp_path / "server", *certificate("server", ca, ca_key))
    mine = pem(tmp_path / "gw-1", *certificate("gw-1", ca, ca_key))
    stranger = pem(tmp_path / "stranger", *certificate("gw-1"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*server_files)
    context.load_verify_locations(ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    broker = broker_class(context)
    answers = []
    for files in (mine, stranger):
        settings = BrokerSettings("127.0.0.1", broker.port, ca_file, *files)
        uplink = Uplink(settings, thing="gw-1", status_topic="s/s")
        answers.append(uplink.open(2.0))
        uplink.close()
    other_ca, _ = pem(tmp_path / "other", *certificate("other"))
    settings = BrokerSettings("127.0.0.1", broker.port, other_ca, *mine)
    uplink = Uplink(settings, thing="gw-1", status_topic="s/s")
    answers.append(uplink.open(2.0))
    broker.stop()
    assert answers == [True, False, False]
