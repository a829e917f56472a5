"""CPU of one poll: the agent's reader beside pysunspec2, on the same simulated house."""

import sys
import time
from dataclasses import dataclass

from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from edge_agent.modbus import Registers
from edge_agent.poll import Poller
from edge_agent.simulator.curve import Curve
from edge_agent.simulator.house import House, HouseSpec
from edge_agent.simulator.server import Server

NOON = 1_780_340_400  # 2026-06-01 12:00 in the house's standard time
MIDNIGHT = NOON - 12 * 3600
POLLS = 400


@dataclass(frozen=True)
class Polled:
    """One reader.

    Attributes:
        cpu_ms: CPU of the reading thread for one poll.
        requests: Modbus requests of one poll.
    """

    reader: str
    cpu_ms: float
    requests: float


def run() -> list[Polled]:
    """Read one house a few hundred times with each reader, in turns."""
    spec = HouseSpec("BENCH-1", battery=802)
    with Server(lambda: float(NOON)) as server:
        port = server.add(House(spec, Curve("bench", MIDNIGHT)))
        poller = Poller(
            Registers("127.0.0.1", port.number, 1.0), unit=1, rated_w=5000, serial="", label=""
        )
        poller.poll(NOON)
        peer = SunSpecModbusClientDeviceTCP(1, "127.0.0.1", port.number)
        peer.scan()
        models = [model for number in (1, 103, 160, 802) for model in peer.models[number]]
        spent = {"agent": 0.0, "pysunspec2": 0.0}
        asked = dict.fromkeys(spent, 0)
        for turn in range(POLLS):
            before, start = port.requests, time.thread_time()
            poller.poll(NOON + 60 * (turn + 1))
            spent["agent"] += time.thread_time() - start
            asked["agent"] += port.requests - before
            before, start = port.requests, time.thread_time()
            for model in models:
                model.read()
                model.get_dict(computed=True)
            spent["pysunspec2"] += time.thread_time() - start
            asked["pysunspec2"] += port.requests - before
        poller.close()
        peer.close()
    return [
        Polled(reader, 1000 * seconds / POLLS, asked[reader] / POLLS)
        for reader, seconds in spent.items()
    ]


def main() -> int:
    """Print what a poll costs beside the peer's."""
    ours, peer = run()
    for what, mine, theirs in (
        ("CPU of a poll, ms", ours.cpu_ms, peer.cpu_ms),
        ("requests of a poll", ours.requests, peer.requests),
    ):
        print(f"{what:20}{mine:8.2f}   {peer.reader} {theirs:8.2f}   {mine / theirs:.2f}x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
