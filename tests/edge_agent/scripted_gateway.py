"""A gateway in a process of its own, whose clock its parent sets line by line.

A line is "wall monotonic synced"; the answer to it, when nothing is under way any more, is "ok",
the chunks that wait and the readings that no disk took. Started with a settings file and a boot id.
"""

import logging
import sys
import time
from pathlib import Path

from edge_agent.agent import Agent
from edge_agent.settings import load

PATIENCE_S = 3.0


class LineClock:
    wall = mono = 0.0
    has_server = False

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.mono

    def is_synced(self) -> bool:
        return self.has_server

    def read(self) -> bool:
        line = sys.stdin.readline()
        if not line:
            return False
        wall, mono, synced = line.split()
        self.wall, self.mono, self.has_server = float(wall), float(mono), synced == "1"
        return True


def settle(agent: Agent) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        agent.turn()
        uplink = agent._uplink
        if not (agent._devices.is_busy() or uplink.under_way() or uplink.is_connecting()):
            return
        agent.wait(0.01)


def main(path: str, boot: str) -> None:
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    clock = LineClock()
    if not clock.read():
        return
    agent = Agent(load(Path(path)), clock=clock, boot_id=boot)
    while True:
        settle(agent)
        print("ok", agent.outbox.depth(), agent.outbox.ram, flush=True)  # noqa: T201
        if not clock.read():
            break
    agent.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
