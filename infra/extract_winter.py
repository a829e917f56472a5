"""Cuts a real winter, production with its snow and the weather beside it, out of pvanalytics.

Needs pandas, pyarrow and pvanalytics 0.2.2, which the project itself does not: make a throw-away
virtual environment, `pip install pandas pyarrow`, `pip install --no-deps pvanalytics==0.2.2`, and
run `python infra/extract_winter.py tests/data/pvdaq_system_50_winter.csv` in it. The same package
gives the same file, byte for byte.
"""

import importlib.util
import sys
from pathlib import Path

import pandas

SERIES = "data/system_50_ac_power_2_full_DST.parquet"
WEATHER = "data/system_50_ac_power_2_full_DST_psm3.parquet"
FIRST_DAY = "2012-09-15"
LAST_DAY = "2013-05-31"
HOURS = range(4, 21)
STANDARD = "Etc/GMT+7"

HEADER = """\
# A winter of a real home-sized photovoltaic system, with its snow, and the weather of the place.
# source: NREL PVDAQ system 50 (Golden, Colorado) and NREL NSRDB PSM3 of its place, as shipped in
#   pvanalytics 0.2.2 on PyPI
# files: pvanalytics/data/system_50_ac_power_2_full_DST.parquet, column ac_power_2, and
#   pvanalytics/data/system_50_ac_power_2_full_DST_psm3.parquet, columns ghi and temp_air
# licence: MIT (pvanalytics; copyright 2020, 2022 Alliance for Sustainable Energy, LLC and
#   National Technology and Engineering Solutions of Sandia, LLC)
# days: {first} to {last}, {days} of them, cut at UTC-07:00 all year; the power series has summer
#   time in its stamps, and was moved back; the weather has not
# wh: energy of the quarter hours that are there, whole watt-hours; nothing is filled in
# samples: quarter hours that are there, of 96
# mean_c: mean air temperature; below zero the source has zero
# gHH: global horizontal irradiation of the hour that begins at HH:00, Wh/m2, by satellite
# tHH: mean air temperature of that hour, degrees C
#   both of straight lines between the instants that the source tells, half an hour apart
"""


def folder() -> Path:
    """Find the installed package without importing it."""
    spec = importlib.util.find_spec("pvanalytics")
    if spec is None or spec.origin is None:
        sys.exit("extracting a winter: pvanalytics is not installed, see the docstring")
    return Path(spec.origin).parent


def power() -> pandas.Series:
    """Return the watts of each quarter hour, in standard time."""
    frame = pandas.read_parquet(folder() / SERIES)
    wall = frame["measured_on"].dt.tz_localize(None)
    # The hour that spring leaves out has no values in the file, and autumn's second one is absent.
    stamps = wall.dt.tz_localize(
        "America/Denver", ambiguous=pandas.Series(data=True, index=wall.index), nonexistent="NaT"
    )
    watts = pandas.Series(frame["ac_power_2"].astype(float).to_numpy(), index=stamps)
    watts = watts[watts.index.notna()]
    return watts.tz_convert(STANDARD).tz_localize(None)


def extract() -> str:
    """Return the CSV text: one line per day."""
    watts = power().loc[FIRST_DAY:LAST_DAY]
    weather = pandas.read_parquet(folder() / WEATHER).set_index("index").tz_localize(None)
    measured = weather[["ghi", "temp_air"]].astype(float)
    # The source tells of instants, half an hour apart: an hour lies between three of them.
    between = (measured + measured.shift(-1)) / 2
    hourly = between.resample("h").mean()
    weather = weather.loc[FIRST_DAY:LAST_DAY]
    days = dict(iter(watts.groupby(watts.index.date)))
    lines = [
        HEADER.format(first=FIRST_DAY, last=LAST_DAY, days=len(days)),
        ",".join(
            [
                "day,wh,samples,mean_c",
                *(f"g{hour:02d}" for hour in HOURS),
                *(f"t{hour:02d}" for hour in HOURS),
            ]
        )
        + "\n",
    ]
    for day, values in days.items():
        here = hourly.loc[str(day)]
        light, air = list(here["ghi"]), list(here["temp_air"])
        if len(light) != 24 or sum(light[: HOURS[0]] + light[HOURS[-1] + 1 :]) > 0:
            sys.exit(f"extracting a winter: {day} has light outside of the hours that are kept")
        row = [str(day), f"{values.clip(lower=0).sum() / 4:.0f}", str(int(values.count()))]
        row.append(f"{weather.loc[str(day), 'temp_air'].astype(float).mean():.1f}")
        row += [f"{light[hour]:.0f}" for hour in HOURS]
        row += [f"{air[hour]:.1f}".replace(".0", "") for hour in HOURS]
        lines.append(",".join(row) + "\n")
    return "".join(lines)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(extract(), encoding="ascii")
