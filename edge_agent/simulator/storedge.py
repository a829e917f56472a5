"""A battery that does not speak SunSpec: the block at 0xE100 of a SolarEdge StorEdge inverter.

Numbers of several registers have the least significant one first, floats too. Addresses and names
are those of the maker's register map (Power Control Open Protocol, StorEdge battery status).
"""

import struct
from dataclasses import dataclass

START, END = 0xE100, 0xE190
MAKER, MODEL, FIRMWARE, SERIAL = 0xE100, 0xE110, 0xE120, 0xE130
TEXT_REGISTERS = 16
RATED_WH, POWER_W, EXPORTED_WH, IMPORTED_WH = 0xE142, 0xE174, 0xE176, 0xE17A
MOST_WH, AVAILABLE_WH, HEALTH, CHARGE, STATUS = 0xE17E, 0xE180, 0xE182, 0xE184, 0xE186
CHARGING, DISCHARGING, FAULT, IDLE = 3, 4, 5, 7


@dataclass(frozen=True, slots=True)
class Battery:
    """What the block says at one instant; `charge_w` is positive while it charges."""

    serial: str
    rated_wh: int
    charge_w: float
    charged_wh: float
    discharged_wh: float
    soc: float
    has_failed: bool = False

    @property
    def status(self) -> int:
        """Return the maker's code of what the battery does."""
        if self.has_failed:
            return FAULT
        if self.charge_w == 0:
            return IDLE
        return CHARGING if self.charge_w > 0 else DISCHARGING


def block(battery: Battery) -> tuple[int, ...]:
    """Return the registers from START until END; what is not used is 0."""
    words = [0] * (END - START)
    texts = {MAKER: "Sunreeve", MODEL: "Simulated pack", FIRMWARE: "1.0", SERIAL: battery.serial}
    for address, text in texts.items():
        data = text.encode("ascii").ljust(2 * TEXT_REGISTERS, b"\0")
        words[address - START : address - START + TEXT_REGISTERS] = struct.unpack(">16H", data)
    floats = {
        RATED_WH: float(battery.rated_wh),
        POWER_W: battery.charge_w,
        MOST_WH: float(battery.rated_wh),
        AVAILABLE_WH: battery.soc * battery.rated_wh,
        HEALTH: 98.0,
        CHARGE: battery.soc * 100,
    }
    for address, number in floats.items():
        _put(words, address, struct.pack(">f", number))
    _put(words, EXPORTED_WH, struct.pack(">Q", int(battery.discharged_wh)))
    _put(words, IMPORTED_WH, struct.pack(">Q", int(battery.charged_wh)))
    _put(words, STATUS, struct.pack(">I", battery.status))
    return tuple(words)


def _put(words: list[int], address: int, data: bytes) -> None:
    registers = struct.unpack(f">{len(data) // 2}H", data)
    words[address - START : address - START + len(registers)] = reversed(registers)
