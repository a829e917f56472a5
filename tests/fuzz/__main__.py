"""Fuzzes what comes from outside, guided by coverage: `python -m tests.fuzz [SECONDS] [NAME]`.

Each target runs in a process of its own, one after the other, for so many seconds (60), from the
golden messages and what earlier runs found, which var/fuzz keeps. An input that breaks a promise
ends its target and is kept there, too. Exit code 1 when there was one, 2 for wrong use.
"""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.targets import TARGETS, seeds_of, tokens_of

KEPT = Path("var/fuzz")
SECONDS = 60
SLOWEST_INPUT_S = 10
MOST_MB = 1024
EXECUTIONS = re.compile(r"^stat::number_of_executed_units:\s*(\d+)|^Done (\d+) runs", re.MULTILINE)
UNCAUGHT = re.compile(r"=== Uncaught Python exception: ===\n(.*)")
BROKEN = re.compile(r"^==\d+== ?(ERROR: .*)", re.MULTILINE)


def tell(line: str) -> None:
    """Print a line at once: a run takes minutes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Fuzz every target, or the one that is named, and print what came of it."""
    seconds, names = SECONDS, list(TARGETS)
    for argument in arguments:
        if argument.isdecimal() and int(argument) > 0:
            seconds = int(argument)
        elif argument in TARGETS:
            names = [argument]
        else:
            tell(f"{argument}: no number of seconds, and none of {', '.join(TARGETS)}")
            return 2
    if find_spec("atheris") is None:
        tell("nothing was fuzzed: atheris is not installed here; `make fuzz` installs it apart")
        return 0
    broken = [name for name in names if not is_sound(name, seconds)]
    if broken:
        tell(f"broken: {', '.join(broken)}")
    return 1 if broken else 0


def is_sound(name: str, seconds: int) -> bool:
    """Fuzz one target; tell whether nothing broke."""
    corpus, findings = KEPT / name, KEPT / "findings"
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    for file, seed in seeds_of(name):
        (corpus / file).write_bytes(seed)
    tokens = KEPT / f"{name}.tokens"
    tokens.write_text(f"# of {name}\n{tokens_of(name)}", encoding="ascii")
    before = set(findings.iterdir())
    done = subprocess.run(  # noqa: S603 - our own module
        [
            *(sys.executable, "-m", "tests.fuzz.one", name),
            *(f"-max_total_time={seconds}", f"-timeout={SLOWEST_INPUT_S}"),
            *(f"-rss_limit_mb={MOST_MB}", f"-artifact_prefix={findings}/{name}-"),
            f"-max_len={TARGETS[name].most_bytes}",
            *([f"-dict={tokens}"] if TARGETS[name].tokens else []),
            *("-print_final_stats=1", "-verbosity=1", str(corpus)),
        ],
        capture_output=True,
        check=False,
        timeout=seconds + 120,
        text=True,
        errors="replace",
    )
    told = done.stdout + done.stderr
    counted = [int(one or other) for one, other in EXECUTIONS.findall(told)]
    why = UNCAUGHT.findall(told) or BROKEN.findall(told)
    kept = sorted(set(findings.iterdir()) - before)
    is_good = done.returncode == 0 and not why and not kept
    tell(
        f"{name:10} {max(counted, default=0):>9} executions {len(list(corpus.iterdir())):>6} inputs"
        f"   {'sound' if is_good else 'BROKEN'}"
    )
    if not is_good:
        tell(f"           {why[0][:200] if why else told[-800:]}")
        for file in kept:
            tell(f"           input: {file} ({file.stat().st_size} bytes)")
    return is_good


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
