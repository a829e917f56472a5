"""Charging a customer: proposed on evidence, approved by another person, told, exported."""

from dataclasses import replace
from datetime import datetime

from cloud.invoicing import claim_letters
from cloud.invoicing.billing import customers_lines
from cloud.invoicing.charges import ChargeRow, are_enough, rows_of
from cloud.invoicing.models import ChargeState, CustomerCharge, Invoice, InvoiceState
from cloud.invoicing.process.books import conflict, load_invoice, load_order
from cloud.kernel.change import Change, Event, Letter
from cloud.kernel.decision import Refused
from cloud.kernel.ids import derived
from cloud.kernel.money import total
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Site
from cloud.service.models import Case, WorkOrder

_CERTAIN = frozenset({InvoiceState.APPROVED, InvoiceState.PAID})


def propose_charge(
    records: Records, *, invoice_id: str, evidence: str, by: str, at: datetime
) -> CustomerCharge | Refused:
    """Propose to charge the customer the lines that are its to bear, on evidence (B-52).

    Only what was approved has a certain amount. Proposed again while nobody approved it, it follows
    the causes as they stand now; one that was withdrawn can be proposed again.
    """
    invoice = load_invoice(records, invoice_id)
    known = records.load(CustomerCharge, derived("CC", invoice_id))
    if invoice.record.state not in _CERTAIN:
        return conflict(invoice.record, "B-52")
    if not evidence.strip():
        return Refused("B-52", "a customer is charged on evidence only", "evidence_missing")
    order = load_order(records, invoice.record.work_order_id)
    lines = customers_lines(invoice.record, order.record)
    if not lines:
        because = f"no line of invoice {invoice.record.content.number} is the customer's to bear"
        return Refused("B-52", because, "nothing_to_charge")
    made = CustomerCharge(
        id=derived("CC", invoice_id),
        invoice_id=invoice_id,
        work_order_id=order.record.id,
        site_id=order.record.site_id,
        lines=lines,
        total=total(one.amount for one in lines),
        evidence=evidence,
        state=ChargeState.PROPOSED,
        proposed_at=at,
        proposed_by=by,
    )
    if known is not None:
        stands = known.record
        if replace(stands, proposed_at=at, proposed_by=by) == made:
            return stands
        if stands.state not in {ChargeState.PROPOSED, ChargeState.WITHDRAWN}:
            return _conflict(stands)
    says = f"{by} proposes to charge the customer {made.total}: {evidence}"
    event = Event(made.id, "charge_proposed", at, by, "B-52", (invoice_id, order.record.id), says)
    save = (known or Stored(made, 0)).replaced_by(made)
    relied = (invoice.relied_on(), order.relied_on())
    records.commit(Change(saves=(save,), events=(event,), relies_on=relied))
    return made


def approve_charge(
    records: Records, *, charge_id: str, by: str, at: datetime
) -> CustomerCharge | Refused:
    """Approve a charge that another person proposed (B-52a).

    Where the causes have changed since, it is proposed again first. Unless it was an emergency, the
    customer must have been told that such work is not covered.
    """
    stored = _load(records, charge_id)
    charge = stored.record
    if charge.state is ChargeState.APPROVED and charge.approved_by == by:
        return charge
    if charge.state is not ChargeState.PROPOSED:
        return _conflict(charge)
    invoice = load_invoice(records, charge.invoice_id)
    order = load_order(records, charge.work_order_id)
    if not are_enough({charge.proposed_by, by}, on=order.record.policy_day):
        return Refused("B-52a", "who proposed a charge cannot approve it", "same_person")
    refused = _stale(charge, invoice.record, order.record) or _not_advised(
        records, charge, order.record
    )
    if refused is not None:
        return refused
    after = replace(charge, state=ChargeState.APPROVED, approved_at=at, approved_by=by)
    says = f"{by} approved to charge the customer {charge.total}"
    event = Event(charge_id, "charge_approved", at, by, "B-52a", (charge.invoice_id,), says)
    relied = (invoice.relied_on(), order.relied_on())
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), relies_on=relied))
    return after


