"""What vendors bill the owner for projects' equipment, and how partners' money pays it back."""

from dataclasses import replace
from datetime import date, datetime

from cloud.funding import ledger
from cloud.funding.clawback import rule_of
from cloud.funding.direct_pay import (
    DirectPay,
    EquipmentInvoice,
    equipment_id,
    invoice_id,
    late_id,
    material_id,
)
from cloud.funding.materials import (
    APPROVE,
    NOT_SUBMITTED,
    SUBMIT,
    Material,
    MaterialVerdict,
    VendorInvoice,
    judge,
)
from cloud.funding.models import (
    CREDIT,
    Deduction,
    LedgerEntry,
    Payable,
    Posting,
)
from cloud.funding.netting import DeductionKind
from cloud.funding.policy import D27, D28, F22, F34
from cloud.funding.process.opening import dropped, opened
from cloud.funding.process.writing import Chain, settled, written
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Reliance, Timer
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Milestone, Project

SUBMIT_DUE, APPROVE_DUE = f"{SUBMIT}_due", f"{APPROVE}_due"
WAKES = frozenset({SUBMIT_DUE, APPROVE_DUE})
"""The names of the timers that are answered here."""
_SUBMITTED = (Milestone.INSTALL_SUBMITTED, Milestone.INSTALL_APPROVED, Milestone.M1, Milestone.M2)
_ID_OF = {
    DeductionKind.EQUIPMENT: equipment_id,
    DeductionKind.MATERIAL: material_id,
    DeductionKind.CANCELLATION: late_id,
}


# ------------------------------------------------------------------ the two clocks
def _first(project: Project, *milestones: Milestone) -> datetime | None:
    """Give the instant of the first of these milestones that is on record."""
    found = (project.reached_at(one) for one in milestones)
    return next((at for at in found if at is not None), None)


def material_of(direct: DirectPay, project: Project) -> Material:
    """Give what the material clocks look at (F19, F20, F21).

    A milestone that comes later stands for one that was never recorded. An invoice that was voided
    has started its days all the same.
    """
    is_m1 = project.m1_basis is Milestone.INSTALL_APPROVED
    approved = (Milestone.INSTALL_APPROVED, *((Milestone.M1,) if is_m1 else ()), Milestone.M2)
    return Material(
        shipped_at=direct.shipped_at,
        invoices=[
            VendorInvoice(ZERO if one.voided_at else one.amount, one.received_at)
            for one in direct.invoices
        ],
        m1_submitted_at=_first(project, *_SUBMITTED),
        install_approved_at=_first(project, *approved),
        net_fund_posted_at=direct.material_taken_at,
    )


def timers_of(direct: DirectPay, project: Project, at: datetime) -> tuple[Timer, ...]:
    """Give the timers of the limits that may still be missed, be they over already."""
    material = material_of(direct, project)
    if not _has_clocks(direct, project) or direct.material_taken_at is not None:
        return ()
    verdict = judge(material, at, project.programme)
    waits = {
        SUBMIT_DUE: None if material.m1_submitted_at else verdict.submit_missed_from,
        APPROVE_DUE: None if material.install_approved_at else verdict.approve_missed_from,
    }
    return tuple(
        Timer(timer_id(project.id, wakes), project.id, wakes, due)
        for wakes, due in waits.items()
        if due is not None
    )


def timer_id(project_id: str, wakes: str) -> str:
    """Name a project's timer for one of the two limits."""
    return derived("TMR", project_id, wakes)


def _has_clocks(direct: DirectPay, project: Project) -> bool:
    return direct.is_enrolled and not project.cancelled and direct.closed_at is None


