"""Everything is recomputed, and whatever was changed behind our back is named."""

from dataclasses import replace
from datetime import timedelta

import pytest
from funding_world import AT, REACHED, RUN_ID, World, partner

from cloud.adapters.memory import MemoryBank
from cloud.funding import process
from cloud.funding.books import Seen
from cloud.funding.models import (
    Application,
    Deduction,
    FundingRun,
    LedgerEntry,
    LedgerHead,
    Payable,
    PayableState,
    PaymentTrace,
    Posting,
)
from cloud.kernel.money import Money, total
from cloud.kernel.policy import COMFORT


def lived() -> World:
    world = World([partner("P-A"), partner("P-B")])
    world.m1("PRJ-1")
    world.service("INV-1", 480_00)
    world.service("INV-2", 75_50, "P-B")
    world.offset("OFF-1", 1_000_00)
    world.offset("OFF-2", 90_00, owner="P-B")
    world.run()
    process.send(
        world.records,
        world.documents,
        MemoryBank(),
        run_id=RUN_ID,
        operations="operations@owner.example",
        by="tess",
        at=AT,
    )
    return world


def verified(world: World):
    return process.verify_books(
        world.records, world.documents, partners=world.partners, programmes=(COMFORT,)
    )


def test_books_that_were_left_alone_agree():
    found = verified(lived())
    assert found.problems == ()
    assert (found.partners, found.entries, found.items, found.runs) == (2, 7, 7, 1)
    assert not total(found.balances.values())
    assert found.balances["receivable:back_bill"] == Money(14_50)


def change(world: World, record, **changes):
    stored = world.records.load(type(record), record.id)
    key = (type(record), record.id)
    world.records._records[key] = replace(stored, record=replace(stored.record, **changes))


def first(world: World, kind, by="partner_id", value="P-A"):
    return world.records.find(kind, by=by, value=value)[0].record


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (
            lambda world: world.records._records.pop((LedgerHead, "P-A")),
            "P-A: the end of its chain is gone",
        ),
        (
            lambda world: world.records._records.pop(
                (Payable, first(world, Payable, value="P-B").id)
            ),
            "is not the one that was paid",
        ),
        (
            lambda world: change(world, first(world, Payable, value="P-B"), amount=Money(1)),
            "is not the one that was paid",
        ),
        (
            lambda world: change(
                world, first(world, PaymentTrace, "run_id", RUN_ID), partner_id="P-B"
            ),
            "is another's",
        ),
        (
            lambda world: change(world, first(world, LedgerEntry), says="another"),
            "its content was changed after it was written",
        ),
        (
            lambda world: change(
                world,
                first(world, LedgerEntry),
                postings=(Posting("project_cost", Money(1)), Posting("bank_cash", Money(-1))),
            ),
            "its content was changed after it was written",
        ),
        (
            lambda world: world.records._records.pop(
                (
                    LedgerEntry,
                    max(
                        world.records.find(LedgerEntry, by="partner_id", value="P-A"),
                        key=lambda one: one.record.number,
                    ).record.id,
                )
            ),
            "it should end with entry",
        ),
        (
            lambda world: change(world, first(world, Payable), state=PayableState.OPEN),
            "P-A: partner_payable is $0.00 in the books",
        ),
        (
            lambda world: change(world, first(world, Deduction, value="P-B"), raised=Money(91_00)),
            "P-B: receivable:back_bill is $14.50 in the books, and its items sum to $15.50",
        ),
        (
            lambda world: change(
                world,
                first(world, Deduction, value="P-B"),
                applications=(Application(RUN_ID, Money(75_50)), Application(RUN_ID, Money(1))),
            ),
            "a run took of deduction OFF-2 twice",
        ),
        (
            lambda world: change(
                world, first(world, PaymentTrace, "run_id", RUN_ID), amount=Money(1)
            ),
            "its traces are not its committed plans",
        ),
        (
            lambda world: change(
                world, world.records.load(FundingRun, RUN_ID).record, plans_hash="0"
            ),
            "its plans are not the ones that were approved",
        ),
        (
            lambda world: change(
                world, world.records.load(FundingRun, RUN_ID).record, file_sha256="0"
            ),
            "is not the file that was made",
        ),
        (
            lambda world: world.documents.tamper(
                f"ach/{RUN_ID}.ach",
                world.documents.get(f"ach/{RUN_ID}.ach").replace(b"P-A", b"P-X", 1),
            ),
            "is not the file that was made",
        ),
        (
            lambda world: world.documents.tamper(f"ach/{RUN_ID}.ach", b""),
            f"run {RUN_ID}: ",
        ),
    ],
    ids=[
        "end of the chain gone",
        "a paid payable gone",
        "amount of a paid payable",
        "line of another",
        "words of an entry",
        "postings of an entry",
        "entry gone",
        "payable open again",
        "debt raised",
        "taken twice",
        "trace",
        "plans",
        "file's digest",
        "file",
        "file empty",
    ],
)
def test_whatever_was_changed_is_named(damage, says):
    world = lived()
    damage(world)
    found = verified(world)
    assert any(says in one for one in found.problems), found.problems


def test_the_balance_of_an_earlier_instant_is_the_one_of_then():
    world = lived()

    def balances(at, seen=Seen.RECORDED):
        return {
            name: one.cents
            for name, one in process.trial_balance_at(
                world.records, partners=world.partners, at=at, seen=seen
            ).items()
        }

    before = balances(REACHED)
    assert before["partner_payable"] == -24_555_50
    assert "ach_in_transit" not in before
    assert balances(REACHED - timedelta(seconds=1)) == {}
    now = balances(AT)
    assert now["ach_in_transit"] == -23_480_00
    # the payment became true at the cut-off, and was written down later
    cut_off = world.records.load(FundingRun, RUN_ID).record.cut_off_at
    assert balances(cut_off) == before
    assert balances(cut_off, Seen.EVENT) == now


def test_a_check_is_kept_and_operations_hear_of_what_differs():
    world = lived()
    for _ in range(2):
        asked = process.order_check(world.records, by="otto", at=AT)
    wanted = [one.body for one in world.records.messages.values() if one.topic == "books_check"]
    assert wanted == [{"check_id": asked.id}]

    def checked(check_id):
        return process.check_books(
            world.records,
            world.documents,
            check_id=check_id,
            operations="operations@owner.example",
            at=AT,
        )

    good = checked(asked.id)
    assert (good.differences, good.entries, good.done_at) == (0, 7, AT)
    assert process.books_check(world.records, asked.id) == good
    change(world, first(world, LedgerEntry), says="another")
    assert checked(asked.id) == good, "a check that was done stays as it was"
    bad = checked(process.order_check(world.records, by="otto", at=AT + timedelta(days=1)).id)
    assert bad.differences == 1
    (letter,) = [one for one in world.records.letters.values() if one.thread == bad.id]
    assert bad.problems[0] in letter.text
