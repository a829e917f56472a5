"""The evidence picture: what it shows is what was judged, and everybody can read it.

`SUNREEVE_WRITE_PICTURES=1` writes those of the documents anew.
"""

import os
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from detection_region import A_DAY, START, TERMS, a_region, makes, play, silent, told
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.detection.drawing.inputs import Inputs
from cloud.detection.drawing.lettering import plain, shortened, width_of, wrapped
from cloud.detection.drawing.looks import DARK, LIGHT, TEXT, style
from cloud.detection.drawing.sheet import NO_CASE, Case
from cloud.detection.drawing.strokes import number
from cloud.detection.evidence import DayLine, line_of, says
from cloud.detection.picture import NARROW_PX, WIDE_PX, drawn, svg
from cloud.detection.verdict import Gap, Reason

PICTURES = Path(__file__).parents[3] / "docs/pictures"
SVG = "{http://www.w3.org/2000/svg}"
WIDTHS = (320, NARROW_PX, WIDE_PX)
MOST_BYTES = 20_000
SKY = (0.86, 0.9, 0.72, 0.86, 0.83, 0.55, 0.8, 0.88, 0.9, 0.62, 0.88, 0.84, 0.9, 0.5, 0.7, 0.9)
FIRST, LAST = 22, 41
TITLE = "14 Juniper Lane, Golden CO"
COLUMN_GOES_ON = 0.2


def on(number_):
    return START + number_ * A_DAY


def sky(day):
    return SKY[(day - START).days % len(SKY)]


def lines_of(played, first=FIRST, last=LAST):
    return [line_of(played.verdicts["S3", on(day)], TERMS) for day in range(first, last + 1)]


def dead_string():
    """One of two inputs makes nothing from day 36 on; the case is opened on the next morning."""
    played = play(
        a_region(), 44, shares=sky, changes={("S3", n): makes(0.52) for n in range(36, 44)}
    )
    assert played.opened == [("S3", on(38))]
    lines = lines_of(played)
    inputs = {
        line.day: {
            "A71/1": round(line.actual_wh * (0.52 if line.day < on(36) else 0.998)),
            "A71/2": round(line.actual_wh * (0.48 if line.day < on(36) else 0.002)),
        }
        for line in lines
    }
    return lines, {
        "title": TITLE,
        "onset": on(36),
        "opened_on": on(39),
        "inputs": inputs,
        "dead": ["A71/2"],
    }


def cloudy_days():
    dull = {34: 0.38, 35: 0.33, 36: 0.41}
    played = play(a_region(), 44, shares=lambda day: dull.get((day - START).days, sky(day)))
    assert played.opened == []
    return lines_of(played), {"title": TITLE}


def comms_gap():
    changes = {("S3", n): silent for n in range(32, 37)}
    made = sum(told("S3", on(n), sky(on(n))).actual_wh for n in range(32, 37))
    changes["S3", 37] = lambda row: replace(row, since_gap_wh=made)
    played = play(a_region(), 44, shares=sky, changes=changes)
    assert played.opened == []
    return lines_of(played), {"title": TITLE}


SHOWN = {"dead_string": dead_string, "cloudy_days": cloudy_days, "comms_gap": comms_gap}

energies = st.none() | st.integers(0, 60_000)
some_days = st.lists(
    st.builds(
        DayLine,
        day=st.dates(date(2026, 5, 1), date(2026, 6, 4)),
        actual_wh=energies,
        expected_wh=energies,
        weather_permille=st.none() | st.integers(0, 2000),
        spread_permille=st.none() | st.integers(0, 900),
        neighbours=st.integers(0, 32),
        within_km=st.sampled_from([0.0, 25.0, 50.0]),
        floor_percent=st.just(85),
        guarded_permille=st.integers(700, 850),
        reason=st.sampled_from(Reason),
        gap=st.none()
        | st.builds(
            Gap,
            st.integers(1, 50),
            st.none() | st.integers(0, 900_000),
            st.none() | st.integers(0, 900_000),
        ),
    ),
    max_size=35,
    unique_by=lambda line: line.day,
)
some_date = st.none() | st.dates(date(2026, 4, 20), date(2026, 6, 20))


def parsed(drawing):
    return ET.fromstring(drawing)  # noqa: S314 - what we have drawn ourselves


