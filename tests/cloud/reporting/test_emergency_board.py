"""The board of emergencies: which are on it, and what each waits for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.kernel.change import Change, Save
from cloud.portfolio.models import Partner
from cloud.reporting.emergency_board import Next, alarms, open_cases
from cloud.service import process as service
from cloud.service.models import EmergencyCategory
from tests.cloud.portal.homes_world import DANGER, Street
from tests.cloud.portal.pages_world import NOW
from tests.cloud.service.case_world import has_worked, orders
from tests.cloud.service.test_service_process import FINDING

MINUTE = timedelta(minutes=1)


def board(street, at=NOW):
    return alarms(street.records, at=at)


@pytest.fixture
def street() -> Street:
    return Street()


def mailed(street: Street, case, at) -> str:
    order = orders(street.records, case)[0]
    letter = order.assignments[-1].letter_id
    service.record_delivery(street.records, thread=order.id, letter_id=letter, delivered_at=at)
    return order.id


def test_only_open_emergencies_stand_on_it_the_oldest_first(street):
    usual = street.case(FINDING)
    late = street.case(replace(DANGER, id="F-2", family="BATTERY"), at=NOW - MINUTE)
    first = street.case(replace(DANGER, family="INVERTER"), at=NOW - 5 * MINUTE)
    ended = street.case(replace(DANGER, id="F-3", family="GRID"))
    service.cancel(street.records, case_id=ended.id, because="a mistake", at=NOW, by="amy")
    assert [one.case.id for one in board(street)] == [first.id, late.id]
    assert usual.id in {one.id for one in open_cases(street.records)}


def test_an_emergency_begins_when_the_work_became_one(street):
    case = street.case(FINDING, at=NOW - timedelta(days=3))
    service.escalate_emergency(
        street.records, case_id=case.id, category=EmergencyCategory.ROOF_LEAK, at=NOW, by="amy"
    )
    assert board(street)[0].since == NOW


def test_from_the_mail_to_the_visit(street):
    case = street.case(DANGER, at=NOW)
    assert board(street)[0].next is Next.CALL
    assert board(street)[0].missing == ("email", "phone")
    number = mailed(street, case, NOW)
    assert board(street)[0].missing == ("phone",)
    service.record_phone_call(street.records, work_order_id=number, at=NOW, by="sam")
    alarm = board(street)[0]
    assert (alarm.next, alarm.missing) == (Next.ANSWER, ())
    assert alarm.call is not None
    assert alarm.call.due_at == NOW + 60 * MINUTE
    assert board(street, NOW + 60 * MINUTE)[0].next is Next.ANSWER
    assert board(street, NOW + 61 * MINUTE)[0].next is Next.REASSIGN
    service.acknowledge(
        street.records, work_order_id=number, partner_id="orig", at=NOW + MINUTE, by="ann"
    )
    alarm = board(street, NOW + 61 * MINUTE)[0]
    assert (alarm.next, alarm.answered_at) == (Next.VISIT, NOW + MINUTE)
    has_worked(street.records, case, NOW + 90 * MINUTE)
    alarm = board(street, NOW + 91 * MINUTE)[0]
    assert (alarm.next, alarm.order, alarm.answered_at) == (Next.VERIFY, None, None)


def test_a_mail_that_came_back(street):
    case = street.case(DANGER, at=NOW)
    order = orders(street.records, case)[0]
    service.record_bounce(
        street.records, thread=order.id, letter_id=order.assignments[-1].letter_id, at=NOW
    )
    assert board(street)[0].next is Next.CORRECT


def test_nobody_to_send(street):
    for name in ("orig", "other"):
        stored = street.records.load(Partner, name)
        gone = replace(stored.record, active=False)
        street.records.commit(Change(saves=(stored.replaced_by(gone),)))
    street.case(DANGER, at=NOW)
    assert board(street)[0].next is Next.CHOOSE


def test_a_work_order_called_off_leaves_somebody_to_decide(street):
    case = street.case(DANGER, at=NOW)
    number = orders(street.records, case)[0].id
    service.cancel_order(street.records, work_order_id=number, reason="no", at=NOW, by="sam")
    assert board(street)[0].next is Next.DECIDE


def test_the_support_center_leads_it():
    street = Street(omnidian_onboarded=True)
    street.case(DANGER, at=NOW)
    assert board(street)[0].next is Next.CENTER


def test_a_case_whose_home_is_gone_still_stands_on_the_board(street):
    case = street.case(DANGER, at=NOW)
    stored = street.records.load(type(case), case.id)
    moved = replace(stored.record, site_id="site-gone")
    street.records.commit(Change(saves=(Save(moved, stored.version),)))
    assert board(street)[0].site is None
