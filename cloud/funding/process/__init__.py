"""Load, decide, save, tell: accruing money, running a funding date, settling it, tracing it."""

from cloud.funding.process.accrual import accrue_milestone, accrue_service, withdraw_service
from cloud.funding.process.bank_files import (
    agree_bank_file,
    bank_file,
    keep_bank_file,
    take_bank_file,
)
from cloud.funding.process.carrying_out import run_all_after_approval
from cloud.funding.process.checking import books_check, check_books, order_check
from cloud.funding.process.clawing import assess_clawback, clock_of, reinstate
from cloud.funding.process.committing import commit
from cloud.funding.process.debts import (
    agree_settlement,
    assess_debts,
    debts,
    propose_settlement,
)
from cloud.funding.process.ending import take_back_cancelled, take_back_revoked
from cloud.funding.process.extensions import (
    EXTENSION_WAKES,
    ExposureStanding,
    Unfit,
    deny_extension,
    exposure_of,
    extensions_of,
    grant_extension,
    load_request,
    own_request,
    proof_of,
    release_ended,
    release_exposure,
    submit_extension,
    wake_extension,
    withdraw_extension,
)
from cloud.funding.process.filing import file
from cloud.funding.process.milestones import (
    milestone_reached,
    milestone_revoked,
    project_cancelled,
)
from cloud.funding.process.papers import (
    AnnouncedDocument,
    SentDocument,
    complete_document,
    documents_of,
    link_to_document,
    own_document,
    request_document,
)
from cloud.funding.process.proofs import complete_proof, request_proof
from cloud.funding.process.publishing import (
    PUBLISHING_WAKES,
    publish_funding_day,
    published,
    wake_publishing,
    withdraw_funding_day,
)
from cloud.funding.process.reductions import (
    accrue_offset,
    agree_compliance_offset,
    pause_deduction,
    propose_compliance_offset,
)
from cloud.funding.process.replaying import replay
from cloud.funding.process.reversing import (
    agree_assignment,
    agree_reversal,
    make_reversal,
    propose_assignment,
    propose_reversal,
    record_reversed,
    reversal_reference,
)
from cloud.funding.process.run import (
    approve,
    load_run,
    order_carrying_out,
    order_opening,
    order_preparing,
    prepare,
    release,
)
from cloud.funding.process.sending import mark_not_sent, mark_sent, order_sending, send
from cloud.funding.process.settlement import return_payment, settle
from cloud.funding.process.tickets import (
    answer_ticket,
    ask_tier2,
    close_ticket,
    follow_up,
    load_ticket,
    own_ticket,
    tickets_of,
)
from cloud.funding.process.tracing import TraceStep, trace
from cloud.funding.process.verifying import Verified, trial_balance_at, verify_books
from cloud.funding.process.warranties import import_prices, release_payable, warranty_on_m1
from cloud.funding.process.watching import WAKES, assess_ntp, wake, watch, watch_paid

__all__ = [
    "EXTENSION_WAKES",
    "PUBLISHING_WAKES",
    "WAKES",
    "AnnouncedDocument",
    "ExposureStanding",
    "SentDocument",
    "TraceStep",
    "Unfit",
    "Verified",
    "accrue_milestone",
    "accrue_offset",
    "accrue_service",
    "agree_assignment",
    "agree_bank_file",
    "agree_compliance_offset",
    "agree_reversal",
    "agree_settlement",
    "answer_ticket",
    "approve",
    "ask_tier2",
    "assess_clawback",
    "assess_debts",
    "assess_ntp",
    "bank_file",
    "books_check",
    "check_books",
    "clock_of",
    "close_ticket",
    "commit",
    "complete_document",
    "complete_proof",
    "debts",
    "deny_extension",
    "documents_of",
    "exposure_of",
    "extensions_of",
    "file",
    "follow_up",
    "grant_extension",
    "import_prices",
    "keep_bank_file",
    "link_to_document",
    "load_request",
    "load_run",
    "load_ticket",
    "make_reversal",
    "mark_not_sent",
    "mark_sent",
    "milestone_reached",
    "milestone_revoked",
    "order_carrying_out",
    "order_check",
    "order_opening",
    "order_preparing",
    "order_sending",
    "own_document",
    "own_request",
    "own_ticket",
    "pause_deduction",
    "prepare",
    "project_cancelled",
    "proof_of",
    "propose_assignment",
    "propose_compliance_offset",
    "propose_reversal",
    "propose_settlement",
    "publish_funding_day",
    "published",
    "record_reversed",
    "reinstate",
    "release",
    "release_ended",
    "release_exposure",
    "release_payable",
    "replay",
    "request_document",
    "request_proof",
    "return_payment",
    "reversal_reference",
    "run_all_after_approval",
    "send",
    "settle",
    "submit_extension",
    "take_back_cancelled",
    "take_back_revoked",
    "take_bank_file",
    "tickets_of",
    "trace",
    "trial_balance_at",
    "verify_books",
    "wake",
    "wake_extension",
    "wake_publishing",
    "warranty_on_m1",
    "watch",
    "watch_paid",
    "withdraw_extension",
    "withdraw_funding_day",
    "withdraw_service",
]
