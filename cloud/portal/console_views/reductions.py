"""What is taken from partners: what they owe, how it is settled by hand, files that are overdue."""

from typing import Any

from cloud.funding import process as funding
from cloud.funding.clawback import reduction_type, rule_of
from cloud.funding.models import Deduction, DeductionState
from cloud.funding.overdue import OverdueFile
from cloud.funding.policy import D13
from cloud.funding.process.debts import SETTLEMENT
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.money import ZERO, total
from cloud.portal.asking import Absent, Answer, Ask, Go, Page, linked
from cloud.portal.console_views.money_desk import (
    OWED_READERS,
    everywhere,
    one_of,
    partner_names,
    shown,
    told,
)
from cloud.portal.money_words import REDUCTIONS, WORDS
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio.models import Project, Site
from cloud.portfolio.proposals import Proposal, ProposalState
from cloud.reporting.debt_desk import Standing, is_by_hand, letters_of, rows_of
from cloud.reporting.roles import ACCOUNTANT, ACCOUNTING, AUDITOR, PROJECTS

VIEWS = Views()
HERE = "/console/reductions"
OVERDUE = HERE + "/overdue"
WAYS = {
    "paid_by_check": "It was paid by check",
    "wire": "It was paid by wire",
    "written_off": "It is written off",
}
STANDINGS = {"open": "Open", "taken": "Taken", "waived": "Waived"}


# ---- what is owed --------------------------------------------------------------------------------


@VIEWS.get(HERE, *OWED_READERS)
def reductions(ask: Ask) -> Page:
    """Show what partners owe and for how long, and each deduction by how it stands (D12, F26)."""
    standing = one_of(ask, "state", STANDINGS) or "open"
    names = partner_names(ask)
    partner_id, kind = (
        one_of(ask, "partner", names),
        one_of(ask, "kind", tuple(map(str, REDUCTIONS))),
    )
    owed = funding.debts(ask.records, as_of=ask.at)
    # What is closed stays for good and has no index by its day: it is looked at partner by partner.
    is_asked = standing == Standing.OPEN or bool(partner_id)
    rows = rows_of(ask.records, _debts(ask, partner_id) if is_asked else ())
    kept = [
        one
        for one in rows
        if one.standing == standing
        and partner_id in {"", one.debt.partner_id}
        and kind in {"", one.debt.kind}
    ]
    asked: dict[str, Any] = {"state": standing, "partner": partner_id, "kind": kind}
    by_amount = sorted(owed, key=lambda one: (-one.age_days, one.partner_id))
    return Page(
        "console/reductions.html",
        "Reductions",
        {
            **WORDS,
            **everywhere(ask),
            "owed": [one for one in by_amount if partner_id in {"", one.partner_id}],
            "letters": letters_of(ask.records, [one.partner_id for one in owed]),
            "open_sum": total(one.open for one in owed),
            "alone_sum": total(one.open for one in owed if not one.has_open_payable),
            "paused_sum": total(
                debt.open for one in owed for debt in one.deductions if debt.paused
            ),
            "page": shown(ask, kept, **asked),
            "sums": (
                total(one.debt.raised for one in kept),
                total(one.taken for one in kept),
                total(one.debt.open for one in kept),
            ),
            "is_asked": is_asked,
            "names": names,
            "partner_id": partner_id,
            "kind": kind,
            "kinds": [(str(one), says) for one, says in REDUCTIONS.items()],
            "standing": standing,
            "standings": [
                (name, says, linked(HERE, state=name, partner=partner_id, kind=kind))
                for name, says in STANDINGS.items()
            ],
            "proposals": _pending(ask),
            "sees_overdue": bool(ask.visitor.roles & {ACCOUNTING, AUDITOR, PROJECTS}),
            "today": eastern_day(ask.at),
        },
    )


def _debts(ask: Ask, partner_id: str) -> list[Deduction]:
    """Give the deductions of a partner, or all that are open."""
    if partner_id:
        found = ask.records.find(Deduction, by="partner_id", value=partner_id)
    else:
        found = ask.records.find(Deduction, by="state", value=DeductionState.OPEN)
    return [one.record for one in found]


