"""What the cloud may ask: a request is read strictly, obeyed once, and starves nothing new."""

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloud.telemetry.gaps import Resend as Asked
from cloud.telemetry.gaps import command_text
from cloud.telemetry.renewing import renew_text
from edge_agent.agent import Agent
from edge_agent.command import (
    MOST_BYTES,
    MOST_CONFIGURE_BYTES,
    MOST_NUMBERS,
    Configure,
    MalformedCommand,
    Renew,
    Resend,
    parse,
)
from edge_agent.queue.outbox import MOST_REQUESTS_A_DAY, Answer, Outbox
from edge_agent.reading import Reading, Window
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.quiet import readings

CONTRACT = Path(__file__).parents[2] / "contract"
GOLDEN = sorted((CONTRACT / "golden_commands").glob("*.json"))
SCHEMA = json.loads((CONTRACT / "command_schema.json").read_text(encoding="utf-8"))
GOOD = {"v": 1, "do": "resend", "id": "RS-1", "seq": [[2, 4], [7, 7]]}
DAY = 86_400
T0 = 1782000000


def wire(message) -> bytes:
    return json.dumps(message).encode()


# ---------------------------------------------------------------------- the message
RESENDS = [path for path in GOLDEN if not path.stem.startswith(("configure", "renew"))]
CONFIGURES = [path for path in GOLDEN if path.stem.startswith("configure")]


@pytest.mark.parametrize("path", RESENDS, ids=lambda path: path.stem)
def test_both_sides_keep_to_the_golden_messages(path):
    golden = json.loads(path.read_text(encoding="utf-8"))
    ranges = tuple((first, last) for first, last in golden["plain"]["ranges"])
    assert parse(golden["wire"].encode()) == Resend(golden["plain"]["id"], ranges)
    assert command_text(Asked(golden["plain"]["id"], ranges)).decode() == golden["wire"]
    jsonschema.validate(json.loads(golden["wire"]), SCHEMA)


@pytest.mark.parametrize("path", CONFIGURES, ids=lambda path: path.stem)
def test_the_golden_configurations_are_understood(path):
    golden = json.loads(path.read_text(encoding="utf-8"))
    expected = Configure(golden["plain"]["id"], golden["plain"]["set"])
    assert parse(golden["wire"].encode()) == expected
    jsonschema.validate(json.loads(golden["wire"]), SCHEMA)


def test_the_golden_renewal_is_understood():
    golden = json.loads((CONTRACT / "golden_commands/renew.json").read_text(encoding="utf-8"))
    assert parse(golden["wire"].encode()) == Renew(golden["plain"]["id"])
    assert renew_text(golden["plain"]["id"]).decode() == golden["wire"]
    jsonschema.validate(json.loads(golden["wire"]), SCHEMA)
    with pytest.raises(MalformedCommand):
        parse(golden["wire"].replace("}", ',"now":1}').encode())


def test_there_are_golden_messages():
    assert len(RESENDS) >= 3
    assert len(CONFIGURES) >= 3


REFUSED = {
    "nothing": b"",
    "no JSON": b"{",
    "not ASCII": '{"v":1,"do":"resend","id":"é","seq":[[1,1]]}'.encode(),
    "not UTF-8": b"\xff\xfe",
    "deep nesting": b"[" * 4000,
    "a list": wire([GOOD]),
    "too long": wire(GOOD) + b" " * MOST_BYTES,
    "version 2": wire(GOOD | {"v": 2}),
    "version true": wire(GOOD | {"v": True}),
    "version 1.0": wire(GOOD | {"v": 1.0}),
    "no version": wire({key: value for key, value in GOOD.items() if key != "v"}),
    "an unknown key": wire(GOOD | {"force": 1}),
    "another deed": wire(GOOD | {"do": "reboot"}),
    "a deed that is a list": wire(GOOD | {"do": ["resend"]}),
    "no id": wire(GOOD | {"id": ""}),
    "an id that is a number": wire(GOOD | {"id": 5}),
    "an id with a line break": wire(GOOD | {"id": "RS-1\n"}),
    "an id that is too long": wire(GOOD | {"id": "x" * 65}),
    "no ranges": wire(GOOD | {"seq": []}),
    "ranges as an object": wire(GOOD | {"seq": {"1": 2}}),
    "one number": wire(GOOD | {"seq": [5]}),
    "three numbers": wire(GOOD | {"seq": [[1, 2, 3]]}),
    "a text": wire(GOOD | {"seq": [["1", "2"]]}),
    "a fraction": wire(GOOD | {"seq": [[1, 2.5]]}),
    "true": wire(GOOD | {"seq": [[True, 2]]}),
    "number zero": wire(GOOD | {"seq": [[0, 2]]}),
    "below zero": wire(GOOD | {"seq": [[-5, 2]]}),
    "the wrong way round": wire(GOOD | {"seq": [[4, 2]]}),
    "ranges that overlap": wire(GOOD | {"seq": [[2, 4], [4, 6]]}),
    "ranges that fall": wire(GOOD | {"seq": [[7, 7], [2, 4]]}),
    "a huge range": wire(GOOD | {"seq": [[1, 2**62]]}),
    "one number too many": wire(GOOD | {"seq": [[1, 150], [200, 250]]}),
    "beyond 63 bits": wire(GOOD | {"seq": [[2**63, 2**63]]}),
    "33 ranges": wire(GOOD | {"seq": [[2 * i + 1, 2 * i + 1] for i in range(33)]}),
}


