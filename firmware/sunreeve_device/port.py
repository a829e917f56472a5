"""All that differs between a board, MicroPython on Unix and CPython; nothing else asks for it."""

import asyncio
import os
import sys
import time

try:
    import machine
except ImportError:
    machine = None
try:
    import network
except ImportError:
    network = None

IS_MICRO = sys.implementation.name == "micropython"
IS_BOARD = machine is not None and hasattr(machine, "UART")

_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0
_shift = 0

if IS_MICRO:
    ticks_ms = time.ticks_ms
    ticks_diff = time.ticks_diff
    ticks_add = time.ticks_add
    sleep_us = time.sleep_us
    sleep_ms = asyncio.sleep_ms
    wait_ms = asyncio.wait_for_ms
else:
    _WRAP = 1 << 30

    def ticks_ms():
        """Return a count of milliseconds that wraps; compare by ticks_diff only."""
        return time.monotonic_ns() // 1000000 % _WRAP

    def ticks_diff(later, earlier):
        """Return later - earlier in ms, right over a wrap when both lie within 6 days."""
        return (later - earlier + _WRAP // 2) % _WRAP - _WRAP // 2

    def ticks_add(ticks, ms):
        """Return the ticks so many ms later."""
        return (ticks + ms) % _WRAP

    def sleep_us(us):
        """Wait without letting others run; for a character's time only."""
        until = time.monotonic_ns() + us * 1000
        while time.monotonic_ns() < until:
            pass

    def sleep_ms(ms):
        """Await so many ms."""
        return asyncio.sleep(ms / 1000)

    def wait_ms(awaited, ms):
        """Await something for at most so many ms, else asyncio.TimeoutError."""
        return asyncio.wait_for(awaited, ms / 1000)


def close_stream(writer):
    """Close the connection of an asyncio stream; MicroPython does so in wait_closed only."""
    if IS_MICRO:
        writer.s.close()
    else:
        writer.close()


def utc_s():
    """Return what the clock shows as unix seconds, whether it was ever set or not."""
    return int(time.time()) + _EPOCH + _shift


def set_utc(seconds):
    """Set the clock of a board; elsewhere only what utc_s tells."""
    global _shift
    if IS_BOARD:
        t = time.gmtime(seconds - _EPOCH)
        machine.RTC().datetime((t[0], t[1], t[2], t[6], t[3], t[4], t[5], 0))
    else:
        _shift = seconds - int(time.time()) - _EPOCH


def fsync(file):
    """Bring what was written to an open file to the flash."""
    file.flush()  # MicroPython's flush syncs
    if hasattr(os, "fsync"):
        os.fsync(file.fileno())


def replace(source, target):
    """Rename a file over another, at once or not at all."""
    if hasattr(os, "replace"):
        os.replace(source, target)
    else:
        os.rename(source, target)


def sync():
    """Bring everything to the flash, where there is such a call."""
    if hasattr(os, "sync"):
        os.sync()


def exists(path):
    """Tell whether there is a file or folder."""
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def free_bytes(path):
    """Return how much room the file system has that holds this folder."""
    s = os.statvfs(path)
    return s[1] * s[4]


def uid():
    """Return the number of the chip in hexadecimal; "0" where there is no chip."""
    if machine is not None and hasattr(machine, "unique_id"):
        return "".join("%02x" % byte for byte in machine.unique_id())
    return "0"


def reset():
    """Start anew; where that cannot be, the program ends with code 3."""
    if machine is not None and hasattr(machine, "reset"):
        machine.reset()
    sys.exit(3)


def reset_cause():
    """Return the board's number for why it started; -1 where nobody knows."""
    if machine is not None and hasattr(machine, "reset_cause"):
        return machine.reset_cause()
    return -1


class NoWatchdog:
    """Counts how often it was fed, and never bites."""

    def __init__(self):
        self.fed = 0

    def feed(self):
        """Count."""
        self.fed += 1


def watchdog(ms):
    """Return something to feed at least every so many ms."""
    if machine is not None and hasattr(machine, "WDT"):
        return machine.WDT(timeout=ms)
    return NoWatchdog()


def random_bytes(count):
    """Return bytes that nobody can guess."""
    return os.urandom(count)


class Uart:
    """A UART of a board, or a terminal device elsewhere, as reader and writer in one."""

    def __init__(self, stream, is_uart):
        self._stream = stream
        self._is_uart = is_uart
        self._poll = None
        if IS_MICRO and not is_uart:  # a file that waits for bytes when it is read
            import select

            self._poll = select.poll()
            self._poll.register(stream, select.POLLIN)
        self._out = b""

    def take(self, count):
        """Return at most so many bytes of those that are here, without waiting."""
        if self._poll is None:
            return self._stream.read(count) or b""
        data = b""
        while len(data) < count and self._poll.poll(0):
            data += self._stream.read(1)  # it waits until it has as many as it is asked for
        return data

    def write(self, data):
        """Take bytes to be sent by drain."""
        self._out += data

    async def drain(self):
        """Send what was written; done when the last bit is on the wire, where a board can tell."""
        out = self._out
        self._out = b""
        while out:
            sent = self._stream.write(out)
            out = out[sent or 0 :]
            if out:
                await sleep_ms(1)
        while self._is_uart and not self._stream.txdone():
            await sleep_ms(0)

    def close(self):
        """Let go of the device."""
        if not self._is_uart:
            self._stream.close()


def uart(board, cfg):
    """Return (reader, writer, drive) of the RS-485 line; drive(1) sends, drive(0) listens.

    `board` has uart, tx, rx and de (None: the module turns itself), `cfg` baud, parity
    (None, 0 even, 1 odd) and stop; off a board `board["path"]` is a terminal device.
    """
    if not IS_BOARD:
        both = Uart(_terminal(board["path"]), False)
        return both, both, lambda on: None
    line = machine.UART(
        board["uart"],
        cfg["baud"],
        bits=8,
        parity=cfg.get("parity"),
        stop=cfg.get("stop", 1),
        tx=board["tx"],
        rx=board["rx"],
        rxbuf=512,
    )
    both = Uart(line, True)
    if board.get("de") is None:
        return both, both, lambda on: None
    return both, both, machine.Pin(board["de"], machine.Pin.OUT, value=0)


def _terminal(path):
    """Open a terminal device so that reading never waits."""
    if IS_MICRO:
        return open(path, "r+b")
    return open(os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK), "r+b", buffering=0)


