"""Golden messages, dictionary and schema hold edge and cloud to one format."""

import base64
import json
import zlib
from pathlib import Path

import jsonschema
import pytest

from cloud.telemetry import dictionary as cloud_dictionary
from cloud.telemetry.chunk import MOST_COLUMNS, Chunk, MalformedChunk, decode
from contract import generate
from edge_agent import dictionary as edge_dictionary
from edge_agent.reading import Section, Window, chunk_text, packed
from edge_agent.sunspec.generate import definitions_folder

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
    # An older message is written with today's dictionary, and otherwise to the letter.
    sent = f'"dict":{plain["dict"]},'
    assert text.count(sent) == 1
    assert chunk_text(window, devices) == text.replace(
        sent, f'"dict":{edge_dictionary.DICTIONARY_ID},'
    )
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
    assert names >= {
        "nulls",
        "negative",
        "two_devices",
        "packed",
        "empty",
        "ports_and_limits",
        "battery_and_meter",
    }


def test_every_dictionary_that_was_ever_sent_has_a_golden_message():
    sent = {golden(path)[0]["dict"] for path in GOLDEN}
    assert sent == set(range(1, cloud_dictionary.DICTIONARY_ID + 1))
    assert SCHEMA["properties"]["dict"]["enum"] == sorted(sent)


def test_a_dictionary_of_tomorrow_is_refused():
    wire = json.loads(golden(GOLDEN[0])[1]) | {"dict": cloud_dictionary.DICTIONARY_ID + 1}
    with pytest.raises(MalformedChunk, match="dict"):
        decode(json.dumps(wire).encode())


DICTIONARY_1 = {
    "W": ("W", 0),
    "WH": ("Wh", 0),
    "St": ("code", 0),
    "Evt1": ("bits", 0),
    "InvSt": ("code", 0),
    "Alrm": ("bits", 0),
    "DCW": ("W", 0),
    "TmpCab": ("Cel", 1),
    "SoC": ("%", 1),
    "BatW": ("W", 0),
    "BatSt": ("code", 0),
    "BatSta": ("code", 0),
    "BatEvt1": ("bits", 0),
    "DCW_n": ("W", 0),
    "DCWH_n": ("Wh", 0),
    "DCSt_n": ("code", 0),
    "DCEvt_n": ("bits", 0),
}


def test_columns_of_dictionary_1_mean_what_they_meant():
    """What was sent with dictionary 1 is read by today's: nothing may be taken away or moved."""
    columns = list(cloud_dictionary.COLUMNS.values())[: len(DICTIONARY_1)]
    assert {c.name: (c.unit, c.decimals) for c in columns} == DICTIONARY_1


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


def test_no_point_is_the_source_of_two_columns():
    sources = [source for column in cloud_dictionary.COLUMNS.values() for source in column.sources]
    assert len(sources) == len(set(sources))


def test_a_device_of_the_most_inputs_and_ports_fits_a_chunk():
    from edge_agent.sunspec.layout import MOST_INPUTS

    alone = sum(not column.per_input for column in edge_dictionary.COLUMNS.values())
    numbered = [
        int(column.sources[0].partition(".")[0])
        for column in edge_dictionary.COLUMNS.values()
        if column.per_input
    ]
    assert alone + sum(MOST_INPUTS[model] for model in numbered) <= MOST_COLUMNS


@pytest.mark.parametrize("table", ["ThrotSrc", "PrtTyp_n", "PrtSta_n", "PrtAlrm_n", "LimEna"])
def test_codes_are_those_of_the_public_definitions(table):
    """Names and numbers of the newer tables, by the definitions that pysunspec2 carries."""
    found = {**cloud_dictionary.ENUMS, **cloud_dictionary.BITS}[table]
    for source in cloud_dictionary.COLUMNS[table].sources:
        number, _, name = source.partition(".")
        group = json.loads((definitions_folder() / f"model_{number}.json").read_text())["group"]
        points = [p for g in (group, *group.get("groups", ())) for p in g["points"]]
        symbols = next(p["symbols"] for p in points if p["name"] == name)
        public = {symbol["value"]: symbol["name"] for symbol in symbols}
        assert {v: code.name for v, code in found.items()} == {
            v: name for v, name in public.items() if not name.startswith("RESERVED")
        }


def test_every_source_is_a_point_of_its_model():
    from edge_agent.sunspec.models import MODELS

    for column in edge_dictionary.COLUMNS.values():
        for source in column.sources:
            number, point = source.split(".")
            group = MODELS[int(number)].group
            inner = [p for g in group.groups for p in g.points]
            points = {p.name: p for p in (inner if column.per_input else group.points)}
            assert point in points, source
