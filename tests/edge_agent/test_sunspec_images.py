"""Images of real devices, over a real socket: every point is as pysunspec2 read it."""

import json
import math
from pathlib import Path

import pytest

from edge_agent.cli import main
from edge_agent.modbus import Registers
from edge_agent.poll import Poller
from edge_agent.simulator.image import from_file
from edge_agent.simulator.server import Server
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.report import read_report
from edge_agent.sunspec.scan import scan

IMAGES = Path(__file__).parents[3] / "shared" / "data" / "sunspec"
ORACLES = sorted(IMAGES.glob("*.expected.json")) if IMAGES.is_dir() else []
DER = IMAGES / "emulated_der.json"
needs_images = pytest.mark.skipif(not ORACLES, reason="the images are not beside the repository")


def differences(where, expected, told):
    """Yield the points that differ, by the rules of SOURCES.md; scale factors and pads are free."""
    for name, point in expected.items():
        if isinstance(point, list):
            if len(point) != len(told[name]):
                yield (*where, name, "count")
            for i, entry in enumerate(point):
                yield from differences((*where, name, i), entry, told[name][i])
        elif "raw" not in point:
            yield from differences((*where, name), point, told[name])
        elif point["type"] != "pad" and not is_same(point, told[name]):
            yield (*where, name, point, told[name])


def is_same(point, told):
    wanted = (point["raw"], point["scaled"], point["units"])
    if point["type"].startswith("acc") and point["raw"] is None:
        wanted = (0, 0, point["units"])
    if "bad_sf" in told["flags"]:
        assert point["sf"] is None or not -10 <= point["sf"] <= 10
        wanted = (wanted[0], None, point["units"])
    return wanted == (told["raw"], told["value"], told["unit"])


def names(points):
    return {
        name: [names(entry) for entry in point] if isinstance(point, list) else None
        for name, point in points.items()
    }


@needs_images
@pytest.mark.parametrize("path", ORACLES, ids=lambda path: path.name.split(".")[0])
def test_every_point_is_as_pysunspec2_reads_it(path, capsys):
    oracle = json.loads(path.read_text(encoding="utf-8"))
    image = from_file(path.with_name(path.name.replace(".expected", "")))
    with Server(lambda: 0.0) as server:
        port = server.add(image)
        assert main(["read", f"127.0.0.1:{port.number}", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    heads = [(m["model"], m["address"], m["length"]) for m in report["models"]]
    assert heads == [(m["model"], m["address"], m["length"]) for m in oracle["models"]]
    assert report["flags"] == []
    for expected, told in zip(oracle["models"], report["models"], strict=True):
        assert told["flags"] == []
        assert told["name"] == MODELS[told["model"]].name
        assert list(differences((told["model"],), expected["points"], told["points"])) == []
        unpadded = {
            name: point
            for name, point in expected["points"].items()
            if isinstance(point, list) or point.get("type") != "pad"
        }
        assert set(told["points"]) == set(unpadded), "nothing is made up"


def points_of(points):
    return sum(
        sum(points_of(entry) for entry in point)
        if isinstance(point, list)
        else 1
        if "raw" in point
        else points_of(point)
        for point in points.values()
    )


@needs_images
def test_all_points_of_a_der_are_ten_requests_and_its_telemetry_three():
    with Server(lambda: 0.0) as server:
        port = server.add(from_file(DER))
        registers = Registers("127.0.0.1", port.number, 1.0)
        chain = scan(registers)
        before = port.requests
        report = read_report("der", registers, chain)
        assert port.requests - before <= 10
        assert sum(points_of(model["points"]) for model in report["models"]) > 750
        poller = Poller(registers)
        poller.poll(900)
        before = port.requests
        assert poller.poll(960).quality != 2
        assert port.requests - before <= 3
        registers.close()


@needs_images
def test_a_poll_says_what_a_read_says():
    """Two ways through the same registers: columns beside the points that they come from."""
    for path in ORACLES:
        image = from_file(path.with_name(path.name.replace(".expected", "")))
        report = read_report("image", image, scan(image))
        points = {model["model"]: model["points"] for model in reversed(report["models"])}
        values = Poller(image).poll(900).values
        for column, sources in {"W": (101, 103, 701), "TmpCab": (101, 103, 701)}.items():
            told = next((points[number][column] for number in sources if number in points), None)
            if told is not None and told["value"] is not None:
                scale = 10 if column == "TmpCab" else 1
                assert math.isclose(values[column], told["value"] * scale, abs_tol=0.51)
