"""The device's configuration: one JSON file, checked whole, and what the cloud changes of it.

A configuration from afar is tried: it is kept when every device was polled once and the broker then
acknowledged something, and undone after ten minutes without that, or at the second start.
"""

import json

from sunreeve_device import port

VERSION = 1
MOST_BYTES = 12288
MOST_DEVICES = 32
MOST_ROWS = 1500
DAY_S = 86400
LOGS = ("debug", "info", "warning", "error")
PROFILES = ("blueprint", "goodwe_et", "solaredge_battery")
CHANGEABLE = ("poll_s", "window_s", "log", "device")
TRIAL_S = 600
NOTE_EVERY_MS = 30000
MOST_STARTS = 1
MOST_WHY = 120
_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
_NEEDED = ("v", "thing", "broker", "device")
_DEFAULTS = {
    "poll_s": 60,
    "window_s": 3600,
    "log": "info",
    "chunk_rule": "sunreeve_chunks",
    "event_rule": "sunreeve_events",
    "ntp": "pool.ntp.org",
    "queue_kb": 256,
}
_BROKER = ("host", "port", "ca_a", "ca_b", "cert", "key")
_DEVICE = "name host port unit rated_w timeout_s pause_s profile serial dc_of".split()
_RS485 = {
    "uart": (0, 4),
    "tx": (0, 64),
    "rx": (0, 64),
    "de": (0, 64),
    "baud": (1200, 115200),
    "parity": (0, 1),
    "stop": (1, 2),
}

log = port.logger("config")


class ConfigWrong(Exception):
    """The configuration cannot be used; the message is one line and names the entry."""


def shown(text, most=60):
    """Return a text as a line may repeat it."""
    return "".join(c if " " <= c <= "~" else "?" for c in str(text)[:most])


def _wrong(where, what):
    raise ConfigWrong("%s: %s" % (where, what))


def _number(where, value, least, most):
    if type(value) is not int or not least <= value <= most:
        _wrong(where, "must be a whole number from %d to %d" % (least, most))


def _thousandths(where, value, least, most):
    """Check a number that may have a point; the bounds are in thousandths."""
    if value is None or isinstance(value, (bool, str, list, dict)):
        _wrong(where, "must be a number")
    if not least <= value * 1000 <= most:
        _wrong(where, "must be from %d to %d thousandths of a second" % (least, most))


def _text(where, value, most=128):
    if type(value) is not str or not 1 <= len(value) <= most:
        _wrong(where, "must be a text of 1 to %d characters" % most)
    for c in value:
        if c < " " or "\x7f" <= c <= "\xa0" or 0xD800 <= ord(c) <= 0xDFFF:
            _wrong(where, "has a character that cannot be shown")
    if value[0] == " " or value[-1] == " ":
        _wrong(where, "begins or ends with a blank; take it away")


def _name(where, value, most=128):
    _text(where, value, most)
    for c in value:
        if c not in _NAME:
            _wrong(where, "only letters, digits, - and _ can be used")


def _host(where, value):
    _text(where, value)
    if "/" in value or "@" in value or " " in value:
        _wrong(where, "must be an address or a name alone, such as 192.168.1.20")


def _keys(where, entries, known, needed):
    if type(entries) is not dict:
        _wrong(where, "must be an object")
    for name in entries:
        if name not in known:
            _wrong(where, "there is no entry %s" % shown(name))
    for name in needed:
        if name not in entries:
            _wrong(where, "%s is missing" % name)


def _device(entry):
    _keys("device", entry, _DEVICE, ("name", "host"))
    _text("device.name", entry["name"])
    where = "device %s" % shown(entry["name"])
    _host(where + ": host", entry["host"])
    _number(where + ": port", entry.get("port", 502), 1, 65535)
    if entry.get("unit") is not None:
        _number(where + ": unit", entry["unit"], 0, 255)
    if entry.get("rated_w") is not None:
        _number(where + ": rated_w", entry["rated_w"], 1, 1000000)
    _thousandths(where + ": timeout_s", entry.get("timeout_s", 2), 50, 10000)
    _thousandths(where + ": pause_s", entry.get("pause_s", 0), 0, 5000)
    for name, most in (("serial", 64), ("dc_of", 128), ("profile", 64)):
        if entry.get(name, "") != "":
            _text("%s: %s" % (where, name), entry[name], most)
    if entry.get("profile", "") != "" and entry["profile"] not in PROFILES:
        _wrong(where, "there is no profile %s" % shown(entry["profile"]))


