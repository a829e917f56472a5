"""Letters on their way out: counted, held, released, delivered, returned."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Letter
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict, NotFound
from cloud.service.models import (
    Case,
    Mail,
    MailState,
    PostHold,
    PostHour,
    Task,
    WorkOrder,
    WorkOrderState,
)
from cloud.service.postage import Leaving, too_many, under
from cloud.service.process.reaching import resend_offer
from cloud.service.process.sending import (
    HOLD,
    arrived,
    came_back,
    cannot_leave,
    decide_post,
    held_post,
    letter_named,
    outgoing_id,
    post,
    still_tried,
)
from tests.cloud.service.mail_world import CASE, LETTER, OFFERED, SES_ID, TUESDAY, World

DAY = date(2026, 6, 9)
NOW = datetime(2026, 6, 9, 14, 10, tzinfo=UTC)
OPERATIONS = "operations@owner.example"


@pytest.fixture
def records():
    return MemoryRecords()


def letter(number, *, thread="CASE-1", to="customer@home.example", at=NOW):
    return Letter(f"LTR-{number:010}", to, "s", "t", thread, at)


def send(records, one, *, at=NOW, fleet=0):
    return post(records, one, fleet_sites=fleet, operations_mail=OPERATIONS, at=at)


def fill(records, letters, at=NOW):
    hour = f"{at:%Y-%m-%dT%H}"
    stored = records.load(PostHour, hour)
    change = Change(saves=(stored.replaced_by(PostHour(hour, letters)),))
    records.commit(change)


# ---------------------------------------------------------------------- the rule
@pytest.mark.rule("M-76")
@pytest.mark.rule("M-76a")
@pytest.mark.rule("M-76b")
@pytest.mark.parametrize(
    ("letters", "fleet", "is_held"),
    [
        pytest.param(200, 0, False, id="the least, of an unknown fleet"),
        pytest.param(201, 0, True, id="one more"),
        pytest.param(201, 4_020, False, id="the share exactly"),
        pytest.param(201, 4_019, True, id="just above the share"),
        pytest.param(200, 1, False, id="the least, of a small fleet"),
        pytest.param(5_000, 10**6, False, id="the most"),
        pytest.param(5_001, 10**6, True, id="one more than the most"),
    ],
)
def test_how_many_letters_are_too_many(letters, fleet, is_held):
    because = too_many(letters=letters, fleet_sites=fleet, on=DAY)
    assert bool(because) is is_held


@pytest.mark.parametrize(
    ("state", "written", "verdict"),
    [
        (MailState.HELD, -1, Leaving.WAITS),
        (MailState.RELEASED, 0, Leaving.LEAVES),
        (MailState.RELEASED, 1, Leaving.WAITS),
        (MailState.DROPPED, -1, Leaving.DROPPED),
        (MailState.DROPPED, 1, Leaving.WAITS),
    ],
)
def test_a_decision_covers_what_was_written_before_it(state, written, verdict):
    decided = None if state is MailState.HELD else NOW
    hold = PostHold(HOLD, state, "x", NOW - timedelta(hours=1), "ann", decided)
    assert under(hold, written_at=NOW + timedelta(seconds=written)) is verdict


# ---------------------------------------------------------------------- the process
def test_a_letter_counts_once_however_often_it_is_tried(records):
    for _ in range(3):
        assert send(records, letter(1)) is Leaving.LEAVES
    assert records.load(PostHour, "2026-06-09T14").record.letters == 1
    mail = records.load(Mail, outgoing_id(letter(1).id)).record
    assert (mail.state, mail.is_ours, mail.thread) == (MailState.LEAVING, True, "CASE-1")


def held(records):
    send(records, letter(1))
    fill(records, 200)
    assert send(records, letter(2)) is Leaving.WAITS
    return records


@pytest.mark.rule("M-76")
def test_too_many_letters_are_held_and_operations_is_asked_once(records):
    held(records)
    for number in range(3, 9):
        assert send(records, letter(number), at=NOW + timedelta(hours=number)) is Leaving.WAITS
    asked = [one for one in records.letters.values() if one.to == OPERATIONS]
    assert len(asked) == 1
    assert "201 letters" in asked[0].text
    assert send(records, asked[0]) is Leaving.LEAVES
    assert len(records.find(Mail, by="state", value=MailState.HELD)) == 7
    assert held_post(records).state is MailState.HELD


@pytest.mark.rule("M-76")
def test_letters_about_emergencies_are_never_held():
    world = World()
    held(world.records)
    stored = world.records.load(WorkOrder, OFFERED)
    urgent = replace(stored.record, is_emergency=True)
    world.records.commit(Change(saves=(stored.replaced_by(urgent),)))
    assert send(world.records, letter(3, thread=OFFERED)) is Leaving.LEAVES
    assert send(world.records, letter(4, thread=CASE)) is Leaving.WAITS
    case = world.records.load(Case, CASE)
    danger = replace(case.record, is_emergency=True)
    world.records.commit(Change(saves=(case.replaced_by(danger),)))
    assert send(world.records, letter(4, thread=CASE)) is Leaving.LEAVES
    assert send(world.records, letter(5, thread="WO-NONE")) is Leaving.WAITS


def test_what_is_released_leaves_and_counting_begins_anew(records):
    held(records)
    later = NOW + timedelta(minutes=20)
    hold = decide_post(records, is_released=True, at=later, by="ann")
    assert (hold.state, hold.decided_by) == (MailState.RELEASED, "ann")
    assert decide_post(records, is_released=True, at=later, by="ann") == hold
    assert send(records, letter(2), at=later) is Leaving.LEAVES
    assert send(records, letter(2), at=later) is Leaving.LEAVES
    assert send(records, letter(3, at=later), at=later) is Leaving.LEAVES
    fill(records, 200, later)
    assert send(records, letter(4, at=later), at=later) is Leaving.WAITS
    assert held_post(records).state is MailState.HELD
    asked = [one for one in records.letters.values() if one.to == OPERATIONS]
    assert len(asked) == 2


def test_what_is_dropped_never_leaves(records):
    held(records)
    decide_post(records, is_released=False, at=NOW + timedelta(minutes=1), by="ann")
    for _ in range(2):
        assert send(records, letter(2)) is Leaving.DROPPED
    fill(records, 200)
    assert send(records, letter(3)) is Leaving.WAITS
    assert send(records, letter(2)) is Leaving.DROPPED
    decide_post(records, is_released=True, at=NOW + timedelta(minutes=2), by="ann")
    assert send(records, letter(2)) is Leaving.DROPPED
    assert records.load(Mail, outgoing_id(letter(2).id)).record.state is MailState.DROPPED
    other = decide_post(records, is_released=False, at=NOW, by="ann")
    assert isinstance(other, Refused)


def test_nothing_is_decided_where_nothing_is_held(records):
    assert isinstance(decide_post(records, is_released=True, at=NOW, by="ann"), Refused)
    with pytest.raises(NotFound):
        held_post(records)


@pytest.mark.rule("S-20")
@pytest.mark.parametrize("is_dropped", [True, False])
def test_an_offer_that_never_leaves_is_a_persons_to_mend(is_dropped):
    world = World()
    stored = world.records.load(WorkOrder, OFFERED)
    offer = replace(stored.record.assignments[0], letter_id=letter(2).id, delivered_at=None)
    waiting = replace(stored.record, assignments=(offer,))
    world.records.commit(Change(saves=(stored.replaced_by(waiting),)))
    offering = letter(2, thread=OFFERED)
    if is_dropped:
        send(world.records, letter(1))
        fill(world.records, 200)
        assert send(world.records, offering) is Leaving.WAITS
        decide_post(world.records, is_released=False, at=NOW + timedelta(minutes=1), by="ann")
        assert send(world.records, offering) is Leaving.DROPPED
    else:
        send(world.records, offering)
        for _ in range(2):
            facts = {"letter_id": offering.id, "because": "its address is none", "at": NOW}
            assert cannot_leave(world.records, **facts).state is MailState.RETURNED
    order = world.order()
    assert (order.state, order.task) == (WorkOrderState.CONTACT_FAILED, Task.CORRECT_CONTACT)
    assert len([one for one in world.records.history(OFFERED) if one.what == "not_sent"]) == 1
    again = resend_offer(world.records, work_order_id=OFFERED, at=NOW, by="spc_1")
    assert again.state is WorkOrderState.OFFERED


class Deciding(MemoryRecords):
    """Records in which a person decides just before the next letter is put on hold."""

    decision: datetime | None = None

    def commit(self, change: Change) -> None:
        if self.decision is not None:
            at, self.decision = self.decision, None
            decide_post(self, is_released=False, at=at, by="ann")
        super().commit(change)


def test_a_letter_is_not_held_by_a_hold_that_was_just_decided():
    records = Deciding()
    held(records)
    records.decision = NOW
    late = letter(3, at=NOW + timedelta(seconds=1))
    assert send(records, late) is Leaving.LEAVES


class Contended(MemoryRecords):
    """Records that somebody else changes first, a number of times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def commit(self, change: Change) -> None:
        if self.times > 0:
            self.times -= 1
            raise Conflict("somebody was first")
        super().commit(change)


