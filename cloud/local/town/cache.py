"""Keeps a town that was made: once for each version of the code, however many ask at once."""

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud.kernel.errors import BadInput, Unavailable

ROOT = Path(__file__).parents[3]
CACHE = ROOT / "var" / "cache"
HOMES = 400
GIVEN = "SUNREEVE_TOWN"
"""Name of the variable that names a folder to be used in the place of a town that is made."""
MARK = "town.json"
_KEPT = 2
"""Towns of a size that stay: a test may be copying one while a newer one is made."""
_ROOMY = Path("/dev/shm")  # noqa: S108 - made there, and moved where it is kept
_NEEDS_BYTES = 500_000_000
_NO_PART = ("cloud/portal", "cloud/cli", "cloud/local/face", "cloud/local/town/cache.py")
"""Code that shows what a town holds, and takes no part in making it."""


def folder_of_town(homes: int = HOMES) -> Path:
    """Give a folder that holds a town, made if there is none; it is to be copied, not used.

    Raises:
        Unavailable: making it failed; the message is the last of what it said.
        BadInput: the folder that the environment names holds no town.
    """
    given = os.environ.get(GIVEN)
    if given:
        return town_in(Path(given))
    CACHE.mkdir(parents=True, exist_ok=True)
    kept = CACHE / f"town-{digest()}-{homes}"
    with _alone(CACHE / f"town-{homes}.lock"):
        if not is_town(kept):
            _make(kept, homes)
            _forget_older(kept, homes)
    return kept


def copy_of_town(folder: Path, homes: int = HOMES) -> Path:
    """Copy a town into a new folder, made first if need be; give the folder."""
    shutil.copytree(folder_of_town(homes), folder, dirs_exist_ok=True)
    return folder


def is_town(folder: Path) -> bool:
    """Tell whether a folder holds a town, whole."""
    return (folder / MARK).exists() and (folder / "data").is_dir()


def town_in(folder: Path) -> Path:
    """Give a folder that holds a town.

    Raises:
        BadInput: it holds none.
    """
    if not is_town(folder):
        msg = f"{folder} holds no town: name a folder that `sunreeve up --town` made, or none"
        raise BadInput(msg)
    return folder


def homes_of(folder: Path) -> int:
    """Give how many homes the town of a folder has.

    Raises:
        BadInput: what the folder says of itself cannot be read.
    """
    try:
        return int(json.loads((folder / MARK).read_text())["homes"])
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        msg = f"{folder / MARK}: it does not say how many homes the town has; make the town anew"
        raise BadInput(msg) from wrong


def digest(root: Path = ROOT) -> str:
    """Name the code that a town is made by: the same code makes the same town."""
    found = hashlib.sha256((root / "template.yaml").read_bytes())
    for part in ("cloud", "edge_agent", "contract"):
        for path in sorted((root / part).rglob("*.py")):
            name = path.relative_to(root).as_posix()
            if not name.startswith(_NO_PART):
                found.update(name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a file's lock, so that of several who want a town one makes it."""
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _make(kept: Path, homes: int) -> None:
    place = _ROOMY if _has_room(_ROOMY) else CACHE
    with tempfile.TemporaryDirectory(prefix="town-", dir=place) as made:
        folder = Path(made) / "town"
        folder.mkdir()
        command = [sys.executable, "-m", "cloud.local.town.build", str(folder / "data"), str(homes)]
        # Whoever waits at a terminal sees how far it is; what went wrong is kept for the message.
        with (Path(made) / "said").open("w+") as said:
            error = None if sys.stderr is not None and sys.stderr.isatty() else said
            done = subprocess.run(  # noqa: S603 - our own code
                command, cwd=ROOT, stderr=error, stdout=said, check=False
            )
            said.seek(0)
            words = said.read().strip().splitlines()
        if done.returncode != 0:
            msg = f"making a town of {homes} homes: {words[-1] if words else 'it ended'}"
            raise Unavailable(msg)
        for database in sorted((folder / "data").glob("*.sqlite")):
            _compact(database)
        (folder / MARK).write_text(json.dumps({"homes": homes, "code": digest()}))
        part = kept.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(folder, part, ignore=shutil.ignore_patterns("cache", "*.yaml", "lock"))
        shutil.rmtree(kept, ignore_errors=True)
        part.replace(kept)


def _compact(database: Path) -> None:
    """Leave out what was written over, so that a copy is small and quick."""
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
    finally:
        connection.close()


def _has_room(place: Path) -> bool:
    try:
        return shutil.disk_usage(place).free > _NEEDS_BYTES and os.access(place, os.W_OK)
    except OSError:
        return False


def _forget_older(kept: Path, homes: int) -> None:
    found = sorted(CACHE.glob(f"town-*-{homes}"), key=lambda path: path.stat().st_mtime)
    for older in found[:-_KEPT]:
        if older != kept:
            shutil.rmtree(older, ignore_errors=True)
