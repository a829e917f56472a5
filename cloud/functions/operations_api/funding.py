"""Routes of funding: one prepares a run, another approves it, a third deals with the bank."""

from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from cloud.adapters import codec
from cloud.adapters.api import answers
from cloud.adapters.instants import Instant
from cloud.functions.operations_api.desk import (
    ACCOUNTANT,
    ACCOUNTING,
    AUDITOR,
    CLOCK,
    DOCUMENTS,
    PROJECTS,
    RECORDS,
    TREASURY,
    acting,
    listed,
    may,
    person,
    shown,
)
from cloud.functions.operations_api.run_shapes import (
    AssignmentIn,
    BankFileIn,
    OpeningIn,
    ReleaseIn,
    ReversalIn,
    RunApprovalIn,
    SettlementIn,
)
from cloud.functions.operations_api.shapes import Listed, One, ReasonIn
from cloud.funding import process as funding
from cloud.funding.books import Seen
from cloud.funding.models import BooksCheck, FundingRun, LedgerEntry, RunPlan
from cloud.kernel.money import Money
from cloud.kernel.ports import require
from cloud.portfolio import process as portfolio
from cloud.portfolio.process import all_partners, paid_partners
from cloud.portfolio.proposals import ProposalState

router = Router()
TAGS = ["Funding"]
READERS = (ACCOUNTANT, ACCOUNTING, TREASURY, AUDITOR)


@router.get("/ops/runs", responses=answers(), tags=TAGS, middlewares=[may(*READERS)])
def list_runs(state: str) -> Listed:
    """List the funding runs in one state."""
    return listed(FundingRun, "state", state)


@router.get("/ops/runs/<run_id>", responses=answers(), tags=TAGS, middlewares=[may(*READERS)])
def get_run(run_id: str) -> One:
    """Give one funding run."""
    return shown(require(RECORDS.load(FundingRun, run_id), "funding run", run_id).record)


@router.get("/ops/runs/<run_id>/plans", responses=answers(), tags=TAGS, middlewares=[may(*READERS)])
def list_plans(run_id: str) -> Listed:
    """List what a run does for each partner; bank accounts show their last four digits."""
    run = require(RECORDS.load(FundingRun, run_id), "funding run", run_id).record
    found = RECORDS.load_all(RunPlan, run.plan_ids)
    plans = [require(found.get(one), "plan", one) for one in run.plan_ids]
    return Listed(items=[codec.to_shown(plan.record) for plan in plans])


@router.post(
    "/ops/runs/<run_id>/prepare", responses=answers(), tags=TAGS, middlewares=[may(ACCOUNTANT)]
)
def prepare_run(run_id: str) -> One:
    """Have a run prepared anew where something changed; who does that cannot approve it (D03).

    With `is_current` false it is being prepared: it is shown again with another `plans_hash`, day
    or reason for being unusual; `prepared_at` is later unless the clock of a local stack stands.
    """
    run = require(RECORDS.load(FundingRun, run_id), "funding run", run_id).record
    asked = funding.order_preparing(
        RECORDS,
        run_id=run_id,
        published=funding.published(RECORDS, run.programme),
        partners=paid_partners(RECORDS),
        **acting(),
    )
    return One(item={**codec.to_shown(asked.run), "is_current": asked.is_current})


@router.post("/ops/runs", responses=answers(), tags=TAGS, middlewares=[may(ACCOUNTANT)])
def open_run(body: OpeningIn) -> One:
    """Have the run of a cut-off prepared that the schedule missed."""
    run_id = funding.order_opening(
        RECORDS, cutoff=body.cut_off_at, programme=body.programme, **acting()
    )
    return One(item={"id": run_id})


@router.post(
    "/ops/runs/<run_id>/release", responses=answers(), tags=TAGS, middlewares=[may(ACCOUNTING)]
)
def release_run(run_id: str, body: ReleaseIn) -> One:
    """Let a run go on that is far above the runs before (D10); its approver is somebody else."""
    run = funding.release(
        RECORDS, run_id=run_id, plans_hash=body.plans_hash, because=body.reason, **acting()
    )
    return shown(run)


@router.post(
    "/ops/runs/<run_id>/approve", responses=answers(), tags=TAGS, middlewares=[may(ACCOUNTING)]
)
def approve_run(run_id: str, body: RunApprovalIn) -> One:
    """Approve exactly the plans that were shown; never by who prepared them (D03)."""
    run = funding.approve(
        RECORDS,
        run_id=run_id,
        plans_hash=body.plans_hash,
        partners=paid_partners(RECORDS),
        roles=person().roles,
        **acting(),
    )
    return shown(run)


