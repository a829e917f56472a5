"""Images of real devices, over a real socket: every point is as pysunspec2 read it.

Those lie beside the repository; where they do not, two devices of our own are still read, and
`test_sunspec_oracle.py` still asks pysunspec2 about others.
"""

import json
import math
from pathlib import Path

import pytest

from edge_agent.cli import main
from edge_agent.modbus import Registers
from edge_agent.poll import Poller
from edge_agent.simulator.image import Image, Template, from_file
from edge_agent.simulator.server import Server
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.report import read_report
from edge_agent.sunspec.scan import scan

IMAGES = Path(__file__).parents[3] / "shared" / "data" / "sunspec"
ORACLES = sorted(IMAGES.glob("*.expected.json")) if IMAGES.is_dir() else []
DER = IMAGES / "emulated_der.json"
OWN = {
    "an inverter of strings": [(1, 0), (103, 0), (120, 0), (160, 3)],
    "a battery's inverter": [(1, 0), (701, 0), (702, 0), (703, 0), (713, 0), (714, 2)],
}
needs_images = pytest.mark.skipif(not ORACLES, reason="the images are not beside the repository")


def own_image(models) -> Image:
    """Give a device that has something to say at each of its numbers."""
    template = Template(models)
    values = {
        name: -1 if slot.point.type == "sunssf" else 100 + place % 9
        for place, (name, slot) in enumerate(template.slots.items())
        if slot.point.type not in {"pad", "string"} and slot.point.name not in {"ID", "L"}
    }
    counts = {
        f"{model}.{name}": repetitions
        for model, repetitions in models
        for name in ("N", "NPrt")
        if f"{model}.{name}" in template.slots
    }
    return Image(1, ((40_000, tuple(template.filled({"1.SN": "SN-9"} | values | counts))),))


IMAGES_OF_DEVICES = {name: own_image(models) for name, models in OWN.items()} | {
    path.name.split(".")[0]: from_file(path.with_name(path.name.replace(".expected", "")))
    for path in ORACLES
}


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


@pytest.mark.parametrize("image", IMAGES_OF_DEVICES.values(), ids=IMAGES_OF_DEVICES)
def test_a_poll_says_what_a_read_says(image):
    """Two ways through the same registers: columns beside the points that they come from."""
    report = read_report("image", image, scan(image))
    points = {model["model"]: model["points"] for model in reversed(report["models"])}
    values = Poller(image).poll(900).values
    told = 0
    for column, sources in {"W": (101, 103, 701), "TmpCab": (101, 103, 701)}.items():
        point = next((points[number][column] for number in sources if number in points), None)
        if point is not None and point["value"] is not None:
            scale = 10 if column == "TmpCab" else 1
            assert math.isclose(values[column], point["value"] * scale, abs_tol=0.51)
            told += 1
    assert told > 0
