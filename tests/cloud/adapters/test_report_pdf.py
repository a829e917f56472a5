"""The pages of a report: their text, their number, their photos, and words that do not fit."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from io import BytesIO

import pytest
from PIL import Image
from pypdf import PdfReader

from cloud.adapters import papers, photos, report_pdf
from cloud.service.report_sheet import (
    Copy,
    ExchangeRow,
    Proof,
    ReportRenderer,
    ReportSheet,
    SheetPhoto,
    Side,
)
from cloud.service.uploads import Inspected, Limits

LIMITS = Limits(most_pixels=64_000_000, most_pages=200)
AT = datetime(2026, 6, 9, 20, 10, tzinfo=UTC)


@cache
def a_picture(number):
    out = BytesIO()
    Image.new("RGB", (90, 68), (number * 4, 90, 200 - number)).save(out, "JPEG")
    return photos.inspect(out.getvalue(), LIMITS).small


def side(notes, count, start=0):
    shown = range(start, start + count)
    return Side(notes, tuple(SheetPhoto(f"small-{n}", f"caption {n}") for n in shown))


def sheet(found=1, departed=1, **changes):
    made = ReportSheet(
        work_order_id="WO-1",
        report_id="RPT-1",
        copy=Copy.PARTNER,
        site_address="1 Example St, Raleigh NC",
        facts=(("Customer", "Sample Customer"), ("Service partner", "Orig"), ("Technician", "")),
        summary="Replaced a connector.",
        root_cause="A loose connector.",
        found=side("It was off.", found),
        departed=side("It is on.", departed, found),
        exchanges=(ExchangeRow("inverter", "OLD-1", "NEW-1"),),
        exchange_facts=(("Started by", "partner"), ("Maker's case", "118")),
        proofs=(
            Proof("Production", "it is being watched", is_proved=False),
            Proof("New serial number", "the gateway reads NEW-1", is_proved=True),
        ),
        papers=("crew.pdf",),
        link="",
        as_of=AT,
    )
    return replace(made, **changes)


def pictures(count):
    return {f"small-{number}": a_picture(number) for number in range(count)}


def read(document):
    return PdfReader(BytesIO(document))


def text(document):
    return "\n".join(page.extract_text() for page in read(document).pages)


def test_all_that_the_partner_said_stands_on_the_pages():
    whole = text(report_pdf.render(sheet(), pictures(2)))
    for said in (
        "Service report", "WO-1", "RPT-1", "1 Example St, Raleigh NC", "Sample Customer", "Orig",
        "Replaced a connector.", "A loose connector.", "It was off.", "It is on.", "caption 0",
        "caption 1", "Inverter", "OLD-1", "NEW-1", "Maker's case: 118", "Confirmed", "Open",
        "New serial number: the gateway reads NEW-1", "crew.pdf", "page 1 of",
    ):  # fmt: skip
        assert said in whole, said
    assert "Technician" not in whole, "a fact without a value is left out"
    assert "customer's copy" not in whole


def test_the_customers_copy_says_so_and_leaves_out_what_is_empty():
    bare = sheet(copy=Copy.CUSTOMER, exchanges=(), exchange_facts=(), papers=(), proofs=())
    whole = text(report_pdf.render(bare, pictures(2)))
    assert "customer's copy" in whole
    assert "Exchanged parts" not in whole
    assert "What came with it" not in whole


def test_the_same_report_gives_the_same_bytes_and_another_gives_others():
    first = report_pdf.render(sheet(), pictures(2))
    assert first == report_pdf.render(sheet(), pictures(2))
    assert first != report_pdf.render(sheet(as_of=AT.replace(hour=21)), pictures(2))


def test_the_module_is_a_renderer():
    renderer: ReportRenderer = report_pdf
    assert renderer.render(sheet(), {}).startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("found", "departed", "pages"),
    [(0, 0, 1), (1, 1, 2), (2, 3, 2), (4, 4, 3), (30, 30, 6), (60, 0, 6), (1, 59, 7)],
)
def test_photos_stand_in_rows_on_as_many_pages_as_they_need(found, departed, pages):
    document = report_pdf.render(sheet(found, departed), pictures(found + departed))
    reader = read(document)
    shown = sum(len(page.images) for page in reader.pages)
    assert shown == found + departed
    assert len(reader.pages) == pages
    whole = text(document)
    assert all(f"caption {number}" in whole for number in range(found + departed))


def test_photos_are_laid_in_as_they_are():
    given = pictures(2)
    document = report_pdf.render(sheet(), given)
    assert all(picture in document for picture in given.values())


def test_a_photo_that_is_gone_is_said_to_be_gone():
    whole = text(report_pdf.render(sheet(), {"small-1": a_picture(1)}))
    assert whole.count("this photo is not kept any more") == 1


def test_a_tall_photo_stays_within_its_frame():
    out = BytesIO()
    Image.new("RGB", (200, 3000), "red").save(out, "JPEG")
    document = report_pdf.render(sheet(1, 0), {"small-0": out.getvalue()})
    assert len(read(document).pages) == len(read(report_pdf.render(sheet(1, 0), {})).pages)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("Łódź — “Größe”…", 'Lódz - "Größe"...'),
        ("太陽", "??"),
        ("first\r\nsecond", "first"),
        ("a\x00b\x1b[31mc\u202ed", "ab[31mcd"),
        ("W" * 4000, "WWWW"),
        ("word " * 800, "word word"),
        ("(unbalanced \\ parenthesis", "(unbalanced \\ parenthesis"),
        ("**bold** <b>b</b> [x](http://x)", "**bold** <b>b</b> [x](http://x)"),
        (" \n ", "nothing was said"),
    ],
    ids=[
        "accents", "no letters of ours", "two lines", "signs that steer", "no place to break",
        "many words", "signs of the format", "markup of others", "blank",
    ],
)  # fmt: skip
def test_words_from_outside_are_words(words, shown):
    made = replace(
        sheet(0, 0),
        summary=words,
        root_cause=words,
        found=Side(words, (SheetPhoto("gone", words),)),
        site_address=words,
        exchanges=(ExchangeRow(words[:60], words[:60], words[:60]),),
        link=words[:200],
    )
    document = report_pdf.render(made, {})
    assert shown in text(document)
    assert isinstance(papers.inspect(document, LIMITS), Inspected), "it does nothing but be read"


def test_long_tables_go_on_with_their_headings():
    rows = tuple(ExchangeRow("module", f"OLD-{n}", f"NEW-{n}") for n in range(60))
    reader = read(report_pdf.render(sheet(exchanges=rows), pictures(2)))
    told = [page.extract_text() for page in reader.pages]
    assert sum("Old serial number" in page for page in told) >= 2
    assert all(f"NEW-{n}" in "\n".join(told) for n in range(60))
