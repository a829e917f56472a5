"""Updates: what is refused, pieces, and a power cut at every operation of one and its trial."""

# ruff: noqa: T201 - numbers for whoever looks with -s

import json
import re
import shutil

import pytest

from tests.firmware.harness import FIRMWARE, ROOT, both_runtimes, run
from tests.firmware.release_world import (
    APP,
    compiled,
    entry,
    lay_out,
    manifest,
    modulus,
    owner,
    signed,
    stranger,
)

HERE = ROOT / "tests/firmware"
APP_ENTRY = entry("app.mpy", b"x" * 10)
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def _raw(encoded: bytes) -> bytes:
    """Sign an encoded message as it is, as somebody who knows the key but not the padding."""
    numbers = owner().private_numbers()
    n = numbers.public_numbers.n
    return pow(int.from_bytes(encoded, "big"), numbers.d, n).to_bytes(384, "big")


def _signatures() -> dict[str, tuple[bytes, bytes, bool]]:
    good, n = signed(b"a release", owner()), modulus(owner())
    whole = pow(int.from_bytes(good, "big"), 65537, int.from_bytes(n, "big")).to_bytes(384, "big")
    digest = whole[-32:]
    info = DIGEST_INFO + digest
    short = b"\x00\x01" + b"\xff" * 8 + b"\x00" + info
    return {
        "good": (good, n, True),
        "as-we-encode": (_raw(whole), n, True),
        "another-message": (signed(b"a releasf", owner()), n, False),
        "another-key": (signed(b"a release", stranger()), n, False),
        "a-bit": (bytes([good[0], good[1] ^ 1]) + good[2:], n, False),
        "short": (good[:-1], n, False),
        "long": (b"\x00" + good, n, False),
        "empty": (b"", n, False),
        "zero": (bytes(384), n, False),
        "one": (bytes(383) + b"\x01", n, False),
        "above-n": (b"\xff" * 384, n, False),
        "short-padding-and-rest": (_raw(short + bytes(384 - len(short))), n, False),
        "rest-in-the-padding": (_raw(whole[:100] + b"\xfe" + whole[101:]), n, False),
        "block-type-2": (_raw(b"\x00\x02" + whole[2:]), n, False),
        "no-digest-info": (_raw(b"\x00\x01" + b"\xff" * 349 + b"\x00" + digest), n, False),
        "short-key": (good, n[1:], False),
        "key-of-fewer-bits": (good, b"\x7f" + n[1:], False),
    }


NAMES = "a file is [name, size, sha256], its name like app.mpy"
COUNTS = "version and ABI are whole numbers from 1 on"
KEYS = "the manifest has other keys than version 1 has"
WRONG = {
    "no-json": (b"{", "the manifest is no JSON"),
    "a-list": (b"[]", KEYS),
    "a-key-more": (manifest([APP_ENTRY], more=1), KEYS),
    "manifest-version": (manifest([APP_ENTRY], v=2), KEYS),
    "same-version": (manifest([APP_ENTRY], version=1), "version 1 runs, 1 is not newer"),
    "version-as-text": (manifest([APP_ENTRY], version="2"), COUNTS),
    "version-true": (manifest([APP_ENTRY], version=True), COUNTS),
    "version-zero": (manifest([APP_ENTRY], version=0), COUNTS),
    "version-huge": (manifest([APP_ENTRY], version=1 << 40), COUNTS),
    "version-with-a-point": (manifest([APP_ENTRY], version=2.5), COUNTS),
    "another-abi": (manifest([APP_ENTRY], abi=5), "it is compiled for ABI 5, not 6"),
    "another-board": (manifest([APP_ENTRY], board="rp2"), "it is for another board"),
    "board-a-number": (
        manifest([APP_ENTRY], board=5),
        "the board is a word and the files are a list",
    ),
    "files-an-object": (manifest({}), "the board is a word and the files are a list"),
    "no-file": (manifest([]), "a release has 1 to 64 files"),
    "too-many-files": (
        manifest([[f"a{i}.mpy", 1, ""] for i in range(65)]),
        "a release has 1 to 64 files",
    ),
    "a-path-up": (manifest([["../main.mpy", *APP_ENTRY[1:]]]), NAMES),
    "an-absolute-path": (manifest([["/main.mpy", *APP_ENTRY[1:]]]), NAMES),
    "a-folder": (manifest([["x/app.mpy", *APP_ENTRY[1:]]]), NAMES),
    "a-source": (manifest([["app.py", *APP_ENTRY[1:]]]), NAMES),
    "no-name": (manifest([[".mpy", *APP_ENTRY[1:]]]), NAMES),
    "a-nul": (manifest([["a\x00.mpy", *APP_ENTRY[1:]]]), NAMES),
    "upper-case": (manifest([["APP.mpy", *APP_ENTRY[1:]]]), NAMES),
    "a-long-name": (manifest([["a" * 37 + ".mpy", *APP_ENTRY[1:]]]), NAMES),
    "size-zero": (manifest([["app.mpy", 0, APP_ENTRY[2]]]), NAMES),
    "size-below-zero": (manifest([["app.mpy", -1, APP_ENTRY[2]]]), NAMES),
    "an-entry-more": (manifest([[*APP_ENTRY, 1]]), NAMES),
    "no-digest": (manifest([["app.mpy", 10, "0" * 63]]), "a sha256 is 64 digits in hexadecimal"),
    "twice": (manifest([APP_ENTRY, APP_ENTRY]), "a file is named twice"),
    "too-large": (
        manifest([["app.mpy", 262145, APP_ENTRY[2]]]),
        "it has 262145 bytes, more than 262144",
    ),
    "a-long-manifest": (b" " * 8193, "the manifest has more than 8192 bytes"),
}
UNSIGNED = "the manifest is not signed by the owner"


