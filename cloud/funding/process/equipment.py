"""What vendors bill the owner for projects' equipment, and how partners' money pays it back."""

from dataclasses import replace
from datetime import datetime

from cloud.funding.direct_pay import DirectPay, EquipmentInvoice, invoice_id
from cloud.funding.materials import MaterialVerdict, judge
from cloud.funding.models import LedgerEntry
from cloud.funding.policy import D27, D28, D42, F34
from cloud.funding.process.booking import write, write_unless_refused
from cloud.funding.process.taking import (
    APPROVE_DUE,
    SUBMIT_DUE,
    WAKES,
    Equipment,
    credit_id,
    has_clocks,
    material_of,
    timer_id,
    timers_of,
)
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Project

__all__ = [
    "APPROVE_DUE",
    "SUBMIT_DUE",
    "WAKES",
    "assess_material",
    "closing",
    "credit_id",
    "loaded",
    "material_verdict",
    "net_equipment",
    "of_vendor",
    "receive_vendor_invoice",
    "timer_id",
    "vendor_payments",
    "void_vendor_invoice",
    "wake",
]


def loaded(records: Records, project_id: str) -> tuple[Stored[DirectPay], Stored[Project]]:
    """Give how a project stands with Direct Pay, and the project.

    Raises:
        NotFound: one of them is not on record.
    """
    direct = require(records.load(DirectPay, project_id), "Direct Pay of project", project_id)
    return direct, require(records.load(Project, project_id), "project", project_id)


def of_vendor(
    records: Records, project_id: str, vendor_id: str
) -> tuple[Stored[DirectPay], Stored[Project]]:
    """Give the same for a vendor's project.

    Raises:
        NotFound: it is not this vendor's, or not on record; the vendor cannot tell which.
    """
    found = records.load(DirectPay, project_id)
    if found is not None and found.record.vendor_id != vendor_id:
        found = None
    direct = require(found, "Direct Pay of project", project_id)
    return direct, require(records.load(Project, project_id), "project", project_id)


def receive_vendor_invoice(
    records: Records,
    *,
    vendor_id: str,
    project_id: str,
    number: str,
    amount: Money,
    is_final: bool,
    at: datetime,
    by: str,
    document: str = "",
) -> DirectPay | Refused:
    """Take in what a vendor billed for a project, once for each number (D27, D28, D42, F20).

    What it costs is booked, taken from the project's money where M1 was reached, and the clock of
    its 14 days starts again, in one change: no run sees the money free without the reduction.

    Raises:
        NotFound: the project is not this vendor's.
        BadInput: the number is empty, or the amount not above zero.
    """
    if not number.strip() or amount <= ZERO:
        msg = f"invoice {number!r} of {amount} for project {project_id}: it needs both"
        raise BadInput(msg)
    wanted = invoice_id(vendor_id, number)

    def decide() -> tuple[DirectPay, Change] | Refused:
        stored, about = of_vendor(records, project_id, vendor_id)
        known = stored.record.invoice(wanted)
        equipment = Equipment(records, stored, about, at)
        if known is not None:
            return _again(equipment, known, amount=amount, is_final=is_final, by=by)
        made = EquipmentInvoice(
            wanted, amount, at, is_final, number=number.strip(), document=document
        )
        refused = _no_invoice(records, stored.record, made, about.record)
        if refused is not None:
            return refused
        equipment.bill(made)
        says = f"vendor's invoice {made.number} over {amount} came for project {project_id}"
        equipment.tell("vendor_invoice_received", says, rule="F31", by=by, causes=(wanted,))
        timers = timers_of(equipment.direct, about.record, at)
        return equipment.direct, equipment.change(Change(timers=timers))

    return write_unless_refused(records, f"invoice {number} for project {project_id}", decide)


def _again(
    equipment: Equipment, known: EquipmentInvoice, *, amount: Money, is_final: bool, by: str
) -> tuple[DirectPay, Change] | Refused:
    """Answer an invoice whose number is on record: the same one, the same as final, or another."""
    direct = equipment.direct
    if amount != known.amount or (known.is_final and not is_final):
        because = f"invoice number {known.number} stands for {known.amount} already"
        return Refused(D28.id, because, "invoice_number_used")
    if is_final == known.is_final or known.voided_at is not None:
        return direct, Change()
    final = replace(known, is_final=True)
    invoices = tuple(final if one.id == final.id else one for one in direct.invoices)
    equipment.direct = replace(direct, invoices=invoices)
    says = f"vendor's invoice {known.number} is the last for project {direct.id}"
    equipment.tell("vendor_invoice_final", says, rule="F31", by=by, causes=(known.id,))
    return equipment.direct, equipment.change()


def _no_invoice(
    records: Records, direct: DirectPay, made: EquipmentInvoice, project: Project
) -> Refused | None:
    """Say why a new invoice is not taken, or nothing (D27, D28, D42, F34)."""
    on, programme = eastern_day(made.received_at), project.programme
    if records.load(LedgerEntry, derived("LE", made.id)) is not None:
        because = "that invoice number was used for another project"
        return Refused(D28.id, because, "invoice_number_used")
    if not direct.is_enrolled:
        _, epc = F34.on(on, programme)
        because = f"project {direct.id} is not in Direct Pay: bill its {epc.upper()}"
        return Refused(F34.id, because, "not_enrolled")
    if len(direct.invoices) >= D27.on(on, programme):
        because = f"project {direct.id} has {len(direct.invoices)} invoices: call us about more"
        return Refused(D27.id, because, "too_many_invoices")
    most = project.value.share_rounded_down(D42.on(on, programme))
    if direct.billed + made.amount > most:
        because = (
            f"{made.amount} besides {direct.billed} for project {direct.id} is above {most}: "
            "correct the amount, or have the project's value corrected first"
        )
        return Refused(D42.id, because, "above_project_value")
    return None


