"""Writing an invoice over several days: kept as it is, submitted when it is complete."""

from dataclasses import replace
from datetime import datetime

from cloud.invoicing.completeness import InvoiceDraft
from cloud.invoicing.models import DraftState, Invoice, InvoiceState, Rejected, SavedDraft
from cloud.invoicing.process.submission import invoice_id_of, open_elsewhere, submit
from cloud.kernel.change import Change, Event
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.ports import Records, Stored
from cloud.service.models import WorkOrder

_EDITABLE = frozenset({InvoiceState.RETURNED})


def save_draft(
    records: Records, *, partner_id: str, draft: InvoiceDraft, at: datetime, by: str
) -> SavedDraft | Refused:
    """Keep what a partner has written so far; what is missing is no error yet (I-65).

    The invoice's number names the draft, so that saving it again replaces it. A number that is used
    by an invoice is taken, unless that one was returned for a correction; so is one that a draft of
    another work order has.

    Raises:
        NotFound: the work order is not the partner's, or does not exist.
    """
    number = draft.work_order_number.strip()
    order = records.load(WorkOrder, number) if number else None
    if order is None or order.record.partner_id != partner_id:
        msg = f"work order {number or '(none)'} is not one of yours: check the number"
        raise NotFound(msg)
    if not draft.invoice_number.strip():
        return Refused("I-67", "a draft needs the invoice's number", "missing_invoice_number")
    draft_id = invoice_id_of(partner_id, draft.invoice_number)
    invoice = records.load(Invoice, draft_id)
    if invoice is not None and not (
        invoice.record.state in _EDITABLE and invoice.record.work_order_id == number
    ):
        because = f"invoice {draft.invoice_number} stands as {invoice.record.state}"
        return Refused("I-67", because, "conflict")
    stored = records.load(SavedDraft, draft_id)
    other = open_elsewhere(stored, work_order_id=number)
    if other is not None:
        because = (
            f"a draft for work order {other.work_order_id} has the number {draft.invoice_number}: "
            "give this one another, or give that one up"
        )
        return Refused("I-67", because, "conflict")
    made = SavedDraft(draft_id, partner_id, number, draft, DraftState.OPEN, at, by)
    if stored is not None and replace(stored.record, saved_at=at, saved_by=by) == made:
        return stored.record
    event = Event(draft_id, "draft_saved", at, by, "I-65", (number,), "the draft was kept")
    save = (stored or Stored(made, 0)).replaced_by(made)
    records.commit(Change(saves=(save,), events=(event,)))
    return made


def submit_draft(
    records: Records, *, draft_id: str, partner_id: str, at: datetime, by: str
) -> Invoice | Rejected | Refused:
    """Submit a kept draft, or tell everything that stands against it (I-65).

    Raises:
        NotFound: there is none of the partner's.
    """
    draft = _own(records, draft_id, partner_id).record
    if draft.state is DraftState.DISCARDED:
        return Refused("I-65", f"draft {draft_id} was discarded: write it again", "conflict")
    return submit(
        records,
        partner_id=partner_id,
        draft=draft.content,
        at=at,
        by=by,
        work_order_id=draft.work_order_id,
    )


def discard_draft(
    records: Records, *, draft_id: str, partner_id: str, at: datetime, by: str
) -> SavedDraft | Refused:
    """Give a draft up; its number is free again.

    Raises:
        NotFound: there is none of the partner's.
    """
    stored = _own(records, draft_id, partner_id)
    if stored.record.state is DraftState.DISCARDED:
        return stored.record
    if stored.record.state is DraftState.SUBMITTED:
        return Refused("I-65", f"draft {draft_id} was submitted already", "conflict")
    after = replace(stored.record, state=DraftState.DISCARDED)
    event = Event(draft_id, "draft_discarded", at, by, "I-65", (after.work_order_id,))
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
    return after


def _own(records: Records, draft_id: str, partner_id: str) -> Stored[SavedDraft]:
    stored = records.load(SavedDraft, draft_id)
    if stored is None or stored.record.partner_id != partner_id:
        msg = f"draft {draft_id} is not one of yours: check the id"
        raise NotFound(msg)
    return stored
