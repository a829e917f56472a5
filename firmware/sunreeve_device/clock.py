"""The time that the device goes by: a count of milliseconds since the start, and when that was.

There is no battery. Until a time server answers, what is read is known by the count alone; after
it, the same count gives its real time. Seconds are unix seconds everywhere here.
"""

from sunreeve_device import port

BUILD_S = 1782864000
"""2026-07-01: no time before this was written can be true."""
DAY_S = 86400
AHEAD_S = 3653 * DAY_S
FOLLOWED_S = 2
STANDS_MS = 60000
KEEP_EVERY_S = 3600


class FileStore:
    """Keeps the floor in a file that is replaced whole."""

    def __init__(self, path):
        self._path = path

    def load(self):
        """Return the unix seconds that were kept, 0 when there are none to be believed."""
        try:
            with open(self._path) as file:
                text = file.read(16)
        except (OSError, ValueError):
            return 0
        if len(text) != 11 or text[10] != "\n" or not text[:10].isdigit():
            return 0
        return int(text[:10])

    def save(self, seconds):
        """Keep unix seconds; a power cut leaves those before or these."""
        fresh = self._path + ".new"
        with open(fresh, "w") as file:
            file.write("%010d\n" % seconds)
            port.fsync(file)
        port.replace(fresh, self._path)


class Clock:
    """Tells the time as well as it is known.

    Attributes:
        boot: hexadecimal name of this start.
        stepped_s: seconds by which the time was last put right, None when it never was.
        refused: answers of time servers that were not believed.
    """

    def __init__(self, store, build_s=BUILD_S, ticks_ms=None, boot=None):
        """Begin with a time that nobody knows.

        `store` has load() and save(seconds); `ticks_ms` may be another count that wraps as
        port.ticks_ms does.
        """
        self._ticks_ms = ticks_ms or port.ticks_ms
        self._store = store
        kept = store.load()
        latest = build_s + AHEAD_S
        # A floor from a broken file would shut out the true time for ever.
        self.floor = kept if build_s < kept < latest else build_s
        self.boot = boot or "".join("%02x" % byte for byte in port.random_bytes(4))
        self.stepped_s = None
        self.refused = 0
        self._last_ticks = self._ticks_ms()
        self._mono_ms = 0
        self._start_ms = None
        self._candidate = None
        self._latest_s = 0

    def mono_ms(self):
        """Return milliseconds since the start; they never wrap when asked once in six days."""
        ticks = self._ticks_ms()
        self._mono_ms += max(0, port.ticks_diff(ticks, self._last_ticks))
        self._last_ticks = ticks
        return self._mono_ms

    def is_set(self):
        """Tell whether a time server was believed since the start."""
        return self._start_ms is not None

    def clk(self):
        """Return the clock code of a chunk: 1 set, 0 not set since the start."""
        return 1 if self._start_ms is not None else 0

    def now(self):
        """Return unix seconds, or None; they go back only by what `told` returned."""
        if self._start_ms is None:
            return None
        self._latest_s = max(self._latest_s, self.stamp(self.mono_ms()))
        return self._latest_s

    def stamp(self, mono_ms):
        """Return the unix seconds of something at this count, before NTP too; None if not known."""
        if self._start_ms is None:
            return None
        return (self._start_ms + mono_ms) // 1000

    def at(self):
        """Return (unix seconds, clock code) for an event; from the floor on when nobody knows."""
        now = self.now()
        if now is None:
            return self.floor + self.mono_ms() // 1000, 0
        return now, 1

    def told(self, seconds, mono_ms=None):
        """Take what a time server said; return by how many seconds the time moved, None if refused.

        More than a day before the floor, or ten years after it, is refused. Once set, two seconds
        are followed at once, without `now` going back; more than that only when a second answer, a
        minute later or more, says the same. What waits unsent is then moved by the answer.
        """
        mono = self.mono_ms() if mono_ms is None else mono_ms
        if type(seconds) is not int or not (
            self.floor - DAY_S <= seconds <= self.floor + AHEAD_S
        ):
            self.refused += 1
            self._candidate = None
            return None
        start_ms = seconds * 1000 - mono
        if self._start_ms is None:
            return self._adopt(start_ms, 0)
        moved_ms = start_ms - self._start_ms
        if abs(moved_ms) <= FOLLOWED_S * 1000:
            self._start_ms = start_ms
            self._candidate = None
            return 0
        before = self._candidate
        if before is not None and abs(start_ms - before[0]) <= FOLLOWED_S * 1000:
            if mono - before[1] >= STANDS_MS:
                return self._adopt(start_ms, moved_ms)
            return None
        self._candidate = (start_ms, mono)
        return None

    def keep(self):
        """Bring the floor up to now, once an hour; to be called now and then."""
        now = self.now()
        if now is None or now < self.floor + KEEP_EVERY_S:
            return
        self.floor = now
        try:
            self._store.save(now)
        except OSError:
            pass  # a full flash costs the next start some of its floor, nothing else

    def _adopt(self, start_ms, moved_ms):
        moved_s = moved_ms // 1000
        if self._start_ms is not None:
            self.stepped_s = moved_s
        self._start_ms = start_ms
        self._candidate = None
        self._latest_s = 0
        self.keep()
        return moved_s
