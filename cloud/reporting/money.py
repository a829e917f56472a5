"""What invoices wait for, how spending was kept to its limits, and what is to be claimed back."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC

from cloud.invoicing.completeness import EarlierInvoice, approval_errors, spend_of
from cloud.invoicing.exposure import Exposure, exposure
from cloud.invoicing.models import Invoice, InvoiceState
from cloud.invoicing.policy import NOT_COUNTED
from cloud.invoicing.process.submission import spend_approvals
from cloud.kernel.money import Money, total
from cloud.reporting.facts import Facts, day_of, elapsed
from cloud.reporting.figures import hours, percent
from cloud.reporting.models import ALL, Cell, Column, Report, Row
from cloud.reporting.policy import CLUSTER_CENTS
from cloud.reporting.service_levels import undecided_due
from cloud.service.models import WorkOrder

_LACKS = {
    "prior_approval_missing": "missing",
    "prior_approval_insufficient": "missing",
    "prior_approval_late": "late",
}


def back_bill_exposure(facts: Facts) -> Report:
    """Tell what original installers may have to bear, in cents (B-53, B-54).

    A line for each installer, and one for all, from the standings that each back-bill keeps. Before
    a cause is confirmed it is what all that is invoiced would come to with the markup; no
    probability is made up. No amount stands in two columns.
    """
    asked = facts.asked
    found = {
        partner: told
        for partner, told in exposure(facts.bills, as_of=asked.as_of).items()
        if asked.partner_id in {"", partner}
    }
    if found:
        found = {ALL: sum(found.values(), Exposure()), **found}
    rows = []
    for partner, told in found.items():
        bills = [
            bill
            for bill in facts.bills
            if partner in {ALL, bill.partner_id}
            and asked.partner_id in {"", bill.partner_id}
            and any(one.at <= asked.as_of for one in bill.standings)
        ]
        subjects = {it for bill in bills for it in (bill.id, bill.work_order_id)}
        cents = [getattr(told, field.name).cents for field in fields(Exposure)]
        rows.append(Row((partner, len(bills), *cents), tuple(sorted(subjects))))
    says = {
        "candidate": "nothing is paid yet, and the cause is open",
        "pending": "paid, and the cause is open",
        "confirmed": "both keys are there, not posted yet",
        "disputed": "held by a dispute",
        "posted": "handed to the funding runs, less what was given back",
        "credited": "given back",
    }
    return Report(
        "back_bill_exposure",
        "What original installers may have to bear, by how far each claim has come.",
        asked,
        (
            Column("partner", says="the original installer"),
            Column("bills", "back-bills"),
            *(Column(one.name, "cents", says.get(one.name, "")) for one in fields(Exposure)),
        ),
        tuple(rows),
    )


def spent_on(facts: Facts, order: WorkOrder) -> Money:
    """Give what the invoices of a work order come to, those that do not count left out (I-64)."""
    left_out = NOT_COUNTED.on(order.policy_day)
    return total(
        one.content.total
        for one in facts.invoices_of.get(order.id, ())
        if one.state.value not in left_out
    )


def _undecided_row(facts: Facts, invoice: Invoice, order: WorkOrder) -> Row:
    due_at = undecided_due(invoice, order)
    headroom = order.not_to_exceed - spent_on(facts, order)
    return Row(
        (
            invoice.id,
            invoice.content.number,
            invoice.partner_id,
            invoice.work_order_id,
            invoice.state.value,
            invoice.content.total.cents,
            invoice.submitted_at.astimezone(UTC),
            due_at.astimezone(UTC) if due_at else None,
            hours(elapsed(facts.asked.as_of, due_at)) if due_at else None,
            invoice.routed_to,
            invoice.escalated_at is not None,
            len(invoice.returned),
            "; ".join(one.reason for one in invoice.returned),
            headroom.cents,
        ),
        (invoice.id, invoice.work_order_id),
    )


def invoice_pipeline(facts: Facts) -> Report:
    """List the invoices that nobody had decided, by when the decision is due (I-66).

    Submitted, or back with the partner, for which there is no due time. The headroom is what may
    still be spent on the work order with all its invoices, this one among them (I-63, I-64).
    """
    asked = facts.asked
    orders = {order.id: order for order in facts.orders}
    rows = []
    for invoice in facts.invoices:
        order = orders.get(invoice.work_order_id)
        if invoice.state not in {InvoiceState.SUBMITTED, InvoiceState.RETURNED} or order is None:
            continue
        if asked.partner_id not in {"", invoice.partner_id}:
            continue
        rows.append(_undecided_row(facts, invoice, order))
    sums = Counter(str(row.cells[4]) for row in rows)
    return Report(
        "invoice_pipeline",
        "The invoices that wait for a decision, the earliest due first.",
        asked,
        (
            Column("invoice"),
            Column("number"),
            Column("partner"),
            Column("work_order"),
            Column("stage"),
            Column("total", "cents"),
            Column("submitted_at"),
            Column("due_at", says="empty while it is back with the partner"),
            Column("hours_left", "elapsed hours", "below zero: overdue"),
            Column("decides"),
            Column("escalated"),
            Column("returned", "times"),
            Column("returned_why"),
            Column("headroom", "cents", "of the work order's limit, all its invoices taken off"),
        ),
        tuple(
            sorted(rows, key=lambda row: (row.cells[7] is None, str(row.cells[7]), row.subjects))
        ),
        (", ".join(f"{stage} {sums[stage]}" for stage in sorted(sums)) or "nothing waits",),
    )


def _by_due(row: Row) -> tuple[bool, str, tuple[str, ...]]:
    due_at = row.cells[7]
    return due_at is None, str(due_at), row.subjects


def spend_control(facts: Facts) -> Report:
    """Tell how spending kept to its limits (I-61 to I-64), by partner.

    Of the work orders issued in the period. Needed: the invoices of a work order passed the limit.
    Missing: no written approval covers them. Late: one was written, but not before the line that
    passed the limit was performed. Split: more than one invoice, each within the limit, together
    above it. An approval that is too small is missing. Just below: invoices in the band below the
    limit (OR-06), a sign and no proof.
    """
    asked = facts.asked
    groups: dict[str, list[WorkOrder]] = defaultdict(list)
    for order in facts.orders:
        partner = facts.holder(order)
        if not asked.covers(order.issued_at) or not facts.invoices_of.get(order.id):
            continue
        if asked.partner_id in {"", partner}:
            groups[partner].append(order)
            groups[ALL].append(order)
    rows = [
        _controlled(facts, partner, groups[partner])
        for partner in sorted(groups, key=lambda it: (it != ALL, it))
    ]
    return Report(
        "spend_control",
        "How spending kept to its limits, of the work orders issued in the period.",
        asked,
        (
            Column("partner"),
            Column("orders", "work orders", "with an invoice"),
            Column("invoices", "invoices"),
            Column("total", "cents"),
            Column("needed", "work orders", "went over the limit"),
            Column("missing", "work orders"),
            Column("late", "work orders"),
            Column("split", "work orders"),
            Column("within_limit", "% of work orders"),
            Column("just_below", "invoices"),
            Column("just_below_share", "% of invoices"),
        ),
        tuple(rows),
        ("An invoice that was refused at its submission is not on record.",),
    )


def _controlled(facts: Facts, partner: str, orders: Sequence[WorkOrder]) -> Row:
    low, high = CLUSTER_CENTS.on(day_of(facts.asked.as_of))
    counting = [_counting(facts, order) for order in orders]
    flags = [_spending(order, found) for order, found in zip(orders, counting, strict=True)]
    invoices = [one for found in counting for one in found]
    just_below = sum(low <= one.content.total.cents <= high for one in invoices)
    count = Counter(flag for found in flags for flag in found)
    cells: tuple[Cell, ...] = (
        partner,
        len(orders),
        len(invoices),
        total(one.content.total for one in invoices).cents,
        count["needed"],
        count["missing"],
        count["late"],
        count["split"],
        percent(len(orders) - count["needed"], len(orders)),
        just_below,
        percent(just_below, len(invoices)),
    )
    return Row(cells, tuple(sorted([one.id for one in orders] + [one.id for one in invoices])))


def _counting(facts: Facts, order: WorkOrder) -> list[Invoice]:
    left_out = NOT_COUNTED.on(order.policy_day)
    found = facts.invoices_of.get(order.id, ())
    return [one for one in found if one.state.value not in left_out]


def _spending(order: WorkOrder, invoices: Sequence[Invoice]) -> set[str]:
    """Tell what is to be said of how a work order was spent on (I-62, I-63)."""
    spent = total(one.content.total for one in invoices)
    if spent <= order.spend_limit:
        return set()
    flags = {"needed"}
    if len(invoices) > 1 and all(one.content.total <= order.spend_limit for one in invoices):
        flags.add("split")
    for place, invoice in enumerate(invoices):
        errors = approval_errors(
            spend_of(
                ((line.performed_at, line.amount) for line in invoice.content.lines),
                others=[EarlierInvoice(one.content.total, one.state) for one in invoices[:place]],
                on=order.policy_day,
            ),
            approvals=spend_approvals(order),
            spend_limit=order.spend_limit,
            on=order.policy_day,
        )
        flags |= {_LACKS[error] for error in errors}
    return flags
