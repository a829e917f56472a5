"""The gateway's key and certificate on its disk: made, put in place whole, changed as a pair.

The key is made by the command `openssl` on this machine and never leaves it; no library for it is
needed. Every file is written beside its place and renamed, so that a power cut leaves the file
before or the file after.

A pair is changed in two steps. The new certificate lies beside the old one, complete, once the
cloud has said that it works: from then on the change counts, and `settle` carries it out, also
after a power cut in the middle of it.
"""

import glob
import os
import ssl
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge_agent.settings import BrokerSettings

OPENSSL_S = 60.0
"""How long `openssl` may take; a small computer that has just started waits for randomness."""
_NO_CONFIG = b"[req]\ndistinguished_name = dn\n[dn]\n"


class CredentialsError(Exception):
    """A key or certificate cannot be made, read or kept; the message is one line."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Where the gateway's certificate and its key lie."""

    cert: Path
    key: Path

    @classmethod
    def of(cls, broker: BrokerSettings) -> "Pair":
        """Return the pair that the settings name.

        Raises:
            CredentialsError: they name none: the connection is not encrypted.
        """
        if not broker.has_tls:
            raise CredentialsError(
                "broker: ca, cert and key are missing; name where they shall lie"
            )
        return cls(Path(broker.cert), Path(broker.key))

    @property
    def next(self) -> "Pair":
        """Return where the pair lies that comes after this one."""
        return Pair(_beside(self.cert, "new"), _beside(self.key, "new"))

    @property
    def before(self) -> "Pair":
        """Return where the pair lies that this one came after, until this one was used."""
        return Pair(_beside(self.cert, "old"), _beside(self.key, "old"))

    def fits(self) -> bool:
        """Tell whether certificate and key are both there and belong together."""
        if not self.cert.is_file() or not self.key.is_file():
            return False
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(self.cert, self.key, _no_phrase)
        except (OSError, ValueError):
            return False
        return True


def make_key(path: Path) -> None:
    """Make a key for the curve P-256 that its owner alone may read, unless there is one.

    Raises:
        CredentialsError: there is no `openssl`, or the folder cannot be written.
    """
    if path.exists():
        return
    curve = "ec_paramgen_curve:P-256"
    key = _openssl(["genpkey", "-algorithm", "EC", "-pkeyopt", curve], doing=f"making {path}")
    if b"PRIVATE KEY" not in key:
        raise CredentialsError(f"making {path}: openssl made no key")
    write(path, key)


def request(key: Path, common_name: str) -> str:
    """Return the request for a certificate (CSR, PEM) for a key.

    Raises:
        CredentialsError: there is no `openssl`, or the file holds no key.
    """
    arguments = ["req", "-new", "-sha256", "-key", str(key), "-subj", f"/CN={common_name}"]
    # Without this it reads a file of the machine's, which may not be there.
    arguments += ["-config", "/dev/stdin"]
    made = _openssl(arguments, doing=f"asking for a certificate with {key}", fed=_NO_CONFIG)
    return made.decode("ascii", "replace")


def write(path: Path, content: bytes) -> None:
    """Put a file in place that its owner alone may read, whole or not at all.

    Raises:
        CredentialsError: the folder cannot be written.
    """
    draft = _beside(path, "part")
    try:
        with suppress(FileNotFoundError):
            draft.unlink()
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _rename(draft, path)
    except OSError as error:
        raise CredentialsError(f"writing {path}: {error.strerror}; make it writable") from error


def forget(paths: Sequence[Path]) -> None:
    """Remove files; those that are gone already are fine.

    Raises:
        CredentialsError: one cannot be removed.
    """
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise CredentialsError(f"removing {path}: {error.strerror}; remove it") from error


def tidy(pair: Pair) -> None:
    """Remove the pair before this one, and what power cuts left of files that were being written.

    Raises:
        CredentialsError: one cannot be removed.
    """
    for path in (pair.cert, pair.key):
        beside = path.parent.glob(f"{glob.escape(path.name)}.*")
        forget([one for one in beside if one.suffix in _LEFT_BEHIND])


def settle(pair: Pair) -> bool:
    """Carry out a change that counts already; tell whether there was one.

    It is called before the pair is read. Each step can be broken off and done again: the key goes
    first, and the certificate that lies beside tells until the end that there is work left.

    Raises:
        CredentialsError: the folder cannot be written.
    """
    new, old = pair.next, pair.before
    if not new.cert.exists():
        return False
    if new.key.exists():
        for path, kept in ((pair.cert, old.cert), (pair.key, old.key)):
            if path.exists():
                write(kept, path.read_bytes())
        _replace(new.key, pair.key)
    _replace(new.cert, pair.cert)
    return True


def take_back(pair: Pair) -> bool:
    """Go back to the pair before this one; tell whether there was one.

    Raises:
        CredentialsError: the folder cannot be written.
    """
    old, new = pair.before, pair.next
    if not old.fits():
        return False
    write(new.key, old.key.read_bytes())
    write(new.cert, old.cert.read_bytes())
    settle(pair)
    forget([old.cert, old.key])
    return True


_LEFT_BEHIND = frozenset({".old", ".part", ".signed"})


def _replace(source: Path, target: Path) -> None:
    try:
        _rename(source, target)
    except OSError as error:
        raise CredentialsError(f"writing {target}: {error.strerror}; make it writable") from error


def _rename(source: Path, target: Path) -> None:
    """Rename, and have the folder on the disk before anything else is done."""
    source.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _openssl(arguments: Sequence[str], *, doing: str, fed: bytes = b"") -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - the arguments are ours, and no shell reads them
            ["openssl", *arguments],  # noqa: S607 - where it lies differs between systems
            input=fed,
            capture_output=True,
            timeout=OPENSSL_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise CredentialsError(f"{doing}: there is no openssl here; install it") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise CredentialsError(f"{doing}: openssl did not run: {error}") from error
    if done.returncode:
        lines = done.stderr.decode("ascii", "replace").strip().splitlines() or ["no reason given"]
        raise CredentialsError(f"{doing}: openssl says: {lines[0][:200]}")
    return done.stdout


def _beside(path: Path, what: str) -> Path:
    return path.with_name(f"{path.name}.{what}")


def _no_phrase() -> str:
    raise OSError("the key is encrypted")
