"""The owner's money in the town: its runs, and what people decide about them twice a week."""

from collections.abc import Iterator
from datetime import date, time, timedelta

from cloud.funding import process as funding
from cloud.funding.models import FundingRun, RunState
from cloud.kernel.decision import Refused
from cloud.local.town.making import (
    ACCOUNTANT,
    APPROVER,
    ENDS_AT,
    OTHER_APPROVER,
    STARTS_AT,
    TREASURY,
    Town,
    office,
)
from cloud.portfolio import process as portfolio

PRICES = b"model,price\nSE7600H-US,412.00\nSE10000H-US,498.50\n"


def plan(town: Town) -> None:
    """Put the office's rounds on the agenda: what was prepared is looked at, sent and settled."""
    town.at(STARTS_AT + timedelta(hours=1), _import_prices)
    for day in _days(STARTS_AT.date(), ENDS_AT.date()):
        if day.weekday() in {0, 2}:
            town.at(office(day, time(9, 20)), approve_runs)
            town.at(office(day, time(10, 40)), send_runs)
        if day.weekday() in {2, 4}:
            town.at(office(day, time(8, 30)), settle_runs)


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(1)


def _import_prices(town: Town) -> None:
    town.do(
        funding.import_prices,
        PRICES,
        effective_from=STARTS_AT.date(),
        by=ACCOUNTANT,
    )


def _runs(town: Town, state: RunState) -> list[FundingRun]:
    found = town.records.find(FundingRun, by="state", value=state)
    return sorted((one.record for one in found), key=lambda one: one.id)


def approve_runs(town: Town) -> None:
    """Approve what is prepared; what is unusual is looked at by somebody else first."""
    for run in _runs(town, RunState.PREVIEW):
        answer = _approve(town, run)
        if isinstance(answer, Refused) and answer.code == "stale_preview":
            _prepare_anew(town, run)
            run = town.record(FundingRun, run.id)  # noqa: PLW2901 - the same run, as it is now
            answer = _approve(town, run)
        if isinstance(answer, Refused) and answer.code == "breaker":
            town.do(
                funding.release,
                run_id=run.id,
                plans_hash=run.plans_hash,
                because="the list of activations behind it was read line by line",
                by=OTHER_APPROVER,
            )
            answer = _approve(town, run)
        if isinstance(answer, Refused):
            town.say(f"run {run.id} stays as it is: {answer.because}")
    town.settle()


def _prepare_anew(town: Town, run: FundingRun) -> None:
    """Have a run prepared again, as something changed since the night."""
    town.do(
        funding.order_preparing,
        run_id=run.id,
        published=funding.published(town.records),
        partners=portfolio.paid_partners(town.records),
        by=ACCOUNTANT,
    )
    town.settle()


def _approve(town: Town, run: FundingRun) -> FundingRun | Refused:
    return funding.approve(
        town.records,
        run_id=run.id,
        plans_hash=run.plans_hash,
        partners=portfolio.paid_partners(town.records),
        by=APPROVER,
        roles=frozenset({"accounting_admin"}),
        at=town.now,
    )


def send_runs(town: Town) -> None:
    """Hand the files that are ready to the bank."""
    for run in _runs(town, RunState.FILED):
        if run.file_reference or run.prenote_reference:
            town.do(funding.order_sending, run_id=run.id, by=TREASURY)
    town.settle()


def settle_runs(town: Town) -> None:
    """Book what the bank's statement shows, the day after a funding date."""
    for run in _runs(town, RunState.SENT):
        if town.now.date() > run.funding_date:
            town.do(funding.settle, run_id=run.id, statement=run.net, by=TREASURY)
    town.settle()
