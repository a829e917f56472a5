"""Tells systemd that the agent works, and leaves off telling when it does not.

The protocol is that of sd_notify(3): a datagram to the socket in NOTIFY_SOCKET. Without systemd
all of it does nothing.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

TURN_LIMIT_S = 60.0
"""The loop turns every second; what holds it longer holds it for good."""
ACK_LIMIT_S = 6 * 3600
"""A restart is the last means against a broker that takes nothing, and costs what is in memory."""
FED_PER_WATCHDOG = 4


@dataclass(frozen=True, slots=True)
class Liveness:
    """What is known of the agent's life at one instant, on a clock that never jumps.

    Attributes:
        turn_age_s: seconds since the loop last turned.
        ack_age_s: seconds since the broker last acknowledged anything, or since the start.
        is_queue_healthy: what is read reaches the disk.
    """

    turn_age_s: float
    ack_age_s: float
    is_queue_healthy: bool


def is_alive(facts: Liveness) -> bool:
    """Tell whether the agent does its work.

    A broker that is away is no reason to start again while the queue takes what is read. When
    neither works, a new start may help.
    """
    if facts.turn_age_s >= TURN_LIMIT_S:
        return False
    return facts.is_queue_healthy or facts.ack_age_s < ACK_LIMIT_S


class Supervisor:
    """The manager that started the agent, if there is one."""

    def __init__(self, address: str = "", watchdog_s: float | None = None) -> None:
        """Send to this address; an empty one is nobody's.

        Args:
            address: path of a socket, or `@` and the name of an abstract one.
            watchdog_s: how long the manager waits for a sign of life, None for ever.
        """
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._feed_every_s = None if watchdog_s is None else watchdog_s / FED_PER_WATCHDOG
        self._fed_at: float | None = None
        self._status = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, pid: int | None = None) -> Self:
        """Return what systemd told this process; `pid` is its own.

        A watchdog that is meant for another process is none of ours (sd_watchdog_enabled(3)).
        """
        own = str(os.getpid() if pid is None else pid)
        usec = environ.get("WATCHDOG_USEC", "")
        is_ours = environ.get("WATCHDOG_PID", own) == own
        has_watchdog = is_ours and usec.isascii() and usec.isdigit() and int(usec) > 0
        address = environ.get("NOTIFY_SOCKET", "")
        known = address if address[:1] in {"/", "@"} else ""
        return cls(known, int(usec) / 1_000_000 if has_watchdog else None)

    def ready(self) -> None:
        """Tell that the agent polls and sends."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Tell that the agent is going."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Tell people in one line how it goes (`systemctl status`); the same is not told twice."""
        line = "".join(letter if letter.isprintable() else "?" for letter in text)
        if line != self._status:
            self._status = line
            self._send(f"STATUS={line}")

    def feed(self, facts: Liveness, now_mono: float) -> bool:
        """Give a sign of life when it is time and the agent is alive; tell whether it was given."""
        if self._feed_every_s is None or not is_alive(facts):
            return False
        if self._fed_at is not None and now_mono - self._fed_at < self._feed_every_s:
            return False
        self._fed_at = now_mono
        self._send("WATCHDOG=1")
        return True

    def _send(self, message: str) -> None:
        """Send without waiting; a manager that does not listen must not stop the agent."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)  # noqa: FBT003 - the name of the argument is not public
                sender.sendto(message.encode(), self._address)
        except OSError:
            return