def looks(root, look):
    return [one for one in root.iter() if one.get("class") == look]


def points(path):
    """Give the pieces of a line, each as its points."""
    return [
        [tuple(map(float, point.split())) for point in piece.split("L")]
        for piece in path.get("d").split("M")[1:]
    ]


def curve(root, look):
    """Give the pieces of a curve of the field, which comes after its sign in the legend."""
    paths = [one for one in looks(root, look) if one.get("d").startswith("M")]
    legend = {one for group in root.iter(f"{SVG}g") if group.get("transform") for one in group}
    found = [one for one in paths if one not in legend]
    return points(found[0]) if found else []


def marks(root):
    """Give the places of the triangles of low days."""
    legend = {one for group in root.iter(f"{SVG}g") if group.get("transform") for one in group}
    text = next((one.get("d") for one in looks(root, "mark") if one not in legend), "")
    return [(float(x) + 6.5, float(y) + 6.5) for x, y in re.findall(r"M([\d.]+) ([\d.]+)h13", text)]


def overlapping(words):
    def cover(one, other):
        a, b = one.box, other.box
        return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]

    return [
        (one.text, other.text)
        for place, one in enumerate(words)
        for other in words[place + 1 :]
        if cover(one, other)
    ]


def laid_out(lines, width, *, case=NO_CASE, inputs=None, dead=(), title=TITLE):
    return drawn(lines, title=title, case=case, inputs=Inputs(inputs or {}, dead), width_px=width)


def held_by_its_paper(picture):
    for word in picture.words:
        left, top, right, bottom = word.box
        assert left >= 0, word
        assert right <= picture.width, word
        assert top >= 0, word
        assert bottom <= picture.height, word


@pytest.mark.parametrize("name", SHOWN)
def test_the_documents_show_the_pictures_that_are_drawn(name):
    lines, marked = SHOWN[name]()
    picture = svg(lines, **marked)
    file = PICTURES / f"{name}.svg"
    if os.environ.get("SUNREEVE_WRITE_PICTURES"):
        file.write_text(picture, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == picture


def test_a_dead_string_is_low_from_its_day_on():
    lines, marked = dead_string()
    root = parsed(svg(lines, **marked))
    assert len(marks(root)) == sum(line.is_low for line in lines) == 6
    words = [one.text for one in root.iter(f"{SVG}text")]
    assert "Low since Jun 6, case opened Jun 9" in words
    assert {"1", "2", "3"} <= set(words)
    assert "4" not in words
    assert "Input 1: 52% before Jun 6, 100% since" in words
    assert "Input 2: 48% before Jun 6, under 1% since: dropped out" in words
    assert "does not count" not in words


def test_cloudy_days_are_expected_to_be_dark_and_none_is_low():
    lines, marked = cloudy_days()
    root = parsed(svg(lines, **marked))
    words = " ".join(one.text for one in root.iter(f"{SVG}text"))
    assert {line.reason for line in lines} == {Reason.GOOD}
    assert marks(root) == []
    assert "no day is low" in words
    assert "On dark days the homes nearby made less as well" in words
    assert "case opened" not in words
    expected = {x: y for piece in curve(root, "exp") for x, y in piece}
    made = {x: y for piece in curve(root, "made") for x, y in piece}
    floors = {x: y for piece in curve(root, "floor") for x, y in piece}
    assert expected.keys() == made.keys() == floors.keys()
    assert all(made[x] < floors[x] for x in made)


def test_a_gap_is_a_gap_and_the_counter_tells_that_nothing_was_lost():
    lines, marked = comms_gap()
    root = parsed(svg(lines, **marked))
    first, second = curve(root, "made")
    assert (len(first), len(second)) == (10, 5)
    step = first[1][0] - first[0][0]
    assert second[0][0] - first[-1][0] == pytest.approx(6 * step, abs=0.2)
    assert len(curve(root, "exp")) == 1
    ((left, right),) = curve(root, "mean")
    assert left[1] == right[1]
    assert right[0] - left[0] == pytest.approx(5 * step - 6, abs=0.3)
    words = " ".join(one.text for one in root.iter(f"{SVG}text"))
    assert "A no readings" in words
    assert "Heard again on Jun 7: by the counter, the 5 days before made" in words
    assert "nothing was lost but the connection" in words
    assert marks(root) == []


@pytest.mark.rule("D-13")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SHOWN)
def test_the_floor_lies_at_its_share_of_the_expectation(name, width):
    lines, marked = SHOWN[name]()
    root = parsed(svg(lines, **marked, width_px=width))
    zero = max(points(looks(root, "grid")[0]))[0][1]
    assert zero == max(y for piece in points(looks(root, "grid")[0]) for _, y in piece)
    expected = [point for piece in curve(root, "exp") for point in piece]
    floors = [point for piece in curve(root, "floor") for point in piece]
    assert len(expected) == len(floors) == len(lines)
    for (x, y), (floor_x, floor_y) in zip(expected, floors, strict=True):
        assert x == floor_x
        assert zero - floor_y == pytest.approx(0.85 * (zero - y), abs=0.15)
    by_x = dict(floors)
    low = dict(marks(root))
    made = {x: y for piece in curve(root, "made") for x, y in piece}
    for x, y in made.items():
        is_low = any(abs(x - at) < COLUMN_GOES_ON for at in low)
        assert (y > by_x[x]) == is_low


