"""What a small run used when somebody last looked, and whether a run of today uses more."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.cost_meter.measuring import Measured, Told, measured
from bench.cost_meter.units import Units

EXPECTED = Path(__file__).with_name("expected.json")
SITES, DAYS, SEED = 50, 2, 0
RISE, FALL = 0.02, 0.10
LEAST = 0.05
"""A rise of less than this, in units of a home and day, is none: it may have happened once."""
AGAIN = "python -m bench.cost_meter --commit"


def small_run(told: Told) -> Measured:
    """Run what `expected.json` holds."""
    return measured(SITES, DAYS, seed=SEED, told=told)


def noted(found: Measured) -> dict[str, Any]:
    """Give what is kept of a run."""
    return {
        "sites": found.sites,
        "days": found.days,
        "largest chunk": {"gateways": found.largest},
        "of a home and day": _by_meter(found.per_site),
        "of a day without homes": _by_meter(found.fixed),
    }


def complaints(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Give a sentence for each meter and function that uses more, or far less, than was noted.

    Args:
        expected: as it was noted.
        found: as it is now.
    """
    told: list[str] = []
    for section in ("of a home and day", "of a day without homes"):
        before, now = expected[section], found[section]
        for meter in sorted({*before, *now}):
            told += _of_meter(section, meter, before.get(meter, {}), now.get(meter, {}))
    told += _of_meter("at most", "largest chunk", expected["largest chunk"], found["largest chunk"])
    return told


def _of_meter(
    section: str, meter: str, before: Mapping[str, float], now: Mapping[str, float]
) -> list[str]:
    told = []
    for whose in sorted({*before, *now}):
        was, is_now = before.get(whose, 0.0), now.get(whose, 0.0)
        about = f"{meter} of {whose}, {section}: {was:g} -> {is_now:g}"
        if is_now > was * (1 + RISE) and is_now - was > LEAST:
            told.append(f"dearer: {about}; find out why, or take it with `{AGAIN}`")
        elif is_now < was * (1 - FALL) and was - is_now > LEAST:
            told.append(f"cheaper: {about}; keep it with `{AGAIN}`")
    return told


def read(path: Path = EXPECTED) -> Mapping[str, Any]:
    """Read what was noted."""
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def write(found: Measured, path: Path = EXPECTED) -> None:
    """Note a run."""
    path.write_text(json.dumps(noted(found), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _by_meter(units: Units) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for (meter, whose), amount in units:
        found.setdefault(meter, {})[whose] = float(f"{amount:.6g}")
    return found
