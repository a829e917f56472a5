"""Judges a reading by the gateway's rules: asleep, faulted, suspect, partial, or in order."""

from sunreeve_device.dictionary import (
    QUALITY_ASLEEP,
    QUALITY_FAULTED,
    QUALITY_OK,
    QUALITY_PARTIAL,
    QUALITY_SUSPECT,
)

_ASLEEP = (("St", (1, 2)), ("InvSt", (0, 1)))
_FAULTS = {"St": 7, "InvSt": 6, "DCSt": 7, "BatSt": 99, "BatSta": 2, "PrtSta": 3}
_METER = ("MtrWHImp", "MtrWHExp")
_COUNTERS = ("WH", "DCWH", "PrtWH", "PrtWHAbs", "PvWH", "BatWHIn", "BatWHOut") + _METER
_LARGEST_W = 1000000
_DC_MARGIN = 3


def base_of(column):
    """Return the column without its input number."""
    at = column.rfind("_")
    return column[:at] if at > 0 and column[at + 1 :].isdigit() else column


def is_asleep(values):
    """Tell whether the inverter says that it is off, or gives neither state nor power."""
    is_told = False
    is_blank = True
    for name, states in _ASLEEP:
        if name in values:
            is_told = True
            if values[name] is not None:
                is_blank = False
                if values[name] in states:
                    return True
    return is_told and is_blank and values.get("W") is None


def is_faulted(values):
    """Tell whether the device, an input or the battery says that it has failed."""
    for name, value in values.items():
        if value is not None and value == _FAULTS.get(base_of(name)):
            return True
    return False


def code(values, is_suspect, is_partial):
    """Return the quality code of a device that answered; the worse news wins."""
    if is_faulted(values):
        return QUALITY_FAULTED
    if is_suspect:
        return QUALITY_SUSPECT
    if is_partial:
        return QUALITY_PARTIAL
    return QUALITY_ASLEEP if is_asleep(values) else QUALITY_OK


def _largest_w(base, rated_w):
    if rated_w is None or base in _METER:
        return _LARGEST_W
    return rated_w if base == "WH" else _DC_MARGIN * rated_w


def _may_follow(before, at, value, limit_w):
    """A fifth above the limit and 1000 Wh; a clock that was put back counts as no time."""
    made = value - before[1]
    return 0 <= made and (made - 1000) * 3000 <= limit_w * max(0, at - before[0])


class Counters:
    """What each counter showed when it was last believed, and what was refused just now.

    The rules are those of edge_agent/quality.py: a counter that falls or jumps is refused once, a
    fall to 0 never counts, and one that began again at the end of its 32 bits goes on.
    """

    def __init__(self):
        self.believed = {}
        self.refused = {}
        self.turned = {}

    def check(self, values, at, rated_w, turns_over_at=None):
        """Set refused counters in `values` to None; tell whether there was one."""
        refused = {}
        for name in list(values):
            value = values[name]
            base = base_of(name)
            if value is None or base not in _COUNTERS:
                continue
            limit_w = _largest_w(base, rated_w)
            told = value + self.turned.get(name, 0)
            before = self.believed.get(name)
            doubted = self.refused.get(name)
            if before is not None and not _may_follow(before, at, told, limit_w):
                turn = turns_over_at(name) if turns_over_at and told < before[1] else None
                if turn and _may_follow(before, at, told + turn, limit_w):
                    self.turned[name] = self.turned.get(name, 0) + turn
                    told += turn
                elif value and doubted and _may_follow(doubted, at, value, limit_w):
                    self.turned.pop(name, None)
                    told = value
                else:
                    refused[name] = (at, value)
                    values[name] = None
                    continue
            self.believed[name] = (at, told)
            values[name] = told
        self.refused = refused
        return bool(refused)
