"""A run far above the runs before it waits for somebody who looks at why."""

from datetime import UTC, date, datetime, timedelta

import pytest
from funding_world import World, partner

from cloud.funding import breaker, process
from cloud.funding.models import RunState
from cloud.kernel.money import Money

DAY = date(2026, 12, 2)
FIRST = datetime(2026, 12, 2, 7, 31, tzinfo=UTC)


def paid(**cents):
    return {name.replace("_", "-"): Money(amount) for name, amount in cents.items()}


@pytest.mark.rule("D10")
@pytest.mark.parametrize(
    ("amount", "before", "held"),
    [
        (250_000_00, [100_000_00] * 4, False),
        (250_000_01, [100_000_00] * 4, True),
        (50_000_00, [1_00] * 4, False),
        (50_000_01, [1_00] * 4, True),
        (9_000_000_00, [1_00] * 3, False),
        (250_000_01, [100_000_00] * 3 + [9_000_000_00], True),
        (900_000_00, [100_000_00] + [900_000_00] * 8, False),
    ],
    ids=[
        "exactly two and a half times",
        "a cent above",
        "small",
        "a cent above small",
        "the fourth run",
        "one outlier before",
        "only the last eight count",
    ],
)
def test_the_limit(amount, before, held):
    known = [paid(P_A=one) for one in before]
    assert bool(breaker.unusual(paid(P_A=amount), known, on=DAY)) is held


@pytest.mark.rule("D10")
@pytest.mark.parametrize(
    ("before", "usual"),
    [
        ([1_00] * 3, None),
        ([1_00, 0, 1_00, 0, 1_00], None),
        ([1_00] * 4, (1_00, 50_000_00, 4)),
        ([100_000_00] * 4, (100_000_00, 250_000_00, 4)),
        ([1_00] + [100_000_00] * 8, (100_000_00, 250_000_00, 8)),
    ],
    ids=[
        "too few runs",
        "a run that paid nothing does not count",
        "below the least amount nothing is unusual",
        "two and a half times the middle",
        "only the last eight count",
    ],
)
def test_what_is_usual(before, usual):
    found = breaker.usual_of([Money(one) for one in before], on=DAY)
    expected = None
    if usual is not None:
        expected = breaker.Usual(Money(usual[0]), Money(usual[1]), usual[2])
    assert found == expected


@pytest.mark.rule("D10")
def test_what_is_said():
    before = [{breaker.ALL: Money(100_000_00), "P-A": Money(20_000_00)}] * 4
    told = breaker.unusual(
        {breaker.ALL: Money(300_000_00), "P-A": Money(60_000_00), "P-B": Money(240_000_00)},
        before,
        on=DAY,
    )
    assert told == (
        "all partners are paid $300,000.00, where $100,000.00 is the middle of the 4 runs before",
        "P-A is paid $60,000.00, where $20,000.00 is the middle of the 4 runs before",
    )


def unusual_world():
    world = World([partner("P-A")])
    for week in range(4):
        cutoff = FIRST + timedelta(weeks=week)
        world.service(f"INV-{week}", 10_000_00, at=cutoff - timedelta(hours=1))
        world.run(cutoff=cutoff, at=cutoff)
    later = FIRST + timedelta(weeks=4)
    world.service("INV-LARGE", 60_000_00, at=later - timedelta(hours=1))
    return world, world.prepare(cutoff=later, at=later), later


@pytest.mark.rule("D10")
def test_it_is_approved_once_a_third_person_let_it_go_on():
    world, run, later = unusual_world()
    assert len(run.unusual) == 2
    assert world.approve(run, at=later).code == "breaker"

    def release(by, because="a large project"):
        return process.release(
            world.records,
            run_id=run.id,
            plans_hash=run.plans_hash,
            because=because,
            by=by,
            at=later,
        )

    assert release("ana").code == "maker_is_checker"
    assert release("cleo", " ").code == "reason_missing"
    assert release("bob").released_by == "bob"
    assert world.approve(run, by="bob", at=later).code == "breaker"
    assert world.approve(run, by="cleo", at=later).state is RunState.APPROVED


@pytest.mark.rule("D10")
def test_what_changes_is_looked_at_anew():
    world, run, later = unusual_world()
    looked = {"run_id": run.id, "plans_hash": run.plans_hash, "because": "known", "by": "cleo"}
    process.release(world.records, **looked, at=later)
    world.service("INV-MORE", 1_00, at=later - timedelta(hours=1))
    again = world.prepare(cutoff=later, at=later)
    assert again.unusual
    assert not again.released_by
    assert process.release(world.records, **looked, at=later).code == "stale_preview"


@pytest.mark.rule("D10")
def test_a_usual_run_needs_no_release():
    world = World()
    world.service("INV-1", 100)
    run = world.prepare()
    refused = process.release(
        world.records, run_id=run.id, plans_hash=run.plans_hash, because="x", by="cleo", at=FIRST
    )
    assert refused.code == "conflict"