def test_a_day_exactly_on_the_floor_is_drawn_on_it_and_not_marked():
    line = DayLine(START, 8_500, 10_000, 900, 20, 7, 25.0, 85, 850, Reason.GOOD)
    root = parsed(svg([line], title="x"))
    dots = [one.get("d") for one in looks(root, "dot")]
    floor = curve(root, "floor")[0]
    assert floor[0][1] == float(re.match(r"M[\d.]+ ([\d.]+)h0", dots[1]).group(1))
    assert marks(root) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SHOWN)
def test_no_label_of_the_pictures_covers_another(name, width):
    lines, marked = SHOWN[name]()
    case = Case(marked.get("onset"), marked.get("opened_on"), None)
    picture = laid_out(
        lines, width, case=case, inputs=marked.get("inputs"), dead=marked.get("dead", ())
    )
    assert overlapping(picture.words) == []
    held_by_its_paper(picture)


@settings(max_examples=150, deadline=None)
@given(
    some_days,
    st.sampled_from(WIDTHS),
    st.builds(Case, some_date, some_date, some_date),
    st.integers(0, 9),
    st.text(max_size=300),
)
def test_no_label_covers_another_whatever_the_days(days, width, case, count, title):
    inputs = {line.day: {f"SN/{n}": line.actual_wh for n in range(count)} for line in days}
    picture = laid_out(days, width, case=case, inputs=inputs, dead=["SN/2"], title=title)
    assert overlapping(picture.words) == []
    held_by_its_paper(picture)


@settings(max_examples=100, deadline=None)
@given(
    some_days,
    st.text() | st.text(alphabet="<>&\"'\x00\x0b\ud800\u202e]]>{}"),
    st.text(min_size=1, max_size=40),
    some_date,
)
def test_every_text_is_safe_in_it(days, title, name, onset):
    inputs = {line.day: {name: 1000, f"{name}<2>/&": None} for line in days}
    drawing = svg(days, title=title, onset=onset, opened_on=onset, inputs=inputs, dead=[name])
    root = parsed(drawing.encode())
    assert {one.tag.removeprefix(SVG) for one in root.iter()} <= {
        "svg",
        "title",
        "desc",
        "style",
        "pattern",
        "path",
        "rect",
        "g",
        "text",
    }
    assert root.find(f"{SVG}title").text == (plain(title)[:160] or "Energy of each day")
    assert not re.search(
        r"href|@import|url\((?!#e[0-9a-f]{8}h\))", re.sub(">[^<]*<", "><", drawing)
    )
    assert all(not one.startswith("on") for node in root.iter() for one in node.attrib)


@settings(max_examples=60, deadline=None)
@given(some_days, st.randoms(use_true_random=False), st.sampled_from(WIDTHS))
def test_order_and_repetition_change_no_byte(days, chance, width):
    again = [*days, *days]
    chance.shuffle(again)
    inputs = {line.day: {"a/1": 5, "a/2": 7} for line in days}
    turned = {day: {"a/2": 7, "a/1": 5} for day in reversed(inputs)}
    first = svg(days, title="x", inputs=inputs, dead=["a/1", "b"], width_px=width)
    assert first == svg(again, title="x", inputs=turned, dead=["b", "a/1"], width_px=width)


