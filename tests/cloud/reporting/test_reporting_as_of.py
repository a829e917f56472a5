"""A report as of an instant stays what it was, byte for byte, whatever happens later."""

import pytest
from reporting_world import MOMENT, House, asked, at, empty_house, story, told

from cloud.adapters.tables_out import as_csv, as_json
from cloud.invoicing.models import Invoice
from cloud.kernel.money import Money
from cloud.reporting.facts import of_period
from cloud.reporting.process import REPORTS, report
from cloud.service import process
from cloud.service.models import Case, WorkOrder, WorkOrderState
from cloud.service.sla import SlaMilestone

AS_KEPT = {WorkOrderState.REASSIGNABLE: {WorkOrderState.OFFERED}}
"""That an offer may be taken back is derived from its clock, and not told as a state."""


def answers(records, instant):
    question = asked(instant)
    return {name: as_json(report(records, name, question)) for name in REPORTS}


def test_nothing_that_happens_later_changes_a_report():
    house = House(empty_house())
    then = {}
    for when in story(house):
        instant = at(when) + MOMENT
        then[instant] = answers(house.records, instant)
    assert len(then) > 20
    for instant, before in then.items():
        now = answers(house.records, instant)
        for name in REPORTS:
            assert now[name] == before[name], (name, instant)


_OF_ITS_TIME = ("work_authorized_at", "contact_attempts", "visits", "pauses", "departed_at")


def given_on(house):
    """Let work be taken on, held up, and given on twice, deed by deed; each gives its instant.

    The first partner books a visit, gets leave to spend more and reaches nobody in time to mend
    it; its coordinator grants a pause with an end ahead and takes the work back. The second one
    never reaches the homeowner and loses it as well.
    """
    house.find("F-1", "site-1", "08T09:00")
    house.deliver("site-1", "08T09:05")
    yield "08T09:05"
    house.accept("site-1", "08T10:00")
    yield "08T10:00"
    visit = {"since": at("12T08:00"), "until": at("12T10:00"), "technician": "Kim"}
    house.do(process.schedule_visit, "site-1", "08T11:00", **visit)
    yield "08T11:00"
    approved = {"max_total": Money(80_000), "is_written": True}
    house.coordinate(process.approve_spend, "site-1", "08T12:00", **approved)
    yield "08T12:00"
    held = {"reason": "weather", "evidence": "alert 7", "since": at("09T08:00")}
    house.coordinate(process.grant_pause, "site-1", "09T09:00", **held, until=at("11T08:00"))
    yield "09T09:00"
    yield "10T12:00"
    house.do(
        process.pause,
        "site-1",
        "11T09:00",
        reason="weather",
        evidence="alert 8",
        since=at("11T09:00"),
    )
    yield "11T09:00"
    house.coordinate(process.withdraw, "site-1", "11T12:00", reason="its van broke down")
    yield "11T12:00"
    house.deliver("site-1", "11T12:30")
    yield "11T12:30"
    house.accept("site-1", "11T13:00")
    yield "11T13:00"
    yield "16T12:00"
    house.coordinate(process.withdraw, "site-1", "17T09:00", reason="nobody went")
    yield "17T09:00"
    yield "30T11:00"


def test_nothing_is_forgotten_of_who_lost_the_work():
    house = House(empty_house())
    then = {}
    for when in given_on(house):
        instant = at(when) + MOMENT
        (order,) = of_period(house.records, asked(instant)).orders
        kept = house.order("site-1")
        for name in (*_OF_ITS_TIME, "not_to_exceed", "spend_approvals"):
            assert getattr(order, name) == getattr(kept, name), (when, name)
        then[instant] = answers(house.records, instant)
    for instant, before in then.items():
        now = answers(house.records, instant)
        for name in REPORTS:
            assert now[name] == before[name], (name, instant)


def test_who_lost_the_work_is_judged_by_what_it_did_until_then():
    house = House(empty_house())
    for _ in given_on(house):
        pass
    made = report(house.records, "sla_compliance", asked())
    names = [column.name for column in made.columns]
    columns = ("milestone", "partner", "met", "overdue", "running", "excluded_why")
    rows = [dict(zip(names, row.cells, strict=True)) for row in made.rows]
    found = [tuple(row[one] for one in columns) for row in rows if row["partner"] != "all"]
    first, second = (one.partner_id for one in house.order("site-1").assignments[:2])
    assert ("schedule", first, 1, 0, 0, "") in found
    assert ("complete", first, 0, 0, 0, "taken_back 1") in found
    assert ("schedule", second, 0, 1, 0, "") in found
    assert ("complete", second, 0, 0, 0, "taken_back 1") in found
    lost = house.order("site-1").assignments[1]
    assert (lost.ended_at, lost.missed) == (at("17T09:00"), (SlaMilestone.SCHEDULE,))
    audit = report(house.records, "pause_audit", asked(partner_id=first))
    assert len(audit.rows) == 2


def test_each_report_of_the_story_says_something():
    records = told().records
    silent = {name for name in REPORTS if not report(records, name, asked()).rows}
    assert silent == {"compliance_expiry", "replay", "invoice_pipeline"}


@pytest.mark.parametrize("name", REPORTS)
def test_an_empty_house_has_reports_too(name):
    made = report(empty_house(), name, asked())
    assert [row for row in made.rows if row.subjects] == []
    assert as_csv(made).count("\r\n") == 1 + len(made.rows)


def test_as_of_now_the_records_are_told_as_they_are():
    """What is derived agrees with what the processes keep, after every deed."""
    house = House(empty_house())
    for when in story(house):
        instant = at(when) + MOMENT
        facts = of_period(house.records, asked(instant))
        for order in facts.orders:
            kept = house.records.load(WorkOrder, order.id).record
            assert order.state in AS_KEPT.get(kept.state, {kept.state}), (when, order.site_id)
            same = ("partner_id", "original_offer", "cause", "not_to_exceed", "work_authorized_at")
            for name in (*same, "contact_attempts", "visits", "reported_at", "departed_at"):
                assert getattr(order, name) == getattr(kept, name), (when, order.site_id, name)
            states = [offer.state for offer in order.assignments]
            assert states == [offer.state for offer in kept.assignments], (when, order.site_id)
        for case in facts.cases:
            kept = house.records.load(Case, case.id).record
            assert (case.state, case.resolved_at) == (kept.state, kept.resolved_at), (when, case)
        for invoice in facts.invoices:
            kept = house.records.load(Invoice, invoice.id).record
            assert (invoice.state, invoice.content) == (kept.state, kept.content), when