def tell_customer(
    records: Records, *, charge_id: str, by: str, at: datetime
) -> CustomerCharge | Refused:
    """Tell the customer of an approved charge, once (B-52)."""
    stored = _load(records, charge_id)
    charge = stored.record
    if charge.state in {ChargeState.TOLD, ChargeState.EXPORTED}:
        return charge
    if charge.state is not ChargeState.APPROVED:
        return _conflict(charge)
    invoice = load_invoice(records, charge.invoice_id)
    order = load_order(records, charge.work_order_id)
    stale = _stale(charge, invoice.record, order.record)
    if stale is not None:
        return stale
    after = replace(charge, state=ChargeState.TOLD, told_at=at)
    letter = claim_letters.charged(
        after, site=_site(records, charge), case_id=order.record.case_id, at=at
    )
    says = f"the customer was told of {charge.total}"
    event = Event(charge_id, "charge_told", at, by, "B-52", (charge.invoice_id,), says)
    relied = (invoice.relied_on(), order.relied_on())
    saves = (stored.replaced_by(after),)
    records.commit(Change(saves=saves, events=(event,), letters=(letter,), relies_on=relied))
    return after


def export_charges(records: Records, *, by: str, at: datetime) -> tuple[ChargeRow, ...]:
    """Give the rows of all charges that customers were told of and that did not leave yet (B-52).

    Each leaves once: what an interrupted export marked as left is found by its event, and by
    `rows_of` over all charges.
    """
    left = []
    for stored in records.find(CustomerCharge, by="state", value=ChargeState.TOLD):
        charge = stored.record
        after = replace(charge, state=ChargeState.EXPORTED, exported_at=at, exported_by=by)
        says = f"{charge.total} left for whoever collects it"
        event = Event(charge.id, "charge_exported", at, by, "B-52", (charge.invoice_id,), says)
        records.commit(Change(saves=(stored.replaced_by(after),), events=(event,)))
        left.append(after)
    return rows_of(left)


def withdraw_charge(
    records: Records, *, charge_id: str, reason: str, by: str, at: datetime
) -> CustomerCharge | Refused:
    """Withdraw a charge that did not leave yet; a customer that was told is told of this too."""
    stored = _load(records, charge_id)
    charge = stored.record
    if charge.state is ChargeState.WITHDRAWN:
        return charge
    if charge.state is ChargeState.EXPORTED:
        return _conflict(charge)
    if not reason.strip():
        return Refused("B-52", "a withdrawal names its reason", "reason_missing")
    after = replace(
        charge, state=ChargeState.WITHDRAWN, withdrawn_at=at, withdrawn_by=by, reason=reason
    )
    order = load_order(records, charge.work_order_id).record
    sent: tuple[Letter, ...] = ()
    if charge.state is ChargeState.TOLD:
        site = _site(records, charge)
        sent = (claim_letters.charge_withdrawn(after, site=site, case_id=order.case_id, at=at),)
    says = f"{by} withdrew the charge of {charge.total}: {reason}"
    event = Event(charge_id, "charge_withdrawn", at, by, "B-52", (charge.invoice_id,), says)
    records.commit(Change(saves=(stored.replaced_by(after),), events=(event,), letters=sent))
    return after


def _stale(charge: CustomerCharge, invoice: Invoice, order: WorkOrder) -> Refused | None:
    """Refuse a charge whose lines are not the customer's any more."""
    if invoice.state in _CERTAIN and customers_lines(invoice, order) == charge.lines:
        return None
    because = f"the causes on invoice {invoice.content.number} changed: propose the charge again"
    return Refused("B-52", because, "conflict")


def _not_advised(records: Records, charge: CustomerCharge, order: WorkOrder) -> Refused | None:
    """Refuse to charge work of which the customer was not told that it would pay for it (B-52)."""
    case = require(records.load(Case, order.case_id), "case", order.case_id).record
    untold = [one.cause for one in charge.lines if one.cause not in case.advised]
    if order.is_emergency or not untold:
        return None
    because = f"the customer was never told that {untold[0].replace('_', ' ')} is not covered"
    return Refused("B-52", because, "customer_not_advised")


def _load(records: Records, charge_id: str) -> Stored[CustomerCharge]:
    return require(records.load(CustomerCharge, charge_id), "charge", charge_id)


def _site(records: Records, charge: CustomerCharge) -> Site:
    return require(records.load(Site, charge.site_id), "site", charge.site_id).record


def _conflict(charge: CustomerCharge) -> Refused:
    return Refused("B-52", f"charge {charge.id} stands as {charge.state}", "conflict")
