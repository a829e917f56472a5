"""Cuts power at every operation on flash of an update and of its trial; runs on MicroPython."""

# ruff: noqa: PTH102, PTH123, T201, UP031 - there is no pathlib on a board

import gc
import os
import sys

import main
import slots
from cutting import Flash, Powered, new_chip
from sunreeve_device.ota import Updater

FOLDER, IS_GOOD = sys.argv[1], sys.argv[2] == "good"
OURS = dict(sys.modules)


def read(name):
    with open(FOLDER + "/" + name, "rb") as file:
        return file.read()


KEY, MANIFEST, SIGNATURE = read("key.bin"), read("manifest.json"), read("manifest.sig")
FILES = {name: read("new/" + name) for name in ("app.mpy", "big.mpy")}


def factory():
    data = new_chip(32)
    with Powered(data):
        os.mkdir("/flash/lib")
        os.mkdir("/flash/lib/sunreeve_device")
        with open("/flash/lib/sunreeve_device/app.mpy", "wb") as file:
            file.write(read("old/app.mpy"))
    return bytes(data)


def boot():
    """Return the version that starts, as main.py finds it; None when there is none."""
    path = sys.path[:]
    sys.path[:] = []
    for name in [one for one in sys.modules if one.startswith("sunreeve_device")]:
        del sys.modules[name]
    try:
        app = main.load("/flash")
        return app.VERSION if app else None
    finally:
        sys.path[:] = path
        for name, module in OURS.items():
            sys.modules[name] = module


class Life:
    def __init__(self):
        self.trials = 0
        self.pieces = 0
        self.versions = []
        self.finished = False

    def one_start(self):
        """Start once; return whether there is anything left to do."""
        version = boot()
        self.versions.append(version)
        if version == 2:
            self.trials += 1
            if IS_GOOD and slots.confirm("/flash"):
                return True
            return not IS_GOOD
        if version is None or (self.finished and not IS_GOOD):
            return False
        updater = Updater("/flash", KEY, 6, "esp32")
        if not updater.resume():
            updater.offer(MANIFEST, SIGNATURE)
        while True:
            wanted = updater.wanted()
            if wanted is None:
                break
            name, offset, size = wanted
            self.pieces += 1
            updater.take(name, offset, FILES[name][offset : offset + size])
        slot = updater.finish()
        self.finished = True
        return slot == "a"


def live(flash, life):
    for _ in range(8):
        with Powered(flash):
            try:
                goes_on = life.one_start()
            except OSError:
                if not flash.is_dead:
                    raise
                return
        if flash.is_dead or not goes_on:
            return


EMPTY = factory()
whole = Life()
flash = Flash(bytearray(EMPTY))
live(flash, whole)
operations = flash.operations
print("versions", whole.versions, "pieces", whole.pieces)
problems, unbootable, most_pieces = [], 0, 0
for cut_at in range(1, operations + 1):
    data = bytearray(EMPTY)
    flash = Flash(data, cut_at)
    before, after = Life(), Life()
    live(flash, before)
    if not flash.is_dead:
        problems.append("%d: power was not cut" % cut_at)
    with Powered(data):
        state = slots.read("/flash")
    # The cut may fall between keeping the state and saying so.
    after.finished = before.finished or state[1] != "-" or before.trials > 0
    live(Flash(data), after)
    most_pieces = max(most_pieces, before.pieces + after.pieces)
    if None in after.versions:
        unbootable += 1
    if after.versions[-1] != (2 if IS_GOOD else 1):
        problems.append("%d: ended with %r" % (cut_at, after.versions))
    if not IS_GOOD and before.trials + after.trials > 3:
        problems.append("%d: tried %d times" % (cut_at, before.trials + after.trials))
    gc.collect()
print("cuts", operations)
print("unbootable", unbootable)
print("violations", len(problems), problems[:5])
print("most pieces", most_pieces)
