"""A visit that the coordinator moves, and a mail that a person files under a case."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.kernel.errors import NotFound
from cloud.service import process
from cloud.service.models import Mail, MailState
from cloud.service.process.filing import file_under_case
from tests.cloud.portal.orders_world import HOUR, OrdersWorld

DAY = timedelta(days=1)


def scheduled() -> OrdersWorld:
    return OrdersWorld().until("scheduled")


def moved(world, *, later=DAY, technician="Jo", because="The homeowner asks for it.", **more):
    ahead = world.order.visits[-1]
    told = {
        "since": ahead.since + later,
        "until": ahead.until + later,
        "technician": technician,
        "because": because,
        "at": world.now,
        "by": "sam",
    }
    return process.move_visit(world.records, work_order_id=world.number, **(told | more))


def letters(world, subject):
    return [one for one in world.records.letters.values() if subject in one.subject]


def test_both_sides_are_told_and_the_move_counts():
    world = scheduled()
    before = world.order
    after = moved(world)
    assert after.visits[-1].since == before.visits[-1].since + DAY
    assert (len(after.visits), after.visit_moves) == (1, 1)
    (home,) = letters(world, "Your service visit was moved")
    (partner,) = letters(world, "Visit moved")
    assert "@" in home.to != partner.to
    assert "The homeowner asks for it." in partner.text
    assert "The homeowner asks" not in home.text
    event = world.records.history(world.number)[-1]
    assert (event.what, event.by, event.rule) == ("visit_scheduled", "sam", "S-21c")


def test_the_same_hours_again_change_nothing():
    world = scheduled()
    moved(world)
    known = len(world.records.history(world.number))
    assert moved(world, later=timedelta(0), technician=" JO ").visit_moves == 1
    assert len(world.records.history(world.number)) == known


@pytest.mark.rule("S-21c")
def test_the_coordinator_moves_what_the_partner_may_not_move_any_more():
    world = scheduled()
    order = world.order
    world.change(replace(order, visit_moves=5))
    ahead = order.visits[-1]
    refused = process.schedule_visit(
        world.records,
        since=ahead.since + DAY,
        until=ahead.until + DAY,
        technician="Jo",
        **world.own(),
    )
    assert refused.rule == "S-21c"
    assert moved(world).visit_moves == 6


def test_the_way_back_to_the_first_hours_is_told_as_well():
    world = scheduled()
    moved(world)
    world.wait(HOUR)
    moved(world, later=-DAY)
    assert len(letters(world, "Your service visit was moved")) == 2
    assert len(letters(world, "Visit moved")) == 2


@pytest.mark.parametrize(
    ("state", "differs", "rule", "code"),
    [
        pytest.param("accepted", {}, "S-21", "conflict", id="no visit is agreed on yet"),
        pytest.param("on_site", {}, "S-21", "conflict", id="somebody is there"),
        pytest.param("offered", {}, "R-44", "conflict", id="nobody has taken the work"),
        pytest.param("scheduled", {"because": "  "}, "S-21c", "reason_missing", id="no reason"),
        pytest.param(
            "scheduled", {"later": -2 * DAY}, "S-21", "invalid_window", id="a time that is over"
        ),
        pytest.param(
            "scheduled", {"later": 90 * DAY}, "S-21b", "invalid_window", id="a day too far ahead"
        ),
    ],
)
def test_what_is_refused_changes_nothing(state, differs, rule, code):
    world = OrdersWorld().until(state)
    before, known = world.order, len(world.records.history(world.number))
    since = world.now + DAY
    later = differs.pop("later", timedelta(0))
    hours = {"since": since + later, "until": since + later + HOUR}
    ahead = {"technician": "Jo", "because": "Agreed.", "at": world.now, "by": "sam"}
    refused = process.move_visit(
        world.records, work_order_id=world.number, **(hours | ahead | differs)
    )
    assert (refused.rule, refused.code) == (rule, code)
    assert world.order == before
    assert len(world.records.history(world.number)) == known


def test_a_work_order_that_is_none_is_not_found():
    with pytest.raises(NotFound):
        process.move_visit(
            OrdersWorld().records,
            work_order_id="WO-NONE",
            since=OrdersWorld().now,
            until=OrdersWorld().now,
            technician="Jo",
            because="x",
            at=OrdersWorld().now,
            by="sam",
        )


# ---- mails -----------------------------------------------------------------------------------


def came(world, state=MailState.QUARANTINED, thread=""):
    mail = Mail(
        "MAIL-1", state, thread, False, "jo@home.example", "", "Our roof", world.now, "mail/in/1"
    )
    world.put(mail)
    return mail


def filed(world, case_id=""):
    return file_under_case(
        world.records,
        mail_id="MAIL-1",
        case_id=case_id or world.order.case_id,
        at=world.now,
        by="amy",
    )


@pytest.mark.parametrize(
    ("state", "thread"),
    [
        pytest.param(MailState.QUARANTINED, "", id="put aside, about nothing known"),
        pytest.param(MailState.QUARANTINED, "WO-1", id="put aside, about a work order"),
        pytest.param(MailState.FOR_A_PERSON, "CASE-OTHER", id="filed under another case"),
    ],
)
def test_it_waits_in_the_thread_of_its_case(state, thread):
    world = OrdersWorld()
    came(world, state, thread)
    case_id = world.order.case_id
    mail = filed(world)
    assert (mail.thread, mail.state) == (case_id, MailState.FOR_A_PERSON)
    assert (mail.matched_by, mail.decided_by) == ("person", "amy")
    event = world.records.history(case_id)[-1]
    assert (event.what, event.by, event.causes) == ("mail_filed", "amy", ("MAIL-1",))
    known = len(world.records.history(case_id))
    assert filed(world) == mail
    assert len(world.records.history(case_id)) == known


@pytest.mark.parametrize("state", ["filed", "released", "discarded", "bounce", "delivered"])
def test_what_does_not_wait_stays_where_it_is(state):
    world = OrdersWorld()
    came(world, MailState(state))
    assert filed(world).code == "conflict"
    assert world.records.load(Mail, "MAIL-1").record.thread == ""


def test_a_case_that_is_none_takes_no_mail():
    world = OrdersWorld()
    came(world)
    with pytest.raises(NotFound):
        filed(world, "CASE-NONE")