def _pending(ask: Ask) -> list[Proposal]:
    """Give what waits for a second person, of what is about debts."""
    found = ask.records.find(Proposal, by="state", value=ProposalState.PENDING)
    wanted = [one.record for one in found if one.record.kind in {SETTLEMENT, "compliance_offset"}]
    return sorted(wanted, key=lambda one: (one.at, one.id))


# ---- one deduction -------------------------------------------------------------------------------


@VIEWS.get(HERE + "/{deduction_id}", *OWED_READERS)
def one_deduction(ask: Ask) -> Page:
    """Show one deduction: what it is for, what took of it, and how it can be settled (D13)."""
    return _one(ask)


def _one(ask: Ask, typed: AsTyped | None = None) -> Page:
    found = ask.records.load(Deduction, ask.names["deduction_id"])
    if found is None:
        raise Absent
    debt = found.record
    row = rows_of(ask.records, [debt])[0]
    proposals = [one.record for one in ask.records.find(Proposal, by="subject", value=debt.id)]
    return Page(
        "console/reduction.html",
        REDUCTIONS[debt.kind],
        {
            **WORDS,
            **everywhere(ask),
            "debt": debt,
            "row": row,
            "type": reduction_type(debt.kind),
            "rule": rule_of(debt.kind),
            "parts": [(one, is_by_hand(one)) for one in debt.applications],
            "proposals": sorted(proposals, key=lambda one: one.at, reverse=True),
            "ways": [
                (one, WAYS.get(one, one.replace("_", " ")))
                for one in D13.on(eastern_day(ask.at), debt.programme)
            ],
            "log": ask.log(debt.id, of="deduction"),
            "age_days": (eastern_day(ask.at) - debt.incurred_on).days,
            "here": f"{HERE}/{debt.id}",
            "typed": typed,
        },
        status=422 if typed else 200,
    )


@VIEWS.post(HERE + "/{deduction_id}/settlement", ACCOUNTANT)
def propose_settlement(ask: Ask) -> Answer:
    """Propose that a debt was paid by hand, or is written off (D13, D09)."""
    typed = Typed(ask.form)
    how = typed.one_of("how", WAYS, "Choose how it is settled.")
    amount = typed.amount("amount", "Write the amount.")
    because = typed.text("because", "Say how it is known, or why it is given up.")
    if amount is not None and amount <= ZERO:
        typed.is_wrong("amount", "Write an amount above zero.")
    if amount is None or typed.as_typed:
        return _one(ask, typed.as_typed)
    deduction_id = ask.names["deduction_id"]
    answer = funding.propose_settlement(
        ask.records,
        deduction_id=deduction_id,
        amount=amount,
        how=how,
        because=because,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        return _one(ask, typed.refused(told(answer)))
    said = "It is proposed. Another person of accounting agrees or rejects."
    return Go(f"{HERE}/{deduction_id}", said=said)


# ---- projects without installation ---------------------------------------------------------------


@VIEWS.get(OVERDUE, PROJECTS, ACCOUNTING, AUDITOR)
def overdue(ask: Ask) -> Page:
    """Show the projects without installation that may be ended, the longest waiting first (F06)."""
    state = one_of(ask, "state", ("closed",)) or "open"
    found = [one.record for one in ask.records.find(OverdueFile, by="state", value=state)]
    found.sort(key=lambda one: (one.since, one.id), reverse=state == "closed")
    page = shown(ask, found, state=state)
    projects = ask.records.load_all(Project, [one.id for one in page.rows])
    homes = ask.records.load_all(Site, sorted({one.record.site_id for one in projects.values()}))
    return Page(
        "console/overdue.html",
        "Overdue files",
        {
            **everywhere(ask),
            "page": page,
            "state": state,
            "addresses": {
                name: homes[one.record.site_id].record.address
                for name, one in projects.items()
                if one.record.site_id in homes
            },
            "here": OVERDUE,
        },
    )
