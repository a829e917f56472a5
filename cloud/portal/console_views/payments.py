"""Payments and the bank: a line of a file, money that comes back, files that the bank sends."""

from cloud.funding import process as funding
from cloud.funding.ach import ReversalReason
from cloud.funding.models import (
    BankFileTaken,
    FundingRun,
    PaymentTrace,
    RunPlan,
    RunState,
)
from cloud.funding.process.reversing import ASSIGN, REVERSE, suspense_of
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, NotFound
from cloud.portal.asking import Absent, Answer, Ask, File, Go, Page, done
from cloud.portal.console_views.money_desk import READERS, everywhere, shown, told
from cloud.portal.money_words import WORDS
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio.proposals import Proposal, ProposalState
from cloud.reporting.roles import ACCOUNTANT, ACCOUNTING, TREASURY

VIEWS = Views()
PAYMENTS = "/console/runs/payments"
FILES = "/console/runs/bank_files"
MOST_BYTES = 390_000
"""Of a file of the bank's, as the operations API takes it."""
REASONS = {
    ReversalReason.DUPLICATE: "It was paid twice",
    ReversalReason.WRONG_RECEIVER: "It went to somebody else",
    ReversalReason.WRONG_AMOUNT: "The amount was wrong",
    ReversalReason.WRONG_DATE: "It was paid too early",
}
WHOSE = {"partner": "The partner's: it is owed to them again", "bank": "The bank's: it paid twice"}


# ---- one payment ---------------------------------------------------------------------------------


def _of(ask: Ask) -> PaymentTrace:
    found = ask.records.load(PaymentTrace, ask.names["trace_number"])
    if found is None:
        raise Absent
    return found.record


@VIEWS.get(PAYMENTS + "/{trace_number}", *READERS)
def one_payment(ask: Ask) -> Page:
    """Show one line of a bank file: where its money is, and what the bank said of it (D04)."""
    return _payment(ask)


def _payment(ask: Ask, typed: AsTyped | None = None) -> Page:
    line = _of(ask)
    run = ask.records.load(FundingRun, line.run_id)
    plan = ask.records.load(RunPlan, line.plan_id)
    if run is None or plan is None:
        raise Absent
    proposals = [
        one.record
        for one in ask.records.find(Proposal, by="subject", value=line.id)
        if one.record.kind in {REVERSE, ASSIGN}
    ]
    suspense = suspense_of(ask.records, line.id)
    is_out = run.record.state in {RunState.SENT, RunState.SETTLED}
    return Page(
        "console/payment.html",
        f"Payment {line.id}",
        {
            **WORDS,
            **everywhere(ask),
            "line": line,
            "run": run.record,
            "plan": plan.record,
            "suspense": suspense,
            "log": ask.log(line.id, of="bank_line"),
            "proposals": sorted(proposals, key=lambda one: one.at, reverse=True),
            "waits": any(one.state is ProposalState.PENDING for one in proposals),
            "may_reverse": is_out and not line.return_code and not line.reversal,
            "reasons": [(str(one), says) for one, says in REASONS.items()],
            "whose": list(WHOSE.items()),
            "here": f"{PAYMENTS}/{line.id}",
            "typed": typed,
        },
        status=422 if typed else 200,
    )


@VIEWS.post(PAYMENTS + "/{trace_number}/reversal", ACCOUNTANT)
def propose_reversal(ask: Ask) -> Answer:
    """Propose to call a payment back (D41)."""
    line, typed = _of(ask), Typed(ask.form)
    reason = typed.one_of("reason", frozenset(ReversalReason), "Choose what was wrong with it.")
    because = typed.text("because", "Say how it is known.")
    if typed.as_typed:
        return _payment(ask, typed.as_typed)
    answer = funding.propose_reversal(
        ask.records, trace_number=line.id, reason=reason, because=because, **ask.acting()
    )
    return _proposed(ask, typed, answer)


@VIEWS.post(PAYMENTS + "/{trace_number}/suspense", ACCOUNTANT)
def propose_assignment(ask: Ask) -> Answer:
    """Propose whose money in suspense is (D41)."""
    line, typed = _of(ask), Typed(ask.form)
    whose = typed.one_of("whose", WHOSE, "Choose whose it is.")
    because = typed.text("whose_because", "Say how it is known.")
    if typed.as_typed:
        return _payment(ask, typed.as_typed)
    answer = funding.propose_assignment(
        ask.records, trace_number=line.id, whose=whose, because=because, **ask.acting()
    )
    return _proposed(ask, typed, answer)


