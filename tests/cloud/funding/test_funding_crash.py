"""A run of sixty partners, killed before and after every call of a store or the bank.

A call that only reads changes nothing, so that dying around it leaves the state that the write
before it left. Every such state, the one before the first write included, is gone on from: with the
run as a whole, as whoever is on duty would. The books, the file and what was told must be those of
a run that was never interrupted, and the bank must have the file once.
"""

from datetime import timedelta

import pytest
from funding_world import AT, PAID_AT, RUN_ID, FragileDocuments, FragileRecords, World, partner

from cloud.adapters.memory import MemoryBank
from cloud.funding import books, process
from cloud.funding.models import FundingRun, Payable, PaymentTrace, RunPlan, RunState
from cloud.kernel.policy import COMFORT

PARTNERS = 60
OPERATIONS = "operations@owner.example"
TESLA = {"make": "Tesla", "model": "1538000-45-A"}


class Watched:
    """Counts every call of the stores and the bank, and keeps each state that a write left."""

    def __init__(self, world, bank):
        self.world, self.bank = world, bank
        self.calls = 0
        self.states = [self.state()]
        records, documents = world.records, world.documents
        for store, reads, writes in (
            (records, ("load", "load_all", "find", "history"), ("commit",)),
            (documents, ("get",), ("put",)),
            (bank, ("holds",), ("deliver",)),
        ):
            for name in (*reads, *writes):
                setattr(store, name, self.watching(getattr(store, name), is_write=name in writes))

    def watching(self, call, *, is_write):
        def watched(*args, **named):
            self.calls += 1
            answer = call(*args, **named)
            if is_write:
                self.states.append(self.state())
            return answer

        return watched

    def state(self):
        records, documents, bank = self.world.records, self.world.documents, self.bank
        return (
            dict(records._records),
            {subject: list(log) for subject, log in records._history.items()},
            dict(records.letters),
            dict(records.messages),
            dict(records.timers),
            dict(documents._kept),
            dict(bank.files),
            list(bank.delivered),
        )


def at_state(partners, state):
    """Give a world and a bank that were found in a state; what they do does not touch it."""
    world = World.__new__(World)
    world.records, world.documents = FragileRecords(), FragileDocuments()
    world.partners = partners
    bank = MemoryBank()
    kept, logs, letters, messages, timers, documents, files, delivered = state
    world.records._records.update(kept)
    world.records._history.update({subject: list(log) for subject, log in logs.items()})
    world.records.letters.update(letters)
    world.records.messages.update(messages)
    world.records.timers.update(timers)
    world.documents._kept.update(documents)
    bank.files.update(files)
    bank.delivered.extend(delivered)
    return world, bank


def sixty():
    """Sixty partners: milestones with and without offsets, service, debts, long and held plans."""
    world = World([partner(f"P-{number:02d}") for number in range(PARTNERS)])
    for number in range(PARTNERS):
        name = f"P-{number:02d}"
        world.m1(f"PRJ-{number}", name, **(TESLA if number % 7 == 0 else {}))
        world.service(f"INV-{number}", 100_00 + number, name)
        if number % 5 == 0:
            world.offset(f"OFF-{number}", 500_00 + number, owner=name)
        if number % 11 == 0:
            world.offset(f"OWED-{number}", 40_000_00, owner=name, kind="cancellation")
        if number % 13 == 0:
            world.m1(f"HELD-{number}", name, compliance_case_open=True)
    for number in range(120):
        world.service(f"MANY-{number}", 10_00 + number, "P-07")
    return world


def whole(world, bank, *, at):
    """Do all of a run, as often as wanted; a person answers for the bank where it is asked."""
    run = world.prepare()
    world.approve(run)
    world.finish(at=at)
    process.order_sending(world.records, run_id=RUN_ID, by="tess", at=at)

    def send():
        return process.send(
            world.records,
            world.documents,
            bank,
            run_id=RUN_ID,
            operations=OPERATIONS,
            by="tess",
            at=at,
        )

    if send().state is RunState.SENDING:
        answer = process.mark_sent if bank.delivered else process.mark_not_sent
        words = {} if bank.delivered else {"because": "they have nothing of today"}
        answer(world.records, run_id=RUN_ID, by="tess", at=at, **words)
        send()
    process.settle(world.records, run_id=RUN_ID, by="tess", at=max(at, PAID_AT))


def seen(world, bank):
    """What the outside can see: accounts, file, advice, letters, messages, items, traces."""
    verified = process.verify_books(
        world.records, world.documents, partners=world.partners, programmes=(COMFORT,)
    )
    assert not verified.problems
    run = world.records.load(FundingRun, RUN_ID).record
    asked = {one for one in world.records.letters if one.startswith("unsure-")}
    return (
        verified.balances,
        (run.state, run.net, run.file_sha256),
        world.documents._kept,
        (bank.files, bank.delivered),
        {one: letter.text for one, letter in world.records.letters.items() if one not in asked},
        {(one.topic, str(one.body)) for one in world.records.messages.values()},
        {
            (one.record.id, one.record.state, one.record.run_id)
            for owner in world.partners
            for one in world.records.find(Payable, by="partner_id", value=owner.id)
        },
        {
            (one.record.id, one.record.amount)
            for one in world.records.find(PaymentTrace, by="run_id", value=RUN_ID)
        },
        {one: world.records.load(RunPlan, one).record.state for one in run.plan_ids},
    )


@pytest.mark.rule("D01")
@pytest.mark.rule("D40")
def test_killed_at_every_point_a_run_pays_once():
    world, bank = sixty(), MemoryBank()
    watched = Watched(world, bank)
    whole(world, bank, at=AT)
    calm = seen(world, bank)
    assert calm[1][0] is RunState.SETTLED
    assert bank.delivered == [f"{RUN_ID}.ach"]
    assert len(watched.states) > 4 * PARTNERS, "each partner takes several writes"
    for number, state in enumerate(watched.states):
        again, other = at_state(world.partners, state)
        whole(again, other, at=AT + timedelta(minutes=1))
        found = seen(again, other)
        assert found == calm, f"killed after write {number} of {len(watched.states)}"
    # once more as a whole, on what is done: nothing moves
    writes = len(watched.states)
    whole(world, bank, at=AT + timedelta(days=1))
    assert len(watched.states) == writes
    assert seen(world, bank) == calm


@pytest.mark.rule("D01")
def test_a_crash_leaves_books_that_agree_at_every_moment():
    world, bank = sixty(), MemoryBank()
    watched = Watched(world, bank)
    whole(world, bank, at=AT)
    for state in watched.states[:: max(1, len(watched.states) // 60)]:
        found, _ = at_state(world.partners, state)
        for owner in world.partners[::7]:
            assert not books.problems_of(process_books(found, owner.id))


def process_books(world, partner_id):
    from cloud.funding.process.verifying import partner_books

    return partner_books(world.records, partner_id)