def test_counting_beside_others_is_tried_again_within_bounds():
    assert send(Contended(7), letter(1)) is Leaving.LEAVES
    with pytest.raises(Conflict):
        send(Contended(8), letter(1))


# ---------------------------------------------------------------------- what became of them
def test_a_delivery_starts_the_clock_of_an_offer_and_gives_the_mail_its_id():
    world = World()
    stored = world.records.load(WorkOrder, OFFERED)
    waiting = replace(stored.record.assignments[0], delivered_at=None)
    world.records.commit(
        Change(saves=(stored.replaced_by(replace(stored.record, assignments=(waiting,))),))
    )
    mail = world.records.load(Mail, outgoing_id(LETTER))
    leaving = replace(mail.record, state=MailState.LEAVING, message_id="")
    world.records.commit(Change(saves=(mail.replaced_by(leaving),)))
    for _ in range(2):
        found = arrived(world.records, letter_id=LETTER, message_id="0100-x", delivered_at=TUESDAY)
        assert (found.state, found.message_id) == (MailState.DELIVERED, "0100-x")
    assert world.order().assignments[0].delivered_at == TUESDAY
    assert letter_named(world.records, "<0100-x@email.amazonses.com>").letter_id == LETTER
    assert letter_named(world.records, "<other@x>") is None
    assert letter_named(world.records, "") is None


