"""What waits in flash for the broker: records in segments of a block, and a mark of what is done.

A record is [length u16][crc32 u32][number u32][kind u8][payload]. Numbers follow each other without
a gap, so that a gap tells of what was lost. A segment is named by its first number; one that was
there at the start is never appended to. The newest segment stays when all of it is acknowledged:
the next number is known from it, and a damaged mark or record lets no number be used again (only
when all segments are gone it would). After damage at the end as many numbers are left out, and
counted as lost, as it could have hidden.
"""

import binascii
import os
import struct

from sunreeve_device import port

SEGMENT = 4096
HEADER = 11
MOST = 65535
MARK = "mark"


class Queue:
    """One writer, one folder of a file system that commits a file when it is closed (LittleFS)."""

    def __init__(self, folder, cap_bytes):
        """Find what waits; raise ValueError when the cap has no room for two segments."""
        if cap_bytes < 2 * SEGMENT:
            raise ValueError("the queue needs room for two segments of 4096 bytes")
        self._folder = folder
        self._cap = cap_bytes
        self._segments = []  # [first number, last number, bytes], the oldest first
        self._is_open = False  # whether the newest segment may be appended to
        self._acked = set()  # acknowledged out of turn, above the mark
        self._missing = []  # (low, high) above the mark: numbers that nothing holds
        self._held = 0
        self._make_folder()
        mark = self._read_mark()
        self._done, self._lost = mark or (0, 0)
        self._find(mark is None)

    @property
    def lost(self):
        """Return how many records were given up, ever; damage may count too many."""
        return self._lost + sum(high - low + 1 for low, high in self._missing)

    def held(self):
        """Return how many records wait for their acknowledgement."""
        return self._held

    def put(self, kind, payload):
        """Keep a record and return its number; the oldest go when there is no room.

        Raises ValueError when it fits into no queue of this size, OSError when the disk is full.
        """
        size = HEADER + len(payload)
        if len(payload) > MOST or _blocks(size) * 2 > self._cap or not 0 <= kind <= 255:
            raise ValueError("no record for this queue: kind %d, %d bytes" % (kind, len(payload)))
        number = self._next
        body = struct.pack(">IB", number & 0xFFFFFFFF, kind & 0xFF) + payload
        record = struct.pack(">HI", len(payload) & 0xFFFF, _crc(body)) + body
        if not self._is_open or self._segments[-1][2] + size > SEGMENT:
            self._is_open = False
            while self._segments and self._used() + _blocks(size) > self._cap:
                self._drop()
        while True:
            try:
                self._append(record, number)
                break
            except OSError:
                if self._has_landed(number):
                    break
                self._is_open = False
                if not self._segments:
                    raise
                self._drop()
        self._next = number + 1
        self._held += 1
        return number

    def peek(self):
        """Give (number, kind, payload) of what waits, the oldest first; acks meanwhile count."""
        after = 0
        while True:
            after = max(after, self._done)
            segment = self._segment_after(after)
            if segment is None:
                return
            offset = 0
            while True:
                found = self._record(segment, offset)
                if found is None:
                    after = max(after, segment[1])
                    break
                number, kind, payload, offset = found
                if number > after:
                    after = number
                    if number > self._done and number not in self._acked:
                        yield number, kind, payload
                        if segment not in self._segments:
                            break

    def ack(self, number):
        """Let a record go; when this returns the mark is in flash, and it does not come again.

        Out of turn it is remembered in memory only, and comes again after a reset.
        """
        if (
            not self._done < number < self._next
            or number in self._acked
            or self._is_missing(number)
        ):
            return
        self._acked.add(number)
        self._held -= 1
        before = self._done
        self._advance()
        if self._done > before:
            self._write_mark_or_make_room()
        self._sweep()

    # What is on the disk.

    def _make_folder(self):
        try:
            os.mkdir(self._folder)
        except OSError:
            os.listdir(self._folder)  # raises when it is none

    def _path(self, name):
        return self._folder + "/" + name

    def _segment_path(self, segment):
        return self._path("s%010d" % segment[0])

    def _find(self, is_mark_gone):
        """Look through all segments once: what they hold, what is missing, what comes next."""
        names = os.listdir(self._folder)
        if MARK + ".tmp" in names:
            os.remove(self._path(MARK + ".tmp"))
        firsts = sorted(int(name[1:]) for name in names if _is_segment(name))
        self._next = self._done + 1
        if is_mark_gone and firsts:
            self._done = firsts[0] - 1
        seen = self._done
        for place, first in enumerate(firsts):
            size = os.stat(self._path("s%010d" % first))[6]
            self._next = max(self._next, first)
            if not size:  # power went between its name and its first record
                os.remove(self._path("s%010d" % first))
                continue
            segment = [first, first - 1, size]
            end = 0
            while True:
                found = self._record(segment, end)
                if found is None or (place + 1 < len(firsts) and found[0] >= firsts[place + 1]):
                    break
                number, _, _, end = found
                if number > self._done:
                    self._held += 1
                    self._miss(seen + 1, number - 1)
                    seen = max(seen, number)
                segment[1] = number
            self._next = max(self._next, segment[1] + 1)
            if end < size and place + 1 == len(firsts):  # as many as the damage could hide
                self._next += (size - end) // HEADER + 1
                segment[1] = self._next - 1
            self._segments.append(segment)
        self._miss(seen + 1, self._next - 1)
        self._advance()

    def _record(self, segment, offset):
        """Return (number, kind, payload, end) of the first whole record from `offset`, or None."""
        low, size = segment[0], segment[2]
        try:
            with open(self._segment_path(segment), "rb") as file:
                while offset + HEADER <= size:
                    file.seek(offset)
                    head = file.read(HEADER)
                    if len(head) < HEADER:
                        return None
                    length, crc, number, kind = struct.unpack(">HIIB", head)
                    end = offset + HEADER + length
                    if end <= size and low <= number <= low + offset:
                        payload = file.read(length)
                        if _crc(head[6:] + payload) == crc:
                            return number, kind, payload, end
                    offset += 1
        except OSError:  # removed, or not to be read: its numbers are missing
            pass
        return None

    def _append(self, record, number):
        if self._is_open:
            segment = self._segments[-1]
            with open(self._segment_path(segment), "ab") as file:
                file.write(record)
                port.fsync(file)
        else:
            segment = [number, number, 0]
            with open(self._segment_path(segment), "wb") as file:
                file.write(record)
                port.fsync(file)
            self._segments.append(segment)
            self._is_open = True
        segment[1] = number
        segment[2] += len(record)

    def _has_landed(self, number):
        """Tell whether a record is whole in flash although writing it failed."""
        first = self._segments[-1][0] if self._is_open else number
        segment = [first, number, 0]
        try:
            segment[2] = os.stat(self._segment_path(segment))[6]
        except OSError:
            return False
        found = self._record(segment, 0)
        while found is not None and found[0] != number:
            found = self._record(segment, found[3])
        if found is None:
            return False
        if self._is_open:
            self._segments.pop()
        self._segments.append(segment)
        self._is_open = False
        return True

    def _segment_after(self, number):
        for segment in self._segments:
            if segment[1] > number:
                return segment
        return None

    def _used(self):
        return sum(_blocks(segment[2]) for segment in self._segments)

    # What is done.

    def _drop(self):
        """Give up the oldest segment; what of it was not acknowledged is lost.

        Without room for the mark it goes all the same when a newer one is there: the gap before
        that one says as much after a reset. The only one stays, and OSError is raised.
        """
        last = self._segments[0][1]
        before = self._done, self._lost, self._held, self._acked, self._missing
        numbers = range(self._done + 1, last + 1)
        acked = sum(1 for number in self._acked if number <= last)
        gone = sum(1 for number in numbers if self._is_missing(number))
        self._lost += len(numbers) - acked
        self._held -= len(numbers) - acked - gone
        self._acked = {number for number in self._acked if number > last}
        self._missing = [(max(low, last + 1), high) for low, high in self._missing if high > last]
        self._done = max(self._done, last)
        self._advance()
        try:
            self._write_mark()
        except OSError:
            if len(self._segments) < 2:
                self._done, self._lost, self._held, self._acked, self._missing = before
                raise
        self._remove_first()

    def _remove_first(self):
        segment = self._segments[0]
        if len(self._segments) == 1:
            self._is_open = False
        os.remove(self._segment_path(segment))
        self._segments.pop(0)

    def _sweep(self):
        while len(self._segments) > 1 and self._segments[0][1] <= self._done:
            self._remove_first()

    def _miss(self, low, high):
        if low <= high:
            self._missing.append((low, high))

    def _is_missing(self, number):
        return any(low <= number <= high for low, high in self._missing)

    def _advance(self):
        """Move the mark over what is acknowledged, and over what is not there any more."""
        while True:
            following = self._done + 1
            if following in self._acked:
                self._acked.remove(following)
                self._done = following
            elif self._missing and self._missing[0][0] <= following:
                low, high = self._missing.pop(0)
                self._lost += high - low + 1
                self._done = max(self._done, high)
            else:
                return

    def _read_mark(self):
        try:
            with open(self._path(MARK), "rb") as file:
                data = file.read(13)
        except OSError:
            return None
        if len(data) != 12 or _crc(data[:8]) != struct.unpack(">I", data[8:])[0]:
            return None
        return struct.unpack(">II", data[:8])

    def _write_mark(self):
        data = struct.pack(">II", self._done & 0xFFFFFFFF, self._lost & 0xFFFFFFFF)
        with open(self._path(MARK + ".tmp"), "wb") as file:
            file.write(data + struct.pack(">I", _crc(data) & 0xFFFFFFFF))
            port.fsync(file)
        port.replace(self._path(MARK + ".tmp"), self._path(MARK))

    def _write_mark_or_make_room(self):
        try:
            self._write_mark()
        except OSError:
            if len(self._segments) < 2 or self._segments[0][1] > self._done:
                raise
            self._sweep()
            self._write_mark()


def _crc(data):
    return binascii.crc32(data) & 0xFFFFFFFF


def _blocks(size):
    return (size + SEGMENT - 1) // SEGMENT * SEGMENT


def _is_segment(name):
    return len(name) == 11 and name[0] == "s" and all(one in "0123456789" for one in name[1:])
