"""The decoder takes chunks and nothing else, and says what is wrong."""

import json
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.telemetry.chunk import MalformedChunk, decode

GOOD = {
    "v": 1,
    "gw": "gw-0001",
    "boot": "5f",
    "seq": 1,
    "t0": 1782064800,
    "dt": 900,
    "n": 2,
    "clk": 1,
    "dict": 1,
    "health": {},
    "dev": [{"sn": "SN-1", "ml": "1.103", "q": [0, 0], "cols": {"W": [5, 1]}}],
}


def wire(message) -> bytes:
    return json.dumps(message).encode("ascii")


def with_section(**changes) -> dict:
    return GOOD | {"dev": [GOOD["dev"][0] | changes]}


def test_good_is_taken():
    chunk = decode(wire(GOOD))
    assert chunk.devices[0].columns == {"W": (5, 6)}
    assert chunk.key == ("gw-0001", 1782064800, 1)


def test_unknown_keys_are_passed_over_and_unknown_columns_kept():
    message = with_section(cols={"Zz_9": [1, 1]}, later="x") | {"later": [1.5]}
    assert decode(wire(message)).devices[0].columns == {"Zz_9": (1, 2)}


REFUSED = {
    "empty": (b"", "first byte"),
    "another first byte": (b"[1]", "first byte"),
    "too long as sent": (b"{" + b" " * 131072, "more than 131072"),
    "bomb": (zlib.compress(b"{" + b" " * 3_000_000, 9), "inflates to more than"),
    "zlib cut short": (zlib.compress(wire(GOOD))[:-3], "cut short"),
    "bytes behind zlib": (zlib.compress(wire(GOOD)) + b"x", "bytes behind it"),
    "no zlib": (b"\x78\x9cnonsense", "zlib says"),
    "deep nesting": (b'{"a":' + b"[" * 100_000, "not JSON"),
    "not ASCII": (b'{"v":1,"gw":"\xc3\xa9"}', "ASCII"),
    "NaN": (wire(GOOD).replace(b"1782064800", b"NaN"), "NaN"),
    "a very long number": (wire(GOOD).replace(b"1782064800", b"9" * 5000), "not JSON"),
    "a list": (zlib.compress(b"[]"), "object"),
    "version 2": (wire(GOOD | {"v": 2}), "version 2"),
    "version true": (wire(GOOD | {"v": True}), "version True"),
    "unaligned": (wire(GOOD | {"t0": 1782064801}), "not aligned"),
    "seq 0": (wire(GOOD | {"seq": 0}), "seq"),
    "too many rows": (wire(GOOD | {"n": 1501}), "n is no whole number"),
    "another dictionary": (wire(GOOD | {"dict": 4}), "dict"),
    "gateway with a slash": (wire(GOOD | {"gw": "a/b"}), "gw"),
    "boot not hexadecimal": (wire(GOOD | {"boot": "XYZ"}), "boot"),
    "too many devices": (wire(GOOD | {"dev": GOOD["dev"] * 33}), "33 devices"),
    "one serial twice": (wire(GOOD | {"dev": GOOD["dev"] * 2}), "same serial"),
    "column too short": (wire(with_section(cols={"W": [1]})), "W has 1 entries, but n is 2"),
    "float": (wire(with_section(cols={"W": [1, 2.0]})), "no whole number"),
    "true as a number": (wire(with_section(cols={"W": [True, 1]})), "no whole number"),
    "over 64 bits": (wire(with_section(cols={"W": [2**63 - 1, 1]})), "64 bits"),
    "quality 6": (wire(with_section(q=[0, 6])), "no quality code"),
    "column name": (wire(with_section(cols={"1x": [1, 1]})), "no column can have"),
    "serial with a line break": (wire(with_section(sn="a\nb")), "printable"),
    "lone surrogate": (wire(with_section(sn="\ud800")), "printable"),
    "health with a list": (wire(GOOD | {"health": {"a": [1]}}), "health.a"),
}


@pytest.mark.parametrize(("payload", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(payload, says):
    with pytest.raises(MalformedChunk, match=says):
        decode(payload)


def check(payload: bytes) -> None:
    with suppress(MalformedChunk):
        decode(payload)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_only_malformed_chunk_comes_out_of_bytes(data):
    check(data)
    check(b"{" + data)
    check(zlib.compress(data))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(GOOD)), json_values)
def test_only_malformed_chunk_comes_out_of_a_wrong_value(key, value):
    check(wire(GOOD | {key: value}))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["sn", "ml", "q", "cols"]), json_values)
def test_only_malformed_chunk_comes_out_of_a_wrong_section(key, value):
    check(wire(with_section(**{key: value})))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
def test_only_malformed_chunk_comes_out_of_damage(place, damage):
    text = bytearray(wire(GOOD))
    place %= len(text)
    text[place : place + len(damage)] = damage
    check(bytes(text))