@both_runtimes
def test_only_what_the_owner_signed_for_this_board_is_taken_piece_by_piece(runtime, tmp_path):
    laid, flash = tmp_path / "laid", tmp_path / "flash"
    laid.mkdir()
    flash.mkdir()
    lay_out(laid)
    signatures = _signatures()
    for name, (signature, n, _) in signatures.items():
        (laid / f"{name}.sig").write_bytes(signature)
        (laid / f"{name}.n").write_bytes(n)
    (laid / "signatures.json").write_text(json.dumps(list(signatures)))
    offers = {name: (text, signed(text, owner()), why) for name, (text, why) in WRONG.items()}
    good = manifest([APP_ENTRY])
    offers["a-stranger"] = (good, signed(good, stranger()), UNSIGNED)
    offers["unsigned"] = (good, b"", UNSIGNED)
    offers["cut"] = (good[:-1], signed(good, owner()), UNSIGNED)
    offers["changed"] = (
        good.replace(b'"version":2', b'"version":3'),
        signed(good, owner()),
        UNSIGNED,
    )
    for name, (text, signature, _) in offers.items():
        (laid / f"{name}.json").write_bytes(text)
        (laid / f"{name}.sig").write_bytes(signature)
    (laid / "offers.json").write_text(json.dumps(list(offers)))
    printed = run(HERE / "ota_offers.py", runtime=runtime, heap="128wk", args=(laid, flash))
    size = (laid / "new/app.mpy").stat().st_size
    assert printed.splitlines() == [
        *(f"rsa {name} {is_good}" for name, (_, _, is_good) in signatures.items()),
        *(f"offer {name} refused: {why}" for name, (_, _, why) in offers.items()),
        "before an offer refused: no update is under way",
        "resume nothing False",
        "too early refused: not all of it is there",
        "first app.mpy 0",
        "another file False",
        "a path False",
        "another offset False",
        "a short piece False",
        "a long piece False",
        "other bytes refused: app.mpy is not what was signed",
        "the right one True",
        "the same again False",
        "big ('big.mpy', 0, 2048) True",
        "resumed True ('big.mpy', 2048, 2048)",
        "offered again ('big.mpy', 2048, 2048)",
        "whole None",
        "spoilt refused: big.mpy is not what was signed ('big.mpy', 0, 2048)",
        "ready a ('lib', 'a', 2, 1, 2)",
        "nothing left to resume False",
        "while it waits refused: a release is on trial; it has to be confirmed first",
        "starts a a lib lib",
        "confirmed True ('a', '-', 0, 2, 0) False",
        "the same version refused: version 2 runs, 2 is not newer",
        *(f"state {what} lib" for what in ("empty", "cut", "bit", "noise")),
    ]
    assert size < 2048


