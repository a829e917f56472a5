"""Polls one device: learns its models, reads them, and judges what it read."""

from sunreeve_device import quality, sunspec
from sunreeve_device.dictionary import QUALITY_UNREACHABLE
from sunreeve_device.modbus import MOST_REGISTERS, BadAnswer, ModbusError, Refused

_SETTINGS = ("LimEna", "LimPct")  # set by somebody, not measured: they cast no doubt
_COMMON, _PORTS, _PORTS_AT = 1, 714, 4
_SERIAL_AT, _SERIAL_SIZE = 50, 16
_NOT_SO = (2, 3, 4)


class _Changed(BadAnswer):
    """The models are not where they were."""


class Device:
    """One SunSpec device on a link.

    Attributes: serial and label (such as 1.103.160), empty before it was met; why it is silent.
    """

    def __init__(self, link, unit, rated_w=None, timeout_ms=1000):
        self.serial = self.label = self.why = ""
        self.counters = quality.Counters()
        self._link = link
        self._unit = unit
        self._rated_w = rated_w
        self._timeout_ms = timeout_ms
        self._maps = None
        self._is_sure = False
        self._serial_at = None
        self._blocks = []

    async def read_row(self, at):
        """Return (quality, {column: int or None}) for an instant; never a value of another one.

        A device that cannot be read is unreachable and has no columns. After anything that failed
        its models and serial number are looked for anew.
        """
        try:
            if self._maps is None or not self._is_sure:
                await self._learn()
            try:
                values, is_partial, is_doubtful = await self._values()
            except _Changed:
                await self._learn()
                values, is_partial, is_doubtful = await self._values()
        except ModbusError as error:
            self.why = str(error) or type(error).__name__
            self._is_sure = False
            if isinstance(error, BadAnswer):
                self._maps = None
            return QUALITY_UNREACHABLE, {}
        self.why = ""
        self._is_sure = not is_partial
        is_suspect = self.counters.check(values, at, self._rated_w, self._turn)
        return quality.code(values, is_suspect or is_doubtful, is_partial), values

    async def _read(self, address, count):
        return await self._link.read(self._unit, address, count, self._timeout_ms)

    async def _learn(self):
        self._maps = None
        models = await sunspec.discover(self._link, self._unit, self._timeout_ms)
        if not models:
            raise BadAnswer("no SunSpec models")
        self._serial_at = None
        counts = {}
        for number, address, length in models:
            if number == _COMMON and length >= _SERIAL_AT + _SERIAL_SIZE - 2:
                self._serial_at = address + _SERIAL_AT
            elif number == _PORTS:
                got = await self._read(address + _PORTS_AT, 1)
                said = got[0] << 8 | got[1]
                if 0 < said < 0xFFFF:
                    counts[address] = said
        serial = await self._said_serial()
        if not serial:
            raise BadAnswer("no serial number")
        if serial != self.serial:
            self.counters = quality.Counters()
        self.serial = serial
        self.label = ".".join(str(model[0]) for model in models)
        self._maps = sunspec.maps_of(models, counts)

    async def _said_serial(self):
        if self._serial_at is None:
            return ""
        got = await self._read(self._serial_at, _SERIAL_SIZE)
        got = bytes(got).split(b"\0")[0].strip()
        return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in got)

    async def _values(self):
        values = {}
        is_partial = is_doubtful = False
        refused = None
        self._blocks = []
        for number, address, length, count, steps in self._maps:
            try:
                block, is_torn = await self._block(address, count, steps)
            except Refused as error:
                if error.code not in _NOT_SO:
                    raise
                refused = error
                is_partial = True
                continue
            if block[:4] != bytes((number >> 8, number & 255, length >> 8, length & 255)):
                raise _Changed("the models are not where they were")
            found, unusable = sunspec.decode(block, steps)
            self._blocks.append((block, steps))
            if is_torn:
                unusable += [step[0] for step in steps if step[4] != 255]
                for step in steps:
                    if step[4] != 255:
                        found[step[0]] = None
            is_doubtful = is_doubtful or any(name not in _SETTINGS for name in unusable)
            values.update(found)
        if refused is not None and not values:
            raise refused
        return values, is_partial, is_doubtful

    async def _block(self, address, count, steps):
        """Return a model's registers, and whether a scale factor moved between its reads."""
        if count <= MOST_REGISTERS:
            return await self._read(address, count), False
        block = b""
        while len(block) < 2 * count:
            left = min(MOST_REGISTERS, count - len(block) // 2)
            block += await self._read(address + len(block) // 2, left)
        scales = [step[4] for step in steps if step[4] != 255]
        first, last = min(scales), max(scales)
        again = await self._read(address + first, last + 1 - first)
        return block, again != block[2 * first : 2 * last + 2]

    def _turn(self, name):
        """Return where a counter of 32 bits begins again at 0; None for one that never does."""
        for block, steps in self._blocks:
            for column, _, size, kind, scale_at, decimals in steps:
                if column == name:
                    return sunspec.turn_of(block, size, kind, scale_at, decimals)
        return None
