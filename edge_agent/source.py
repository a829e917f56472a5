"""Where registers come from: one method to read them, and the ways in which it can fail.

ReadFailed
├── Unreachable       no connection, or it broke
│   └── NoReply       connected, but no (or no fitting) answer in time
├── ShortReply        fewer registers than asked for
└── DeviceRefused     the device answered with a Modbus exception
    ├── IllegalAddress    2: there is no such register
    └── Busy              5, 6: try again later
"""

from typing import Protocol


class ReadFailed(Exception):
    """Registers could not be read; the message names the device and the registers."""

    def in_short(self) -> str:
        """Return in a few words why a device is silent; a serial number is never among them."""
        return "cannot be read"


class Unreachable(ReadFailed):
    """There is no connection to the device."""

    def in_short(self) -> str:
        """See `ReadFailed`."""
        return "no connection"


class NoReply(Unreachable):
    """The device is connected, but no answer that fits the question came in time."""

    def in_short(self) -> str:
        """See `ReadFailed`."""
        return "no reply"


class ShortReply(ReadFailed):
    """The device sent fewer registers than it was asked for; none of them is used."""

    def in_short(self) -> str:
        """See `ReadFailed`."""
        return "short reply"


class DeviceRefused(ReadFailed):
    """The device answered with a Modbus exception code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code

    def in_short(self) -> str:
        """See `ReadFailed`."""
        return f"exception {self.code}"


class IllegalAddress(DeviceRefused):
    """The device has no register at one of these addresses (exception 2)."""


class Busy(DeviceRefused):
    """The device has no time now (exceptions 5 and 6)."""

    def in_short(self) -> str:
        """See `ReadFailed`."""
        return "busy"


class WrongDevice(ReadFailed):
    """Another device answers than the one that is wanted: its serial number is another."""

    def in_short(self) -> str:
        """See `ReadFailed`."""
        return "another serial number"


class NoSerial(ReadFailed):
    """The device does not say its serial number where it should, and the settings name none."""

    def in_short(self) -> str:
        """See `ReadFailed`."""
        return "no serial number"


def refused(message: str, code: int) -> DeviceRefused:
    """Return the error for a Modbus exception code."""
    if code == 2:
        return IllegalAddress(message, code)
    if code in {5, 6}:
        return Busy(message, code)
    return DeviceRefused(message, code)


class RegisterSource(Protocol):
    """Something that has holding registers: a device on a bus, or a simulated one."""

    def read(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        """Return exactly `count` registers, each 0..65535, all of one instant.

        Raises:
            ReadFailed: when that is not possible.
        """
        ...

    def close(self) -> None:
        """Let go of the connection, if there is one; the next read opens it again."""
        ...


def connections_of(source: RegisterSource) -> int:
    """Return how often the way to a device was opened; always 0 where there is nothing to open.

    Several devices may share a connection: what one of them lost, the others must hear of.
    """
    opened: int = getattr(source, "connections", 0)
    return opened
