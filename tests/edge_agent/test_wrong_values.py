"""No wrong value leaves the house, whatever the device does with its replies."""

import pytest

from edge_agent.modbus import Registers
from edge_agent.poll import Poller
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.image import Image
from edge_agent.simulator.quiet import readings
from edge_agent.simulator.server import Misbehaviour, Server
from edge_agent.source import Busy, DeviceRefused, IllegalAddress, NoReply, ShortReply, Unreachable

DAY = 1782025200
"""A midnight in UTC-7."""
NOON = DAY + 12 * 3600
NUMBERED = Image(1, ((0, tuple(range(1000))),))


@pytest.fixture
def numbered():
    """A device whose registers say their own address."""
    with Server(lambda: 0.0) as server:
        port = server.add(NUMBERED)
        registers = Registers("127.0.0.1", port.number, 0.5)
        yield port, registers
        registers.close()


def test_reads_what_was_asked(numbered):
    _, registers = numbered
    assert registers.read(1, 200, 3) == (200, 201, 202)


def test_a_late_reply_is_never_the_answer_to_a_later_question(numbered):
    port, registers = numbered
    port.misbehaviour = Misbehaviour.LATE
    with pytest.raises(NoReply):
        registers.read(1, 100, 2)
    for address in (200, 300, 400):
        assert registers.read(1, address, 2) == (address, address + 1)


WRONG = {
    Misbehaviour.SHORT: ShortReply,
    Misbehaviour.FOREIGN: NoReply,
    Misbehaviour.SILENT: NoReply,
    Misbehaviour.BUSY: Busy,
}


@pytest.mark.parametrize(("misbehaviour", "error"), WRONG.items(), ids=lambda x: str(x)[-12:])
def test_a_wrong_reply_is_an_error(numbered, misbehaviour, error):
    port, registers = numbered
    port.misbehaviour = misbehaviour
    says = r"reading 2 registers at 100 of unit 1 at 127\.0\.0\.1:"
    for _ in range(5 if misbehaviour is Misbehaviour.BUSY else 0):
        assert registers.read(1, 100, 2) == (100, 101), "it was asked again"
    with pytest.raises(error, match=says):
        registers.read(1, 100, 2)
    port.misbehaviour = Misbehaviour.NONE
    assert registers.read(1, 100, 2) == (100, 101)


def test_exceptions_and_refusals(numbered):
    _, registers = numbered
    with pytest.raises(IllegalAddress):
        registers.read(1, 999, 2)
    with pytest.raises(IllegalAddress):
        registers.read(7, 0, 2)
    closed = Registers("127.0.0.1", 1, 0.3)
    with pytest.raises(Unreachable, match="no connection"):
        closed.read(1, 0, 1)


def test_every_other_function_is_refused():
    from edge_agent.simulator.server import Port, StillHome, reply_to

    port = Port(StillHome(NUMBERED), lambda: 0.0)
    for function in set(range(1, 128)) - {3}:
        reply = reply_to(port, 1, bytes((function, 0, 0, 0, 1)), {})
        assert reply == bytes((function | 0x80, 1))


ONLY_NOW_AND_THEN = {
    Misbehaviour.RST,
    Misbehaviour.TORN,
    Misbehaviour.FLIP_SF,
    Misbehaviour.NIGHT,
}
"""Faults under which the first poll may come whole."""


@pytest.mark.parametrize("misbehaviour", [m for m in Misbehaviour if m is not Misbehaviour.NONE])
def test_nothing_wrong_is_published(misbehaviour, clock):
    """Each value that comes out while a device misbehaves is the true one, or null."""
    home = House(HouseSpec("SN-1", battery=802), Curve("SN-1", DAY))
    instants = [NOON + 900 * i for i in range(8)]
    truth = {reading.at: reading.values for reading in readings(home, instants)}
    with Server(clock.now) as server:
        port = server.add(home)
        poller = Poller(Registers("127.0.0.1", port.number, 0.1), unit=1)
        found = []
        for i, instant in enumerate(instants):
            clock.at = instant
            port.misbehaviour = misbehaviour if 2 <= i < 5 else Misbehaviour.NONE
            found.append(poller.poll(instant))
        poller.close()
    wrong = [
        (reading.at, name)
        for reading in found
        for name, value in reading.values.items()
        if value is not None and value != truth[reading.at][name]
    ]
    assert wrong == []
    assert found[0].values == truth[NOON]
    if misbehaviour not in ONLY_NOW_AND_THEN:
        assert found[2].quality in {2, 3}
    assert found[-1].values == truth[instants[-1]], "it comes back"


def test_another_device_at_the_same_address_is_told_apart(clock):
    clock.at = NOON
    first = House(HouseSpec("SN-1", battery=802), Curve("SN-1", DAY))
    second = House(HouseSpec("SN-2", inverter=701), Curve("SN-2", DAY))
    with Server(clock.now) as server:
        port = server.add(first)
        poller = Poller(Registers("127.0.0.1", port.number, 0.3), unit=1)
        assert poller.poll(NOON).serial == "SN-1"
        port.home = second
        clock.at = NOON + 900
        reading = poller.poll(NOON + 900)
        poller.close()
    assert (reading.serial, reading.layout) == ("SN-2", "1.701.160")
    assert reading == next(readings(second, [NOON + 900]))


def test_refused_carries_its_code():
    with pytest.raises(DeviceRefused) as caught:
        NUMBERED.read(2, 0, 1)
    assert caught.value.code == 2
