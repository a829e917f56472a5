"""Exports: asked for by report and period, ready at once or written, fetched, kept for a time."""

from datetime import timedelta

import pytest
from money_street import NOW, REACHED, Street

from cloud.funding.exports import ExportOrder
from cloud.funding.models import SERVICE, Payable
from cloud.funding.policy import F29, FIRST_DAY
from cloud.funding.process import exports
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money

HERE = "/portal/exports"


def street_of(count=1):
    street = Street()
    for number in range(count):
        street.earns_m1(f"PRJ-{number}", customer=f"Customer {number}")
    return street


def orders(street, partner_id="P-A"):
    return [
        one.record for one in street.records.find(ExportOrder, by="partner_id", value=partner_id)
    ]


def crowded():
    """An organisation with one amount more than is ready at once."""
    street = Street()
    amounts = [
        Payable(f"PAY-{number}", "P-A", "", f"WO-{number}", SERVICE, Money(1_00), REACHED)
        for number in range(F29.on(FIRST_DAY) + 1)
    ]
    for start in range(0, len(amounts), 90):
        some = amounts[start : start + 90]
        street.records.commit(Change(saves=tuple(Save(one) for one in some)))
    return street


def large():
    """An export that was asked for and is too large to be ready at once."""
    street = crowded()
    sent = street.send("ines", HERE, report="payouts", key="page-1")
    return street, sent


@pytest.mark.rule("F29")
def test_a_small_export_is_ready_at_once():
    street = street_of()
    sent = street.send("ines", HERE, report="payouts", since="2026-12-01", until="2026-12-01")
    page = street.after("ines", sent)
    assert "1 row is ready to download." in page.plain
    link = page.text.partition('<a class="button main" href="')[2].partition('"')[0]
    found = street.page("ines", link.replace("&amp;", "&"))
    assert found.headers["content-disposition"] == ('attachment; filename="payouts-2026-12-04.csv"')
    assert "Customer 0" in found.text
    assert not orders(street)


@pytest.mark.parametrize(
    ("report", "since", "until", "rows"),
    [
        pytest.param("payouts", "2026-12-01", "", 1, id="from its day"),
        pytest.param("payouts", "2026-12-02", "", 0, id="from the day after"),
        pytest.param("payouts", "", "2026-11-30", 0, id="to the day before"),
        pytest.param("payouts", "", "2026-12-01", 1, id="to its day"),
        pytest.param("clawbacks", "2026-12-01", "2026-12-01", 1, id="a clock that began then"),
        pytest.param("clawbacks", "2026-12-02", "", 0, id="a clock that began before"),
        pytest.param("projects", "", "", 1, id="projects, without a period"),
    ],
)
def test_a_period_has_both_its_days(report, since, until, rows):
    street = street_of()
    sent = street.send("ines", HERE, report=report, since=since, until=until)
    said = "1 row is ready" if rows == 1 else f"{rows} rows are ready"
    assert said in street.after("ines", sent).plain


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({}, "Choose what the export is about.", id="no report"),
        pytest.param({"report": "secrets"}, "Choose what the export is about.", id="no such one"),
        pytest.param(
            {"report": "payouts", "since": "yesterday"}, "This is no day", id="a day in words"
        ),
        pytest.param(
            {"report": "payouts", "since": "2026-12-02", "until": "2026-12-01"},
            "The period ends before it begins.",
            id="backwards",
        ),
        pytest.param(
            {"report": "projects", "since": "2026-12-02"},
            "This report has no period",
            id="a period that the report has not",
        ),
        pytest.param(
            {"report": "projects", "category": "Clawback"},
            "This report does not have it",
            id="a filter that the report has not",
        ),
    ],
)
def test_a_wrong_form_comes_back_with_what_was_typed(fields, says):
    page = street_of().send("ines", HERE, market="CO-1", **fields)
    assert page.status == 422
    assert says in page.plain
    assert 'value="CO-1"' in page.text


@pytest.mark.rule("F29")
def test_a_large_export_is_written_and_its_progress_shown():
    street, sent = large()
    page = street.after("ines", sent)
    assert "It has 5,001 rows and is being written" in page.plain
    assert 'data-load="/portal/exports/progress"' in page.text
    part = street.page("ines", f"{HERE}/progress")
    assert "data-again" in part.text
    assert "<html" not in part.text
    (order,) = orders(street)
    exports.build_export(street.records, street.documents, export_id=order.id, at=NOW)
    part = street.page("ines", f"{HERE}/progress")
    assert "data-again" not in part.text
    assert "Ready Sun, Jan 3, 2027 5,001" in part.plain
    away = street.page("ines", f"{HERE}/{order.id}/file")
    assert away.status == 303
    assert f"exports/P-A/{order.id}.csv" in away.to


