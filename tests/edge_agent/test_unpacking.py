"""What is unpacked at once is what is read point by point, and every number is the exact one."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.simulator.image import Image
from edge_agent.sunspec.decode import LARGEST_SCALE, NUMBERS, POWERS, fixed, raw, scaled
from edge_agent.sunspec.definitions import placed_flat, spots
from edge_agent.sunspec.layout import COLUMN_OF, LIMIT, TOLD_MODELS, layout
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.plan import Cutter, Extent, Read, extract
from edge_agent.sunspec.report import read_report
from edge_agent.sunspec.scan import END, MARKER, FoundModel, walk
from edge_agent.sunspec.whole import spots_of

WORDS = st.one_of(
    st.sampled_from([0, 1, 0x7FFF, 0x8000, 0xFFFF, 0xFFFE, 0x7FC0, 0x7F80]),
    st.integers(0, 0xFFFF),
    st.integers(-11, 3).map(lambda scale: scale & 0xFFFF),
)
TOLD = sorted(number for number in TOLD_MODELS if number != 1)


@settings(deadline=None)
@given(number=st.integers(-(2**63), 2**64 - 1), scale=st.integers(-LARGEST_SCALE, LARGEST_SCALE))
@example(number=2**53 + 1, scale=-1)
@example(number=2**64 - 2, scale=-10)
def test_a_scaled_number_is_the_float_nearest_to_the_exact_one(number, scale):
    exact = Decimal(number).scaleb(scale)
    found = scaled(number, scale)
    assert found == (int(exact) if scale >= 0 else float(exact))
    assert isinstance(found, int) == (scale >= 0)


def test_powers_reach_as_far_as_a_scale_factor_and_the_decimals_of_a_column():
    assert [10**exponent for exponent in range(len(POWERS))] == list(POWERS)
    assert LARGEST_SCALE + max(column.decimals for column in COLUMN_OF.values()) < len(POWERS)


def column_of(source, words, place):
    """Return what a column is worth by the rules, in exact numbers, and whether it is usable."""
    point, value = place.point, raw(place.point, words, place.offset)
    if value is None:
        return None, True
    if isinstance(value, float):
        number = round(value * 10**source.decimals)
        return (number, True) if -LIMIT <= number < LIMIT else (None, False)
    scale = point.sf if isinstance(point.sf, int) else 0
    if source.scale_offset is not None:
        scale = words[source.scale_offset]
        scale = None if scale == 0x8000 else scale - 0x10000 if scale > 0x8000 else scale
    if value == 0 and scale is None:
        return None, True
    is_blank = point.type.startswith("acc") and value == 2 ** (16 * point.size) - 1
    if is_blank or scale is None or not -LARGEST_SCALE <= scale <= LARGEST_SCALE:
        return None, False
    number = round(Fraction(value) * Fraction(10) ** (scale + source.decimals))
    assert number == fixed(value, scale, source.decimals)
    return (number, True) if -LIMIT <= number < LIMIT else (None, False)


@pytest.mark.parametrize("number", TOLD)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_columns_are_what_the_points_say_one_by_one(number, data):
    length = MODELS[number].group.own_length - 2
    length += sum(2 * group.own_length for group in MODELS[number].group.groups)
    words = data.draw(st.lists(WORDS, min_size=length, max_size=length))
    image = Image(1, ((0, (*MARKER, number, length, *words, END, 0)),))
    (polled,) = layout(walk(image, 1, 0)).models
    registers = (number, length, *words)
    found, unusable = polled.decoder.columns(registers[: polled.extent.count])
    places = {place.offset: place for place in placed_flat(MODELS[number], length)}
    expected = {
        source.column: column_of(source, registers, places[source.offset])
        for source in polled.columns
        if source.offset in places
    }
    assert expected
    for column, (value, is_usable) in expected.items():
        assert found[column] == value
        assert (column not in unusable) == is_usable


def flat(points, at=()):
    for name, told in points.items():
        if isinstance(told, list):
            for i, entry in enumerate(told):
                yield from flat(entry, (*at, name, i))
        elif "raw" in told:
            yield (*at, name), told
        else:
            yield from flat(told, (*at, name))


@pytest.mark.parametrize("number", [1, 11, 12, 103, 113, 120, 160, 203, 704, 705, 714, 803])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_a_report_tells_each_point_as_it_is_alone(number, data):
    length = data.draw(st.integers(1, 160))
    words = data.draw(st.lists(WORDS, min_size=length, max_size=length))
    image = Image(1, ((0, (*MARKER, number, length, *words, END, 0)),))
    (model,) = read_report("", image, walk(image, 1, 0))["models"]
    registers = (number, length, *words)
    alone = [
        (spot.point, raw(spot.point, registers, spot.offset), spot.scale_offset)
        for spot in spots(MODELS[number], registers, length)
        if spot.point.type != "pad"
    ]
    told = list(flat(model["points"]))
    if "length_differs" not in model["flags"]:
        assert len(told) == len(alone)
    for (path, one), (point, value, scale_offset) in zip(told, alone, strict=False):
        assert path[-1] == point.name
        assert one["raw"] == value
        assert one["unit"] == point.units
        if point.sf is None or not isinstance(value, int):
            assert one["value"] == value
            continue
        scale = point.sf
        if isinstance(point.sf, str):
            scale = None
            if scale_offset is not None:
                scale = raw_scale(registers[scale_offset])
        is_scale = scale is not None and -LARGEST_SCALE <= scale <= LARGEST_SCALE
        if not is_scale and point.type.startswith("acc") and value == 0:
            assert (one["value"], one["flags"]) == (0, [])  # whatever 0 is multiplied by
        elif not is_scale:
            assert (one["value"], one["flags"]) == (None, ["bad_sf"])
        else:
            assert (one["value"], one["flags"]) == (scaled(value, scale), [])


def raw_scale(word):
    return None if word == 0x8000 else word - 0x10000 if word > 0x8000 else word


@pytest.mark.parametrize("number", [160, 704, 705, 707, 711, 714, 803, 804, 64410])
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_places_that_are_remembered_are_those_of_the_counts(number, data):
    length = data.draw(st.integers(1, 400))
    few = st.one_of(st.integers(0, 5), st.just(0xFFFF))
    words = data.draw(st.lists(few, min_size=length, max_size=length))
    known = (number, length, *words)[: data.draw(st.integers(2, length + 2))]
    model = FoundModel(number, 40_000, length)
    assert spots_of(model, known) == tuple(spots(MODELS[number], known, length))


@settings(deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 9)), min_size=1, max_size=5),
    failed=st.sets(st.integers(0, 4)),
    wanted=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), min_size=1, max_size=6),
)
def test_what_is_cut_is_what_is_extracted(sizes, failed, wanted):
    reads, at = [], 0
    for gap, size in sizes:
        reads.append(Read(at + gap, size))
        at += gap + size
    fetched = [
        None if i in failed else tuple(range(read.address, read.end))
        for i, read in enumerate(reads)
    ]
    cutter = Cutter(reads)
    for address, count in wanted * 2:
        expected = extract(reads, fetched, Extent(address, count))
        assert cutter.cut(fetched, address, count) == expected


def test_numbers_have_sizes_that_are_unpacked():
    for number in MODELS:
        for group in groups(MODELS[number].group):
            assert [point.offset for point in group.points] == [
                sum(point.size for point in group.points[:i]) for i in range(len(group.points))
            ]
            for point in group.points:
                if point.type in NUMBERS and point.type != "pad":
                    assert point.size in {1, 2, 4}, (number, point)


def groups(group):
    yield group
    for inner in group.groups:
        yield from groups(inner)
