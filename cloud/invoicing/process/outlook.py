"""What an invoice would come to as it is written: what stands against it, and what may be spent."""

from dataclasses import dataclass

from cloud.invoicing.completeness import Completeness, InvoiceDraft
from cloud.invoicing.policy import NOT_COUNTED
from cloud.invoicing.process.books import load_order, load_spend
from cloud.invoicing.process.submission import invoice_id_of, spend_approvals, validate
from cloud.kernel.money import Money, total
from cloud.kernel.ports import Records


@dataclass(frozen=True, slots=True)
class Outlook:
    """An invoice that is being written, held against its work order.

    Attributes:
        verdict: everything that stands against it.
        total: of its lines.
        before: what the work order's other invoices spend (I-64).
        limit: what needs no approval (I-61).
        approved: the highest total that was approved in writing; None where none was.
    """

    verdict: Completeness
    total: Money
    before: Money
    limit: Money
    approved: Money | None

    @property
    def most(self) -> Money:
        """What the work order may come to in all, as things stand."""
        return self.limit if self.approved is None else max(self.limit, self.approved)

    @property
    def after(self) -> Money:
        """What the work order would come to with this invoice."""
        return self.before + self.total

    @property
    def left(self) -> Money:
        """What may still be spent; below nothing where it is too much."""
        return self.most - self.after


def outlook(
    records: Records, *, partner_id: str, draft: InvoiceDraft, work_order_id: str
) -> Outlook:
    """Tell what an invoice would come to, without taking it (I-61, I-62, I-64, I-65).

    Raises:
        NotFound: there is no such work order.
    """
    order = load_order(records, work_order_id).record
    idle = NOT_COUNTED.on(order.policy_day)
    own = invoice_id_of(partner_id, draft.invoice_number)
    spent = load_spend(records, work_order_id).record.spent
    written = [one.max_total for one in spend_approvals(order) if one.is_written]
    return Outlook(
        verdict=validate(records, partner_id=partner_id, draft=draft, work_order_id=work_order_id),
        total=total(line.amount for line in draft.lines),
        before=total(one.total for one in spent if one.invoice_id != own and one.state not in idle),
        limit=order.spend_limit,
        approved=max(written, default=None),
    )