def test_a_bounce_or_a_complaint_voids_the_clock_and_asks_a_person():
    world = World()
    for _ in range(2):
        found = came_back(
            world.records, letter_id=LETTER, message_id="", because="Permanent General", at=TUESDAY
        )
        assert (found.state, found.message_id) == (MailState.RETURNED, SES_ID)
    order = world.order()
    assert (order.assignments[0].bounced_at, order.task) == (TUESDAY, Task.CORRECT_CONTACT)
    told = [one for one in world.records.history(OFFERED) if one.what == "mail_returned"]
    assert len(told) == 1


@pytest.mark.rule("S-20")
def test_a_server_that_does_not_take_a_letter_for_now_is_noted_and_no_more():
    world = World()
    world.undeliver()
    before = world.order()
    for _ in range(2):
        facts = {"letter_id": LETTER, "message_id": SES_ID, "because": "Transient MailboxFull"}
        found = still_tried(world.records, **facts)
        assert (found.state, found.says) == (MailState.LEAVING, "Transient MailboxFull")
    assert world.order() == before
    assert still_tried(world.records, **{**facts, "letter_id": "LTR-NONE"}) is None


def test_a_letter_that_is_not_on_record_yet_is_asked_about_again(records):
    facts = {"letter_id": "LTR-NONE", "message_id": "x"}
    assert arrived(records, **facts, delivered_at=NOW) is None
    assert came_back(records, **facts, because="x", at=NOW) is None