def test_the_same_page_sent_twice_asks_once():
    street, _ = large()
    street.clock.at = NOW + timedelta(seconds=9)
    again = street.after("ines", street.send("ines", HERE, report="payouts", key="page-1"))
    assert "You asked for this before" in again.plain
    assert "is being written; a mail" not in again.plain
    assert len(orders(street)) == 1
    street.send("ines", HERE, report="payouts", key="page-2")
    assert len(orders(street)) == 2


@pytest.mark.rule("D35")
def test_what_is_not_there_yet_or_no_more_says_so():
    street, _ = large()
    (order,) = orders(street)
    early = street.after("ines", street.page("ines", f"{HERE}/{order.id}/file"))
    assert "is being written" in early.plain
    exports.build_export(street.records, street.documents, export_id=order.id, at=NOW)
    street.clock.at = NOW + timedelta(days=31)
    # The session has ended by then: sign in again.
    street._jars.clear()
    late = street.after("ines", street.page("ines", f"{HERE}/{order.id}/file"))
    assert "ask for a new one Rule D35" in late.plain
    assert "No longer kept" in late.plain


def test_what_grew_too_large_meanwhile_is_to_be_asked_for():
    street = crowded()
    page = street.after("ines", street.page("ines", f"{HERE}/download?report=payouts"))
    assert "5001 rows are too many for one answer" in page.plain
    assert street.page("ines", f"{HERE}/download?report=nothing").status == 400
    assert street.page("ines", f"{HERE}/download?report=payouts&since=soon").status == 400


@pytest.mark.rule("F27")
def test_others_see_and_fetch_nothing():
    street, _ = large()
    (order,) = orders(street)
    exports.build_export(street.records, street.documents, export_id=order.id, at=NOW)
    assert street.page("zoe", f"{HERE}/{order.id}/file").status == 404
    assert order.id not in street.page("zoe", HERE).text
    assert street.send("zoe", HERE, report="payouts", organisation="P-A").status == 404
    assert street.page("zoe", f"{HERE}/download?report=payouts&organisation=P-A").status == 404
    for path in (HERE, f"{HERE}/progress", f"{HERE}/{order.id}/file", f"{HERE}/download"):
        assert street.page("bo", path).status == 403
    assert street.send("bo", HERE, report="payouts").status == 403


def test_a_part_is_exported_by_the_whole():
    street = Street()
    street.earns_m1("PRJ-S", owner="P-S", customer="Sue South")
    sent = street.send("ines", HERE, report="payouts", organisation="P-S")
    assert "1 row is ready" in street.after("ines", sent).plain
    found = street.page("ines", f"{HERE}/download?report=payouts&organisation=P-S")
    assert "Sue South" in found.text
    assert REACHED.isoformat()[:10] in found.text


def test_before_anything_was_asked_the_page_says_how_it_goes():
    page = Street().page("ines", HERE)
    assert "No export was written yet" in page.plain
    assert "Up to 5,000 rows are ready at once" in page.plain


def many(count):
    """An organisation with a part, and exports that were asked for; the latest is being written."""
    street = Street()
    for number in range(count):
        made = ExportOrder(
            id=f"EXP-{number:03d}",
            partner_id="P-A",
            about="P-A",
            report="payouts",
            filters=(),
            row_count=1,
            by="ines",
            asked_at=NOW - timedelta(hours=count - number),
        )
        street.save(made)
    return street


@pytest.mark.parametrize(
    ("query", "progress", "later"),
    [
        pytest.param("", "", "?page=1", id="the first page"),
        pytest.param("?page=1", "?page=1", "", id="the second"),
        pytest.param(
            "?organisation=P-S",
            "?organisation=P-S",
            "?organisation=P-S&amp;page=1",
            id="beside the form of a part",
        ),
        pytest.param("?page=%3Cx%3E", "", "?page=1", id="a page that is none"),
    ],
)
def test_a_list_that_looks_again_by_itself_stays_the_page_that_it_was(query, progress, later):
    street = many(51)
    page = street.page("ines", f"{HERE}{query}").text
    asked_by = page.partition('data-load="')[2].partition('"')[0].replace("&amp;", "&")
    assert asked_by == f"{HERE}/progress{progress}"
    piece = street.page("ines", asked_by).text
    assert piece.count("EXP-") == page.count("EXP-")
    assert f"{HERE}/progress?" not in piece
    assert not later or f'href="{HERE}{later}"' in piece


def test_a_part_is_found_by_its_whole_and_no_list_of_all_partners_is_read():
    street = Street()
    asked = []
    find = street.records.find

    def finding(kind, *, by, value):
        asked.append((kind.__name__, by))
        return find(kind, by=by, value=value)

    street.records.find = finding
    assert "Alder South" in street.page("ines", HERE).plain
    assert [one for one in asked if one[0] == "Partner"] == [("Partner", "parent_id")]