# ------------------------------------------------------------------ one invoice, one change
class Equipment:
    """One change to a project's equipment, gathered: entries of the books, items, events.

    Attributes:
        direct: the record as it will be.
    """

    def __init__(
        self, records: Records, stored: Stored[DirectPay], about: Stored[Project], at: datetime
    ) -> None:
        self._records, self._stored, self._about, self._at = records, stored, about, at
        self._chain = Chain(records, stored.record.partner_id)
        self._gathered = Change()
        self.direct = stored.record

    def change(self, more: Change | None = None) -> Change:
        """Give all of it, resting on the project and the record as they were loaded; or nothing."""
        changed = self.direct != self._stored.record
        gathered = self._chain.change() + self._gathered + (more or Change())
        if not gathered and not changed:
            return Change()
        own = Change(saves=(self._stored.replaced_by(self.direct),)) if changed else Change()
        relies: tuple[Reliance, ...] = (self._about.relied_on(),)
        relies += () if changed else (self._stored.relied_on(),)
        return own + gathered + Change(relies_on=relies)

    def tell(self, what: str, says: str, *, rule: str, by: str, causes: tuple[str, ...]) -> None:
        """Put a fact about the project's equipment in its log."""
        event = Event(self.direct.id, what, self._at, by, rule, causes, says)
        self._gathered += Change(events=(event,))

    def bill(self, invoice: EquipmentInvoice) -> None:
        """Book that the owner owes a vendor, and take the cost from the project's money."""
        self.direct = replace(self.direct, invoices=(*self.direct.invoices, invoice))
        says = f"vendor's invoice {invoice.number} for project {self.direct.id}: {invoice.amount}"
        postings = ledger.move(
            invoice.amount, debit=ledger.MATERIAL_COST, credit=ledger.VENDOR_CASH
        )
        self._post(derived("LE", invoice.id), postings, (invoice.id, self.direct.id), says)
        if self.direct.closed_at is not None:
            self._raise_late(invoice)
        else:
            self.take(invoice)

    def take(self, invoice: EquipmentInvoice) -> None:
        """Ask for what an invoice cost, once (F19, F20, F21, F22).

        From M1 on it is taken from the project's own money; once a limit was missed, what is left
        of it from any money. What was asked for already is not asked for again.
        """
        project = self._about.record
        if not _has_clocks(self.direct, project):
            return
        if self._records.load(Deduction, material_id(invoice.id)) is not None:
            return
        verdict = judge(material_of(self.direct, project), self._at, project.programme)
        equipment = self._records.load(Deduction, equipment_id(invoice.id))
        m1_at = project.reached_at(Milestone.M1)
        owed = invoice.amount * F22.on(eastern_day(self._at), project.programme)
        if verdict.triggers:
            self._raise_material(invoice, owed, verdict, equipment)
        elif equipment is None and m1_at is not None:
            says = f"equipment of project {project.id}, vendor's invoice {invoice.number}"
            made = self._deduction(
                DeductionKind.EQUIPMENT, invoice, owed, says=says, raised_at=m1_at
            )
            self._open(made, ledger.raising(made.kind, made.raised), rule="F22")

    def _raise_material(
        self,
        invoice: EquipmentInvoice,
        owed: Money,
        verdict: MaterialVerdict,
        equipment: Stored[Deduction] | None,
    ) -> None:
        """Ask for what is left of an invoice from any money; it keeps its place in the window."""
        left, raised_at = owed, self._at
        gone: tuple[Posting, ...] = ()
        if equipment is not None:
            left, raised_at = owed - equipment.record.recovered, equipment.record.raised_at
            gone = self._drop(equipment, "it is asked for from any money")
        self.direct = replace(
            self.direct, material_taken_at=self.direct.material_taken_at or self._at
        )
        if left <= ZERO:
            return
        missed = " and ".join(one.replace("_", " ") for one in verdict.triggers)
        says = f"material of project {self.direct.id}, vendor's invoice {invoice.number}: {missed}"
        kind = DeductionKind.MATERIAL
        made = self._deduction(kind, invoice, left, says=says, raised_at=raised_at)
        rule = "F19" if NOT_SUBMITTED in verdict.triggers else "F21"
        self._open(made, (*gone, *ledger.raising(kind, left)), rule=rule)

    def _raise_late(self, invoice: EquipmentInvoice) -> None:
        """Ask for an invoice that came after the project's cancellation was settled (F25)."""
        says = f"cancelled project {self.direct.id}: vendor's invoice {invoice.number}"
        kind = DeductionKind.CANCELLATION
        made = self._deduction(kind, invoice, invoice.amount, says=says, raised_at=self._at)
        self._open(made, ledger.raising(kind, made.raised), rule="F25")

    def void(self, invoice: EquipmentInvoice, *, says: str) -> None:
        """Take an invoice back: nothing of it is asked for any more, what was taken is returned.

        Where the cancellation of the project was settled with it, all of it was, and is returned.
        """
        gone = replace(invoice, voided_at=self._at)
        invoices = tuple(gone if one.id == gone.id else one for one in self.direct.invoices)
        self.direct = replace(self.direct, invoices=invoices)
        ids = (equipment_id(gone.id), material_id(gone.id), late_id(gone.id))
        found = self._records.load_all(Deduction, ids)
        because = f"the vendor's invoice {gone.number} does not hold any more"
        undone = [one for stored in found.values() for one in self._drop(stored, because)]
        recovered = Money(sum(stored.record.recovered.cents for stored in found.values()))
        kind, back = DeductionKind.MATERIAL, recovered
        if self.direct.closed_at is not None:
            kind = DeductionKind.CANCELLATION
            back = recovered if late_id(gone.id) in found else gone.amount
        mirrored = ledger.move(gone.amount, debit=ledger.VENDOR_CASH, credit=ledger.MATERIAL_COST)
        causes = (gone.id, self.direct.id, *found)
        self._post(derived("LE", gone.id, "voided"), (*mirrored, *undone), causes, says)
        if back:
            credit = self._credit(gone, back, says)
            self._open(credit, ledger.giving_back(kind, back), rule=rule_of(kind))

    def _credit(self, invoice: EquipmentInvoice, amount: Money, says: str) -> Payable:
        """Give back what was taken; it waits with the project's money while that is not closed."""
        closed = self.direct.closed_at is not None
        return Payable(
            id=credit_id(invoice.id),
            partner_id=self.direct.partner_id,
            project_id="" if closed else self.direct.id,
            work_order_id="",
            milestone=CREDIT,
            amount=amount,
            accrued_at=self._at,
            says=says,
            causes=(invoice.id, self.direct.id),
            programme=self._about.record.programme,
        )

    def _drop(self, stored: Stored[Deduction], because: str) -> tuple[Posting, ...]:
        """Ask for nothing more of a deduction, and give the postings that say so."""
        posted = dropped(stored, because=because, rule="F22", at=self._at)
        self._gathered += posted.written
        return posted.postings

    def _deduction(
        self,
        kind: DeductionKind,
        invoice: EquipmentInvoice,
        amount: Money,
        *,
        says: str,
        raised_at: datetime,
    ) -> Deduction:
        incurred_on: date = eastern_day(invoice.received_at)
        return Deduction(
            id=_ID_OF[kind](invoice.id),
            kind=kind,
            partner_id=self.direct.partner_id,
            project_id=self.direct.id,
            raised=amount,
            incurred_on=incurred_on,
            raised_at=raised_at,
            says=says,
            causes=(invoice.id, self.direct.id),
            programme=self._about.record.programme,
        )

    def _open(self, made: Deduction | Payable, postings: tuple[Posting, ...], *, rule: str) -> None:
        posted = opened(made, postings, at=self._at, rule=rule)
        self._gathered += posted.written
        self._post(derived("LE", made.id), posted.postings, (made.id, *made.causes), made.says)

    def _post(
        self, entry_id: str, postings: tuple[Posting, ...], causes: tuple[str, ...], says: str
    ) -> None:
        self._chain.add(
            entry_id, postings, event_at=self._at, recorded_at=self._at, causes=causes, says=says
        )