def _devices(entries):
    if type(entries) is not list or not 1 <= len(entries) <= MOST_DEVICES:
        _wrong("device", "there must be a list of 1 to %d of them" % MOST_DEVICES)
    hangs = {}
    serials = []
    for entry in entries:
        _device(entry)
        if entry["name"] in hangs:
            _wrong("device", "two have the same name; each needs its own")
        hangs[entry["name"]] = entry.get("dc_of", "")
        serial = entry.get("serial", "")
        if serial and serial in serials:
            _wrong("device", "two have the same serial; each needs its own")
        serials.append(serial)
    for name, on in hangs.items():
        if on and (on == name or hangs.get(on, on) != ""):
            _wrong("device %s" % shown(name), "dc_of must name an inverter of the list")


def check(cfg):
    """Return the configuration with what it leaves out filled in.

    Raises:
        ConfigWrong: an entry is missing, unknown or wrong.
    """
    if type(cfg) is not dict:
        _wrong("configuration", "must be an object")
    if type(cfg.get("v")) is not int or cfg["v"] != VERSION:
        _wrong("v", "must be %d; this program knows no other" % VERSION)
    _keys("configuration", cfg, _NEEDED + tuple(_DEFAULTS) + ("wifi", "rs485"), _NEEDED)
    full = dict(_DEFAULTS)
    full.update(cfg)
    _name("thing", full["thing"])
    broker = full["broker"]
    _keys("broker", broker, _BROKER, ("host", "ca_a", "cert", "key"))
    _host("broker.host", broker["host"])
    _number("broker.port", broker.get("port", 8883), 1, 65535)
    for name in ("ca_a", "ca_b", "cert", "key"):
        if name in broker:
            _text("broker." + name, broker[name])
    if "wifi" in full:
        _keys("wifi", full["wifi"], ("ssid", "password"), ("ssid", "password"))
        _text("wifi.ssid", full["wifi"]["ssid"], 32)
        _text("wifi.password", full["wifi"]["password"], 63)
    if "rs485" in full:
        _keys("rs485", full["rs485"], _RS485, ("uart", "tx", "rx", "baud"))
        for name, value in full["rs485"].items():
            if value is not None or name not in ("de", "parity"):
                _number("rs485." + name, value, _RS485[name][0], _RS485[name][1])
    for name in ("chunk_rule", "event_rule"):
        _name(name, full[name])
        if "-" in full[name]:
            _wrong(name, "only letters, digits and _ can be used")
    _host("ntp", full["ntp"])
    _number("queue_kb", full["queue_kb"], 16, 16384)
    poll_s, window_s = full["poll_s"], full["window_s"]
    _number("poll_s", poll_s, 1, DAY_S)
    _number("window_s", window_s, 1, DAY_S)
    if window_s % poll_s or DAY_S % window_s:
        _wrong("window_s", "must be a multiple of poll_s and divide a day, such as 900")
    if window_s // poll_s > MOST_ROWS:
        _wrong("window_s", "holds more than %d polls; shorten it" % MOST_ROWS)
    if type(full["log"]) is not str or full["log"] not in LOGS:
        _wrong("log", "must be one of " + ", ".join(LOGS))
    _devices(full["device"])
    return full


def from_command(cfg, changes):
    """Return the configuration with what the cloud wants changed, checked whole.

    Raises:
        ConfigWrong: an entry cannot be changed from afar, or the result is not good.
    """
    if type(changes) is not dict:
        _wrong("set", "must be an object")
    for name in changes:
        if name not in CHANGEABLE:
            _wrong(shown(name), "cannot be changed from afar")
    merged = dict(cfg)
    merged.update(changes)
    return check(merged)


def _read(path):
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            data = file.read(size) if size <= MOST_BYTES else b""
    except OSError:
        _wrong("reading " + path, "it is not there")
    if size > MOST_BYTES:
        _wrong("reading " + path, "it has more than %d bytes" % MOST_BYTES)
    try:
        return json.loads(data.decode())
    except (ValueError, RuntimeError, MemoryError):
        _wrong("reading " + path, "it is no JSON that can be read here")


def _write(path, entries):
    fresh = path + ".new"
    with open(fresh, "w") as file:
        json.dump(entries, file)
        port.fsync(file)
    port.replace(fresh, path)


def load(path):
    """Return the checked configuration of a file; the last good copy of it when it is not good.

    Raises:
        ConfigWrong: neither can be used.
    """
    good = path + ".good"
    try:
        entries = _read(path)
        cfg = check(entries)
    except ConfigWrong as error:
        why = str(error)
        try:
            cfg = check(_read(good))
        except ConfigWrong:
            raise ConfigWrong(why)
        log.warning("configuration %s; the last good one is used", why)
        return cfg
    try:
        is_kept = _read(good) == entries
    except ConfigWrong:
        is_kept = False
    if not is_kept:
        try:
            _write(good, entries)
        except OSError:
            log.warning("keeping a copy of %s: the flash takes nothing", path)
    return cfg


