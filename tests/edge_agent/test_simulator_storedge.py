"""A simulated battery outside of SunSpec, read by its profile; its power and modules add up."""

import pytest

from edge_agent.modbus import Registers
from edge_agent.poll import Poller
from edge_agent.profiles.file import load
from edge_agent.profiles.profile import ProfilePoller
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.faults import battery_fault
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.server import Server

DAY = 1782025200
"""A midnight in UTC-7."""
HOUR = 3600
SPEC = HouseSpec("SN-1", battery=0xE100, is_hybrid=True, sockets=0)
CHARGING, FULL, EVENING = DAY + 11 * HOUR, DAY + 16 * HOUR, DAY + 20 * HOUR


@pytest.mark.parametrize(
    ("at", "state"), [(CHARGING, 3), (FULL, 4), (EVENING, 3)], ids=["in", "full", "out"]
)
def test_the_profile_reads_what_the_house_did(at, state, clock):
    home = House(SPEC, Curve("SN-1", DAY))
    clock.at = at
    with Server(clock.now) as server:
        port = server.add(home)
        registers = Registers("127.0.0.1", port.number, 1.0)
        inverter = Poller(registers, unit=1).poll(at)
        battery = ProfilePoller(registers, load("solaredge_battery"), draw=lambda: 0.5).poll(at)
        registers.close()
    assert (inverter.serial, inverter.layout) == ("SN-1", "1.103")
    assert (battery.serial, battery.layout) == ("SN-1-B", "solaredge_battery")
    modules_w = sum(home.input_w(number, at) for number in (1, 2))
    assert inverter.values["DCW"] + battery.values["BatChgW"] == pytest.approx(modules_w, abs=2)
    assert battery.values["BatWHIn"] == int(home.charged_wh(at))
    assert battery.values["BatWHOut"] == int(home.discharged_wh(at))
    assert battery.values["BatSt"] == state


def test_its_fault_is_told(clock):
    home = House(SPEC, Curve("SN-1", DAY), [battery_fault(CHARGING)])
    clock.at = CHARGING
    with Server(clock.now) as server:
        registers = Registers("127.0.0.1", server.add(home).number, 1.0)
        battery = ProfilePoller(registers, load("solaredge_battery"), draw=lambda: 0.5).poll(
            CHARGING
        )
        registers.close()
    assert (battery.quality, battery.values["BatSt"]) == (5, 99)
