"""Writes chunks and events as contract/README.md has them; JSON by hand, since dicts have no order here."""

from sunreeve_device.dictionary import CLOCK_SYNCED
from sunreeve_device.maps import COLUMNS

_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def text(value):
    """Return a str, an int or None as JSON in ASCII."""
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    out = '"'
    for letter in value:
        code = ord(letter)
        if letter in _SHORT:
            out += _SHORT[letter]
        elif 32 <= code < 127:
            out += letter
        elif code < 0x10000:
            out += "\\u%04x" % code
        else:
            code -= 0x10000
            out += "\\u%04x\\u%04x" % (0xD800 | code >> 10, 0xDC00 | code & 0x3FF)
    return out + '"'


def rank(name):
    """Return where a column stands in a section: by dictionary, then by input number."""
    stem, _, number = _parted(name)
    if number:
        return COLUMNS.index(stem + "_n") * 1000 + int(number)
    return COLUMNS.index(name) * 1000


def _parted(name):
    at = name.rfind("_")
    if at > 0 and name[at + 1 :].isdigit():
        return name[:at], "_", name[at + 1 :]
    return name, "", ""


def _row(out, values):
    """Append a list of ints and None."""
    out.extend(b"[")
    sep = ""
    for value in values:
        out.extend((sep + ("null" if value is None else str(value))).encode())
        sep = ","
    out.extend(b"]")


def _deltas(values):
    """Yield the first known value, then differences; None stays None."""
    last = 0
    for value in values:
        if value is None:
            yield None
        else:
            yield value - last
            last = value


def _object(out, pairs):
    sep = "{"
    for key, value in pairs:
        out.extend((sep + text(key) + ":" + text(value)).encode())
        sep = ","
    if sep == "{":
        out.extend(b"{")


def chunk_text(gw, boot, seq, t0, dt, n, clk, dict_id, health, sections):
    """Return the JSON text of a chunk as a bytearray.

    `health` is a list of (key, value); a section is (sn, ml, q, cols), `cols` a list of
    (name, values), each of n rows with absolute values. A column in which nothing is known is left out.
    """
    if dt <= 0 or t0 % dt:
        raise ValueError("a window at %d is not aligned to %d s" % (t0, dt))
    out = bytearray()
    _object(
        out,
        (
            ("v", 1),
            ("gw", gw),
            ("boot", boot),
            ("seq", seq),
            ("t0", t0),
            ("dt", dt),
            ("n", n),
            ("clk", clk),
            ("dict", dict_id),
        ),
    )
    out.extend(b',"health":')
    _object(out, health)
    out.extend(b'},"dev":[')
    sep = "{"
    for sn, ml, q, cols in sections:
        out.extend((sep + '"sn":' + text(sn) + ',"ml":' + text(ml) + ',"q":').encode())
        _row(out, q)
        out.extend(b',"cols":{')
        comma = ""
        for name, values in sorted(cols, key=lambda col: rank(col[0])):
            if any(value is not None for value in values):
                out.extend((comma + text(name) + ":").encode())
                _row(out, _deltas(values))
                comma = ","
        out.extend(b"}}")
        sep = ",{"
    out.extend(b"]}")
    return out


def chunk(gw, boot, seq, t0, dt, n, clk, dict_id, health, sections):
    """Return the payload of a chunk: its text, or the zlib form where that is shorter."""
    return packed(chunk_text(gw, boot, seq, t0, dt, n, clk, dict_id, health, sections))


def event(gw, boot, at, sn, kind, before, after, col=None, clk=CLOCK_SYNCED):
    """Return the payload of an event."""
    pairs = [("v", 1), ("gw", gw), ("boot", boot), ("at", at), ("sn", sn), ("kind", kind)]
    pairs += [("from", before), ("to", after)]
    if col is not None:
        pairs.append(("col", col))
    if clk != CLOCK_SYNCED:
        pairs.append(("clk", clk))
    out = bytearray()
    _object(out, pairs)
    out.extend(b"}")
    return bytes(out)


def packed(plain):
    """Return the zlib form of a text where there is zlib and it is shorter.

    MicroPython has none that compresses (deflate unpacks only, in stock builds): boards send the text.
    """
    try:
        import zlib

        pressed = zlib.compress(bytes(plain), 9)
    except (ImportError, AttributeError):
        return bytes(plain)
    return pressed if len(pressed) < len(plain) else bytes(plain)
