"""Charging a customer: proposed on evidence, approved by another person, told, exported."""

from dataclasses import replace
from datetime import UTC, datetime

from cloud.invoicing import claim_letters
from cloud.invoicing.billing import customers_lines
from cloud.invoicing.charges import ChargeRow, are_enough, rows_of
from cloud.invoicing.models import ChargeState, CustomerCharge, Invoice, InvoiceState
from cloud.invoicing.process.books import conflict, load_invoice, load_order
from cloud.kernel.change import Change, Event, Letter
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict, NotFound
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
        times_told=known.record.times_told if known else 0,
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
    after = replace(charge, state=ChargeState.TOLD, told_at=at, times_told=charge.times_told + 1)
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

    Each leaves once. What is not the customer's any more stays, and so does a charge that somebody
    else changes at the same moment: the next export looks at it again. Every row names its export,
    and `rows_of_export` gives the rows of one again.
    """
    export_id = derived("EXP", by, at.astimezone(UTC).isoformat())
    told = records.find(CustomerCharge, by="state", value=ChargeState.TOLD)
    left = (_exported(records, one.record.id, export_id, by=by, at=at) for one in told)
    return rows_of([one for one in left if one is not None])


def rows_of_export(records: Records, export_id: str) -> tuple[ChargeRow, ...]:
    """Give the rows of an export as it gave them, also where it was interrupted (B-52).

    Raises:
        NotFound: no charge left with an export of that id.
    """
    found = records.find(CustomerCharge, by="state", value=ChargeState.EXPORTED)
    left = [one.record for one in found if export_id and one.record.export_id == export_id]
    if not left:
        msg = f"export {export_id} is not known here: check the id"
        raise NotFound(msg)
    return rows_of(left)


def _exported(
    records: Records, charge_id: str, export_id: str, *, by: str, at: datetime
) -> CustomerCharge | None:
    """Let one charge leave; None where it may not, or where somebody else was faster."""
    stored = _load(records, charge_id)
    charge = stored.record
    invoice = load_invoice(records, charge.invoice_id)
    order = load_order(records, charge.work_order_id)
    if charge.state is not ChargeState.TOLD or _stale(charge, invoice.record, order.record):
        return None
    after = replace(
        charge, state=ChargeState.EXPORTED, exported_at=at, exported_by=by, export_id=export_id
    )
    says = f"{charge.total} left for whoever collects it"
    causes = (charge.invoice_id, export_id)
    event = Event(charge.id, "charge_exported", at, by, "B-52", causes, says)
    relied = (invoice.relied_on(), order.relied_on())
    change = Change(saves=(stored.replaced_by(after),), events=(event,), relies_on=relied)
    try:
        records.commit(change)
    except Conflict:
        return None
    return after


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
