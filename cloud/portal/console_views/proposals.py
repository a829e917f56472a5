"""Acts about money that take two people: what one proposed, another agrees to or rejects (D09)."""

from collections.abc import Callable, Mapping
from typing import Any

from cloud.funding import process as funding
from cloud.funding.process.cancel_outlook import cancellation_outlook
from cloud.funding.process.debts import SETTLEMENT
from cloud.funding.process.reductions import COMPLIANCE_OFFSET
from cloud.funding.process.reversing import ASSIGN, REVERSE
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.portal.as_shown import decided
from cloud.portal.asking import Absent, Answer, Ask, Page, done
from cloud.portal.console_views.money_desk import READERS, everywhere, one_of, shown
from cloud.portal.routes import Views
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import Project
from cloud.portfolio.process import CANCEL_PROJECT, PREPAID_COMMISSION
from cloud.portfolio.proposals import Proposal, ProposalState
from cloud.reporting.roles import ACCOUNTANT, ACCOUNTING, PROJECTS
from cloud.reporting.shown_to_decide import proposal_shown

VIEWS = Views()
HERE = "/console/proposals"
STATES = {
    "pending": "Waiting",
    "agreed": "Agreed",
    "rejected": "Rejected",
    "withdrawn": "Taken back",
}
_ABOUT = {
    CANCEL_PROJECT: "project",
    PREPAID_COMMISSION: "project",
    COMPLIANCE_OFFSET: "project",
    SETTLEMENT: "deduction",
    REVERSE: "bank_line",
    ASSIGN: "bank_line",
}
"""Kind of a proposal -> what its subject is."""
_AGREE: Mapping[str, Callable[..., object]] = {
    CANCEL_PROJECT: funding.agree_cancellation,
    PREPAID_COMMISSION: portfolio.agree_prepaid_commission,
    COMPLIANCE_OFFSET: funding.agree_compliance_offset,
    SETTLEMENT: funding.agree_settlement,
    REVERSE: funding.agree_reversal,
    ASSIGN: funding.agree_assignment,
}


def facts_of(proposal: Proposal) -> list[tuple[str, object]]:
    """Give what a proposal names besides its subject; amounts as money."""
    return [
        (name, Money(int(value)) if name in {"amount", "amount_cents"} else value)
        for name, value in proposal.facts
    ]


@VIEWS.get(HERE, *READERS)
def list_proposals(ask: Ask) -> Page:
    """Show what was proposed, the oldest that waits first."""
    state = one_of(ask, "state", STATES) or "pending"
    found = portfolio.proposals_in(ask.records, ProposalState(state))
    if state != "pending":
        found.reverse()
    return Page(
        "console/proposals.html",
        "Proposals",
        {
            **everywhere(ask),
            "page": shown(ask, found, state=state),
            "state": state,
            "states": STATES,
            "about": _ABOUT,
            "facts_of": facts_of,
        },
    )


@VIEWS.get(HERE + "/{proposal_id}", *READERS, PROJECTS)
def one_proposal(ask: Ask) -> Page:
    """Show one proposal: what it would do, who proposed it and why; who may decide decides."""
    found = ask.records.load(Proposal, ask.names["proposal_id"])
    if found is None:
        raise Absent
    made = found.record
    sees_money = bool(ask.visitor.roles & {*READERS})
    if not sees_money and made.kind != CANCEL_PROJECT:
        raise Absent
    outlook = None
    if made.kind == CANCEL_PROJECT and made.state is ProposalState.PENDING:
        project = ask.records.load(Project, made.subject)
        if project is not None and not project.record.cancelled:
            outlook = cancellation_outlook(ask.records, project.record, at=ask.at)
    about = _ABOUT.get(made.kind, "")
    shows: dict[str, Any] = {
        **everywhere(ask),
        "made": made,
        "facts": facts_of(made),
        "about": about,
        "states": STATES,
        "outlook": outlook,
        "mark": proposal_shown(ask.records, made.id).mark(ask.at),
        "log": ask.log(made.id, of="cancellation" if made.kind == CANCEL_PROJECT else "proposal"),
        "here": f"{HERE}/{made.id}",
    }
    return Page("console/proposal.html", "Proposal", shows)


@VIEWS.post(HERE + "/{proposal_id}/agree", ACCOUNTING)
def agree(ask: Ask) -> Answer:
    """Do what another person proposed (D09)."""
    made = portfolio.proposal(ask.records, ask.names["proposal_id"]).record
    deed = _AGREE.get(made.kind)
    if deed is None:
        msg = f"agreeing to proposal {made.id}: it is about {made.kind}; agree to it there"
        raise BadInput(msg)
    answer = _decided(ask, deed)
    return done(answer, to=f"{HERE}/{made.id}", said="You agreed, and it is done.")


@VIEWS.post(HERE + "/{proposal_id}/reject", ACCOUNTING)
def reject(ask: Ask) -> Answer:
    """Reject what another proposed; nothing of it is done (D09)."""
    proposal_id = ask.names["proposal_id"]
    answer = _decided(ask, portfolio.reject)
    return done(answer, to=f"{HERE}/{proposal_id}", said="It is rejected; nothing of it is done.")


@VIEWS.post(HERE + "/{proposal_id}/withdraw", ACCOUNTANT, PROJECTS)
def withdraw(ask: Ask) -> Answer:
    """Take one's own proposal back (D09)."""
    proposal_id = ask.names["proposal_id"]
    answer = portfolio.withdraw(ask.records, proposal_id=proposal_id, **ask.acting())
    return done(answer, to=f"{HERE}/{proposal_id}", said="It is taken back.")


def _decided(ask: Ask, deed: Callable[..., object]) -> object:
    """Do a deed to the proposal of the path, as the page showed it (D09a)."""
    proposal_id = ask.names["proposal_id"]
    return decided(
        ask,
        proposal_shown(ask.records, proposal_id),
        lambda records: deed(records, proposal_id=proposal_id, **ask.acting()),
    )
