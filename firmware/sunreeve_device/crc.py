"""CRC-16 of Modbus; CRC-32 is binascii's."""

_TABLE = (
    0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
    0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
)  # fmt: skip


def crc16(data, crc=0xFFFF):
    """Return the CRC of bytes; on the wire its low byte goes first."""
    for byte in data:
        crc = crc >> 4 ^ _TABLE[(crc ^ byte) & 15]
        crc = crc >> 4 ^ _TABLE[(crc ^ byte >> 4) & 15]
    return crc