def test_the_last_telling_of_a_day_counts():
    lines, _ = cloudy_days()
    other = replace(lines[3], actual_wh=1)
    assert svg([*lines, other], title="x") == svg([*lines[:3], other, *lines[4:]], title="x")


def test_two_pictures_of_a_page_do_not_share_their_names():
    lines, marked = cloudy_days()
    first, second = svg(lines, **marked), svg(lines[1:], **marked)
    names = [parsed(one).get("class") for one in (first, second)]
    assert names[0] != names[1]
    for drawing, name in zip((first, second), names, strict=True):
        ids = re.findall(r' id="([^"]+)"', drawing)
        assert ids
        assert all(one.startswith(name) for one in ids)
        rules = re.sub(r"@media\([^)]*\)\{", "", parsed(drawing).find(f"{SVG}style").text)
        for selector in re.findall(r"([^{}]+)\{", rules):
            assert all(one.startswith(f".{name} ") for one in selector.split(",")), selector


def test_the_longest_pictures_are_below_20_kb():
    reasons = [*Reason]
    days = [
        DayLine(on(n), 30_000 + 999 * (n % 9), 39_999, 900, 20, 32, 25.0, 85, 850, reasons[n % 11])
        for n in range(35)
    ]
    low = [replace(line, reason=Reason.LOW) for line in days]
    inputs = {line.day: {f"SERIAL-NUMBER-12/{n}": 3000 + 7 * n for n in range(8)} for line in days}
    for width in WIDTHS:
        for lines in (
            days,
            low,
            [replace(line, gap=Gap(3, 99_999, 99_999)) for line in low[:35:4]],
        ):
            drawing = svg(
                lines,
                title="<&>" * 200,
                onset=on(2),
                opened_on=on(5),
                closed_on=on(30),
                inputs=inputs,
                dead=["SERIAL-NUMBER-12/7"],
                width_px=width,
            )
            assert len(drawing.encode()) < MOST_BYTES


def test_only_the_newest_35_dates_are_drawn():
    old = DayLine(date(2024, 1, 1), 1, 1, None, None, 0, 0.0, 85, 850, Reason.GOOD)
    new = replace(old, day=date(2026, 6, 1))
    assert svg([old, new], title="x") == svg([new], title="x")
    edge = replace(old, day=date(2026, 4, 28))
    picture = laid_out([edge, new], WIDE_PX)
    assert any("no record" in word.text for word in picture.words)
    assert "Energy of each day, April 28 to June 1, 2026" in [word.text for word in picture.words]


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_known_is_said_and_not_drawn_as_zero(width):
    root = parsed(svg([], title="x", width_px=width))
    words = " ".join(one.text for one in root.iter(f"{SVG}text"))
    assert "No day of this system was judged yet" in words
    unknown = [
        DayLine(on(n), None, None, None, None, 0, 0.0, 85, 850, Reason.UNKNOWN) for n in range(9)
    ]
    root = parsed(svg(unknown, title="x", width_px=width))
    for look in ("made", "exp", "floor", "dot", "ring", "mark"):
        assert looks(root, look) == []
    words = " ".join(one.text for one in root.iter(f"{SVG}text"))
    assert "Nothing could be expected of these days" in words
    assert "nothing was heard from the system" in words


@pytest.mark.parametrize("factor", [1e-4, 1e-2, 1, 1e3, 1e5])
@pytest.mark.parametrize("width", WIDTHS)
def test_small_and_large_energies_fill_the_field(factor, width):
    lines, _ = cloudy_days()
    scaled = [
        replace(
            line,
            actual_wh=round(line.actual_wh * factor),
            expected_wh=round(line.expected_wh * factor),
        )
        for line in lines
    ]
    picture = laid_out(scaled, width)
    assert overlapping(picture.words) == []
    held_by_its_paper(picture)
    root = parsed(svg(scaled, title="x", width_px=width))
    heights = [y for piece in points(looks(root, "grid")[0]) for _, y in piece]
    highest = min(y for piece in curve(root, "exp") for _, y in piece)
    assert min(heights) - 0.1 <= highest
    assert max(heights) - highest > (max(heights) - min(heights)) * 0.6


