"""`sunreeve detect`: the cases of a fleet, made without seeing its labels or its future."""

import csv
import gzip
import math
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

pytest.importorskip("pvlib", reason="pvlib is not installed: install sunreeve[baseline]")

from cloud.cli import main
from cloud.cli.detect import HEADER, read_sites, read_typical_year

START = date(2026, 4, 1)
DAYS = 60
SITES = tuple(f"S{n:02d}" for n in range(8))
FAULTY, BROKEN_FROM = "S03", 40
P50 = ",".join(f"p50_kwh_{month:02d}" for month in range(1, 13))


def hours_of(hour: int) -> float:
    return max(0.0, 850 * math.sin(math.pi * (hour - 5) / 14))


def sites_csv() -> str:
    head = "site_id,latitude,longitude,utc_offset_hours,commissioned_on,ac_limit_w,planes"
    planes = '"[{""dc_w"":8000,""tilt_deg"":25,""azimuth_deg"":180}]"'
    rows = [
        f"{name},40.0,{-105 + n / 100},-7,{START},7600,{planes},{','.join(['900'] * 12)}"
        for n, name in enumerate(SITES)
    ]
    return "\n".join([f"{head},{P50}", *rows]) + "\n"


def day_rows(days: int) -> Iterator[str]:
    for number in range(days):
        day = START + timedelta(days=number)
        for index, name in enumerate(SITES):
            made = 40_000 * (1 + 0.02 * math.sin(7.3 * index + 2.1 * number))
            if name == FAULTY and number >= BROKEN_FROM:
                made *= 0.4
            yield f"{name},{day},{made:.0f},1,0,8,14,7000,0"