class Remote:
    """What the cloud changed: in force, on trial, refused last; kept in one file.

    Attributes:
        cfg: the configuration to go by.
    """

    def __init__(self, cfg, path, mono_ms):
        """Go on from what the file holds; a trial may be started once more, not twice."""
        self._file_cfg = cfg
        self._path = path
        self._has_polled = False
        self._good = self._trial = self._refused = None
        self._since = self._noted = mono_ms
        try:
            self._take(_read(path))
        except (ConfigWrong, KeyError, IndexError, TypeError, ValueError):
            self._good = self._trial = self._refused = None
        self.cfg = cfg
        self._go_on()

    def obey(self, command_id, changes, mono_ms):
        """Try a configuration; return the one to go by from now on, None when it stays.

        The same id is the same request and changes nothing.
        """
        for known in (self._good, self._trial, self._refused):
            if known is not None and known[0] == command_id:
                return None
        try:
            cfg = from_command(self._file_cfg, changes)
        except ConfigWrong as error:
            self._refused = [command_id, shown(error, MOST_WHY)]
            self._keep()
            return None
        before = self._trial, self._refused
        if self._trial is not None:
            self._refused = [self._trial[0], "replaced by " + command_id]
        self._trial = [command_id, changes, TRIAL_S, 0]
        if not self._keep():
            self._trial, self._refused = before[0], [command_id, "it cannot be kept"]
            return None
        self._since = self._noted = mono_ms
        self._has_polled = False
        self.cfg = cfg
        return cfg

    def polled(self):
        """Note that every device was polled once under this configuration."""
        self._has_polled = True

    def acknowledged(self):
        """Note that the broker acknowledged something; a trial ends well if all was polled."""
        if self._trial is not None and self._has_polled:
            self._good = self._trial[:2]
            self._trial = None
            self._keep()

    def due(self, mono_ms):
        """Return the configuration to go back to when the time of a trial is over, else None."""
        if self._trial is None:
            return None
        if mono_ms - self._since >= self._trial[2] * 1000:
            return self._undo("no acknowledgement of the broker in 10 minutes")
        if mono_ms - self._noted >= NOTE_EVERY_MS:
            self._trial[2] -= (mono_ms - self._since) // 1000
            self._since = self._noted = mono_ms
            self._keep()
        return None

    def health(self):
        """Return the texts that the health of the device tells of it."""
        told = {}
        if self._good is not None:
            told["cfg"] = self._good[0]
        if self._trial is not None:
            told["cfg_try"] = self._trial[0]
        if self._refused is not None:
            told["cfg_no"], told["cfg_why"] = self._refused
        return told

    def _take(self, state):
        good, trial, refused = state["good"], state["trial"], state["refused"]
        for known, size in ((good, 2), (trial, 4), (refused, 2)):
            if known is not None and (type(known) is not list or len(known) != size):
                raise ValueError("no state of a configuration")
            if known is not None and type(known[0]) is not str:
                raise ValueError("no state of a configuration")
        if refused is not None and type(refused[1]) is not str:
            raise ValueError("no state of a configuration")
        if trial is not None:
            if type(trial[2]) is not int or type(trial[3]) is not int:
                raise ValueError("no state of a configuration")
            trial[2] = min(max(trial[2], 0), TRIAL_S)
        self._good, self._trial, self._refused = good, trial, refused

    def _go_on(self):
        trial = self._trial
        if trial is None:
            self._go_back()
            return
        if trial[3] >= MOST_STARTS:
            self._undo("the device started twice while it was tried")
            return
        try:
            self.cfg = from_command(self._file_cfg, trial[1])
        except ConfigWrong as error:
            self._undo(str(error))
            return
        trial[3] += 1
        if not self._keep():  # uncounted starts would let what kills the device live for ever
            self._undo("its starts cannot be counted")

    def _undo(self, why):
        log.warning("configuration %s: undone: %s", self._trial[0], why)
        self._refused = [self._trial[0], shown(why, MOST_WHY)]
        self._trial = None
        self._keep()
        return self._go_back()

    def _go_back(self):
        """Go by the last good changes, or by the file alone when they fit it no more."""
        self.cfg = self._file_cfg
        if self._good is not None:
            try:
                self.cfg = from_command(self._file_cfg, self._good[1])
            except ConfigWrong as error:
                self._refused = [self._good[0], shown(error, MOST_WHY)]
                self._good = None
                self._keep()
        return self.cfg

    def _keep(self):
        try:
            _write(
                self._path,
                {"good": self._good, "trial": self._trial, "refused": self._refused},
            )
        except OSError:
            log.warning("keeping the configuration in %s: the flash takes nothing", self._path)
            return False
        return True