@router.post(
    "/ops/runs/<run_id>/carry_out", responses=answers(), tags=TAGS, middlewares=[may(ACCOUNTANT)]
)
def carry_out_run(run_id: str) -> One:
    """Have an approved run carried out where that stopped; what is done is not done again."""
    return shown(funding.order_carrying_out(RECORDS, run_id=run_id, **acting()))


@router.post("/ops/runs/<run_id>/send", responses=answers(), tags=TAGS, middlewares=[may(TREASURY)])
def send_run(run_id: str) -> One:
    """Hand a run's file to the bank, once; never by who prepared or approved it (D40)."""
    return shown(funding.order_sending(RECORDS, run_id=run_id, **acting()))


@router.post("/ops/runs/<run_id>/sent", responses=answers(), tags=TAGS, middlewares=[may(TREASURY)])
def say_sent(run_id: str) -> One:
    """Say that the bank has the file, as the bank told."""
    return shown(funding.mark_sent(RECORDS, run_id=run_id, **acting()))


@router.post(
    "/ops/runs/<run_id>/not_sent", responses=answers(), tags=TAGS, middlewares=[may(TREASURY)]
)
def say_not_sent(run_id: str, body: ReasonIn) -> One:
    """Say that the bank never got the file, in its words; it may be sent again (D40)."""
    return shown(funding.mark_not_sent(RECORDS, run_id=run_id, because=body.reason, **acting()))


@router.post(
    "/ops/runs/<run_id>/settle", responses=answers(), tags=TAGS, middlewares=[may(TREASURY)]
)
def settle_run(run_id: str, body: SettlementIn) -> One:
    """Book that the bank paid a run out, as its statement shows."""
    statement = Money(body.statement_cents)
    return shown(funding.settle(RECORDS, run_id=run_id, statement=statement, **acting()))


@router.post("/ops/bank_files", responses=answers(), tags=TAGS, middlewares=[may(TREASURY)])
def take_bank_file(body: BankFileIn) -> One:
    """Take a file of returned payments and corrected details; the same file again is the same."""
    content = body.content.encode()
    return shown(funding.keep_bank_file(RECORDS, DOCUMENTS, content=content, **acting()))


@router.get(
    "/ops/bank_files/<file_id>", responses=answers(), tags=TAGS, middlewares=[may(*READERS)]
)
def get_bank_file(file_id: str) -> One:
    """Tell what became of each entry of a file of the bank's."""
    return shown(funding.bank_file(RECORDS, file_id))


@router.post(
    "/ops/bank_files/<file_id>/agree",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTING)],
)
def agree_bank_file(file_id: str) -> One:
    """Agree that a file is the bank's; its entries are then done (D09)."""
    return shown(funding.agree_bank_file(RECORDS, file_id=file_id, **acting()))


@router.post(
    "/ops/payments/<trace_number>/reversal",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTANT)],
)
def propose_reversal(trace_number: str, body: ReversalIn) -> One:
    """Propose to call a payment back from the partner's bank (D41)."""
    return shown(
        funding.propose_reversal(
            RECORDS,
            trace_number=trace_number,
            reason=body.why,
            because=body.reason,
            **acting(),
        )
    )


@router.post(
    "/ops/reversals/<proposal_id>/agree",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTING)],
)
def agree_reversal(proposal_id: str) -> One:
    """Agree to call a payment back; its file is made (D41)."""
    return shown(funding.agree_reversal(RECORDS, proposal_id=proposal_id, **acting()))


@router.post(
    "/ops/payments/<trace_number>/reversed",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(TREASURY)],
)
def record_reversed(trace_number: str) -> One:
    """Book that the bank gave called-back money back; two people then say whose it is (D41)."""
    return shown(funding.record_reversed(RECORDS, trace_number=trace_number, **acting()))


@router.post(
    "/ops/payments/<trace_number>/suspense",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTANT)],
)
def propose_assignment(trace_number: str, body: AssignmentIn) -> One:
    """Propose whose money in suspense is (D41)."""
    return shown(
        funding.propose_assignment(
            RECORDS,
            trace_number=trace_number,
            whose=body.whose,
            because=body.reason,
            **acting(),
        )
    )


@router.post(
    "/ops/assignments/<proposal_id>/agree",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTING)],
)
def agree_assignment(proposal_id: str) -> One:
    """Agree whose money in suspense is, and book it so (D41)."""
    return shown(funding.agree_assignment(RECORDS, proposal_id=proposal_id, **acting()))