ROOF = {"name": "roof", "host": "192.168.1.20"}
SET = {"v": 1, "do": "configure", "id": "CF-1", "set": {"poll_s": 60, "device": [ROOF]}}


def changed(**entries) -> bytes:
    return wire(SET | {"set": entries})


REFUSED |= {
    "a key twice": b'{"v":1,"do":"resend","do":"resend","id":"RS-1","seq":[[1,1]]}',
    "a key twice inside": b'{"v":1,"do":"configure","id":"a","set":{"poll_s":1,"poll_s":2}}',
    "no number": b'{"v":1,"do":"configure","id":"a","set":{"poll_s":NaN}}',
    "both deeds": wire(SET | {"seq": [[1, 1]]}),
    "the key of the other deed": wire(SET | {"do": "resend"}),
    "the other way round": wire(GOOD | {"do": "configure"}),
    "set as a list": wire(SET | {"set": [1]}),
    "set null": wire(SET | {"set": None}),
    "a broker": changed(broker={"host": "evil"}),
    "an outbox": changed(outbox="/dev/null"),
    "a thing": changed(thing="other"),
    "poll_s zero": changed(poll_s=0),
    "poll_s true": changed(poll_s=True),
    "poll_s as text": changed(poll_s="60"),
    "window_s of two days": changed(window_s=172_800),
    "another level": changed(log="trace"),
    "a level that is a list": changed(log=["info"]),
    "no devices": changed(device=[]),
    "33 devices": changed(device=[ROOF] * 33),
    "a device that is a text": changed(device=["roof"]),
    "a device without a host": changed(device=[{"name": "roof"}]),
    "devices as an object": changed(device={"roof": ROOF}),
    "a configuration that is too long": wire(SET) + b" " * MOST_CONFIGURE_BYTES,
}


