"""`sunreeve baseline` and `sunreeve weather`: into a file, and to a stack that runs."""

import gzip
import json
import math
import os
from argparse import Namespace
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from cloud.adapters import wiring
from cloud.cli import baselines, main
from cloud.cli.asking import LocalDoor, OperationsApi
from cloud.cli.fleet import WeatherDay, appearing_whole, read_sites, read_weather
from cloud.detection.baseline import KNOT_DAYS, Baseline
from cloud.detection.feed import FeedHour, Plane
from cloud.detection.models import RegionRoster, RegionWeather, SiteBaseline, weather_id
from cloud.kernel.change import Change, Save
from cloud.kernel.errors import BadInput, NotFound, Unavailable
from cloud.local.demo import cast
from cloud.local.demo.people import token_for
from cloud.local.dynamodb import hook
from cloud.local.face.face import Face
from cloud.local.http import Door
from cloud.local.runtime import Runtime
from cloud.portfolio.process import register

hook.prepare()

needs_pvlib = pytest.mark.skipif(
    find_spec("pvlib") is None, reason="pvlib is not installed: install sunreeve[baseline]"
)
TEMPLATE = Path(__file__).parents[3] / "template.yaml"
MONDAY = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)
SITES = tuple(
    replace(cast.HOUSEHOLDS[0].site, id=name, gateway_id=f"gw-{name}", dc_rating_w=8000)
    for name in ("S-2", "S-10", "S-1")
)
REGION = SITES[0].region
P50 = ",".join(f"p50_kwh_{month:02d}" for month in range(1, 13))


def light_of(hour: int) -> float:
    return max(0.0, 850 * math.sin(math.pi * (hour - 4) / 16))


def write_sites(folder: Path, *, planes: str = "", names: tuple[str, ...] = ()) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    planes = planes or '"[{""dc_w"":8000,""tilt_deg"":25,""azimuth_deg"":180}]"'
    rows = [
        f"{name},{SITES[0].latitude},{SITES[0].longitude},-7,7600,{planes},{','.join(['900'] * 12)}"
        for name in names or [site.id for site in SITES]
    ]
    head = f"site_id,latitude,longitude,utc_offset_hours,ac_limit_w,planes,{P50}"
    (folder / "sites.csv").write_text("\n".join([head, *rows]) + "\n")
    with gzip.open(folder / "design_hours.csv.gz", "wt") as file:
        file.write("month_day,hour,ghi_wh_m2,temp_c\n")
        for number in range(365):
            day = date(2025, 1, 1) + timedelta(days=number)
            file.writelines(
                f"{day:%m-%d},{hour},{light_of(hour):.0f},15\n" for hour in range(5, 20)
            )
    return folder


def write_weather(folder: Path, days: list[str], hours: list[str] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / "days.csv.gz", "wt") as file:
        file.write("\n".join(["site_id,date,t_mean_c,snow_possible", *days]) + "\n")
    if hours is not None:
        with gzip.open(folder / "hours.csv.gz", "wt") as file:
            file.write("\n".join(["date,hour,ghi_wh_m2,temp_c", *hours]) + "\n")
    return folder


def daylight(day: str) -> list[str]:
    return [f"{day},{hour},{light_of(hour):.0f},15" for hour in range(5, 20)]


# ---------------------------------------------------------------------- a stack that runs
@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("up")
    runtime = Runtime(
        folder / "data", TEMPLATE, starts_at=MONDAY, cache=tmp_path_factory.mktemp("template")
    )
    records = wiring.records({"OPERATIONS_TABLE": "OperationsTable", "SITES_TABLE": "SitesTable"})
    for site in SITES:
        register(records, site, at=MONDAY, by="test")
    roster = RegionRoster(REGION, tuple(sorted(site.id for site in SITES)))
    records.commit(Change(saves=(Save(roster),)))
    door = Door(runtime, face=Face(runtime, None, partial(token_for, runtime.issuer)))
    door.start()
    address = {"pid": os.getpid(), "http": door.port, "mqtt": 1, "smtp": 2}
    (folder / "address.json").write_text(json.dumps(address))
    yield Namespace(folder=folder, records=records)
    door.stop()
    runtime.close()