def write(folder: Path, *, days: int = DAYS, rows: list[str] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    head = (
        "site_id,date,pv_wh,completeness,throttled_fraction,t_min_c,t_mean_c,ghi_wh_m2,"
        "snow_possible"
    )
    (folder / "sites.csv").write_text(sites_csv())
    with gzip.open(folder / "days.csv.gz", "wt") as file:
        file.write("\n".join([head, *(day_rows(days) if rows is None else rows)]) + "\n")
    with gzip.open(folder / "design_hours.csv.gz", "wt") as file:
        file.write("month_day,hour,ghi_wh_m2,temp_c\n")
        for number in range(365):
            day = date(2025, 1, 1) + timedelta(days=number)
            file.writelines(
                f"{day:%m-%d},{hour},{hours_of(hour):.0f},15\n" for hour in range(6, 19)
            )
    with gzip.open(folder / "hours.csv.gz", "wt") as file:
        file.write("date,hour,ghi_wh_m2,temp_c\n")
        for number in range(days):
            day = START + timedelta(days=number)
            file.writelines(f"{day},{hour},{hours_of(hour):.0f},15\n" for hour in range(6, 19))
    return folder


def run(folder: Path, out: Path) -> list[dict[str, str]]:
    assert main(["detect", "--fleet", str(folder), "--out", str(out)]) == 0
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_fault_becomes_a_case_of_each_tier(tmp_path, capsys):
    rows = run(write(tmp_path / "fleet"), tmp_path / "new" / "cases.csv")
    assert list(rows[0]) == list(HEADER)
    found = {row["tier"]: row for row in rows}
    assert {row["site_id"] for row in rows} == {FAULTY}
    third = (START + timedelta(days=BROKEN_FROM + 2)).isoformat()
    assert found["literal"]["opened_on"] == found["dispatch"]["opened_on"] == third
    assert found["literal"]["closed_on"] == ""
    assert "8 sites, 60 days: 1 literal, 1 dispatch, 1 advisory" in capsys.readouterr().out


def test_labels_are_never_read(tmp_path):
    without = run(write(tmp_path / "fleet"), tmp_path / "a.csv")
    poison = tmp_path / "fleet" / "labels.csv"
    poison.write_bytes(b"\xff\xfe not, a table \x00")
    assert run(tmp_path / "fleet", tmp_path / "b.csv") == without
    poison.unlink()
    poison.mkdir()
    assert run(tmp_path / "fleet", tmp_path / "c.csv") == without


def test_a_decision_uses_rows_up_to_its_day_only(tmp_path):
    whole = run(write(tmp_path / "whole"), tmp_path / "whole.csv")
    for days in (BROKEN_FROM + 2, BROKEN_FROM + 3, BROKEN_FROM + 8):
        cut = run(write(tmp_path / f"cut{days}", days=days), tmp_path / "cut.csv")
        last = (START + timedelta(days=days - 1)).isoformat()
        assert [(row["site_id"], row["opened_on"], row["tier"]) for row in cut] == [
            (row["site_id"], row["opened_on"], row["tier"])
            for row in whole
            if row["opened_on"] <= last
        ]


def test_order_and_duplicates_of_lines_change_nothing(tmp_path):
    rows = list(day_rows(DAYS))
    ordered = run(write(tmp_path / "a", rows=rows), tmp_path / "a.csv")
    assert run(write(tmp_path / "b", rows=[*rows[::-1], *rows[::3]]), tmp_path / "b.csv") == ordered


BAD_DAYS = {
    "S00,2026-04-01,abc,1,0,8,14,7000,0": "line 2: pv_wh is a number, not 'abc'",
    "S00,2026-04-01,-5,1,0,8,14,7000,0": "line 2: pv_wh is -5, outside 0 to inf",
    "S00,2026-04-01,nan,1,0,8,14,7000,0": "line 2: pv_wh is nan, outside 0 to inf",
    "S00,2026-04-31,5,1,0,8,14,7000,0": "line 2: date is a day like 2026-11-08",
    "S00,2026-04-01,5,1.5,0,8,14,7000,0": "line 2: completeness is 1.5, outside 0 to 1",
    "S00,2026-04-01,5": "line 2: it has fewer cells than the first line",
    "S99,2026-04-01,5,1,0,8,14,7000,0": "line 2: site 'S99' is not in sites.csv",
    "S00,2026-04-01,5,1,0,8,14,7000,0\nS00,2026-04-01,6,1,0,8,14,7000,0": "two different lines",
}


@pytest.mark.parametrize("line", BAD_DAYS, ids=BAD_DAYS.values())
def test_bad_input_is_one_line_and_no_answer(tmp_path, capsys, line):
    out = tmp_path / "cases.csv"
    write(tmp_path / "fleet", rows=[line])
    assert main(["detect", "--fleet", str(tmp_path / "fleet"), "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert BAD_DAYS[line] in said
    assert not out.exists()


def test_a_missing_column_file_or_plane_is_said(tmp_path, capsys):
    def said() -> str:
        assert main(["detect", "--fleet", str(tmp_path), "--out", str(tmp_path / "c.csv")]) == 1
        return capsys.readouterr().err

    assert "there is no such file" in said()
    write(tmp_path)
    (tmp_path / "sites.csv").write_text(sites_csv().replace("planes", "roofs"))
    assert "column planes is missing" in said()
    (tmp_path / "sites.csv").write_text(sites_csv().replace("dc_w", "kw"))
    assert "planes is a JSON list" in said()
    write(tmp_path)
    (tmp_path / "days.csv.gz").write_bytes(b"not zipped")
    assert "cannot be read" in said()


def test_the_core_and_pvlib_agree_on_a_day_of_light(tmp_path):
    """Two models of one roof: the offline one, and the one that reads a live feed."""
    from cloud.cli.baseline import baselines
    from cloud.detection.baseline import clear_sky_wh, place
    from cloud.detection.feed import FeedHour, energy_wh, sky_of

    folder = write(tmp_path)
    (design, *_) = read_sites(folder / "sites.csv")
    typical = read_typical_year(folder / "design_hours.csv.gz")
    baseline = baselines([design], typical)[design.site_id]
    # what the offline model made of this month: the design's energy over its shape and level
    made = 900_000 / baseline.month_shape[5] / math.exp(baseline.prior_log_scale) / 30
    where = {"latitude": 40.0, "longitude": -105.0, "utc_offset_hours": -7.0}
    hours = [FeedHour(hour, round(hours_of(hour)), 15) for hour in range(6, 19)]
    live = energy_wh(design.planes, 7600, sky_of(date(2026, 6, 15), hours, **where))
    assert live == pytest.approx(made, rel=0.03)
    june, december = (clear_sky_wh(baseline, place(date(2026, month, 21))) for month in (6, 12))
    assert 0.4 < december / june < 0.9