@pytest.mark.parametrize("payload", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_command_is_refused(payload):
    with pytest.raises(MalformedCommand):
        parse(payload)


def test_the_largest_request_is_read():
    most = wire(GOOD | {"seq": [[1, 100], [150, 150 + MOST_NUMBERS - 101]]})
    assert len(parse(most).ranges) == 2
    many = [[2**63 - 100 + 2 * i, 2**63 - 100 + 2 * i] for i in range(32)]
    assert len(parse(wire(GOOD | {"seq": many})).ranges) == 32


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def parsed_or_refused(payload):
    """A command of the words we have, or one line that says why not: nothing else comes out."""
    refused = ""
    try:
        assert isinstance(parse(payload), Resend | Configure | Renew)
    except MalformedCommand as wrong:
        refused = str(wrong)
    assert len(refused.splitlines()) <= 1


@given(st.sampled_from([*GOOD, "set", "more"]), values)
@example("seq", [[1, 10**4000]])
@settings(deadline=None)
def test_only_malformed_command_comes_out(key, value):
    for message in (GOOD, SET):
        parsed_or_refused(wire(message | {key: value}))


@given(st.dictionaries(st.sampled_from(["poll_s", "window_s", "log", "device", "x"]), values))
@settings(deadline=None)
def test_what_is_taken_keeps_to_the_schema(entries):
    """A schema cannot say less than the gateway takes, or the cloud would refuse its own words."""
    try:
        command = parse(changed(**entries))
    except MalformedCommand:
        return
    assert command == Configure("CF-1", entries)
    jsonschema.validate(json.loads(changed(**entries)), SCHEMA)


def test_a_full_list_of_devices_has_room():
    devices = [
        {
            "name": f"device-{i}",
            "host": f"192.168.100.{i}",
            "port": 1502,
            "unit": 126,
            "rated_w": 10_000,
            "timeout_s": 2.5,
            "pause_s": 0.25,
            "profile": "solaredge_battery",
            "serial": f"SN-2024-{i:012}",
        }
        for i in range(32)
    ]
    payload = json.dumps(SET | {"set": {"device": devices}}, separators=(",", ":")).encode()
    assert len(parse(payload).changes["device"]) == 32


@given(st.binary(max_size=120), st.integers(0, 60))
def test_only_malformed_command_comes_out_of_damage(damage, place):
    for text in (wire(GOOD), wire(SET)):
        for payload in (damage, text[:place] + damage + text[place + len(damage) :]):
            parsed_or_refused(payload)


# ---------------------------------------------------------------------- the queue
@pytest.fixture
def outbox(tmp_path):
    box = Outbox(tmp_path / "outbox.sqlite")
    head = Window("gw-0001", "5f", 0, T0, 900, 0, 1)
    for i in range(8):
        box.append([Reading("SN-1", T0 + 3600 * i, 0, "1.103", {"W": i})])
        box.seal(before=T0 + 3600 * (i + 1), window_s=3600, head=head)
    box.acknowledge(chunks=range(1, 7), events=[], at=T0)
    yield box
    box.close()


def numbers(waiting) -> list[int]:
    return [one.number for one in waiting]


def test_what_is_kept_goes_back_what_waits_stays_what_is_gone_is_counted(outbox):
    assert outbox.send_again("a", [(2, 4), (6, 12)], at=T0) == Answer(put_back=4, gone=4)
    assert numbers(outbox.waiting_chunks()) == [8, 7], "what was never sent is not touched"
    assert numbers(outbox.waiting_again()) == [6, 4, 3, 2]
    assert numbers(outbox.waiting_again(2)) == [6, 4]
    assert outbox.depth() == 6


def test_a_request_is_obeyed_once(outbox):
    assert outbox.send_again("a", [(2, 3)], at=T0) == Answer(2, 0)
    outbox.acknowledge(chunks=[2, 3], events=[], at=T0 + 60)
    assert outbox.send_again("a", [(2, 3)], at=T0 + 90) == Answer(0, 0)
    assert outbox.depth() == 2
    assert outbox.send_again("b", [(2, 3)], at=T0 + 90) == Answer(2, 0), "another one is another"


def test_two_requests_for_one_chunk_send_it_once(outbox):
    assert outbox.send_again("a", [(2, 3)], at=T0) == Answer(2, 0)
    assert outbox.send_again("b", [(3, 4)], at=T0) == Answer(1, 0)
    assert numbers(outbox.waiting_again()) == [4, 3, 2]


def test_so_many_requests_in_a_day_and_no_more(outbox):
    for number in range(MOST_REQUESTS_A_DAY):
        assert outbox.send_again(f"r{number}", [(1, 1)], at=T0 + number) == Answer(
            int(number == 0), 0
        )
    assert outbox.send_again("one more", [(2, 2)], at=T0 + DAY - 1) is None
    assert numbers(outbox.waiting_again()) == [1]
    assert outbox.send_again("one more", [(2, 2)], at=T0 + DAY) == Answer(1, 0)


def test_requests_of_a_wrong_clock_block_none_of_a_true_one(outbox):
    for number in range(MOST_REQUESTS_A_DAY):
        outbox.send_again(f"r{number}", [(1, 1)], at=T0 + 400 * DAY)
    assert outbox.send_again("now", [(2, 2)], at=T0) == Answer(1, 0)


def test_seven_days_count_from_the_first_acknowledgement(outbox):
    """Sending a chunk again makes it no younger, and one that still waits is not dropped."""
    outbox.send_again("a", [(2, 3)], at=T0)
    outbox.acknowledge(chunks=[3], events=[], at=T0 + 6 * DAY)
    outbox.acknowledge(chunks=[], events=[], at=T0 + 7 * DAY + 1)
    assert numbers(outbox.waiting_again()) == [2]
    assert outbox.send_again("b", [(1, 6)], at=T0 + 7 * DAY + 1) == Answer(0, 5)
    outbox.acknowledge(chunks=[2], events=[], at=T0 + 7 * DAY + 2)
    assert outbox.depth() == 2


def test_a_queue_of_an_older_agent_is_taken_over(outbox, tmp_path):
    outbox._db.execute("DROP TABLE again")
    outbox._db.execute("DROP TABLE requests")
    outbox.close()
    newer = Outbox(tmp_path / "outbox.sqlite")
    assert newer.send_again("a", [(2, 3)], at=T0) == Answer(2, 0)
    newer.close()


# ---------------------------------------------------------------------- the agent
def test_new_chunks_and_events_go_before_what_was_asked_for(settings_of, clock):
    """Asked for a week, the agent still sends what happens now first, at each look."""
    home = House(HouseSpec("SN-1"), Curve("SN-1", 1781938800))
    agent = Agent(settings_of(1), clock=clock, boot_id="5f")

    def hours(count):
        first, clock.at = int(clock.at), clock.at + 3600 * count
        agent.absorb("device-0", readings(home, range(first, int(clock.at), 900)))

    hours(168)
    agent.hand_over(lambda topic, payload: None)
    agent.outbox.send_again("a", [(1, 168)], at=int(clock.at))
    sent: list[int] = []

    def accept(topic, payload):
        sent.append(json.loads(decoded(payload))["seq"])
        if len(sent) == 25:
            hours(3)

    agent.hand_over(accept)
    agent.close()
    new = [number for number in sent if number > 168]
    assert sorted(sent) == list(range(1, 172))
    assert new == [171, 170, 169], "newest first"
    assert max(sent.index(number) for number in new) <= 45, "after the batch under way"
    assert [number for number in sent if number <= 168] == list(range(168, 0, -1))


def decoded(payload: bytes) -> bytes:
    import zlib

    return payload if payload[:1] == b"{" else zlib.decompress(payload)
