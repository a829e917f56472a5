"""What is taken from partners enters the books: what other stages ask for, what people decide."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from cloud.funding import ledger
from cloud.funding.clawback import rule_of
from cloud.funding.models import CREDIT, Deduction, Payable
from cloud.funding.netting import DeductionKind
from cloud.funding.policy import F18
from cloud.funding.process.opening import (
    NOTHING,
    Posted,
    open_item,
    post_once,
    project_as_it_is,
    raised,
    standing_of,
)
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, BrokenInvariant
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money
from cloud.kernel.policy import COMFORT
from cloud.kernel.ports import Records, require
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import Project
from cloud.portfolio.proposals import Proposal

COMPLIANCE_OFFSET = "compliance_offset"
"""Kind of the proposal to take money for a compliance case (F18)."""


def accrue_offset(
    records: Records, *, body: Mapping[str, Any], at: datetime
) -> Deduction | Payable:
    """Raise a deduction that another stage, or a decision of two people, asks for.

    The body holds offset_id, partner_id, amount_cents, kind, incurred_on, says and causes, and
    project_id where it is about a project. The instant of recording decides the window. An amount
    below zero gives back what was raised before: it opens a payable, so that it is paid where the
    deduction was taken already, and the two meet in one run where it was not.

    Raises:
        BadInput: a net fund of a project names no project.
    """
    kind = DeductionKind(body["kind"])
    project_id = body.get("project_id") or ""
    if kind is DeductionKind.PROJECT_NET_FUND and not project_id:
        msg = f"offset {body['offset_id']}: a net fund of a project must name the project"
        raise BadInput(msg)
    if body["amount_cents"] < 0:
        return _give_back(records, kind, body, at=at)
    deduction = Deduction(
        id=body["offset_id"],
        kind=kind,
        partner_id=body["partner_id"],
        project_id=project_id,
        raised=Money(body["amount_cents"]),
        incurred_on=date.fromisoformat(body["incurred_on"]),
        raised_at=at,
        says=body["says"],
        causes=tuple(body["causes"]),
        programme=body.get("programme") or COMFORT,
    )
    postings = ledger.raising(kind, deduction.raised)
    open_item(records, deduction, postings, event_at=at, at=at, rule=rule_of(kind))
    return require(records.load(Deduction, deduction.id), "deduction", deduction.id).record


def _give_back(
    records: Records, kind: DeductionKind, body: Mapping[str, Any], *, at: datetime
) -> Payable:
    amount = Money(-body["amount_cents"])
    payable = Payable(
        id=body["offset_id"],
        partner_id=body["partner_id"],
        project_id="",
        work_order_id="",
        milestone=CREDIT,
        amount=amount,
        accrued_at=at,
        says=body["says"],
        causes=tuple(body["causes"]),
        programme=body.get("programme") or COMFORT,
    )
    postings = ledger.giving_back(kind, amount)
    open_item(records, payable, postings, event_at=at, at=at, rule=rule_of(kind))
    return require(records.load(Payable, payable.id), "payable", payable.id).record


def pause_deduction(
    records: Records, *, deduction_id: str, paused: bool, by: str, at: datetime
) -> Deduction:
    """Pause a deduction when an extension is granted, or resume it when that ends (F13)."""
    stored = require(records.load(Deduction, deduction_id), "deduction", deduction_id)
    if stored.record.paused == paused:
        return stored.record
    changed = replace(stored.record, paused=paused)
    event = Event(
        deduction_id, "deduction_paused" if paused else "deduction_resumed", at, by, "F13"
    )
    records.commit(Change(saves=(stored.replaced_by(changed),), events=(event,)))
    return changed


def propose_compliance_offset(
    records: Records, *, project_id: str, amount: Money, because: str, at: datetime, by: str
) -> Proposal | Refused:
    """Propose to take money for a compliance case or an administrative stip (F18, D14).

    Refused: the project is cancelled, or the amount is more than what was paid for it and is not
    taken back already.
    """
    project = project_as_it_is(records, project_id).record
    refused = _too_much(records, project, amount, at)
    if refused is not None:
        return refused
    return portfolio.propose(
        records,
        kind=COMPLIANCE_OFFSET,
        subject=project_id,
        facts={"amount_cents": str(amount.cents)},
        because=because,
        at=at,
        by=by,
    )


def _too_much(records: Records, project: Project, amount: Money, at: datetime) -> Refused | None:
    """Hold an amount against what may still be taken; an open case is not asked for (F18)."""
    if amount <= ZERO:
        msg = f"taking {amount} of project {project.id}: give an amount above zero"
        raise BadInput(msg)
    if project.cancelled:
        because = f"project {project.id} is cancelled, which takes back all that was paid"
        return Refused(F18.id, because, "project_cancelled")
    day = eastern_day(at)
    left = standing_of(records, project).left(on=day, programme=project.programme)
    if amount > left:
        because = f"of project {project.id} {left} is left to take, not {amount}"
        return Refused(F18.id, because, "more_than_paid")
    return None


def _compliance(
    deduction_id: str, project: Project, amount: Money, proposal: Proposal, at: datetime
) -> Deduction:
    """Give what is taken of a project for a compliance case."""
    return Deduction(
        id=deduction_id,
        kind=DeductionKind.COMPLIANCE,
        partner_id=project.partner_id,
        project_id=project.id,
        raised=amount,
        incurred_on=eastern_day(at),
        raised_at=at,
        says=f"compliance, project {project.id}: {proposal.because}",
        causes=(proposal.id, project.id),
        programme=project.programme,
    )


def agree_compliance_offset(
    records: Records, *, proposal_id: str, at: datetime, by: str
) -> Deduction | Refused:
    """Raise what another person proposed to take for a compliance case (F18, D09).

    The limit is looked at again: what was taken meanwhile is not taken twice.
    """
    stored = portfolio.proposal(records, proposal_id)
    if stored.record.kind != COMPLIANCE_OFFSET:
        msg = f"proposal {proposal_id} is about {stored.record.kind}: agree to it there"
        raise BadInput(msg)
    wanted = derived("DED", proposal_id)
    project_id = stored.record.subject
    amount = Money(int(stored.record.fact("amount_cents")))
    partner_id = project_as_it_is(records, project_id).record.partner_id
    refusals: list[Refused] = []

    def decide() -> Posted:
        refusals.clear()
        agreed = portfolio.agreeing(portfolio.proposal(records, proposal_id), by=by, at=at)
        if isinstance(agreed, Refused):
            refusals.append(agreed)
            return NOTHING
        now = project_as_it_is(records, project_id)
        refused = _too_much(records, now.record, amount, at)
        if refused is not None:
            refusals.append(refused)
            return NOTHING
        proposal, change = agreed
        deduction = _compliance(wanted, now.record, amount, proposal, at)
        relied = Change(relies_on=(now.relied_on(),))
        return raised(deduction, at=at) + Posted((), change + relied)

    post_once(
        records,
        partner_id,
        entry_id=derived("LE", wanted),
        decide=decide,
        event_at=at,
        at=at,
        causes=(wanted, proposal_id, project_id),
        says=f"{amount} of project {project_id} is taken for a compliance case",
    )
    found = records.load(Deduction, wanted)
    if found is None:
        if not refusals:
            msg = f"proposal {proposal_id} was agreed to, and its deduction is not there"
            raise BrokenInvariant(msg)
        return refusals[0]
    return found.record
