"""Offers manifests and pieces and prints what is said; runs on both runtimes."""

# ruff: noqa: PTH123, PTH208, T201, UP031 - there is no pathlib on a board

import json
import os
import sys

import slots
from sunreeve_device import rsa
from sunreeve_device.ota import Updater, UpdateWrong

FOLDER, ROOT = sys.argv[1], sys.argv[2]


def read(name):
    with open(FOLDER + "/" + name, "rb") as file:
        return file.read()


def said(call, *args):
    try:
        return call(*args)
    except UpdateWrong as error:
        return "refused: %s" % error


KEY = read("key.bin")
for name in json.loads(read("signatures.json")):
    print("rsa", name, rsa.verify(b"a release", read(name + ".sig"), read(name + ".n")))

slots.write(ROOT, ("lib", "-", 0, 1, 0))
for name in json.loads(read("offers.json")):
    updater = Updater(ROOT, KEY, 6, "esp32")
    print("offer", name, said(updater.offer, read(name + ".json"), read(name + ".sig")))
    if "a" in os.listdir(ROOT):
        raise AssertionError("a refused offer wrote something")

files = {name: read("new/" + name) for name in ("app.mpy", "big.mpy")}
updater = Updater(ROOT, KEY, 6, "esp32")
print("before an offer", said(updater.wanted))
print("resume nothing", updater.resume())
updater.offer(read("manifest.json"), read("manifest.sig"))
print("too early", said(updater.finish))
name, offset, size = updater.wanted()
print("first", name, offset)
print("another file", updater.take("big.mpy", 0, files["big.mpy"][:2048]))
print("a path", updater.take("../app.mpy", 0, files["app.mpy"]))
print("another offset", updater.take("app.mpy", 1, files["app.mpy"][1:]))
print("a short piece", updater.take("app.mpy", 0, files["app.mpy"][:-1]))
print("a long piece", updater.take("app.mpy", 0, files["app.mpy"] + b"x"))
print("other bytes", said(updater.take, "app.mpy", 0, bytes(len(files["app.mpy"]))))
print("the right one", updater.take("app.mpy", 0, files["app.mpy"]))
print("the same again", updater.take("app.mpy", 0, files["app.mpy"]))
print("big", updater.wanted(), updater.take("big.mpy", 0, files["big.mpy"][:2048]))
updater = Updater(ROOT, KEY, 6, "esp32")
print("resumed", updater.resume(), updater.wanted())
updater.offer(read("manifest.json"), read("manifest.sig"))
print("offered again", updater.wanted())
for offset in (2048, 4096):
    updater.take("big.mpy", offset, files["big.mpy"][offset : offset + 2048])
print("whole", updater.wanted())
with open(ROOT + "/a/sunreeve_device/big.mpy", "ab") as file:
    file.write(b"x")
print("spoilt", said(updater.finish), updater.wanted())
for offset in (0, 2048, 4096):
    updater.take("big.mpy", offset, files["big.mpy"][offset : offset + 2048])
print("ready", updater.finish(), slots.read(ROOT))
print("nothing left to resume", updater.resume())
print("while it waits", said(updater.offer, read("manifest.json"), read("manifest.sig")))
print("starts", slots.choose(ROOT), slots.choose(ROOT), slots.choose(ROOT), slots.choose(ROOT))
slots.write(ROOT, ("lib", "a", 1, 1, 2))
print("confirmed", updater.confirm(), slots.read(ROOT), updater.confirm())
print("the same version", said(updater.offer, read("manifest.json"), read("manifest.sig")))
with open(ROOT + "/slots.txt", "rb") as file:
    line = file.read()
for what, data in (
    ("empty", b""),
    ("cut", line[:-3]),
    ("bit", b"c" + line[1:]),
    ("noise", b"\xff" * 40),
):
    with open(ROOT + "/slots.txt", "wb") as file:
        file.write(data)
    print("state", what, slots.choose(ROOT))
