"""Golden messages, dictionary and schema hold edge and cloud to one format."""

import base64
import json
import zlib
from pathlib import Path

import jsonschema
import pytest

from cloud.telemetry import dictionary as cloud_dictionary
from cloud.telemetry.chunk import Chunk, decode
from contract import generate
from edge_agent import dictionary as edge_dictionary
from edge_agent.reading import Section, Window, chunk_text, packed

GOLDEN = sorted((generate.CONTRACT / "golden").glob("*.json"))
SCHEMA = json.loads((generate.CONTRACT / "schema.json").read_text(encoding="utf-8"))


def golden(path: Path) -> tuple[dict, str, bytes]:
    data = json.loads(path.read_text(encoding="utf-8"))
    if "wire" in data:
        return data["plain"], data["wire"], data["wire"].encode("ascii")
    return data["plain"], data["text"], base64.b64decode(data["wire_base64"])


def plain_of(chunk: Chunk) -> dict:
    return {
        "gw": chunk.gateway,
        "boot": chunk.boot,
        "seq": chunk.seq,
        "t0": chunk.t0,
        "dt": chunk.dt,
        "n": chunk.n,
        "clk": chunk.clock,
        "dict": chunk.dictionary_id,
        "health": dict(chunk.health),
        "dev": [
            {
                "sn": device.serial,
                "ml": device.layout,
                "q": list(device.quality),
                "cols": {name: list(values) for name, values in device.columns.items()},
            }
            for device in chunk.devices
        ],
    }


def without_empty_columns(plain: dict) -> dict:
    def known(cols: dict) -> dict:
        return {name: v for name, v in cols.items() if any(x is not None for x in v)}

    return plain | {"dev": [device | {"cols": known(device["cols"])} for device in plain["dev"]]}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_cloud_reads_golden(path):
    plain, _, wire = golden(path)
    assert plain_of(decode(wire)) == without_empty_columns(plain)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_edge_writes_golden(path):
    plain, text, wire = golden(path)
    window = Window(
        gateway=plain["gw"],
        boot=plain["boot"],
        seq=plain["seq"],
        t0=plain["t0"],
        dt=plain["dt"],
        n=plain["n"],
        clock=plain["clk"],
        health=plain["health"],
    )
    devices = [Section(d["sn"], d["ml"], d["q"], d["cols"]) for d in plain["dev"]]
    assert chunk_text(window, devices) == text
    mine = packed(text)
    assert len(mine) <= len(text)
    assert (mine if mine[:1] == b"{" else zlib.decompress(mine)) == text.encode("ascii")
    assert wire[:1] in {b"{", b"\x78"}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_keeps_schema(path):
    _, text, _ = golden(path)
    jsonschema.validate(json.loads(text), SCHEMA)


def test_golden_covers_what_people_get_wrong():
    names = {path.stem for path in GOLDEN}
    assert names >= {"nulls", "negative", "two_devices", "packed", "empty"}


def test_modules_are_in_step():
    assert generate.stale() == []
    assert generate.main(["--check"]) == 0


def test_both_sides_have_the_same_dictionary():
    assert edge_dictionary.COLUMNS == cloud_dictionary.COLUMNS
    assert edge_dictionary.ENUMS == cloud_dictionary.ENUMS
    assert edge_dictionary.BITS == cloud_dictionary.BITS


def test_every_coded_column_has_its_table():
    for name, column in cloud_dictionary.COLUMNS.items():
        tables = {"code": cloud_dictionary.ENUMS, "bits": cloud_dictionary.BITS}.get(column.unit)
        assert tables is None or name in tables
    coded = {**cloud_dictionary.ENUMS, **cloud_dictionary.BITS}
    assert set(coded) <= set(cloud_dictionary.COLUMNS)


def test_every_source_is_a_point_of_its_model():
    from edge_agent.sunspec.models import MODELS

    for column in edge_dictionary.COLUMNS.values():
        for source in column.sources:
            number, point = source.split(".")
            group = MODELS[int(number)].group
            inner = [p for g in group.groups for p in g.points]
            points = {p.name: p for p in (inner if column.per_input else group.points)}
            assert point in points, source
