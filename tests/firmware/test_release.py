"""A release: compiled, signed by a file's key or by KMS, and taken by a board with that key."""

import json
import subprocess
import sys

import boto3
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from moto import mock_aws

from tests.firmware.harness import FIRMWARE, both_runtimes, installed, run
from tests.firmware.release_world import APP, modulus, owner

RELEASE = FIRMWARE / "tools/release.py"
TAKE = """
import sys
import slots
from sunreeve_device.ota import Updater
folder, root = sys.argv[1:3]
def read(name):
    with open(folder + "/" + name, "rb") as file:
        return file.read()
updater = Updater(root, read("key.bin"), 6, "esp32")
updater.offer(read("manifest.json"), read("manifest.sig"))
while updater.wanted():
    name, offset, size = updater.wanted()
    updater.take(name, offset, read(name)[offset:offset + size])
print(updater.finish(), slots.read(root))
"""


def _pem(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.fixture
def sources(tmp_path):
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "app.py").write_text(APP.format(version=7))
    (folder / "table.py").write_text(f"TABLE = {bytes(range(256)) * 20!r}\n")
    return folder


def _released(tmp_path, sources, key: bytes, *, version=7, out="release") -> tuple[int, str]:
    (tmp_path / "owner.pem").write_bytes(key)
    done = subprocess.run(  # noqa: S603 - our own program
        [
            *(sys.executable, "-B", RELEASE, "--board", "esp32", "--version", str(version)),
            *("--key", tmp_path / "owner.pem", "--out", tmp_path / out, "--sources", sources),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    return done.returncode, (done.stdout + done.stderr).replace(str(tmp_path), "")


@both_runtimes
def test_a_board_takes_a_release_and_starts_it(runtime, tmp_path, sources):
    installed("mpy-cross")
    code, said = _released(tmp_path, sources, _pem(owner()))
    assert code == 0, said
    assert said.startswith("release 7 for esp32: 2 files, ")
    assert said.endswith(" bytes, ABI 6, in /release\n")
    root = tmp_path / "flash"
    root.mkdir()
    printed = run(TAKE, runtime=runtime, args=(tmp_path / "release", root))
    assert printed == "a ('lib', 'a', 2, 0, 7)\n"
    board = tmp_path / "board"
    board.mkdir()
    for name in ("main.py", "slots.py"):
        (board / name).write_bytes((FIRMWARE / name).read_bytes())
    start = "import sys, main; main.start(sys.argv[1])"
    assert run(start, args=(root,), modules=board) == "version 7 runs\n"


def test_the_same_sources_give_the_same_manifest(tmp_path, sources):
    installed("mpy-cross")
    for out in ("one", "two"):
        assert _released(tmp_path, sources, _pem(owner()), out=out)[0] == 0
    for name in ("manifest.json", "manifest.sig", "app.mpy", "table.mpy"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    listed = json.loads((tmp_path / "one/manifest.json").read_bytes())["files"]
    assert [one[0] for one in listed] == ["app.mpy", "table.mpy"]
    assert b"sources" not in (tmp_path / "one/app.mpy").read_bytes()
    assert (tmp_path / "one/key.bin").read_bytes() == modulus(owner())


def test_what_cannot_be_released_says_so_in_a_line_and_writes_nothing(tmp_path, sources):
    installed("mpy-cross")
    small = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    curve = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/app.py").write_text("def main(:\n")
    for key, changed, says in (
        (_pem(small), {}, "the key must have 3072 bits and the exponent 65537"),
        (_pem(curve), {}, "reading the key /owner.pem: it is no RSA key"),
        (b"no key", {}, "reading the key /owner.pem: "),
        (_pem(owner()), {"version": 0}, "the version is a whole number from 1 to 2147483647"),
        (_pem(owner()), {"sources": tmp_path / "empty"}, "compiling /empty: there is no app.py"),
        (_pem(owner()), {"sources": tmp_path / "broken"}, "compiling /broken/app.py: "),
        (_pem(owner()), {"out": "empty"}, "writing /empty: "),
    ):
        code, said = _released(tmp_path, key=key, **{"sources": sources} | changed)
        assert (code, said[: len(says)]) == (1, says)
        assert "line 1, in" not in said.splitlines()[0]
    assert not (tmp_path / "release").exists()
    assert list((tmp_path / "empty").iterdir()) == []


def test_kms_signs_what_a_board_takes(tmp_path, sources, monkeypatch):
    installed("mpy-cross")
    monkeypatch.syspath_prepend(RELEASE.parent)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    import release

    with mock_aws():
        client = boto3.client("kms", region_name="us-east-1")
        asked = {"KeyUsage": "SIGN_VERIFY", "KeySpec": "RSA_3072"}
        key = client.create_key(**asked)["KeyMetadata"]["KeyId"]
        signer = release.KmsSigner(client, key)
        release.make(sources, tmp_path / "release", signer, version=7, board="esp32")
        small = client.create_key(**asked | {"KeySpec": "RSA_2048"})["KeyMetadata"]["KeyId"]
        with pytest.raises(release.ReleaseWrong, match="3072 bits"):
            release.KmsSigner(client, small).modulus()
        with pytest.raises(release.ReleaseWrong, match="4097 bytes, KMS signs 4096"):
            signer.sign(bytes(4097))
    root = tmp_path / "flash"
    root.mkdir()
    assert run(TAKE, args=(tmp_path / "release", root)) == "a ('lib', 'a', 2, 0, 7)\n"
