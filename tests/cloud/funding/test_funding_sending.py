"""The file goes to the bank once; what nobody knows is asked."""

from dataclasses import replace
from datetime import timedelta

import pytest
from funding_world import AT, PAID_AT, RUN_ID, Killed, World, partner

from cloud.adapters.memory import MemoryBank
from cloud.funding import process
from cloud.funding.models import FundingRun, Payable, RunState
from cloud.kernel.change import Change
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, BrokenInvariant, Unavailable
from cloud.kernel.money import Money
from cloud.portfolio.models import Partner, Prenote

OPERATIONS = "operations@owner.example"


class BrokenLine(MemoryBank):
    """A bank whose line breaks: before it has the file, or after."""

    def __init__(self, *, takes: bool, answers: bool):
        super().__init__()
        self.takes, self.answers = takes, answers

    def deliver(self, name, content):
        if self.takes:
            super().deliver(name, content)
        msg = "the line broke"
        raise Unavailable(msg)

    def holds(self, name, content):
        if not self.answers:
            msg = "no answer"
            raise Unavailable(msg)
        return super().holds(name, content)


class Dying(MemoryBank):
    """The process dies while the file is handed over."""

    def deliver(self, name, content):
        super().deliver(name, content)
        raise Killed


def filed() -> World:
    world = World([partner("P-A"), partner("P-B")])
    world.service("INV-1", 480_00)
    world.service("INV-2", 75_50, "P-B")
    world.run()
    return world


def send(world: World, bank: MemoryBank) -> FundingRun:
    return process.send(
        world.records,
        world.documents,
        bank,
        run_id=RUN_ID,
        operations=OPERATIONS,
        by="tess",
        at=AT,
    )


@pytest.mark.rule("D40")
def test_a_file_is_handed_over_once():
    world, bank = filed(), MemoryBank()
    for _ in range(2):
        run = send(world, bank)
        assert (run.state, run.sent_at) == (RunState.SENT, AT)
    assert bank.delivered == [f"{RUN_ID}.ach"]
    assert bank.files[f"{RUN_ID}.ach"] == world.documents.get(run.file_reference)


@pytest.mark.rule("D40")
@pytest.mark.parametrize(
    ("takes", "answers", "state"),
    [
        (True, True, RunState.SENT),
        (True, False, RunState.SENDING),
        (False, True, RunState.SENDING),
        (False, False, RunState.SENDING),
    ],
)
def test_after_a_broken_line_the_bank_is_asked_and_nothing_is_sent_again(takes, answers, state):
    world, bank = filed(), BrokenLine(takes=takes, answers=answers)
    for _ in range(3):
        assert send(world, bank).state is state
    assert len(bank.delivered) <= 1
    asked = [one for one in world.records.letters.values() if one.to == OPERATIONS]
    assert len(asked) == (state is RunState.SENDING)


@pytest.mark.rule("D40")
def test_after_a_crash_a_person_says_whether_the_bank_has_it():
    world, bank = filed(), Dying()
    with pytest.raises(Killed):
        send(world, bank)
    bank.files.clear()  # the bank took it away
    assert send(world, bank).state is RunState.SENDING
    assert process.mark_sent(world.records, run_id=RUN_ID, by="tess", at=AT).state == "sent"
    assert len(bank.delivered) == 1


@pytest.mark.rule("D40")
def test_what_the_bank_never_got_is_sent_again_once_somebody_else_says_so():
    world, bank = filed(), BrokenLine(takes=False, answers=False)
    send(world, bank)

    def say(by: str, because: str):
        return process.mark_not_sent(world.records, run_id=RUN_ID, because=because, by=by, at=AT)

    assert say("bob", "they say no").code == "maker_is_checker"
    assert say("tess", " ").code == "reason_missing"
    assert say("tess", "they have nothing of today").state is RunState.FILED
    good = MemoryBank()
    assert send(world, good).state is RunState.SENT
    assert good.delivered == [f"{RUN_ID}.ach"]
    # an hour later the bank refuses it whole
    assert say("tess", "the whole file was refused").state is RunState.FILED
    better = MemoryBank()
    assert send(world, better).state is RunState.SENT
    assert better.delivered == [f"{RUN_ID}.ach"]
    process.settle(world.records, run_id=RUN_ID, at=PAID_AT, by="tess")
    assert isinstance(say("tess", "again"), Refused)