def void_vendor_invoice(
    records: Records,
    *,
    vendor_id: str,
    project_id: str,
    number: str,
    because: str,
    at: datetime,
    by: str,
) -> DirectPay | Refused:
    """Take an invoice back that its vendor credits in full, once (D28).

    Raises:
        NotFound: the vendor sent no such invoice for the project.
    """
    if not because.strip():
        return Refused(D28.id, "a voided invoice says why", "reason_missing")
    wanted = invoice_id(vendor_id, number)

    def decide() -> tuple[DirectPay, Change]:
        stored, about = of_vendor(records, project_id, vendor_id)
        known = require(_as_stored(stored.record.invoice(wanted)), "invoice", number).record
        if known.voided_at is not None:
            return stored.record, Change()
        equipment = Equipment(records, stored, about, at)
        says = f"vendor's invoice {known.number} was voided: {because.strip()}"
        equipment.void(known, says=says)
        equipment.tell("vendor_invoice_voided", says, rule=D28.id, by=by, causes=(wanted,))
        return equipment.direct, equipment.change()

    return write(records, f"voiding invoice {number} of project {project_id}", decide)


def _as_stored(invoice: EquipmentInvoice | None) -> Stored[EquipmentInvoice] | None:
    return None if invoice is None else Stored(invoice, 0)


def net_equipment(records: Records, *, project: Project, at: datetime) -> None:
    """Take each standing invoice from a project's own money, once M1 was reached (F22).

    Called before the M1 payable opens, so that no run sees the money without the reduction. Again,
    or on a project that never took part, it changes nothing.
    """
    _take_all(records, project.id, at)


def assess_material(records: Records, *, project_id: str, at: datetime) -> MaterialVerdict | None:
    """Judge a project's material clocks, and act where a limit was missed (F19, F20, F21, F22).

    For each standing invoice what was not recovered is asked for from any money, exactly once.
    Limits that are still to come are set as timers. None: the project does not take part.
    """
    _take_all(records, project_id, at)
    found = records.load(DirectPay, project_id)
    if found is None:
        return None
    about = require(records.load(Project, project_id), "project", project_id)
    coming = [one for one in timers_of(found.record, about.record, at) if one.due_at > at]
    if coming:
        records.commit(Change(timers=tuple(coming)))
    return material_verdict(found.record, about.record, at)


def material_verdict(direct: DirectPay, project: Project, at: datetime) -> MaterialVerdict | None:
    """Give where a project's material clocks stand; None where none runs."""
    if not has_clocks(direct, project):
        return None
    return judge(material_of(direct, project), at, project.programme)


def _take_all(records: Records, project_id: str, at: datetime) -> None:
    found = records.load(DirectPay, project_id)
    for invoice in found.record.standing_invoices if found is not None else ():
        _take(records, project_id, invoice.id, at)


def _take(records: Records, project_id: str, wanted: str, at: datetime) -> None:
    """Ask for one invoice, in a transaction of its own."""

    def decide() -> tuple[None, Change]:
        stored, about = loaded(records, project_id)
        invoice = stored.record.invoice(wanted)
        equipment = Equipment(records, stored, about, at)
        if invoice is not None and invoice.voided_at is None:
            equipment.take(invoice)
        return None, equipment.change()

    write(records, f"equipment of project {project_id}", decide)


def wake(records: Records, *, timer: Timer, at: datetime) -> MaterialVerdict | None:
    """Look again at a project's material clocks; the verdict follows from facts and dates.

    Raises:
        BadInput: the timer is another's.
    """
    if timer.wakes not in WAKES:
        msg = f"timer {timer.id} wakes {timer.wakes!r}, which is not about material"
        raise BadInput(msg)
    return assess_material(records, project_id=timer.subject, at=at)


# ------------------------------------------------------------------ for a cancellation
def vendor_payments(records: Records, project_id: str) -> Money:
    """Give what vendors billed the owner for a project and did not take back (F25)."""
    found = records.load(DirectPay, project_id)
    return found.record.billed if found is not None else ZERO


def closing(records: Records, *, project_id: str, at: datetime) -> tuple[Money, Change]:
    """Give what vendors billed, and the change that says that the cancellation counts it (F25).

    Committed with the cancellation: an invoice that comes meanwhile makes it look again, and one
    that comes later is asked for by itself.
    """
    found = records.load(DirectPay, project_id)
    if found is None:
        return ZERO, Change()
    if found.record.closed_at is not None:
        return found.record.billed, Change(relies_on=(found.relied_on(),))
    closed = replace(found.record, closed_at=at)
    timers = tuple(timer_id(project_id, one) for one in sorted(WAKES))
    change = Change(saves=(found.replaced_by(closed),), cancelled_timers=timers)
    return found.record.billed, change
