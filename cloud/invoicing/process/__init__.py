"""Load, decide by a rule, write one change: all that may happen to invoices and back-bills."""

from cloud.invoicing.process.claims import assess, decide_dispute, dispute
from cloud.invoicing.process.decisions import approve, reject, return_to_partner, wake
from cloud.invoicing.process.submission import APPROVAL_DUE, submit

__all__ = [
    "APPROVAL_DUE",
    "approve",
    "assess",
    "decide_dispute",
    "dispute",
    "reject",
    "return_to_partner",
    "submit",
    "wake",
]