@pytest.mark.parametrize(
    ("kind", "versions"),
    [
        pytest.param("good", "[1, 2, 2]", id="a release that confirms itself stays"),
        pytest.param("bad", "[1, 2, 2, 1]", id="one that does not is tried twice and goes"),
    ],
)
def test_a_power_cut_at_any_operation_leaves_a_board_that_starts(kind, versions, tmp_path):
    lay_out(tmp_path)
    printed = run(HERE / "ota_cuts.py", heap="4m", args=(tmp_path, kind), timeout=200)
    found = {
        what: int(re.search(rf"^{what} (\d+)", printed, re.M)[1])
        for what in ("cuts", "unbootable", "violations")
    }
    print(found)
    assert f"versions {versions} pieces 4" in printed
    assert found["cuts"] > 80
    assert (found["unbootable"], found["violations"]) == (0, 0), printed


START = "import sys, main; main.start(sys.argv[1]); print(slots.read(sys.argv[1]))"
RUNS = "version {} runs"
FACTORY_RUNS, SECOND_RUNS = RUNS.format(1), RUNS.format(2)
BROKEN = "cannot load"
ON_TRIAL = ("lib", "a", 2, 1, 2)
KEPT = ("a", "-", 0, 2, 0)
NEW = ("lib", "-", 0, 0, 0)
ENDED = ("lib", "-", 0, 1, 0)
STARTS = {
    "nothing but the factory": (NEW, {"lib": 1}, [FACTORY_RUNS], NEW),
    "the one that is kept": (KEPT, {"lib": 1, "a": 2}, [SECOND_RUNS], KEPT),
    "the one on trial": (ON_TRIAL, {"lib": 1, "a": 2}, [SECOND_RUNS], ("lib", "a", 1, 1, 2)),
    "a trial without an app": (ON_TRIAL, {"lib": 1}, [BROKEN, FACTORY_RUNS], ENDED),
    "a trial that is no module": (
        ON_TRIAL,
        {"lib": 1, "a": b"M\x05"},
        [BROKEN, FACTORY_RUNS],
        ENDED,
    ),
    "a trial that fails to load": (
        ("a", "b", 2, 2, 3),
        {"lib": 1, "a": 2, "b": "1/0"},
        [BROKEN, SECOND_RUNS],
        KEPT,
    ),
    "a kept one that is damaged": (KEPT, {"lib": 1, "a": b""}, [BROKEN, FACTORY_RUNS], KEPT),
    "no factory, the kept one damaged": (
        KEPT,
        {"a": b"", "b": 2},
        [BROKEN, BROKEN, SECOND_RUNS],
        KEPT,
    ),
    "an app on trial that ends": (
        ON_TRIAL,
        {"a": "def main(): 1/0"},
        ["the app ended Zero"],
        ("lib", "a", 1, 1, 2),
    ),
    "nothing at all": (NEW, {}, [BROKEN] * 3 + ["no release can be loaded"], NEW),
}


@pytest.mark.parametrize(("state", "apps", "says", "after"), STARTS.values(), ids=list(STARTS))
def test_the_start_finds_a_release_that_can_be_loaded(state, apps, says, after, tmp_path):
    board, root = tmp_path / "board", tmp_path / "flash"
    board.mkdir()
    root.mkdir()
    for name in ("main.py", "slots.py"):
        shutil.copy(FIRMWARE / name, board)
    for slot, app in apps.items():
        folder = root / slot / "sunreeve_device"
        folder.mkdir(parents=True)
        source = APP.format(version=app) if isinstance(app, int) else app
        is_made = isinstance(app, bytes)
        data = app if is_made else compiled(source, tmp_path / f"source-{slot}")
        (folder / "app.mpy").write_bytes(data)
    write = f"import slots; slots.write({str(root)!r}, {state!r}); "
    *lines, left = run(write + START, args=(root,), modules=board).splitlines()
    assert len(lines) == len(says), lines
    assert all(one.startswith(what) for one, what in zip(lines, says, strict=True)), lines
    assert left == repr(after)
