"""A report as of an instant stays what it was, byte for byte, whatever happens later."""

import pytest
from reporting_world import MOMENT, House, asked, at, empty_house, story, told

from cloud.adapters.tables_out import as_csv, as_json
from cloud.invoicing.models import Invoice
from cloud.reporting.facts import of_period
from cloud.reporting.process import REPORTS, report
from cloud.service.models import Case, WorkOrder, WorkOrderState

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
