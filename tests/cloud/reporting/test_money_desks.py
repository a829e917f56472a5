"""A partner's books, what partners owe, and finding a project."""

from dataclasses import replace
from datetime import date

import pytest

from cloud.funding.dunning import Dunning
from cloud.funding.models import Application, Deduction, DeductionState, LedgerEntry, LedgerHead
from cloud.kernel.change import Change, Save
from cloud.kernel.money import ZERO, Money
from cloud.portfolio.models import Milestone, Project
from cloud.portfolio.proposals import Proposal
from cloud.reporting import debt_desk, project_search
from cloud.reporting.account_sheet import sheet_of
from cloud.reporting.debt_desk import Standing
from tests.cloud.funding.funding_world import AT, RUN_ID, World, partner, project

DAY = date(2026, 12, 2)


def put(world, *records) -> None:
    for one in records:
        stored = world.records.load(type(one), one.id)
        save = stored.replaced_by(one) if stored else Save(one)
        world.records.commit(Change(saves=(save,)))


# ---- books ---------------------------------------------------------------------------------------


def booked() -> World:
    world = World()
    world.m1("J-1")
    world.m1("J-2")
    world.offset("OFF-1", 500_00)
    world.run()
    return world


@pytest.mark.rule("F04")
def test_every_posting_stands_with_the_balance_after_it():
    sheet = sheet_of(booked().records, "P-A")
    assert sheet.entries == 4
    assert (sheet.sum, sheet.balance, sheet.broken) == (ZERO, ZERO, "")
    assert sheet.debits == sheet.credits
    owed = [one.balance for one in sheet.lines if one.account == "partner_payable"]
    assert owed == [Money(-24_000_00), Money(-48_000_00), ZERO]
    assert [one.run_id for one in sheet.lines if one.run_id] == [RUN_ID] * 3


def test_one_account_is_shown_alone_and_the_whole_is_checked_all_the_same():
    sheet = sheet_of(booked().records, "P-A", account="ach_in_transit")
    assert [(one.debit, one.credit) for one in sheet.lines] == [(None, Money(47_500_00))]
    assert sheet.balance == Money(-47_500_00)
    assert sheet.sum == ZERO


@pytest.mark.parametrize(
    ("wanted", "entries"),
    [
        pytest.param("J-1", 2, id="what it earned, and the run that took it"),
        pytest.param("J-9", 0, id="a project without entries"),
    ],
)
def test_a_projects_entries(wanted, entries):
    sheet = sheet_of(booked().records, "P-A", project_id=wanted)
    assert len({one.entry.id for one in sheet.lines}) == entries


def test_what_was_changed_or_cut_off_is_told():
    world = booked()
    (first, *_) = world.records.find(LedgerEntry, by="partner_id", value="P-A")
    put(world, replace(first.record, says="changed"))
    assert "its content was changed" in sheet_of(world.records, "P-A").broken
    put(world, first.record)
    del world.records._records[(LedgerHead, "P-A")]
    assert "is gone" in sheet_of(world.records, "P-A").broken


def test_who_has_no_entry_has_empty_books():
    sheet = sheet_of(World().records, "P-A")
    assert (sheet.lines, sheet.accounts, sheet.broken, sheet.entries) == ((), (), "", 0)


# ---- debts ---------------------------------------------------------------------------------------


def debt(world, name, *parts, dropped=0) -> Deduction:
    made = world.offset(name, 100_00)
    after = replace(made, applications=parts, dropped=Money(dropped))
    if not after.open:
        after = replace(after, state=DeductionState.CLOSED)
    put(world, after)
    return after


def by_hand(world, name, how, cents) -> Application:
    put(world, Proposal(name, "settle_debt", "x", (("how", how),), "so", "alan", AT))
    return Application(name, Money(cents))


@pytest.mark.rule("D13")
@pytest.mark.parametrize(
    ("make", "standing", "taken", "written_off"),
    [
        pytest.param(lambda _: ((), 0), Standing.OPEN, 0, 0, id="nothing happened"),
        pytest.param(
            lambda _: ((Application(RUN_ID, Money(40_00)),), 0), Standing.OPEN, 40_00, 0, id="some"
        ),
        pytest.param(
            lambda _: ((Application(RUN_ID, Money(100_00)),), 0),
            Standing.TAKEN,
            100_00,
            0,
            id="all",
        ),
        pytest.param(lambda _: ((), 100_00), Standing.WAIVED, 0, 0, id="dropped"),
        pytest.param(
            lambda w: ((by_hand(w, "PRO-1", "wire", 100_00),), 0),
            Standing.TAKEN,
            100_00,
            0,
            id="paid by wire",
        ),
        pytest.param(
            lambda w: ((by_hand(w, "PRO-1", "written_off", 100_00),), 0),
            Standing.WAIVED,
            0,
            100_00,
            id="written off",
        ),
        pytest.param(
            lambda w: (
                (Application(RUN_ID, Money(1)), by_hand(w, "PRO-1", "written_off", 99_99)),
                0,
            ),
            Standing.TAKEN,
            1,
            99_99,
            id="a cent was taken, the rest written off",
        ),
    ],
)
def test_how_a_debt_stands(make, standing, taken, written_off):
    world = World()
    parts, dropped = make(world)
    (row,) = debt_desk.rows_of(world.records, [debt(world, "OFF-1", *parts, dropped=dropped)])
    assert (row.standing, row.taken, row.written_off) == (
        standing,
        Money(taken),
        Money(written_off),
    )