def a_baseline(name: str, **changes) -> Baseline:
    made = Baseline(
        site_id=name,
        latitude=SITES[0].latitude,
        longitude=SITES[0].longitude,
        utc_offset_hours=-7.0,
        ac_limit_w=7600.0,
        planes=(Plane(8000.0, 25.0, 180.0),),
        clear_sky_wh=tuple(40_000 + 100 * math.sin(knot) for knot in KNOT_DAYS),
        month_shape=tuple(1 + month / 97 for month in range(12)),
        prior_log_scale=1 / 7,
    )
    return replace(made, **changes)


def put(stack, lines) -> int:
    return baselines.put(OperationsApi(LocalDoor(stack.folder)), lines, "baselines")


def sent(baseline: Baseline, **more):
    return (f"/ops/sites/{baseline.site_id}/baseline", {**baselines.told(baseline), **more})


def test_baselines_are_put_and_what_is_refused_stops_nobody_behind_it(stack, capsys):
    lines = [
        sent(a_baseline("S-2")),
        sent(a_baseline("S-none")),
        sent(a_baseline("S-10", planes=(Plane(8.0, 25.0, 180.0),))),
        sent(a_baseline("S-1")),
    ]
    assert put(stack, lines) == 1
    said = capsys.readouterr()
    assert said.out == "baselines: 2 put, 2 refused\n"
    assert said.err.splitlines()[0].startswith(
        "/ops/sites/S-none/baseline: site S-none is not known here"
    )
    assert "its planes have 8 W together, the site 8000 W" in said.err
    assert len(said.err.splitlines()) == 2
    kept = {name: stack.records.load(SiteBaseline, name) for name in ("S-1", "S-2", "S-10")}
    assert kept["S-10"] is None
    assert kept["S-2"].record.built_on == date(2026, 6, 8)
    near = kept["S-2"].record.baseline
    assert near.clear_sky_wh == pytest.approx(a_baseline("S-2").clear_sky_wh, abs=0.06)
    assert near.month_shape == pytest.approx(a_baseline("S-2").month_shape, abs=1e-6)


def test_what_has_another_shape_is_told_with_its_place(stack, capsys):
    assert put(stack, [sent(a_baseline("S-2"), colour="red")]) == 1
    assert "see errors, each with its place; /body/colour: " in capsys.readouterr().err


def test_of_many_refusals_ten_are_shown(stack, capsys):
    lines = [sent(a_baseline(f"S-none{number}")) for number in range(13)]
    assert put(stack, lines) == 1
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 11
    assert shown[-1] == "and 3 more"


def test_a_stack_that_does_not_run_takes_nothing_and_nothing_is_built_for_it(tmp_path):
    fleet = write_sites(tmp_path / "fleet")
    asked = Namespace(fleet=fleet, put=True, out=None, folder=tmp_path, ends_cases=False)
    with pytest.raises(Unavailable, match="no stack runs"):
        baselines.baseline(asked)


def test_a_stack_that_ends_meanwhile_is_said(stack, tmp_path):
    door = LocalDoor(stack.folder)
    door.stack.port = 9  # nothing listens there
    with pytest.raises(Unavailable) as ended:
        baselines.put(OperationsApi(door), [sent(a_baseline("S-2"))], "baselines")
    assert "\n" not in str(ended.value)


# ---------------------------------------------------------------------- weather
def asked_weather(stack, fleet, **more):
    given = {"since": None, "out": None, "put": True, "region": REGION, **more}
    return Namespace(fleet=fleet, folder=getattr(stack, "folder", None), **given)