_wifi = None


def wifi_up(cfg):
    """Begin to join the network of cfg (ssid, password); True where there is no radio to join."""
    global _wifi
    if network is None:
        return True
    if _wifi is None:
        _wifi = network.WLAN(network.STA_IF)
        _wifi.active(True)
    if not _wifi.isconnected():
        try:
            _wifi.connect(cfg["ssid"], cfg["password"])
        except OSError:
            return False
    return _wifi.isconnected()


def wifi_ok():
    """Tell whether the network is joined; True where there is no radio."""
    return network is None or (_wifi is not None and _wifi.isconnected())


def ntp(host, timeout, port=123):
    """Return the unix seconds that a time server tells within so many seconds, or None."""
    import socket

    line = None
    try:
        address = socket.getaddrinfo(host, port)[0][-1]
        line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        line.settimeout(timeout)
        mark = random_bytes(8)  # comes back: an answer to somebody else's question is none
        line.sendto(b"\x23" + bytes(39) + mark, address)
        reply = line.recv(48)
    except OSError:
        return None
    finally:
        if line is not None:
            line.close()
    if len(reply) != 48 or reply[0] & 7 != 4 or reply[0] >> 6 == 3 or not 1 <= reply[1] <= 15:
        return None
    if bytes(reply[24:32]) != mark:
        return None
    seconds = 0
    for byte in reply[40:44]:
        seconds = seconds << 8 | byte
    if seconds < 1 << 31:
        seconds += 1 << 32  # counted anew from 2036 on
    return seconds - 2208988800


class _Log:
    """What is used of logging, where the board has none."""

    def __init__(self, name):
        self._name = name

    def _say(self, level, text, args):
        print(level, self._name, text % args if args else text)

    def debug(self, text, *args):
        """Say nothing."""

    def info(self, text, *args):
        """Say what goes on."""
        self._say("INFO", text, args)

    def warning(self, text, *args):
        """Say what is odd."""
        self._say("WARNING", text, args)

    def error(self, text, *args):
        """Say what went wrong."""
        self._say("ERROR", text, args)


def logger(name):
    """Return something with debug, info, warning and error."""
    try:
        import logging
    except ImportError:
        return _Log(name)
    return logging.getLogger(name)
