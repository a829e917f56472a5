"""Reads holding registers over RS-485 and Modbus/TCP; function 3 and no other."""

import asyncio

from sunreeve_device import port
from sunreeve_device.crc import crc16

MOST_REGISTERS = 125
_BUSY = (5, 6)
_PAUSES_MS = (100, 200)


class ModbusError(Exception):
    """Registers could not be read."""


class NoAnswer(ModbusError):
    """No answer in time, or no connection."""


class BadAnswer(ModbusError):
    """Something came that is not the whole answer and nothing else."""


class Refused(ModbusError):
    """The device answered with an exception code."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def _checked(address, count):
    if not (1 <= count <= MOST_REGISTERS and 0 <= address and address + count <= 0x10000):
        raise ValueError("%d registers at %d" % (count, address))


class _Link:
    """What both ways have: one question at a time, and patience with a busy device."""

    def __init__(self):
        self.requests = 0
        self.connections = 0
        self._lock = asyncio.Lock()

    async def read(self, unit, address, count, timeout_ms):
        """Return 2 * count bytes; raises NoAnswer, BadAnswer or Refused.

        A device that is busy is asked twice more while the time is not over.
        """
        _checked(address, count)
        async with self._lock:
            until = port.ticks_add(port.ticks_ms(), timeout_ms)
            for pause in _PAUSES_MS:
                try:
                    return await self._ask(unit, address, count, timeout_ms)
                except Refused as error:
                    if error.code not in _BUSY or _left(until) < pause:
                        raise
                await port.sleep_ms(pause)
            return await self._ask(unit, address, count, timeout_ms)


def _left(until):
    return port.ticks_diff(until, port.ticks_ms())


class Rtu(_Link):
    """The devices of one RS-485 line; `drive(1)` before sending, `drive(0)` to listen.

    There is no number in an answer that tells whose question it answers. So whatever failed is
    followed by a time in which the line must fall silent, as long as the answer might have taken:
    an answer that comes later still is only told by what is in it (models begin with their number).
    """

    def __init__(self, reader, writer, drive, baud):
        super().__init__()
        self._reader = reader
        self._writer = writer
        self._drive = drive
        self._char_us = -(-11000000 // baud)
        # 3.5 characters, 1.75 ms above 19200 baud, and one ms that counting by ms may lose
        self._silence_ms = max(1750, self._char_us * 7 // 2) // 1000 + 2
        self._settle_ms = 0

    async def _ask(self, unit, address, count, timeout_ms):
        self.requests += 1
        if not await self._quiet(max(self._silence_ms, self._settle_ms), 8 * timeout_ms):
            raise BadAnswer("the line does not fall silent")
        self._settle_ms = timeout_ms
        ask = bytes((unit, 3, address >> 8, address & 255, 0, count))
        ask += crc16(ask).to_bytes(2, "little")
        self._drive(1)
        try:
            self._writer.write(ask)
            await self._writer.drain()
            port.sleep_us(self._char_us)  # the stop bit of the last byte
        except OSError:
            raise NoAnswer("the line is gone") from None
        finally:
            self._drive(0)
        frame_us = (5 + 2 * count) * self._char_us
        try:
            data = await self._answer(ask, unit, count, timeout_ms + frame_us // 1000)
        except Refused:
            self._settle_ms = 0
            raise
        self._settle_ms = 0
        return data

    async def _answer(self, ask, unit, count, within_ms):
        until = port.ticks_add(port.ticks_ms(), within_ms)
        got = await self._more(b"", 5, until)
        if got == ask[:5]:
            got = await self._more(got, 7, until)
            if got == ask[:7]:  # the echo of a half-duplex line
                got = await self._more(got, 8, until)
                if got != ask:
                    raise BadAnswer("an echo that is another")
                got = await self._more(b"", 5, until)
        if got[0] != unit or got[1] & 0x7F != 3:
            raise BadAnswer("not from this unit, or of another function")
        is_refusal = got[1] == 0x83
        if not is_refusal:
            if got[2] != 2 * count:
                raise BadAnswer("of another length")
            got = await self._more(got, 5 + 2 * count, until)
        if crc16(got):  # that of a frame with its CRC behind it is 0
            raise BadAnswer("checksum")
        if not await self._quiet(self._silence_ms, 0):
            raise BadAnswer("longer than it says")
        if is_refusal:
            raise Refused(got[2])
        return got[3:-2]

    async def _more(self, got, size, until):
        """Return what came, as soon as it is of this size."""
        while len(got) < size:
            is_over = _left(until) <= 0
            data = self._take(size - len(got))
            if is_over and not data:
                raise NoAnswer("too little in time") if got else NoAnswer("silent")
            got += data
            if not data:
                await port.sleep_ms(1)
        return got

    def _take(self, count):
        try:
            return self._reader.take(count)
        except OSError:
            raise NoAnswer("the line is gone") from None

    async def _quiet(self, silence_ms, within_ms):
        """Throw away what comes until nothing came for so long; False when it goes on."""
        until = port.ticks_add(port.ticks_ms(), within_ms)
        quiet = port.ticks_add(port.ticks_ms(), silence_ms)
        while True:
            is_over = _left(quiet) <= 0  # looked at before the line: what came meanwhile counts
            if self._take(256):
                if _left(until) <= 0:
                    return False
                quiet = port.ticks_add(port.ticks_ms(), silence_ms)
            elif is_over:
                return True
            await port.sleep_ms(1)


class Tcp(_Link):
    """The device, or the devices, at one address; it connects when asked, and anew after a failure."""

    def __init__(self, host, port_number=502):
        super().__init__()
        self._where = host, port_number
        self._reader = self._writer = None
        self._number = 0
        self._is_used = self._is_new = False

    def close(self):
        """Close the connection, so that no answer comes late."""
        writer = self._writer
        self._reader = self._writer = None
        if writer is not None:
            try:
                port.close_stream(writer)
            except OSError:
                pass

    async def _ask(self, unit, address, count, timeout_ms):
        while True:
            self.requests += 1
            may_repeat = self._writer is not None and self._is_used
            try:
                data = await port.wait_ms(self._once(unit, address, count), timeout_ms)
            except Refused:
                self._is_used = True
                raise
            except EOFError:
                self.close()
                if may_repeat:  # many devices close after each answer, or after a while
                    continue
                raise NoAnswer("the connection was closed") from None
            except (OSError, asyncio.TimeoutError):
                self.close()
                raise NoAnswer("silent, or no connection") from None
            except ModbusError:
                self.close()
                raise
            except asyncio.CancelledError:
                self.close()
                raise
            self._is_used = True
            return data

    async def _once(self, unit, address, count):
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(*self._where)
            self._is_used = False
            self._is_new = True
        number = self._number = (self._number + 1) & 0xFFFF
        head = bytes((number >> 8, number & 255, 0, 0, 0, 6, unit, 3))
        self._writer.write(head + bytes((address >> 8, address & 255, 0, count)))
        try:
            await self._writer.drain()
            if self._is_new:  # only writing tells MicroPython whether there is a connection
                self._is_new = False
                self.connections += 1
            first = await self._reader.readexactly(1)
        except OSError:
            raise EOFError from None
        try:
            return await self._frame(first, head, count)
        except EOFError:
            raise BadAnswer("closed in the middle of an answer") from None

    async def _frame(self, first, head, count):
        while True:
            got = first + await self._reader.readexactly(5)
            size = got[4] << 8 | got[5]
            if got[2:4] != b"\0\0" or not 3 <= size <= 254:
                raise BadAnswer("not a frame of Modbus")
            body = await self._reader.readexactly(size)
            if got[:2] == head[:2]:
                break
            first = await self._reader.readexactly(1)  # late, or somebody else's
        if body[0] != head[6] or body[1] & 0x7F != 3:
            raise BadAnswer("not from this unit, or of another function")
        if body[1] == 0x83:
            if size != 3:
                raise BadAnswer("of another length")
            raise Refused(body[2])
        if size != 3 + 2 * count or body[2] != 2 * count:
            raise BadAnswer("of another length")
        return body[3:]
