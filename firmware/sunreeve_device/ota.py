"""Takes a signed release piece by piece into the slot that does not run, and gives it its trial.

A manifest is JSON in ASCII:
{"v":1,"version":7,"abi":6,"board":"esp32","files":[["app.mpy",812,"<sha256>"],...]}.
Nothing of it is looked at before its signature is verified.
"""

import binascii
import hashlib
import json
import os

import slots
from sunreeve_device import port, rsa

MOST_MANIFEST = 8192
MOST_FILES = 64
MOST_BYTES = 262144
MOST_PIECE = 2048
MARGIN = 32768
KEYS = ("v", "version", "abi", "board", "files")
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
PACKAGE = "sunreeve_device"
PART = ".part"


class UpdateWrong(Exception):
    """An update is refused; the sentence says why."""


class Updater:
    """Fills one slot under `root`; `key` is the modulus of the owner's key, 384 bytes."""

    def __init__(self, root, key, abi, board):
        self._root = root
        self._key = key
        self._abi = abi
        self._board = board
        self._manifest = None
        self._slot = None

    def offer(self, manifest, signature):
        """Begin an update, or go on with the same one; raise UpdateWrong when it is refused."""
        if len(manifest) > MOST_MANIFEST:
            raise UpdateWrong("the manifest has more than %d bytes" % MOST_MANIFEST)
        if not rsa.verify(manifest, signature, self._key):
            raise UpdateWrong("the manifest is not signed by the owner")
        found = _checked(manifest)
        active, trial, _, version, _ = slots.read(self._root)
        if trial != slots.NONE:
            raise UpdateWrong("a release is on trial; it has to be confirmed first")
        if found["version"] <= version:
            raise UpdateWrong("version %d runs, %d is not newer" % (version, found["version"]))
        if found["abi"] != self._abi:
            raise UpdateWrong("it is compiled for ABI %d, not %d" % (found["abi"], self._abi))
        if found["board"] != self._board:
            raise UpdateWrong("it is for another board")
        slot = slots.UPDATED[1] if active == slots.UPDATED[0] else slots.UPDATED[0]
        folder = self._root + "/" + slot
        if _read(folder + "/" + MANIFEST) != manifest:
            self._manifest = None
            _empty(folder)
            size = sum(one[1] for one in found["files"])
            if size + MARGIN > port.free_bytes(self._root or "/"):
                raise UpdateWrong("there is no room for %d bytes" % size)
            _make(folder)
            _make(folder + "/" + PACKAGE)
            _write(folder + "/" + SIGNATURE, signature)
            _write(folder + "/" + MANIFEST, manifest)
        self._manifest, self._slot = found, slot

    def resume(self):
        """Go on with what was under way before a reset; return whether there was something."""
        for slot in slots.UPDATED:
            folder = self._root + "/" + slot
            manifest, signature = _read(folder + "/" + MANIFEST), _read(folder + "/" + SIGNATURE)
            if manifest and signature and slot != slots.read(self._root)[0]:
                try:
                    self.offer(manifest, signature)
                except UpdateWrong:
                    continue
                return True
        return False

    def wanted(self):
        """Return (name, offset, size) of the piece to ask for, or None when all is there."""
        self._must_be_offered()
        for name, size, digest in self._manifest["files"]:
            if not self._is_there(name, size, digest):
                offset = _size(self._path(name) + PART)
                return name, offset, min(MOST_PIECE, size - offset)
        return None

    def take(self, name, offset, data):
        """Keep a piece; return whether it was the wanted one. Raise when a file comes out wrong."""
        wanted = self.wanted()
        if wanted is None or (name, offset) != wanted[:2] or len(data) != wanted[2]:
            return False
        with open(self._path(name) + PART, "ab") as file:
            file.write(data)
            port.fsync(file)
        size, digest = next(one[1:] for one in self._manifest["files"] if one[0] == name)
        if offset + len(data) == size and not self._is_there(name, size, digest):
            raise UpdateWrong("%s is not what was signed" % name)
        return True

    def finish(self):
        """Look at every file again and put the slot on trial, from the next start; return it."""
        if self.wanted() is not None:
            raise UpdateWrong("not all of it is there")
        for name, size, digest in self._manifest["files"]:
            if _size(self._path(name)) != size or _digest(self._path(name)) != digest:
                os.remove(self._path(name))
                raise UpdateWrong("%s is not what was signed" % name)
        os.remove(self._root + "/" + self._slot + "/" + MANIFEST)  # a failed trial is not resumed
        active, _, _, version, _ = slots.read(self._root)
        slots.write(
            self._root, (active, self._slot, slots.TRIES, version, self._manifest["version"])
        )
        self._manifest = None
        return self._slot

    def confirm(self):
        """Keep the release on trial, after a PUBACK and a good poll; return whether one was."""
        return slots.confirm(self._root)

    def _path(self, name):
        return "/".join((self._root, self._slot, PACKAGE, name))

    def _is_there(self, name, size, digest):
        """Tell whether a file is whole; the last piece makes it so, or all its pieces go."""
        path = self._path(name)
        if _size(path + PART) >= size:
            if _size(path + PART) == size and _digest(path + PART) == digest:
                port.replace(path + PART, path)
            else:
                os.remove(path + PART)
        return port.exists(path)

    def _must_be_offered(self):
        if self._manifest is None:
            raise UpdateWrong("no update is under way")