def test_the_weather_of_a_folder_is_put_to_one_region(stack, tmp_path, capsys):
    fleet = write_weather(
        tmp_path,
        ["S-1,2026-06-05,10,0", "S-2,2026-06-05,11,1", "S-1,2026-06-06,,", "S-1,2026-06-04,1,0"],
        daylight("2026-06-06"),
    )
    assert baselines.weather(asked_weather(stack, fleet, since="2026-06-05")) == 0
    assert capsys.readouterr().out == "days of weather: 2 put, 0 refused\n"
    kept = [
        stack.records.load(RegionWeather, weather_id(REGION, date(2026, 6, day)))
        for day in (4, 5, 6)
    ]
    assert kept[0] is None
    fifth, sixth = (one.record for one in kept[1:])
    assert (fifth.mean_c, fifth.is_snow_told, fifth.hours) == (10.5, True, ())
    assert (sixth.mean_c, sixth.is_snow_told, len(sixth.hours)) == (None, None, 15)


def test_weather_that_is_refused_is_told_by_its_day(stack, tmp_path, capsys):
    fleet = write_weather(tmp_path, ["S-1,2026-06-07,10,0", "S-1,2026-06-08,10,0"])
    assert baselines.weather(asked_weather(stack, fleet)) == 1
    said = capsys.readouterr()
    assert said.out == "days of weather: 1 put, 1 refused\n"
    assert f"{REGION}/weather/2026-06-08: " in said.err
    assert "the day is not over" in said.err


def test_weather_goes_to_a_file_one_line_a_day(tmp_path, capsys):
    fleet = write_weather(tmp_path, ["S-1,2026-06-07,10,0"], daylight("2026-06-06")[:2])
    out = tmp_path / "new" / "weather.jsonl"
    assert baselines.weather(asked_weather(None, fleet, put=False, out=out)) == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["day"] for line in lines] == ["2026-06-06", "2026-06-07"]
    assert lines[0]["hours"][1] == {"hour": 6, "ghi_wh_m2": 325.0, "temp_c": 15.0}
    assert "mean_c" not in lines[0]
    assert (lines[1]["mean_c"], lines[1]["is_snow_told"], "hours" in lines[1]) == (10, False, False)


def test_what_a_folder_tells_of_the_weather(tmp_path):
    rows = ["a,2026-06-01,1,1", "b,2026-06-01,2,0", "c,2026-06-01,,0", "a,2026-06-02,,"]
    assert read_weather(write_weather(tmp_path, rows)) == [
        WeatherDay(date(2026, 6, 1), (), 1.5, is_snow_told=False)
    ]
    (tmp_path / "days.csv.gz").unlink()
    with pytest.raises(NotFound, match=r"days\.csv\.gz"):
        read_weather(tmp_path)
    with gzip.open(tmp_path / "hours.csv.gz", "wt") as file:
        file.write("date,hour,ghi_wh_m2,temp_c\n2026-06-02,12,700,15\n")
    hours = (FeedHour(12, 700.0, 15.0),)
    assert read_weather(tmp_path) == [WeatherDay(date(2026, 6, 2), hours, None, None)]


@pytest.mark.parametrize(
    ("since", "says"), [("2026-07-01", "tells no weather since"), ("June", "'June' is no day")]
)
def test_no_weather_and_no_day_are_said(tmp_path, since, says):
    fleet = write_weather(tmp_path, ["S-1,2026-06-07,10,0"])
    with pytest.raises(BadInput, match=says):
        baselines.weather(asked_weather(None, fleet, put=False, out=tmp_path / "w", since=since))
    assert not (tmp_path / "w").exists()


