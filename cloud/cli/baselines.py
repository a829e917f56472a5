"""Commands that bring a fleet's baselines and weather into a file, or to a running stack."""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cloud.cli.asking import OperationsApi, Refusal
from cloud.cli.baseline import built
from cloud.cli.fleet import (
    WeatherDay,
    appearing_whole,
    read_sites,
    read_typical_year,
    read_weather,
)
from cloud.cli.saying import complain, say
from cloud.cli.screen import counted
from cloud.detection.baseline import Baseline
from cloud.kernel.errors import BadInput

_PERSON = "pat.projects"
"""Who puts it on this machine; on AWS it is whoever signed in."""
_SHOWN = 10
"""So many refusals are shown; more of them say the same."""

Line = tuple[str, dict[str, Any]]
"""Path of the operations API, and what is sent there."""


def baseline(options: argparse.Namespace) -> int:
    """Build the baselines of a folder's sites, and write them or put them on record."""
    designs = sorted(read_sites(options.fleet / "sites.csv"), key=lambda one: one.site_id)
    typical = read_typical_year(options.fleet / "design_hours.csv.gz")
    if options.put:
        api = OperationsApi.of(options)  # before minutes are spent on what nobody would take
        more = {"may_end_case": True} if options.ends_cases else {}
        sent = (
            (f"/ops/sites/{quote(one.site_id, safe='')}/baseline", {**told(one), **more})
            for one in counted(built(designs, typical), "baselines", len(designs))
        )
        return put(api, sent, "baselines")
    made = counted(built(designs, typical), "baselines", len(designs))
    count = _write(options.out, map(told, made))
    say(f"{count} baselines in {options.out}")
    return 0


def told(baseline: Baseline) -> dict[str, Any]:
    """Give a baseline as the operations API takes it.

    A tenth of a watt-hour and a millionth of a share are left: the same on every machine.
    """
    return {
        **asdict(baseline),
        "clear_sky_wh": [round(value, 1) for value in baseline.clear_sky_wh],
        "month_shape": [round(value, 6) for value in baseline.month_shape],
        "prior_log_scale": round(baseline.prior_log_scale, 6),
    }


def weather(options: argparse.Namespace) -> int:
    """Bring the weather of a folder's days, as far as it is told, to one region."""
    since = _day(options.since)
    days = [one for one in read_weather(options.fleet) if since is None or one.date >= since]
    if not days:
        msg = f"{options.fleet}: it tells no weather{f' since {since}' if since else ''}"
        raise BadInput(f"{msg}: give hours.csv.gz, or t_mean_c and snow_possible in days.csv.gz")
    if options.put:
        region = quote(options.region, safe="")
        api = OperationsApi.of(options)
        return put(
            api,
            (
                (f"/ops/regions/{region}/weather/{one.date}", _weather(one))
                for one in counted(days, "days", len(days))
            ),
            "days of weather",
        )
    lines = ({"region": options.region, "day": f"{one.date}", **_weather(one)} for one in days)
    say(f"{_write(options.out, lines)} days of weather in {options.out}")
    return 0


def _weather(day: WeatherDay) -> dict[str, Any]:
    """Give a day's weather as the operations API takes it: what is not known is left out."""
    known = {"mean_c": day.mean_c, "is_snow_told": day.is_snow_told}
    return {
        **({"hours": [asdict(hour) for hour in day.hours]} if day.hours else {}),
        **{name: value for name, value in known.items() if value is not None},
    }


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as wrong:
        msg = f"{text!r} is no day: give one like 2026-11-08"
        raise BadInput(msg) from wrong


def _write(path: Path, lines: Iterable[Mapping[str, Any]]) -> int:
    count = 0
    with appearing_whole(path) as file:
        for count, line in enumerate(lines, 1):  # noqa: B007 - the last number is the answer
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
    return count


def put(api: OperationsApi, lines: Iterable[Line], what: str) -> int:
    """Send one after the other, say what became of them, and give the exit code.

    What is refused stops nobody behind it.

    Raises:
        Unavailable: the stack does not answer any more; what was put before stays.
    """
    count, refused = 0, []
    for path, body in lines:
        try:
            api.ask(_PERSON, "POST", path, body)
        except Refusal as no:
            refused.append(f"{path}: {_why(no)}")
        else:
            count += 1
    _say(refused)
    say(f"{what}: {count} put, {len(refused)} refused")
    return 1 if refused else 0


def _why(no: Refusal) -> str:
    """Give the reason that a problem tells, with the first place that it names."""
    places = [
        f"{one['pointer']}: {one['message']}"
        for one in no.problem.get("errors", ())
        if "pointer" in one
    ]
    return "; ".join([str(no.problem.get("detail") or no), *places[:1]])


def _say(refused: Sequence[str]) -> None:
    for no in refused[:_SHOWN]:
        complain(no)
    if len(refused) > _SHOWN:
        complain(f"and {len(refused) - _SHOWN} more")
