"""Netting: the order, the floor at zero, every cent accounted for."""

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.funding.netting import (
    OWN_PROJECT,
    Credit,
    Debit,
    DeductionKind,
    in_order,
    run_netting,
)
from cloud.funding.policy import D02
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money, total

DAY = date(2026, 11, 1)
K = DeductionKind


def credit(project="A", milestone="M1", cents=1_000):
    return Credit(project, milestone, Money(cents))


def debit(name, kind, cents, project="", days=0, *, paused=False):
    return Debit(name, kind, project, Money(cents), DAY + timedelta(days), paused)


def net(credits_, debits):
    found = run_netting(credits_, debits, on=DAY)
    return (
        {name: one.cents for name, one in found.applied.items()},
        {name: one.cents for name, one in found.remaining.items()},
        found.carried.cents,
        found.net.cents,
    )


@pytest.mark.rule("D02")
@pytest.mark.rule("F10")
@pytest.mark.rule("F13")
@pytest.mark.parametrize(
    ("credits_", "debits", "expected"),
    [
        pytest.param([credit()], [], ({}, {}, 0, 1_000), id="nothing to take"),
        pytest.param([], [debit("d", K.MATERIAL, 5)], ({}, {"d": 5}, 5, 0), id="nothing to pay"),
        pytest.param(
            [credit()], [debit("d", K.MATERIAL, 1_000)], ({"d": 1_000}, {}, 0, 0), id="exactly all"
        ),
        pytest.param(
            [credit()],
            [debit("d", K.MATERIAL, 1_001)],
            ({"d": 1_000}, {"d": 1}, 1, 0),
            id="a cent more than there is",
        ),
        pytest.param(
            [credit()],
            [debit("d", K.CLAWBACK_M1, 900, paused=True)],
            ({}, {"d": 900}, 0, 1_000),
            id="paused is shown and neither taken nor carried",
        ),
        pytest.param(
            [credit()],
            [
                debit("c", K.CLAWBACK_M1, 900, days=-9),
                debit("b", K.BACK_BILL, 300),
                debit("a", K.COMPLIANCE, 300, days=9),
            ],
            ({"a": 300, "b": 300, "c": 400}, {"c": 500}, 500, 0),
            id="compliance, back-bill, clawback, whatever their age",
        ),
        pytest.param(
            [credit()],
            [debit("b", K.MATERIAL, 600), debit("c", K.MATERIAL, 600, days=-1)],
            ({"c": 600, "b": 400}, {"b": 200}, 200, 0),
            id="the oldest first",
        ),
        pytest.param(
            [credit()],
            [debit("b", K.MATERIAL, 600), debit("a", K.MATERIAL, 600)],
            ({"a": 600, "b": 400}, {"b": 200}, 200, 0),
            id="the lower id of one day",
        ),
        pytest.param(
            [credit("A", cents=500), credit("B")],
            [debit("d", K.PROJECT_NET_FUND, 600, "A")],
            ({"d": 500}, {"d": 100}, 100, 1_000),
            id="a project's net fund takes from its own money only",
        ),
        pytest.param(
            [credit("B")],
            [debit("d", K.PROJECT_NET_FUND, 600, "A")],
            ({}, {"d": 600}, 600, 1_000),
            id="and waits when its project is not paid",
        ),
        pytest.param(
            [credit("A", "M1", 400), credit("A", "M2", 400)],
            [debit("d", K.PROJECT_NET_FUND, 600, "A")],
            ({"d": 600}, {}, 0, 200),
            id="from all milestones of its project",
        ),
        pytest.param(
            [credit("A", "service")],
            [debit("d", K.PREPAID_COMMISSION, 600)],
            ({}, {"d": 600}, 600, 1_000),
            id="commission takes no service money",
        ),
        pytest.param(
            [credit("A", "M1", 500), credit("A", "NTP", 500)],
            [debit("c", K.CANCELLATION, 500), debit("d", K.PREPAID_COMMISSION, 600)],
            ({"c": 500, "d": 500}, {"d": 100}, 100, 0),
            id="others leave it the M1 money while they can",
        ),
    ],
)
def test_netting(credits_, debits, expected):
    assert net(credits_, debits) == expected


@pytest.mark.rule("D02")
def test_every_kind_has_its_place():
    assert set(D02.on(DAY)) == {str(kind) for kind in K}


def test_amounts_below_zero_are_refused():
    with pytest.raises(BadInput, match="below zero"):
        credit(cents=-1)
    with pytest.raises(BadInput, match="below zero"):
        debit("d", K.MATERIAL, -1)


CREDITS = st.lists(
    st.builds(
        credit,
        st.sampled_from("ABC"),
        st.sampled_from(["NTP", "M1", "M2", "service"]),
        st.integers(0, 5_000),
    ),
    max_size=6,
)
DEBITS = st.lists(
    st.builds(
        debit,
        st.uuids().map(str),
        st.sampled_from(list(K)),
        st.integers(0, 5_000),
        st.sampled_from("ABC"),
        st.integers(-5, 5),
        paused=st.booleans(),
    ),
    max_size=8,
)


@pytest.mark.rule("D02")
@settings(max_examples=300, deadline=None)
@given(CREDITS, DEBITS, st.randoms(use_true_random=False))
def test_no_cent_is_lost_and_none_is_taken_twice(credits_, debits, shuffler):
    found = run_netting(credits_, debits, on=DAY)
    assert found.net.cents >= 0
    assert found.gross == total(one.amount for one in credits_)
    assert found.net == found.gross - total(found.applied.values())
    nothing = Money(0)
    for one in debits:
        taken = found.applied.get(one.id, nothing)
        assert taken.cents >= 0
        assert taken + found.remaining.get(one.id, nothing) == one.open
        assert not (one.is_paused and taken)
    assert found.carried == total(
        found.remaining.get(one.id, nothing) for one in debits if not one.is_paused
    )
    shuffled = list(debits)
    shuffler.shuffle(shuffled)
    assert run_netting(credits_, shuffled, on=DAY) == found


@pytest.mark.rule("D02")
@settings(max_examples=200, deadline=None)
@given(CREDITS, DEBITS)
def test_nobody_is_served_before_a_turn(credits_, debits):
    """A deduction that may take from everything takes nothing while an earlier one is short."""
    found = run_netting(credits_, debits, on=DAY)
    limited = {*OWN_PROJECT, K.PREPAID_COMMISSION}
    general = [
        one for one in in_order(debits, DAY) if one.kind not in limited and not one.is_paused
    ]
    for earlier, later in itertools.pairwise(general):
        if earlier.id in found.remaining:
            assert later.id not in found.applied
    if any(one.id in found.remaining for one in general):
        assert not found.net
