"""Runs the agent until it is told to stop, and tells the manager of services that it lives."""

import threading

from edge_agent.agent import Agent
from edge_agent.operation.supervision import Supervisor

LONGEST_WAIT_S = 1.0
TELL_EVERY_S = 60.0


def run(agent: Agent, supervisor: Supervisor, stopping: threading.Event) -> None:
    """Turn the agent's loop until `stopping` is set, and close it.

    An error that nobody thought of leaves this function: the manager starts the agent again, and
    the outbox has all that was read.
    """
    supervisor.ready()
    told_at = float("-inf")
    try:
        while not stopping.is_set():
            pause_s = agent.turn()
            mono = agent.monotonic()
            supervisor.feed(agent.liveness(), mono)
            if mono - told_at >= TELL_EVERY_S:
                told_at = mono
                supervisor.status(agent.status())
            agent.wait(min(pause_s, LONGEST_WAIT_S))
    finally:
        supervisor.stopping()
        agent.close()