@pytest.mark.rule("D40")
def test_a_file_that_the_bank_took_is_not_sent_again_for_the_other():
    world = World([partner("P-A"), partner("P-NEW", prenote=Prenote.DUE)])
    world.service("INV-1", 480_00)
    world.run()
    payments, questions = f"{RUN_ID}.ach", f"{RUN_ID}-prenotes.ach"

    class Half(MemoryBank):
        def deliver(self, name, content):
            if name == questions:
                msg = "the line broke"
                raise Unavailable(msg)
            super().deliver(name, content)

    half = Half()
    assert send(world, half).state is RunState.SENDING
    (letter,) = [one for one in world.records.letters.values() if one.to == OPERATIONS]
    assert questions in letter.text
    assert f"({payments}" not in letter.text
    process.mark_not_sent(
        world.records, run_id=RUN_ID, because="they have no prenotes", by="tess", at=AT
    )
    good = MemoryBank()
    assert send(world, good).state is RunState.SENT
    assert (half.delivered, good.delivered) == ([payments], [questions])


@pytest.mark.rule("D40")
def test_who_approved_does_not_say_what_the_bank_did():
    world = filed()
    for by in ("ana", "bob"):
        said = process.mark_sent(world.records, run_id=RUN_ID, by=by, at=AT)
        assert said.code == "maker_is_checker"
    send(world, MemoryBank())
    assert (
        process.settle(world.records, run_id=RUN_ID, at=PAID_AT, by="bob").code
        == "maker_is_checker"
    )


@pytest.mark.rule("D37")
def test_a_run_whose_money_deductions_took_is_settled_with_it():
    world = World()
    world.service("INV-1", 100_00)
    world.offset("OFF-1", 500_00)
    run = world.run()
    assert (run.state, run.file_reference, run.net) == (RunState.SETTLED, "", Money(0))
    assert [one.record.state for one in world.records.find(Payable, by="state", value="paid")]


@pytest.mark.rule("D40")
def test_a_run_is_settled_with_what_it_paid_without_those_that_were_left_out():
    world = World([partner("P-A"), partner("P-B")])
    world.service("INV-1", 480_00)
    world.service("INV-2", 75_50, "P-B")
    run = world.prepare()
    world.approve(run)
    stored = world.records.load(Partner, "P-B")
    blocked = replace(stored.record, bank_account_blocked=True)
    world.records.commit(Change(saves=(stored.replaced_by(blocked),)))
    world.finish()
    send(world, MemoryBank())
    run = process.settle(
        world.records, run_id=RUN_ID, at=PAID_AT, by="tess", statement=Money(480_00)
    )
    assert (run.net, run.left_out) == (Money(480_00), ("P-B",))


@pytest.mark.rule("D40")
def test_an_order_that_was_lost_is_given_again():
    world = filed()
    for hour in range(3):
        at = AT + timedelta(hours=hour)
        process.order_sending(world.records, run_id=RUN_ID, by="tess", at=at)
    assert sum(one.topic == "run_send" for one in world.records.messages.values()) == 3


@pytest.mark.rule("D40")
def test_who_prepared_or_approved_does_not_send():
    world = filed()

    def order(by: str):
        return process.order_sending(world.records, run_id=RUN_ID, by=by, at=AT)

    assert {order("ana").code, order("bob").code} == {"maker_is_checker"}
    assert order("tess").state is RunState.FILED
    wanted = [one for one in world.records.messages.values() if one.topic == "run_send"]
    assert [one.body for one in wanted] == [{"run_id": RUN_ID, "by": "tess"}]


def test_a_file_that_was_changed_after_it_was_made_stays_here():
    world, bank = filed(), MemoryBank()
    reference = f"ach/{RUN_ID}.ach"
    world.documents.tamper(reference, world.documents.get(reference).replace(b"48000", b"49000"))
    with pytest.raises(BrokenInvariant, match="nothing was sent"):
        send(world, bank)
    assert not bank.delivered


def test_a_run_that_is_not_filed_is_not_sent():
    world = World()
    world.service("INV-1", 100)
    world.prepare()
    with pytest.raises(BadInput, match="there is no file to send"):
        send(world, MemoryBank())


def test_a_statement_of_another_amount_settles_nothing():
    world = filed()
    send(world, MemoryBank())
    with pytest.raises(BadInput, match=r"shows \$1\.00, its file \$555\.50"):
        process.settle(world.records, run_id=RUN_ID, at=PAID_AT, by="tess", statement=Money(1_00))
    run = process.settle(
        world.records, run_id=RUN_ID, at=PAID_AT, by="tess", statement=Money(555_50)
    )
    assert (run.state, run.settled_at) == (RunState.SETTLED, PAID_AT)
