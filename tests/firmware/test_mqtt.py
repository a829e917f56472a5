"""The device's MQTT against a broker that misbehaves, and against mosquitto when it is there."""

import getpass
import json
import shutil
import socket
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.firmware.broker import Broker, Script, message, server_context
from tests.firmware.harness import BOARD_HEAP, both_runtimes, compile_to, run
from tests.firmware.papers import DAY, LONG_AGO, Authority

DEVICE = Path(__file__).with_name("device_mqtt.py")


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("papers"), "roots")


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return compile_to(tmp_path_factory.mktemp("mpy"))


@pytest.fixture(scope="module")
def context(papers):
    return context_of(papers, papers.give("server", host="127.0.0.1"))


@pytest.fixture(scope="module")
def tls(papers):
    return tls_of(papers, papers.give("gw-1"))


MOSQUITTO = """
user {me}
listener {port} 127.0.0.1
cafile {ca}
certfile {own}.pem
keyfile {own}.key.pem
require_certificate true
use_identity_as_username true
log_type none
"""


@pytest.fixture
def mosquitto(papers, tmp_path):
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if program is None:
        pytest.skip("mosquitto is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = papers.give("server", host="127.0.0.1")
    ca = papers.path.with_suffix(".pem")
    config = tmp_path / "mosquitto.conf"
    config.write_text(MOSQUITTO.format(me=getpass.getuser(), port=port, ca=ca, own=own))
    running = subprocess.Popen([program, "-c", config], stderr=subprocess.DEVNULL)  # noqa: S603
    deadline = time.monotonic() + 15
    while True:
        assert time.monotonic() < deadline, "mosquitto did not start"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            break
    yield port
    running.kill()
    running.wait()


@pytest.fixture
def evil(tmp_path):
    return Authority(tmp_path, "evil")


def context_of(authority, server):
    return server_context(
        str(authority.path.with_suffix(".pem")),
        str(server.with_suffix(".pem")),
        str(server.with_suffix(".key.pem")),
    )


def tls_of(authority, own):
    return {
        "ca_a": str(authority.path),
        "cert": str(own.with_suffix(".der")),
        "key": str(own.with_suffix(".key.der")),
    }


@pytest.fixture
def device(tls, modules):
    def start(broker, *, runtime, count=12, heap=BOARD_HEAP, **wish):
        port = broker if isinstance(broker, int) else broker.port
        wish = {"port": port, "id": "gw-1", "count": count, "tls": tls, **wish}
        compiled = {"modules": modules} if runtime == "micropython" else {}
        asked = json.dumps(wish) + "\n"
        said = run(DEVICE, runtime=runtime, heap=heap, stdin=asked, **compiled)
        return json.loads(said.rsplit("TOLD", 1)[1])

    return start


def numbers(broker):
    return Counter(json.loads(one.payload)["seq"] for one in broker.taken)


FAULTS = {
    "nothing is wrong": (Script(), {}),
    "killed before it took a message in": (Script(lose={3, 7}), {}),
    "killed between a message and its acknowledgement": (Script(keep={2, 5, 9}), {}),
    "half an acknowledgement": (Script(half={4}), {}),
    "frozen": (Script(freeze={3}), {"patience_ms": 400}),
    "acknowledges in the other order": (Script(hold=4), {"lanes": 4}),
    "acknowledges what never was": (Script(stray={2}), {}),
    "answers byte by byte": (Script(by_byte=True), {}),
    "a packet without length": (Script(garbage={3: b"\x40\xff\xff\xff\xff\x7f"}), {}),
    "a packet of no known kind": (Script(garbage={3: b"\xf0\x00"}), {}),
    "a message with number 0": (Script(garbage={3: b"\x32\x05\x00\x01t\x00\x00"}), {}),
    "a message longer than its packet": (Script(garbage={3: b"\x32\x05\x00\x09t\x00\x01"}), {}),
    "a topic that is no text": (Script(garbage={3: b"\x30\x03\x00\x01\xff"}), {}),
    "refuses five times": (Script(codes=[1, 2, 3, 4, 5, 99]), {}),
    "numbers run over 65,535": (Script(keep={4}), {"first_pid": 65_533}),
}


@both_runtimes
@pytest.mark.parametrize(("script", "wish"), FAULTS.values(), ids=FAULTS)
def test_every_message_arrives(runtime, script, wish, device, context):
    """None is lost, never more than four wait, and there is one connection at a time."""
    script = Script(**{k: v.copy() if hasattr(v, "copy") else v for k, v in vars(script).items()})
    codes = list(script.codes)
    with Broker(context, script) as broker:
        told = device(broker, runtime=runtime, **wish)
    assert set(numbers(broker)) == set(range(1, 13))
    assert told["acked"] == 12
    assert told["most_under_way"] <= 4
    assert broker.most_unacked <= 4
    assert broker.most_open == 1
    assert broker.wills.count(b'{"up":0}') == told["connects"] - 1
    assert [why for why in told["whys"] if "refused" in why] == [
        f"connecting to 127.0.0.1:{broker.port}: refused with code {code}: {words}"
        for code, words in zip(
            codes,
            (
                "it does not speak MQTT 3.1.1",
                "it does not take this client id",
                "it is not ready",
                "name or password is wrong",
                "this device is not allowed",
                "an unknown reason",
            ),
            strict=False,
        )
    ]


@both_runtimes
def test_what_may_have_arrived_is_marked_as_a_repeat_and_keeps_its_number(runtime, device, context):
    with Broker(context, Script(keep={2})) as broker:
        told = device(broker, runtime=runtime, count=6, lanes=1)
    assert [(json.loads(one.payload)["seq"], one.pid, one.is_repeat) for one in broker.taken] == [
        (1, 1, False),
        (2, 2, False),
        (2, 2, True),
        (3, 3, False),
        (4, 4, False),
        (5, 5, False),
        (6, 6, False),
    ]
    assert broker.presents == [0, 1]
    assert told["resent"] == 1


@both_runtimes
def test_numbers_wrap_past_zero_and_past_those_under_way(runtime, device, context):
    with Broker(context, Script(hold=2)) as broker:
        device(broker, runtime=runtime, count=6, lanes=2, first_pid=65_534)
    assert [one.pid for one in broker.taken] == [65_534, 65_535, 1, 2, 3, 4]


@both_runtimes
def test_a_number_under_way_is_passed_over(runtime):
    """One message waits for ever while 65,535 others come and go."""
    said = run(
        "import asyncio\n"
        "from sunreeve_device import mqtt\n"
        "async def main():\n"
        "    client = mqtt.Client('h', 1, 'i', None, first_pid=7)\n"
        "    one = asyncio.create_task(client.publish('t', b''))\n"
        "    await asyncio.sleep(0)\n"
        "    pids = [client._pid() for _ in range(65535)]\n"
        "    print(7 in pids, 0 in pids, min(pids), max(pids), pids[-1])\n"
        "    one.cancel()\n"
        "asyncio.run(main())\n",
        runtime=runtime,
        heap="4096k",
    )
    assert said.split() == ["False", "False", "1", "65535", "8"]


@both_runtimes
def test_commands_are_handled_before_they_are_acknowledged(runtime, device, context):
    """Repeated and retained ones too; one that could not be kept comes again."""
    packets = [
        message("c", b"first", pid=9),
        message("c", b"again", pid=9, flags=8),
        message("c", b"kept", pid=10, flags=1),
        message("c", b"plain", pid=0),
        message("c", b"x" * 9000, pid=11),
        message("c", b"", pid=12),
    ]
    with Broker(context) as broker:
        broker.on_subscribe = lambda: packets if len(broker.presents) > 1 else packets[:1]
        told = device(broker, runtime=runtime, count=3, listens="c", refuses_first=1, waits_for=6)
    words = [payload for _, payload, _ in told["heard"]]
    assert words == ["first", "first", "again", "kept", "plain", ""]
    assert told["too_long"] == 1
    assert any("the flash is full" in why for why in told["whys"])
    assert broker.acked_down == [9, 9, 10, 11, 12]


@both_runtimes
def test_a_quiet_connection_is_pinged(runtime, device, context):
    with Broker(context) as broker:
        told = device(broker, runtime=runtime, count=1, keepalive_s=1, pings=1)
    assert broker.pings >= 1
    assert told["connects"] == 1


@both_runtimes
@pytest.mark.parametrize(
    ("script", "why"),
    [
        pytest.param(Script(has_no_ping=True), "no answer to a ping", id="no answer to a ping"),
        pytest.param(Script(is_mute=True), "no answer in time", id="no answer to the greeting"),
    ],
)
def test_silence_is_noticed(runtime, script, why, device, context):
    with Broker(context, script) as broker:
        told = device(
            broker, runtime=runtime, keepalive_s=1, patience_ms=300, gives_up_after=1, count=1
        )
    assert told["whys"][0].endswith(why)


def test_the_heap_of_a_board_is_enough_and_does_not_grow(device, context):
    with Broker(context) as broker:
        told = device(broker, runtime="micropython", count=2000, lanes=4)
    assert set(numbers(broker)) == set(range(1, 2001))
    assert len(told["alloc"]) == 4
    assert max(told["alloc"][1:]) - told["alloc"][0] <= 1024


@both_runtimes
def test_a_real_broker_takes_and_brings_messages(runtime, device, mosquitto):
    """What the device publishes comes back to it by its own subscription, each once."""
    told = device(mosquitto, runtime=runtime, count=40, listens="t/gw-1", waits_for=40)
    heard = [json.loads(payload)["seq"] for _, payload, _ in told["heard"]]
    assert sorted(heard) == list(range(1, 41))
    assert (told["acked"], told["connects"], told["resent"]) == (40, 1, 0)


@both_runtimes
def test_a_real_broker_refuses_a_device_of_another_authority(
    runtime, device, mosquitto, papers, evil
):
    own = tls_of(evil, evil.give("gw-1"))
    tls = {**own, "ca_a": str(papers.path)}
    told = device(mosquitto, runtime=runtime, tls=tls, gives_up_after=2)
    assert told["connects"] == 0


REFUSALS = {
    "expired": lambda a, e: (a.give("old", host="127.0.0.1", until=LONG_AGO + DAY), {}),
    "an authority that nobody knows": lambda a, e: (e.give("evil", host="127.0.0.1"), {}),
    "another host's": lambda a, e: (a.give("other", host="other.example"), {}),
    "a device of another authority": lambda a, e: (
        a.give("fine", host="127.0.0.1"),
        {"cert": f"{e.give('gw')}.der", "key": f"{e.folder / 'evil-gw'}.key.der"},
    ),
}


@both_runtimes
@pytest.mark.parametrize("make", REFUSALS.values(), ids=REFUSALS)
def test_a_wrong_certificate_is_refused(runtime, make, device, papers, evil):
    """By one line each time, after a pause that grows; nothing is ever sent."""
    server, other = make(papers, evil)
    tls = tls_of(papers, papers.give("gw-1"))
    with Broker(context_of(papers, server)) as broker:
        told = device(broker, runtime=runtime, tls={**tls, **other}, gives_up_after=3)
    assert broker.attempts == 0
    assert not broker.taken
    assert told["connects"] == 0
    for why in told["whys"]:
        assert why.startswith(f"connecting to 127.0.0.1:{broker.port}: ")
        assert "\n" not in why
    for pause, longest in zip(told["pauses"], (100, 200, 400), strict=False):
        assert longest // 2 <= pause <= longest


@both_runtimes
def test_a_broker_of_the_next_authority_is_known_by_the_second_slot(
    runtime, device, tls, papers, tmp_path
):
    """Before the change, with both slots, and after it with a first slot that is broken."""
    coming = Authority(tmp_path, "coming")
    server = coming.give("server", host="127.0.0.1")
    broken = tmp_path / "broken.der"
    broken.write_bytes(b"0garbage")
    for first in (tls["ca_a"], str(broken), str(tmp_path / "gone.der")):
        slots = {**tls, "ca_a": first, "ca_b": str(coming.path)}
        context = server_context(
            str(papers.path.with_suffix(".pem")),
            str(server.with_suffix(".pem")),
            str(server.with_suffix(".key.pem")),
        )
        with Broker(context) as broker:
            assert device(broker, runtime=runtime, tls=slots, count=1)["connects"] == 1


@both_runtimes
@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"ca_a": ""}, "neither ca_a nor ca_b is given", id="no authority"),
        pytest.param({"ca_a": "broken.der"}, "it is no certificate", id="a broken authority"),
        pytest.param({"ca_a": "text.der"}, "it is no DER", id="an authority as text"),
        pytest.param({"cert": "none.der"}, "it is not there", id="no certificate"),
        pytest.param({"key": "broken.der"}, "do not fit", id="a broken key"),
    ],
)
def test_papers_that_cannot_be_used_are_told_by_one_line(runtime, change, says, tls, tmp_path):
    (tmp_path / "broken.der").write_bytes(b"0garbage")
    (tmp_path / "broken.pem").write_bytes(b"0garbage")
    (tmp_path / "text.der").write_bytes(b"-----BEGIN")
    said = run(
        "import json, sys\n"
        "from sunreeve_device import tls\n"
        "try:\n"
        "    tls.context(json.loads(sys.stdin.readline()))\n"
        "except tls.TlsWrong as error:\n"
        "    print(error)\n",
        runtime=runtime,
        stdin=json.dumps({**tls, **change}) + "\n",
        cwd=tmp_path,
    )
    assert said.count("\n") == 1
    assert said.startswith("reading ")
    assert says in said


@both_runtimes
def test_pauses_are_those_of_the_gateway(runtime):
    """Equal to edge_agent's rule to the millisecond, for every failure in a row."""
    from edge_agent.backoff import Backoff

    draws = [0, 1, 32767, 32768, 65534, 65535] * 5
    said = run(
        "from sunreeve_device import backoff\n"
        f"draws = iter({draws})\n"
        "one = backoff.Backoff(draw=lambda: next(draws))\n"
        "print([one.failed() for _ in range(29)])\n"
        "one.succeeded()\n"
        "print(one.failed())\n",
        runtime=runtime,
    )
    theirs = iter(draws)
    gateway = Backoff(5.0, 300.0, lambda: next(theirs) / 65535)
    expected = []
    for _ in range(29):
        gateway.failed(0.0)
        expected.append(gateway._next_try_at * 1000)
    lines = said.splitlines()
    for ours, pause in zip(json.loads(lines[0]), expected, strict=True):
        assert abs(ours - pause) <= 1
    assert 2500 <= int(lines[1]) <= 5000
