"""The `sunreeve` command: the owner's side, on this machine or on AWS.

Nothing but the shape of the commands is imported before it is known which one is meant.
"""

import errno
import os
import sqlite3
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from cloud.cli.parsing import WRONG_USE, read
from cloud.cli.saying import complain, say
from cloud.cli.shape import Command
from cloud.cli.teaching import first_screen
from cloud.kernel.errors import SunreeveError, Unavailable

DONE, NO, UNREACHABLE, BROKEN_OFF = 0, 1, 3, 130
"""Exit codes: done, the answer is no, the outside is unreachable, Ctrl-C; wrong use is 2."""

EXTRA_OF = dict.fromkeys(("pvlib", "numpy", "pandas"), "baseline")
"""Library -> the extra that brings it, where it is not one that every command needs."""

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; an error is one line on standard error.

    Raises:
        SystemExit: with 2 for wrong use, with 0 when help was asked for.
    """
    code = DONE
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
    except BrokenPipeError:
        # Who reads has read enough, as `head` does: nobody is left to be told anything.
        _write_no_more()
    except OSError as full:
        if full.errno != errno.ENOSPC:
            raise
        code = _is_full(full)
    finally:
        code = _flushed(code)
    return code


def _run(words: Sequence[str]) -> int:
    if not words:
        say(first_screen())
        return DONE
    command, options = read(words)
    try:
        return _called(command, options)
    except KeyboardInterrupt:
        if command.is_endless or getattr(options, "follow", False):
            return DONE
        complain(f"sunreeve {options.command}: broken off")
        return BROKEN_OFF


def _called(command: Command, options: Namespace) -> int:
    module, _, function = command.runs.partition(":")
    try:
        call: Callable[[Namespace], int] = getattr(import_module(module), function)
        return call(options)
    except ModuleNotFoundError as missing:
        if (missing.name or "").split(".")[0] in {"cloud", "edge_agent"}:
            raise
        extra = EXTRA_OF.get(missing.name or "", "cloud,edge")
        complain(f"sunreeve: {missing.name} is not installed: install sunreeve[{extra}]")
        return WRONG_USE
    except Unavailable as error:
        complain(f"sunreeve {options.command}: {error}")
        return UNREACHABLE
    except SunreeveError as error:
        complain(f"sunreeve {options.command}: {error}")
        return NO
    except BrokenPipeError:
        raise
    except (OSError, sqlite3.DatabaseError) as error:
        why = _fault_of_folder(error, getattr(options, "folder", None)) or _fault_of_file(error)
        if why is None:
            raise
        complain(f"sunreeve {options.command}: {why}")
        return NO


def _flushed(code: int) -> int:
    """Write out what is still on its way, and give the exit code with what became of that."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _write_no_more()
    except OSError as full:
        return code or _is_full(full)
    return code


def _is_full(error: OSError) -> int:
    """Say that there is no room for what was to be written."""
    _write_no_more()
    complain(f"sunreeve: writing what was asked for: {error.strerror}; make room, ask again")
    return NO


def _write_no_more() -> None:
    """Let the interpreter end without a word about what it cannot write any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):
        pass  # it is no file: nothing is written at the end
    finally:
        os.close(nowhere)


def _fault_of_file(error: Exception) -> str | None:
    """Say which file cannot be used, and why; None when the error names none."""
    if not isinstance(error, OSError) or not isinstance(error.filename, str | Path):
        return None
    return f"{error.filename}: {error.strerror}; name another, or mend it"


def _fault_of_folder(error: Exception, folder: Path | None) -> str | None:
    """Say what is wrong with the files of a stack; None when the error is about something else."""
    if folder is None:
        return None
    remedy = "bring it back from a copy, or name another --folder"
    if isinstance(error, OSError):
        path = Path(str(error.filename or ""))
        if not path.absolute().is_relative_to(folder.absolute()):
            return None
        return f"{path}: {error.strerror}; {remedy}"
    code = getattr(error, "sqlite_errorcode", None)
    if code is None or code & 0xFF not in _DAMAGED:
        return None
    return f"{_damaged_in(folder)}: {error}; {remedy}"


def _damaged_in(folder: Path) -> Path:
    """Give the database below a folder that cannot be read, or the folder when all can."""
    for path in sorted(folder.rglob("*.sqlite")):
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            try:
                connection.execute("PRAGMA quick_check(1)").fetchall()
            finally:
                connection.close()
        except sqlite3.DatabaseError:
            return path
    return folder