def credit_id(invoice: str) -> str:
    """Name what is given back for an invoice that was voided."""
    return derived("PAY", invoice, CREDIT)


# ------------------------------------------------------------------ what is asked of it
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
    """Take in what a vendor billed for a project, once for each number (D27, D28, F20, F31).

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
        programme = about.record.programme
        refused = _no_invoice(
            records, stored.record, wanted, on=eastern_day(at), programme=programme
        )
        if refused is not None:
            return refused
        made = EquipmentInvoice(
            wanted, amount, at, is_final, number=number.strip(), document=document
        )
        equipment.bill(made)
        says = f"vendor's invoice {made.number} over {amount} came for project {project_id}"
        equipment.tell("vendor_invoice_received", says, rule="F31", by=by, causes=(wanted,))
        timers = timers_of(equipment.direct, about.record, at)
        return equipment.direct, equipment.change(Change(timers=timers))

    return written(records, f"invoice {number} for project {project_id}", decide)


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
    records: Records, direct: DirectPay, wanted: str, *, on: date, programme: str
) -> Refused | None:
    """Say why a new invoice is not taken, or nothing."""
    if records.load(LedgerEntry, derived("LE", wanted)) is not None:
        because = "that invoice number was used for another project"
        return Refused(D28.id, because, "invoice_number_used")
    if not direct.is_enrolled:
        _, epc = F34.on(on, programme)
        because = f"project {direct.id} is not in Direct Pay: bill its {epc.upper()}"
        return Refused(F34.id, because, "not_enrolled")
    if len(direct.invoices) >= D27.on(on, programme):
        because = f"project {direct.id} has {len(direct.invoices)} invoices: call us about more"
        return Refused(D27.id, because, "too_many_invoices")
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

    return settled(records, f"voiding invoice {number} of project {project_id}", decide)


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
    if not _has_clocks(direct, project):
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

    settled(records, f"equipment of project {project_id}", decide)


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