def _proposed(ask: Ask, typed: Typed, answer: Proposal | Refused) -> Answer:
    if isinstance(answer, Refused):
        return _payment(ask, typed.refused(told(answer)))
    said = "It is proposed. Another person of accounting agrees or rejects."
    return Go(f"{PAYMENTS}/{ask.names['trace_number']}", said=said)


@VIEWS.post(PAYMENTS + "/{trace_number}/reversed", TREASURY)
def record_reversed(ask: Ask) -> Answer:
    """Book that the bank gave called-back money back (D41)."""
    line = _of(ask)
    answer = funding.record_reversed(ask.records, trace_number=line.id, **ask.acting())
    said = "It is booked. Two people of accounting now say whose the money is."
    return done(answer, to=f"{PAYMENTS}/{line.id}", said=said)


@VIEWS.get(PAYMENTS + "/{trace_number}/reversal", TREASURY)
def reversal_file(ask: Ask) -> Answer:
    """Give the file that calls a payment back, to be handed to the bank by hand (D41)."""
    line = _of(ask)
    try:
        content = ask.house.documents.get(funding.reversal_reference(line.id))
    except NotFound:
        because = "Its file is not made yet: two people agree first, and then it takes a moment."
        no = Refused("D41", because, "not_made")
        return Go(f"{PAYMENTS}/{line.id}", refused=no)
    return File(f"reversal-{line.id}.ach", "text/plain; charset=us-ascii", content)


# ---- files of the bank's -------------------------------------------------------------------------


@VIEWS.get(FILES, *READERS)
def bank_files(ask: Ask) -> Page:
    """Show the files that the bank sent: what came back, which details it corrected (D04)."""
    return _files(ask)


def _files(ask: Ask, typed: AsTyped | None = None) -> Page:
    found = [
        one.record
        for state in ("waiting", "agreed", "done")
        for one in ask.records.find(BankFileTaken, by="state", value=state)
    ]
    # What waits for somebody first, then the latest.
    found.sort(key=lambda one: one.at, reverse=True)
    found.sort(key=lambda one: one.state == "done")
    return Page(
        "console/bank_files.html",
        "Files of the bank",
        {**everywhere(ask), "page": shown(ask, found), "here": FILES, "typed": typed},
        status=422 if typed else 200,
    )


@VIEWS.post(FILES, TREASURY)
def take_bank_file(ask: Ask) -> Answer:
    """Take a file of the bank's in; the same file again is the same (D04)."""
    typed, sent = Typed(ask.form), ask.form.files.get("file", ())
    content = sent[-1].content if sent else b""
    if not content:
        typed.is_wrong("file", "Choose the file, as the bank sent it.")
    elif len(content) > MOST_BYTES:
        wrong = f"It has {len(content):,} bytes; at most {MOST_BYTES:,} are taken at once."
        typed.is_wrong("file", f"{wrong} Ask the bank for it in parts.")
    if typed.as_typed:
        return _files(ask, typed.as_typed)
    try:
        taken = funding.keep_bank_file(
            ask.records, ask.house.documents, content=content, **ask.acting()
        )
    except BadInput as wrong:
        typed.is_wrong("file", f"Nothing was taken: {wrong}.")
        return _files(ask, typed.as_typed)
    said = "It is taken in. Nothing is done with it before another person agrees to it."
    return Go(f"{FILES}/{taken.id}", said=said)


@VIEWS.get(FILES + "/{file_id}", *READERS)
def one_bank_file(ask: Ask) -> Page:
    """Show a file of the bank's and what became of each of its entries (D04)."""
    found = ask.records.load(BankFileTaken, ask.names["file_id"])
    if found is None:
        raise Absent
    taken = found.record
    names = sorted({one.trace_number for one in taken.done})
    lines = ask.records.load_all(PaymentTrace, names) if names else {}
    return Page(
        "console/bank_file.html",
        "A file of the bank",
        {
            **WORDS,
            **everywhere(ask),
            "taken": taken,
            "lines": {name: one.record for name, one in lines.items()},
            "log": ask.log(taken.id, of="bank_file"),
            "here": f"{FILES}/{taken.id}",
        },
    )


@VIEWS.post(FILES + "/{file_id}/agree", ACCOUNTING)
def agree_bank_file(ask: Ask) -> Answer:
    """Agree that a file is the bank's; its entries are then done (D09)."""
    file_id = ask.names["file_id"]
    answer = funding.agree_bank_file(ask.records, file_id=file_id, **ask.acting())
    said = "Agreed. Its entries are being worked through; look again in a moment."
    return done(answer, to=f"{FILES}/{file_id}", said=said)