# ---------------------------------------------------------------------- building
def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.jsonl"
    with appearing_whole(path) as file:
        file.write("one")
        assert not path.exists()
    assert path.read_text() == "one"
    with pytest.raises(UnicodeEncodeError), appearing_whole(path) as file:
        file.write("two\ud800")
    assert path.read_text() == "one"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "plane",
    [
        '{""dc_w"":NaN,""tilt_deg"":25,""azimuth_deg"":180}',
        '{""dc_w"":5,""tilt_deg"":NaN,""azimuth_deg"":0}',
    ],
    ids=["dc_w", "tilt_deg"],
)
def test_planes_that_are_no_numbers_are_refused(tmp_path, plane):
    folder = write_sites(tmp_path, planes=f'"[{plane}]"')
    with pytest.raises(BadInput, match=r"sites\.csv, line 2: planes needs"):
        read_sites(folder / "sites.csv")


@needs_pvlib
def test_baselines_go_to_a_file_sorted_and_the_same_each_time(tmp_path, capsys):
    fleet, out = write_sites(tmp_path / "fleet"), tmp_path / "new" / "baselines.jsonl"
    assert main(["baseline", "--fleet", str(fleet), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"3 baselines in {out}\n"
    first = out.read_bytes()
    lines = [json.loads(line) for line in first.splitlines()]
    assert [line["site_id"] for line in lines] == ["S-1", "S-10", "S-2"]
    assert all(len(line["clear_sky_wh"]) == 36 and len(line["month_shape"]) == 12 for line in lines)
    assert 30_000 < max(lines[0]["clear_sky_wh"]) < 70_000
    write_sites(tmp_path / "fleet", names=("S-10", "S-1", "S-2"))
    assert main(["baseline", "--fleet", str(fleet), "--out", str(out)]) == 0
    assert out.read_bytes() == first


@needs_pvlib
def test_baselines_of_a_folder_are_put_to_a_stack(stack, tmp_path, capsys):
    fleet = write_sites(tmp_path / "fleet")
    arguments = ["baseline", "--fleet", str(fleet), "--put", "--folder", str(stack.folder)]
    assert main(arguments) == 0
    assert capsys.readouterr().out == "baselines: 3 put, 0 refused\n"
    kept = stack.records.load(SiteBaseline, "S-10")
    assert main(["baseline", "--fleet", str(fleet), "--out", str(tmp_path / "b.jsonl")]) == 0
    line = json.loads((tmp_path / "b.jsonl").read_text().splitlines()[1])
    assert list(kept.record.baseline.clear_sky_wh) == line["clear_sky_wh"]
    assert main([*arguments, "--ends-cases"]) == 0
    assert stack.records.load(SiteBaseline, "S-10").version == kept.version


@needs_pvlib
def test_a_design_without_light_leaves_no_file(tmp_path, capsys):
    fleet, out = write_sites(tmp_path / "fleet"), tmp_path / "baselines.jsonl"
    with gzip.open(fleet / "design_hours.csv.gz", "wt") as file:
        file.write("month_day,hour,ghi_wh_m2,temp_c\n01-01,12,300,5\n")
    assert main(["baseline", "--fleet", str(fleet), "--out", str(out)]) == 1
    assert "a month has no energy" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [fleet]


@pytest.mark.parametrize(
    "more",
    [[], ["--put", "--out", "x"], ["--out", "x", "--more"]],
    ids=["neither", "both", "unknown"],
)
def test_it_is_said_where_baselines_and_weather_go(tmp_path, more, capsys):
    for command in (["baseline"], ["weather", "--region", REGION]):
        with pytest.raises(SystemExit) as wrong:
            main([*command, "--fleet", str(tmp_path), *more])
        assert wrong.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_weather_by_the_command_line(tmp_path, capsys):
    fleet = write_weather(tmp_path / "fleet", ["S-1,2026-06-07,10,0"])
    out = tmp_path / "weather.jsonl"
    given = ["weather", "--fleet", str(fleet), "--region", REGION, "--out", str(out)]
    assert main([*given, "--since", "2026-06-07"]) == 0
    assert capsys.readouterr().out == f"1 days of weather in {out}\n"
    assert main([*given, "--since", "2026-06-08"]) == 1
    assert "tells no weather since 2026-06-08" in capsys.readouterr().err
