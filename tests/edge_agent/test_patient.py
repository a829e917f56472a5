"""Reading for people who wait: a broken answer is asked for again, a refusal is not."""

import json

import pytest

from edge_agent.cli import main
from edge_agent.modbus import Registers
from edge_agent.patient import PAUSES_S, Patient
from edge_agent.poll import Poller
from edge_agent.simulator.image import Image, Template
from edge_agent.simulator.server import Misbehaviour, Server
from edge_agent.source import Busy, NoReply, ShortReply, Unreachable, refused

WORDS = tuple(range(10))
BROKEN = {
    "no reply": NoReply("x"),
    "reset": Unreachable("x"),
    "busy": Busy("x", 6),
    "short": ShortReply("x"),
}


class Moody:
    """Raises what it is given, in order, and answers then."""

    connections = 1

    def __init__(self, *errors):
        self.errors = list(errors)
        self.asked = 0
        self.closed = 0

    def read(self, unit, address, count):
        self.asked += 1
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return WORDS[address : address + count]

    def close(self):
        self.closed += 1


def patient(source):
    waited = []
    return Patient(source, sleep=waited.append), waited


@pytest.mark.parametrize("error", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_answer_is_asked_for_twice_more_on_a_new_connection(error):
    source = Moody(None, error, error)
    reader, waited = patient(source)
    reader.read(1, 0, 1)
    assert reader.read(1, 2, 3) == (2, 3, 4)
    assert (source.asked, source.closed, waited) == (4, 2, list(PAUSES_S))


@pytest.mark.parametrize("error", BROKEN.values(), ids=BROKEN.keys())
def test_the_third_failure_counts(error):
    source = Moody(None, error, error, error)
    reader, _ = patient(source)
    reader.read(1, 0, 1)
    with pytest.raises(type(error)):
        reader.read(1, 2, 3)
    assert source.asked == 4


@pytest.mark.parametrize("code", [1, 2, 3, 4])
def test_a_refusal_is_not_asked_again(code):
    source = Moody(refused("x", code))
    reader, waited = patient(source)
    with pytest.raises(type(refused("x", code))):
        reader.read(1, 2, 3)
    assert (source.asked, waited) == (1, [])


def test_a_unit_that_never_answered_is_not_waited_for_but_at_the_very_first_question():
    source = Moody(*[NoReply("x")] * 9)
    reader, _ = patient(source)
    asked = []
    for unit in (1, 3, 126):
        with pytest.raises(NoReply):
            reader.read(unit, 0, 2)
        asked.append(source.asked)
    assert asked == [2, 3, 4]


def test_a_closed_door_is_tried_once():
    source = Moody(Unreachable("x"))
    source.connections = 0
    reader, waited = patient(source)
    with pytest.raises(Unreachable):
        reader.read(1, 0, 2)
    assert (source.asked, waited) == (1, [])


TEMPLATE = Template([(1, 0), (103, 0), (160, 12), (802, 0), (203, 0), (120, 0), (121, 0), (704, 1)])
NUMBERS = {
    name: 0 if name.endswith("_SF") else 7
    for name in TEMPLATE.slots
    if not name.startswith("1.") and name.partition(".")[2] not in {"ID", "L"}
}
IMAGE = Image(1, ((40_000, tuple(TEMPLATE.filled(NUMBERS | {"1.SN": "SN-1", "160.N": 12}))),))


@pytest.fixture(scope="module")
def server():
    with Server(lambda: 0.0) as made:
        yield made


def told(capsys, port, *more):
    code = main(["read", f"127.0.0.1:{port.number}", "--json", "--timeout", "0.3", *more])
    captured = capsys.readouterr()
    return code, json.loads(captured.out)["models"] if code == 0 else captured.err


@pytest.mark.parametrize(
    "fault",
    [
        Misbehaviour.LATE,
        Misbehaviour.BUSY,
        Misbehaviour.RST,
        Misbehaviour.TORN,
    ],
    ids=lambda fault: fault.value,
)
def test_a_device_that_misbehaves_is_read_whole(capsys, server, fault):
    port = server.add(IMAGE)
    expected = told(capsys, port)[1]
    port.misbehaviour = fault
    code, models = told(capsys, port)
    assert code == 0
    assert [model["model"] for model in models] == [model["model"] for model in expected]
    for model, right in zip(models, expected, strict=True):
        assert model["flags"] == right["flags"]
        assert model["points"] == right["points"]


def test_short_answers_are_called_by_their_name(capsys, server):
    port = server.add(IMAGE)
    port.misbehaviour = Misbehaviour.SHORT
    code, error = told(capsys, port)
    assert code == 1
    assert "too few registers, 1 came" in error
    assert "no SunSpec models" not in error
    assert error.count("\n") == 1


def test_who_shares_a_connection_looks_at_the_device_when_another_opened_it_anew(server):
    template = Template([(1, 0), (103, 0), (704, 1)])
    words = template.filled({"1.SN": "SN-1", "103.W": 5, "103.W_SF": 0})
    port = server.add(Image(1, ((40_000, tuple(words)),)))
    first = Registers("127.0.0.1", port.number, 1.0)
    second = first.beside(timeout_s=1.0)
    poller = Poller(second, unit=1)
    try:
        assert poller.poll(900).serial == "SN-1"
        assert poller.poll(960).values["W"] == 5
        before, opened = port.requests, first.connections
        poller.poll(1020)
        quiet = port.requests - before
        first.close()
        first.read(1, 40_000, 2)
        assert second.connections == opened + 1
        before = port.requests
        poller.poll(1080)
        assert port.requests - before > quiet, "both ends are looked at"
        before = port.requests
        poller.poll(1140)
        assert port.requests - before == quiet
    finally:
        first.close()
