"""Load, decide, save, tell: accruing money, running a funding date, settling it, tracing it."""

from cloud.funding.process.accrual import (
    accrue_milestone,
    accrue_offset,
    accrue_service,
    pause_deduction,
    release_payable,
    warranty_on_m1,
    withdraw_service,
)
from cloud.funding.process.run import approve, commit, file, prepare, run_all_after_approval
from cloud.funding.process.settlement import mark_sent, return_payment, settle
from cloud.funding.process.tracing import TraceStep, trace

__all__ = [
    "TraceStep",
    "accrue_milestone",
    "accrue_offset",
    "accrue_service",
    "approve",
    "commit",
    "file",
    "mark_sent",
    "pause_deduction",
    "prepare",
    "release_payable",
    "return_payment",
    "run_all_after_approval",
    "settle",
    "trace",
    "warranty_on_m1",
    "withdraw_service",
]