def test_open_debts_stand_first_by_age_then_the_latest():
    world = World()
    known = [
        replace(debt(world, "OFF-1"), incurred_on=date(2026, 11, 2)),
        replace(debt(world, "OFF-2"), incurred_on=date(2026, 11, 1)),
        replace(debt(world, "OFF-3", dropped=100_00), incurred_on=date(2026, 10, 1)),
        replace(debt(world, "OFF-4", dropped=100_00), incurred_on=date(2026, 10, 2)),
    ]
    rows = debt_desk.rows_of(world.records, known)
    assert [one.debt.id for one in rows] == ["OFF-2", "OFF-1", "OFF-4", "OFF-3"]


@pytest.mark.rule("D12")
def test_letters_are_those_of_who_was_asked_for():
    world = World()
    put(world, Dunning("P-A", 3, AT), Dunning("P-B", 1, AT))
    assert debt_desk.letters_of(world.records, ["P-A", "P-C"])["P-A"].letters == 3
    assert set(debt_desk.letters_of(world.records, ["P-A", "P-C"])) == {"P-A"}


# ---- projects ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reached", "changes", "state"),
    [
        pytest.param((), {}, "sold", id="nothing reached"),
        pytest.param((Milestone.NTP,), {}, "building", id="NTP"),
        pytest.param((Milestone.NTP, Milestone.M1), {}, "installed", id="M1"),
        pytest.param((Milestone.M1, Milestone.M2), {}, "activated", id="M2"),
        pytest.param((Milestone.M1,), {"cancelled": True}, "cancelled", id="cancelled"),
    ],
)
def test_where_a_project_is_in_its_life(reached, changes, state):
    found = project("J-1", reached=tuple((one, AT) for one in reached), **changes)
    assert project_search.state_of(found) == state


@pytest.mark.rule("F18")
@pytest.mark.parametrize(
    ("changes", "held"),
    [
        pytest.param({}, False, id="nothing is open"),
        pytest.param({"compliance_case_open": True}, True, id="a case"),
        pytest.param({"administrative_stip_open": True}, True, id="a stip"),
        pytest.param({"compliance_case_open": True, "cancelled": True}, False, id="cancelled"),
    ],
)
def test_whether_money_is_on_hold(changes, held):
    assert project_search.is_held(project("J-1", **changes)) is held


def street() -> World:
    world = World([partner("P-A"), partner("P-B")])
    world.add_project(project("J-1"))
    world.add_project(project("J-2", "P-B", administrative_stip_open=True))
    world.records.commit(Change(saves=(Save(project("J-3", "P-B", site_id="S-NONE")),)))
    return world


@pytest.mark.parametrize(
    ("said", "partner_id", "state", "ids"),
    [
        pytest.param("", "", "", [], id="nothing is asked"),
        pytest.param("J-1", "", "", ["J-1"], id="a number"),
        pytest.param(" j-2 ", "", "", ["J-2"], id="a number, typed badly"),
        pytest.param("J-1", "P-B", "", [], id="a number of another partner"),
        pytest.param("sun street", "", "", ["J-1", "J-2"], id="words of an address"),
        pytest.param("sun street", "P-B", "", ["J-2"], id="and a partner"),
        pytest.param("moon", "", "", [], id="words of nowhere"),
        pytest.param("", "P-B", "", ["J-2", "J-3"], id="a partner; a home may be missing"),
        pytest.param("", "P-B", "held", ["J-2"], id="what is on hold"),
        pytest.param("", "P-B", "installed", ["J-2", "J-3"], id="where it is in its life"),
        pytest.param("", "P-B", "cancelled", [], id="none stands so"),
    ],
)
def test_projects_are_found(said, partner_id, state, ids):
    world = street()
    found = project_search.projects_like(
        world.records, said=said, partner_id=partner_id, state=state, on=DAY
    )
    assert [one.project.id for one in found.rows] == ids
    assert found.count == len(ids)
    assert all((one.home is None) == (one.project.id == "J-3") for one in found.rows)


def test_a_long_list_goes_on_where_it_ended():
    world = World()
    for number in range(project_search.MOST + 2):
        world.records.commit(Change(saves=(Save(project(f"J-{number:03d}")),)))

    def asked(after):
        return project_search.projects_like(
            world.records, said="", partner_id="P-A", state="", on=DAY, after=after
        )

    assert len(asked(0).rows) == project_search.MOST
    assert [one.project.id for one in asked(project_search.MOST).rows] == ["J-050", "J-051"]
    assert asked(0).count == project_search.MOST + 2
    assert world.records.load(Project, "J-000") is not None