@pytest.mark.parametrize(
    "reason", [reason for reason in Reason if not reason.value.endswith("floor")]
)
def test_every_reason_is_told_in_words(reason):
    lines, _ = cloudy_days()
    lines[4] = replace(lines[4], reason=reason)
    words = [word.text for word in laid_out(lines, WIDE_PX).words]
    assert "A" in words
    (told_of,) = [text for text in words if "(May 27): " in text]
    assert len(told_of.partition("): ")[2]) > 15


def test_a_case_of_a_fault_is_not_called_low():
    lines, _ = cloudy_days()
    words = [
        word.text for word in laid_out(lines, WIDE_PX, case=Case(on(30), on(33), on(40))).words
    ]
    assert "Something wrong since May 31, case opened Jun 3, closed Jun 10" in words


def test_it_is_told_to_those_who_do_not_see_it():
    lines, marked = dead_string()
    root = parsed(svg(lines, **marked))
    assert root.get("role") == "img"
    named = root.get("aria-labelledby").split()
    by_id = {one.get("id"): one.text for one in root.iter() if one.get("id")}
    assert [by_id[one] for one in named] == [
        TITLE,
        "Your system made 52% of what we expected from it (95.3 of 182.4 kWh) on 6 days in a row, "
        "June 6 to 11, 2026. What we expect follows the sun that 7 homes within 25 km of you had "
        "on the same day.",
    ]
    told_of_days = [one.text for one in root.iter(f"{SVG}title")][1:]
    assert len(told_of_days) == len(lines)
    assert all(
        text.split(": ")[1].split(" kWh")[0] in says(line)
        for text, line in zip(told_of_days, lines, strict=True)
    )


def contrast(one, other):
    """Give the contrast of two colours as W3C's WCAG 2 defines it (relative luminance)."""

    def light(colour):
        parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_words_and_lines_stand_out_from_their_ground(colours):
    for name in TEXT:
        assert contrast(colours[name], colours["card"]) >= 4.5
    assert contrast(colours["low"], colours["lowday"]) >= 4.5
    for name in ("made", "floor", "dim", "low", "ink", "hatch"):
        assert contrast(colours[name], colours["card"]) >= 3
    for name in ("made", "floor", "dim", "low", "ink"):
        assert contrast(colours[name], colours["lowday"]) >= 3


def test_every_look_that_is_drawn_has_a_colour_by_day_and_by_night():
    lines, marked = dead_string()
    lines[2] = replace(lines[2], reason=Reason.SNOW)
    lines[8] = replace(lines[8], gap=Gap(2, 50_000, 49_000))
    drawing = svg(lines, **marked)
    used = {one for group in re.findall(r' class="([^"]+)"', drawing) for one in group.split()}
    day, night = style("x").split("@media(prefers-color-scheme:dark)")
    for look in used - {"b", parsed(drawing).get("class")}:
        for rules in (day, night):
            assert re.search(rf"\.x \.{look}[ ,{{][^}}]*#", rules), look
    for name, colour in DARK.items():
        assert colour in night, name
        assert LIGHT[name] in day, name


@given(st.text(max_size=200), st.floats(40, 800), st.integers(0, 3))
def test_words_are_broken_to_fit_and_none_is_lost(text, width, most):
    text = plain(text)
    lines = wrapped(text, width, 13, most=most)
    assert all(width_of(line, 13) <= width or len(line) == 1 for line in lines)
    if most:
        assert len(lines) <= most
    else:
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\tand  more ", "two lines and more"),
        ("a\x00b\x0bc\ud800", "a\ufffdb\ufffdc\ufffd"),
        ("\u202eturned\u2069", "turned"),
        ("\u65e5\u672c Zo\u00eb \U0001f600", "\u65e5\u672c Zo\u00eb \U0001f600"),
    ],
)
def test_text_is_one_line_that_xml_can_hold_and_nothing_in_it_turns(text, shown):
    assert plain(text) == shown


def test_what_is_cut_ends_in_three_dots():
    assert shortened("short", 100, 13) == "short"
    cut = shortened("a name that is much too long for its place", 100, 13)
    assert cut.endswith("\u2026")
    assert width_of(cut, 13) <= 100


@pytest.mark.parametrize(
    ("value", "text"), [(0.04, "0"), (-0.04, "0"), (1.0, "1"), (12.34, "12.3"), (-6.5, "-6.5")]
)
def test_measures_are_short(value, text):
    assert number(value) == text
