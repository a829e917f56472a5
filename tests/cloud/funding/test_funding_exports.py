"""Exports and remittances: small ones at once, large ones once, and to the cent (F29, F04)."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from funding_office import NOW, OWNER, Office, RunState
from funding_world import RUN_ID, Killed, World, partner

from cloud.adapters.memory import MemoryDocuments
from cloud.funding import remittance, views
from cloud.funding.exports import ExportOrder, ExportState, link_minutes
from cloud.funding.models import FundingRun, PayableState
from cloud.funding.policy import D35, D36, F29, FIRST_DAY
from cloud.funding.process import exports, payouts, remittances
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, Conflict, NotFound
from cloud.kernel.money import Money, total
from cloud.portfolio.models import Milestone

LIMIT = F29.on(FIRST_DAY)


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def filled(rows):
    office = Office()
    for number in range(rows):
        office.payable(f"X-{number:05d}", 1_00 + number)
    return office


@pytest.fixture(scope="module")
def large():
    return filled(LIMIT + 1)


def order(office, at=NOW, **changes):
    asked = {
        "partner_id": OWNER,
        "about": OWNER,
        "report": "payouts",
        "filters": {},
        "by": "client-1",
        "at": at,
    }
    return exports.order_export(office.records, **{**asked, **changes})


def fetch(office, report, at=NOW, **filters):
    return exports.download(office.records, about=OWNER, report=report, filters=filters, at=at)


@pytest.mark.rule("F29")
def test_exactly_the_limit_is_downloaded_at_once():
    office = filled(LIMIT)
    assert order(office) == views.Export("download", LIMIT)
    text = fetch(office, "payouts")
    assert len(read(text)) == LIMIT
    assert not office.records.messages
    assert not office.records.find(ExportOrder, by="partner_id", value=OWNER)


@pytest.mark.rule("F29")
def test_one_more_is_written_by_and_by_and_announced_once(large):
    made = order(large)
    assert (made.state, made.row_count) == (ExportState.WANTED, LIMIT + 1)
    assert order(large) == made
    (message,) = large.records.messages.values()
    assert (message.topic, message.body) == ("export_wanted", {"export_id": made.id})
    refused = fetch(large, "payouts")
    assert (refused.rule, refused.code) == ("F29", "too_large")
    documents = MemoryDocuments()
    for _ in range(2):
        ready = exports.build_export(
            large.records, documents, export_id=made.id, at=NOW + timedelta(minutes=5)
        )
    assert (ready.state, ready.row_count) == (ExportState.READY, LIMIT + 1)
    assert len(read(documents.get(ready.reference).decode())) == LIMIT + 1
    (letter,) = large.records.letters.values()
    assert letter.to == "money@partner.example"
    assert made.id in letter.text
    assert str(LIMIT + 1) in letter.text


@pytest.mark.rule("F29")
def test_killed_after_the_file_and_run_again_the_first_file_stands():
    office, documents = Office(), MemoryDocuments()
    office.payable("X")
    asked = office.save(ExportOrder("EXP-1", OWNER, OWNER, "payouts", (), 1, "client-1", NOW))
    office.records.is_dying = True
    with pytest.raises(Killed):
        exports.build_export(office.records, documents, export_id=asked.id, at=NOW)
    office.records.is_dying = False
    first = documents.get(asked.document)
    office.payable("Y")
    ready = exports.build_export(office.records, documents, export_id=asked.id, at=NOW)
    assert documents.get(ready.reference) == first
    assert ready.row_count == 1
    with pytest.raises(NotFound, match="export EXP-2"):
        exports.build_export(office.records, documents, export_id="EXP-2", at=NOW)


@pytest.mark.rule("F29")
def test_of_two_that_write_at_once_one_wins_and_the_other_sees_it():
    office = Office()
    office.payable("X")
    asked = office.save(ExportOrder("EXP-1", OWNER, OWNER, "payouts", (), 1, "c", NOW))

    class Raced(MemoryDocuments):
        """Somebody else keeps another file between the look and the write."""

        def put(self, reference, content, content_type):
            super().put(reference, b"id\r\nZ\r\n", content_type)
            return super().put(reference, content, content_type)

    documents = Raced()
    ready = exports.build_export(office.records, documents, export_id=asked.id, at=NOW)
    assert (documents.get(ready.reference), ready.row_count) == (b"id\r\nZ\r\n", 1)
    stale = replace(ready, row_count=7)
    with pytest.raises(Conflict):
        office.save(stale)


@pytest.mark.rule("D35")
def test_a_file_can_be_downloaded_until_its_last_day():
    made = ExportOrder("EXP-1", OWNER, OWNER, "payouts", (), 1, "c", NOW)
    waiting = exports.ready_document(made, at=NOW)
    assert isinstance(waiting, Refused)
    assert waiting.code == "conflict"
    ready = replace(made, state=ExportState.READY, reference=made.document, ready_at=NOW)
    assert (
        ready.kept_until == date(2026, 12, 31) == date(2026, 12, 1) + timedelta(D35.on(FIRST_DAY))
    )
    last = datetime(2027, 1, 1, 4, 59, 59, tzinfo=UTC)
    assert exports.ready_document(ready, at=last) == f"exports/{OWNER}/EXP-1.csv"
    late = exports.ready_document(ready, at=last + timedelta(seconds=1))
    assert (late.rule, late.code) == ("D35", "export_expired")


@pytest.mark.rule("D36")
def test_an_address_works_for_minutes_only():
    assert link_minutes(FIRST_DAY) == D36.on(FIRST_DAY) == 5


@pytest.mark.rule("F29")
@pytest.mark.parametrize(
    ("report", "filters", "expected"),
    [
        ("payouts", {}, {"X", "Y", "D"}),
        ("payouts", {"milestone": "M2"}, {"Y"}),
        ("payouts", {"category": "Net Fund/Offset"}, {"D"}),
        ("payouts", {"tab": "paused", "status": "pending"}, {"Y"}),
        ("payouts", {"aging": "0-30", "market": "CA", "salesperson": "Sam"}, {"X"}),
        ("payouts", {"project": "PJ", "market": "CO"}, set()),
        ("clawbacks", {"aging": "0-30"}, {"", "D"}),
        ("clawbacks", {"status": "running"}, {""}),
        ("clawbacks", {"milestone": "M2", "market": "CA"}, {""}),
        ("clawbacks", {"category": "Net Fund/Offset"}, {"D"}),
    ],
)
def test_filters_of_exports(report, filters, expected):
    office = office_of_three()
    assert {row["id"] for row in read(fetch(office, report, **filters))} == expected


def office_of_three():
    office = Office()
    office.project("PJ", market="CA", salesperson="Sam")
    office.payable("X", project_id="PJ")
    office.payable("Y", milestone="M2", hold="manual")
    office.deduction("D")
    return office


@pytest.mark.rule("F29")
def test_projects_show_their_milestones_and_the_clock_that_is_nearest_its_end():
    office = office_of_three()
    office.project("OLD", reached=(), cancelled=True)
    old, row = read(fetch(office, "projects"))
    assert (old["project"], old["status"], old["milestone"], old["clock"]) == (
        "OLD",
        "cancelled",
        "",
        "",
    )
    assert row == {
        "project": "PJ",
        "account_name": "C. Ustomer",
        "market": "CA",
        "salesperson": "Sam",
        "programme": "comfort",
        "milestone": "M1",
        "status": "open",
        "ntp_at": "",
        "install_submitted_at": "",
        "install_approved_at": "",
        "m1_at": "2026-12-01T15:00:00Z",
        "m2_at": "",
        "clock": "m1_to_m2",
        "aging": "0-30",
        "days_left": "120",
        "red": "no",
        "due_on": "2027-03-31",
    }
    assert [one["project"] for one in read(fetch(office, "projects", status="open"))] == ["PJ"]
    assert read(fetch(office, "projects", milestone=str(Milestone.M2))) == []


@pytest.mark.rule("F29")
@pytest.mark.parametrize(
    ("report", "filters", "says"),
    [
        ("secrets", {}, "use one of payouts, clawbacks, projects"),
        ("projects", {"category": "Clawback"}, "filter by aging, market"),
        ("payouts", {"amount": "1"}, "filter by aging, category"),
    ],
)
def test_what_no_report_has_is_told(report, filters, says):
    with pytest.raises(BadInput, match=says):
        fetch(Office(), report, **filters)


@pytest.mark.rule("F29")
@pytest.mark.parametrize(
    "name", ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\t=1", " =1", 'a\r\nb,"']
)
def test_a_name_is_never_a_formula_and_never_a_row(name):
    office = Office()
    office.project("PJ", salesperson=name)
    office.payable("X", project_id="PJ", says=name)
    (row,) = read(fetch(office, "payouts"))
    told = {"\t=1": "'\t'=1", 'a\r\nb,"': name}.get(name, f"'{name}")
    assert row["says"] == row["salesperson"] == told
    asked = office.save(ExportOrder("EXP-1", OWNER, OWNER, "payouts", (), 1, "c", NOW))
    ready = exports.build_export(office.records, MemoryDocuments(), export_id=asked.id, at=NOW)
    assert ready.row_count == 1


def test_an_export_holds_one_organisation_only():
    office = office_of_three()
    office.save(partner("P-B"))
    office.payable("Z", partner_id="P-B")
    assert {row["id"] for row in read(fetch(office, "payouts"))} == {"X", "Y", "D"}


# ---------------------------------------------------------------------- remittances
@pytest.mark.rule("F04")
@pytest.mark.parametrize(
    ("state", "code", "status"),
    [
        (RunState.FILED, "", "pending"),
        (RunState.SENDING, "", "pending"),
        (RunState.SENT, "", "sent"),
        (RunState.SETTLED, "", "settled"),
        (RunState.SENT, "R03", "returned"),
        (RunState.SETTLED, "R03", "returned"),
    ],
)
def test_a_payment_is_pending_sent_settled_or_returned(state, code, status):
    office = Office()
    item = office.payable("X", state=PayableState.PLANNED, run_id=RUN_ID)
    office.run(state, payables=[item], trace="0210000200000001", return_code=code)
    (one,) = remittances.payments(office.records, OWNER)
    assert (one.status, one.amount, one.run_id) == (status, Money(100_00), RUN_ID)
    assert remittances.payments(office.records, "P-B") == []


def test_papers_are_those_of_who_was_paid():
    office = Office()
    item = office.payable("X", state=PayableState.PLANNED, run_id=RUN_ID)
    office.run(RunState.SENT, payables=[item], trace="0210000200000001")
    about = {"run_id": RUN_ID, "partner_id": OWNER}
    assert remittances.advice_document(office.records, **about).endswith(f"{OWNER}.pdf")
    assert remittances.advice_lines(office.records, **about).endswith(f"{OWNER}.csv")
    for wrong in ({**about, "partner_id": "P-B"}, {**about, "run_id": "comfort-2026-12-08"}):
        for asked in (remittances.advice_document, remittances.advice_lines):
            with pytest.raises(NotFound, match="is not known here"):
                asked(office.records, **wrong)


@pytest.mark.rule("D01")
def test_the_lines_of_an_advice_sum_to_the_payment_and_are_mailed_with_it():
    world = World()
    world.service("INV-1", 500_00)
    world.service("INV-2", 250_00)
    world.offset("O", 120_00)
    run = world.run()
    letter = next(one for one in world.records.letters.values() if one.id.startswith("remittance-"))
    assert set(letter.attachments) == {"remittance.pdf", "remittance.csv"}
    kept = world.documents.get(letter.attachments["remittance.csv"]).decode()
    rows = read(kept)
    assert tuple(rows[0]) == remittance.CSV_COLUMNS
    assert total(Money.parse(row["amount"]) for row in rows) == run.net == Money(630_00)
    assert [row["line"] for row in rows] == ["payable", "payable", "deduction"]
    assert {row["account_last4"] for row in rows} == {"9012"}
    assert "123456789012" not in kept
    assert rows[2]["left"] == "0.00"
    stored = world.records.load(FundingRun, run.id).record
    assert remittances.payments(world.records, OWNER)[0].amount == stored.net
    assert payouts.holdings(world.records, OWNER, at=NOW).traces
