"""Cuts the real production curve of the simulated homes out of the pvanalytics package.

Needs pandas, pyarrow and pvanalytics 0.2.2, which the project itself does not: make a throw-away
virtual environment, `pip install pandas pyarrow`, `pip install --no-deps pvanalytics==0.2.2`, and
run `python infra/extract_pvdaq.py edge_agent/simulator/pvdaq_system_50.csv` in it. The same package
gives the same file, byte for byte.
"""

import importlib.util
import sys
from datetime import timedelta
from pathlib import Path

import pandas

SERIES = "data/system_50_ac_power_2_full_DST.parquet"
FIRST_DAY = "2012-06-01"
LAST_DAY = "2012-08-14"
SUMMER_TIME_SHIFT = timedelta(hours=1)
"""The file labels its stamps UTC-07:00, but in summer they are summer-time wall clock.

On 2012-08-12 the series still makes more than 50 W at 19:15, while the sun over Golden sets at
18:58 standard time. The whole extract lies in summer, so one shift of an hour mends all of it.
"""

HEADER = """\
# AC power of a real home-sized photovoltaic system, for the simulated homes.
# source: NREL PVDAQ system 50 (Golden, Colorado), as shipped in pvanalytics 0.2.2 on PyPI
# file: pvanalytics/data/system_50_ac_power_2_full_DST.parquet, column ac_power_2
# licence: MIT (pvanalytics; copyright 2020, 2022 Alliance for Sustainable Energy, LLC and
#   National Technology and Engineering Solutions of Sandia, LLC)
# units: W, mean of the quarter hour that begins at the column's time, rounded to whole watts
# utc offset: -07:00 all year; stamps moved one hour back, the file has summer time in its stamps
# cut: {first} to {last}, {days} days, chosen for having no missing day and no clock change
# missing: {missing} quarter hours filled in a straight line; negative: {negative} set to zero
"""


def series_path() -> Path:
    """Find the series inside the installed package without importing it."""
    spec = importlib.util.find_spec("pvanalytics")
    if spec is None or spec.origin is None:
        sys.exit(
            "extracting the curve: pvanalytics is not installed, see the docstring of this file"
        )
    return Path(spec.origin).parent / SERIES


def extract() -> str:
    """Return the CSV text: one line per day, 96 quarter hours of whole watts."""
    frame = pandas.read_parquet(series_path()).set_index("measured_on")
    power = frame["ac_power_2"].astype(float)
    power.index = power.index.tz_localize(None) - SUMMER_TIME_SHIFT
    power = power.loc[FIRST_DAY:LAST_DAY]
    missing, negative = int(power.isna().sum()), int((power < 0).sum())
    power = power.interpolate().clip(lower=0).round().astype(int)
    days = {day: list(values) for day, values in power.groupby(power.index.date)}
    lines = [
        HEADER.format(
            first=FIRST_DAY, last=LAST_DAY, days=len(days), missing=missing, negative=negative
        ),
        "day," + ",".join(f"{i // 4:02d}:{i % 4 * 15:02d}" for i in range(96)) + "\n",
    ]
    for day, values in days.items():
        if len(values) != 96:
            sys.exit(f"extracting the curve: {day} has {len(values)} quarter hours, expected 96")
        lines.append(f"{day}," + ",".join(map(str, values)) + "\n")
    return "".join(lines)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(extract(), encoding="ascii")
