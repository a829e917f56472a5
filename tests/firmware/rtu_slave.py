"""The devices of an RS-485 line behind a pty, and all that goes wrong on such a line, by seed.

Every register tells its address, so that an answer to another question is told from the right one.
"""

import os
import select
import threading
import time
import tty
from collections import Counter
from random import Random  # noqa: TID251 - what goes wrong is drawn by seed

from edge_agent.simulator.image import Image
from edge_agent.source import DeviceRefused

WRONGS = (
    "corrupt",
    "silent",
    "wrong unit",
    "wrong function",
    "late",
    "short",
    "long",
    "foreign frame",
    "other length",
    "refused",
)
LATE_S = 0.05
"""Behind the 45 ms for which the tests wait, and within the pause that follows a silence."""


def crc16(data: bytes) -> bytes:
    """Return the checksum as it stands on the wire; bit by bit, unlike the device's own."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


def register(address: int) -> int:
    """Return what a made-up device has at an address."""
    return (address * 40503 + 977) & 0xFFFF


class Slave:
    """A line with one device; use it as a context manager.

    Attributes:
        path: the terminal device to open.
        done: how often each thing went wrong, and how often nothing did ("right").
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        wrong_in_ten: int = 0,
        echo: bool = False,
        image: Image | None = None,
        unit: int = 1,
    ) -> None:
        self.done: Counter[str] = Counter()
        self._draw = Random(seed)
        self._wrong_in_ten = wrong_in_ten
        self._echo = echo
        self._image = image
        self._unit = unit
        self._ours, theirs = os.openpty()
        tty.setraw(theirs)
        tty.setraw(self._ours)
        self.path = os.ttyname(theirs)
        self._theirs = theirs
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "Slave":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(5)
        os.close(self._ours)
        os.close(self._theirs)

    def _serve(self) -> None:
        got = b""
        while not self._is_over.is_set():
            if not select.select([self._ours], [], [], 0.02)[0]:
                got = b""
                continue
            got += os.read(self._ours, 256)
            if len(got) >= 8:
                self._answer(got[:8])
                got = got[8:]

    def _answer(self, ask: bytes) -> None:
        if self._echo:
            os.write(self._ours, ask)
        if crc16(ask[:6]) != ask[6:] or ask[0] != self._unit:
            self.done["not asked"] += 1
            return
        address, count = int.from_bytes(ask[2:4], "big"), int.from_bytes(ask[4:6], "big")
        try:
            words = self._words(address, count)
            body = bytes((ask[0], 3, 2 * count)) + b"".join(w.to_bytes(2, "big") for w in words)
        except DeviceRefused as error:
            body = bytes((ask[0], 0x83, error.code))
        is_wrong = self._draw.randrange(10) < self._wrong_in_ten
        wrong = self._draw.choice(WRONGS) if is_wrong else "right"
        self.done[wrong] += 1
        self._send(wrong, body)

    def _words(self, address: int, count: int) -> tuple[int, ...]:
        if self._image is not None:
            return self._image.read(self._unit, address, count)
        return tuple(register(address + i) for i in range(count))

    def _send(self, wrong: str, body: bytes) -> None:
        draw = self._draw
        frame = body + crc16(body)
        if wrong == "silent":
            return
        if wrong == "corrupt":
            at = draw.randrange(len(frame))
            frame = frame[:at] + bytes((frame[at] ^ 1 << draw.randrange(8),)) + frame[at + 1 :]
        elif wrong == "wrong unit":
            other = bytes((body[0] + 1,)) + body[1:]
            frame = other + crc16(other)
        elif wrong == "wrong function":
            other = body[:1] + b"\x04" + body[2:]
            frame = other + crc16(other)
        elif wrong == "late":
            began = time.monotonic()
            time.sleep(LATE_S)
            if time.monotonic() - began > 1.5 * LATE_S:
                return  # this machine was busy: later than a device may ever be
        elif wrong == "short":
            frame = frame[: draw.randrange(len(frame))]
        elif wrong == "long":
            frame += draw.randbytes(draw.randrange(1, 6))
        elif wrong == "foreign frame":
            other = bytes((9, 3, 4)) + draw.randbytes(4)
            frame = other + crc16(other) + frame
        elif wrong == "other length":
            other = body[:2] + bytes((body[2] - 2,)) + body[3:-2]
            frame = other + crc16(other)
        elif wrong == "refused":
            other = bytes((body[0], 0x83, 4))
            frame = other + crc16(other)
        os.write(self._ours, frame)
