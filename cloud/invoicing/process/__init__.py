"""Load, decide by a rule, write one change: all that may happen to invoices and back-bills."""

from cloud.invoicing.process.books import BACK_BILL_DUE
from cloud.invoicing.process.charges import (
    approve_charge,
    export_charges,
    propose_charge,
    rows_of_export,
    tell_customer,
    withdraw_charge,
)
from cloud.invoicing.process.claims import assess, record_internal_cost, record_line_causes
from cloud.invoicing.process.decisions import (
    approve,
    escalate,
    escalate_by_coordinator,
    objections,
    reject,
    return_to_partner,
    withdraw_invoice,
)
from cloud.invoicing.process.disputing import (
    add_evidence,
    escalate_dispute,
    open_dispute,
    resolve_dispute,
    withdraw_dispute,
)
from cloud.invoicing.process.drafts import discard_draft, save_draft, submit_draft
from cloud.invoicing.process.lowering import lower_invoice
from cloud.invoicing.process.outlook import Outlook, outlook
from cloud.invoicing.process.payments import (
    record_offset_taken,
    record_payment,
    record_returned_payment,
    record_void,
    request_void,
)
from cloud.invoicing.process.rerouting import delegate, reroute
from cloud.invoicing.process.submission import (
    APPROVAL_DUE,
    APPROVAL_REMINDER,
    submit,
    validate,
)
from cloud.invoicing.process.waking import WAKES, wake

__all__ = [
    "APPROVAL_DUE",
    "APPROVAL_REMINDER",
    "BACK_BILL_DUE",
    "WAKES",
    "Outlook",
    "add_evidence",
    "approve",
    "approve_charge",
    "assess",
    "delegate",
    "discard_draft",
    "escalate",
    "escalate_by_coordinator",
    "escalate_dispute",
    "export_charges",
    "lower_invoice",
    "objections",
    "open_dispute",
    "outlook",
    "propose_charge",
    "record_internal_cost",
    "record_line_causes",
    "record_offset_taken",
    "record_payment",
    "record_returned_payment",
    "record_void",
    "reject",
    "request_void",
    "reroute",
    "resolve_dispute",
    "return_to_partner",
    "rows_of_export",
    "save_draft",
    "submit",
    "submit_draft",
    "tell_customer",
    "validate",
    "wake",
    "withdraw_charge",
    "withdraw_dispute",
    "withdraw_invoice",
]