def _checked(manifest):
    """Return a signed manifest as a dict whose every value is of its kind."""
    try:
        found = json.loads(manifest)
    except ValueError:
        raise UpdateWrong("the manifest is no JSON")
    if not isinstance(found, dict) or set(found) != set(KEYS) or found["v"] != 1:
        raise UpdateWrong("the manifest has other keys than version 1 has")
    if not (_is_count(found["version"]) and _is_count(found["abi"])):
        raise UpdateWrong("version and ABI are whole numbers from 1 on")
    files = found["files"]
    if not isinstance(found["board"], str) or not isinstance(files, list):
        raise UpdateWrong("the board is a word and the files are a list")
    if not 0 < len(files) <= MOST_FILES:
        raise UpdateWrong("a release has 1 to %d files" % MOST_FILES)
    total = 0
    names = set()
    for one in files:
        if not (isinstance(one, list) and len(one) == 3 and _is_name(one[0]) and _is_count(one[1])):
            raise UpdateWrong("a file is [name, size, sha256], its name like app.mpy")
        if not _is_digest(one[2]):
            raise UpdateWrong("a sha256 is 64 digits in hexadecimal")
        total += one[1]
        names.add(one[0])
    if len(names) != len(files):
        raise UpdateWrong("a file is named twice")
    if total > MOST_BYTES:
        raise UpdateWrong("it has %d bytes, more than %d" % (total, MOST_BYTES))
    return found


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31


def _is_name(value):
    if not isinstance(value, str) or not value.endswith(".mpy") or not 4 < len(value) <= 40:
        return False
    return all(one in "abcdefghijklmnopqrstuvwxyz0123456789_" for one in value[:-4])


def _is_digest(value):
    return (
        isinstance(value, str)
        and len(value) == 64
        and all(one in "0123456789abcdef" for one in value)
    )


def _digest(path):
    running = hashlib.sha256()
    with open(path, "rb") as file:
        while True:
            piece = file.read(512)
            if not piece:
                break
            running.update(piece)
    return binascii.hexlify(running.digest()).decode()


def _size(path):
    try:
        return os.stat(path)[6]
    except OSError:
        return 0


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read(MOST_MANIFEST + 1)
    except OSError:
        return None


def _write(path, data):
    with open(path + ".tmp", "wb") as file:
        file.write(data)
        port.fsync(file)
    port.replace(path + ".tmp", path)


def _make(folder):
    if not port.exists(folder):
        os.mkdir(folder)


def _empty(folder):
    """Remove what an update left in a slot, its manifest first: then nothing is resumed."""
    for name in (MANIFEST, MANIFEST + ".tmp", SIGNATURE, SIGNATURE + ".tmp"):
        if port.exists(folder + "/" + name):
            os.remove(folder + "/" + name)
    inner = folder + "/" + PACKAGE
    if port.exists(inner):
        for name in os.listdir(inner):
            os.remove(inner + "/" + name)
