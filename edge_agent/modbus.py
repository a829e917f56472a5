"""Reads holding registers over Modbus/TCP; the only module that imports pymodbus.

It knows one function code, 3 (read holding registers), and no way to write.
"""

import logging

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException, ModbusIOException

from edge_agent.source import NoReply, ShortReply, Unreachable, refused

MOST_REGISTERS = 125
"""Largest count of one read (MODBUS Application Protocol V1.1b3, 6.3)."""

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
"""pymodbus writes a line per failed request; a device that is off for a week fills a log."""


class Registers:
    """A device, or a gateway to several, at one Modbus/TCP address.

    The connection opens at the first read and again at the first read after it broke. Nothing is
    retried here: the caller knows how long it may wait.
    """

    def __init__(self, host: str, port: int = 502, timeout_s: float = 0.5) -> None:
        self.where = f"{host}:{port}"
        self._client = ModbusTcpClient(host, port=port, timeout=timeout_s, retries=0)

    def read(self, unit: int, address: int, count: int) -> tuple[int, ...]:
        """Return `count` (1..125) registers from `address` on, in one transaction.

        pymodbus drops replies to other questions (by transaction number), but takes a reply that
        is too short for an answer, so the count is checked here.

        Raises:
            ReadFailed: see the tree in `edge_agent.source`.
        """
        what = f"reading {count} registers at {address} of unit {unit} at {self.where}"
        try:
            reply = self._client.read_holding_registers(address, count=count, device_id=unit)
        except ConnectionException as error:
            self.close()
            raise Unreachable(f"{what}: no connection") from error
        except ModbusIOException as error:
            self.close()
            raise NoReply(f"{what}: no fitting reply in time") from error
        except (ModbusException, OSError) as error:
            self.close()
            raise Unreachable(f"{what}: {error}") from error
        if reply.isError():
            raise refused(f"{what}: exception {reply.exception_code}", reply.exception_code)
        if len(reply.registers) != count:
            self.close()
            raise ShortReply(f"{what}: {len(reply.registers)} came")
        return tuple(reply.registers)

    def close(self) -> None:
        """Close the connection; a reply that is still under way is lost, not taken later."""
        self._client.close()  # type: ignore[no-untyped-call] # pymodbus leaves it untyped