@router.get("/ops/proposals", responses=answers(), tags=TAGS, middlewares=[may(*READERS)])
def list_proposals(state: ProposalState = ProposalState.PENDING) -> Listed:
    """List what one person proposed and another decides, the oldest first (D09)."""
    found = portfolio.proposals_in(RECORDS, state)
    return Listed(items=[codec.to_shown(one) for one in found])


@router.post(
    "/ops/proposals/<proposal_id>/reject",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTING)],
)
def reject_proposal(proposal_id: str) -> One:
    """Reject what another proposed; nothing of it is done (D09)."""
    return shown(portfolio.reject(RECORDS, proposal_id=proposal_id, **acting()))


@router.post(
    "/ops/proposals/<proposal_id>/withdraw",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTANT, PROJECTS)],
)
def withdraw_proposal(proposal_id: str) -> One:
    """Take one's own proposal back (D09)."""
    return shown(portfolio.withdraw(RECORDS, proposal_id=proposal_id, **acting()))


@router.get(
    "/ops/payments/<trace_number>/reversal",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(TREASURY)],
)
def get_reversal(trace_number: str) -> One:
    """Give the file that calls a payment back, to be handed to the bank by hand."""
    reference = funding.reversal_reference(trace_number)
    content = DOCUMENTS.get(reference).decode("ascii")
    return One(item={"reference": reference, "content": content})


@router.get("/ops/books/checks", responses=answers(), tags=TAGS, middlewares=[may(*READERS)])
def list_checks(by: str = "funding_run") -> Listed:
    """List the checks of the books that somebody had done; without a name, those of the nights."""
    return listed(BooksCheck, "by", by)


@router.post(
    "/ops/books/checks",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTANT, ACCOUNTING, TREASURY)],
)
def order_check() -> One:
    """Have all books recomputed: chains, accounts, items, plans and bank files."""
    return shown(funding.order_check(RECORDS, **acting()))


@router.get(
    "/ops/books/checks/<check_id>", responses=answers(), tags=TAGS, middlewares=[may(*READERS)]
)
def get_check(check_id: str) -> One:
    """Give what a check of the books found; `done_at` is empty until it was done."""
    return shown(funding.books_check(RECORDS, check_id))


@router.post(
    "/ops/payables/<payable_id>/release",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(ACCOUNTANT)],
)
def release_payable(payable_id: str) -> One:
    """Free money that waits for a person, after looking at why; it goes with the next run."""
    return shown(funding.release_payable(RECORDS, payable_id=payable_id, **acting()))


@router.get(
    "/ops/partners/<partner_id>/ledger",
    responses=answers(),
    tags=TAGS,
    middlewares=[may(*READERS)],
)
def ledger_of(partner_id: str) -> Listed:
    """List a partner's ledger entries in the order of its chain."""
    found = [
        stored.record for stored in RECORDS.find(LedgerEntry, by="partner_id", value=partner_id)
    ]
    chain = sorted(found, key=lambda entry: entry.number)
    return Listed(items=[codec.to_shown(entry) for entry in chain])


@router.get("/ops/trial_balance", responses=answers(), tags=TAGS, middlewares=[may(*READERS)])
def trial_balance(
    as_of: Annotated[Instant | None, Query()] = None, seen: Seen = Seen.RECORDED
) -> One:
    """Give the balance of each account as of an instant: as it was known, or as it had become."""
    at = as_of or CLOCK.now()
    balances = funding.trial_balance_at(RECORDS, partners=all_partners(RECORDS), at=at, seen=seen)
    cents = {account: balance.cents for account, balance in balances.items()}
    return One(item={"as_of": at.isoformat(), "seen": seen, "balances_cents": cents})


@router.get("/ops/replay", responses=answers(), tags=TAGS, middlewares=[may(*READERS)])
def replay(programme: str, as_of: Annotated[Instant | None, Query()] = None) -> Listed:
    """List what the rules of another programme would have changed; nothing is written."""
    found = funding.replay(
        RECORDS,
        partners=paid_partners(RECORDS),
        programme=programme,
        as_of=as_of or CLOCK.now(),
    )
    return Listed(items=[codec.to_shown(one) for one in found])


@router.get(
    "/ops/trace/<trace_number>", responses=answers(), tags=TAGS, middlewares=[may(*READERS)]
)
def trace(trace_number: str) -> Listed:
    """Walk a line of a bank file back to what it was earned with."""
    steps = funding.trace(RECORDS, DOCUMENTS, trace_number=trace_number)
    return Listed(items=[codec.to_shown(step) for step in steps])
