"""One change to a project's equipment: what is asked for an invoice, and what is returned of it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime

from cloud.funding import ledger
from cloud.funding.clawback import rule_of
from cloud.funding.direct_pay import (
    DirectPay,
    EquipmentInvoice,
    equipment_id,
    late_id,
    material_id,
)
from cloud.funding.materials import (
    APPROVE,
    NOT_SUBMITTED,
    SUBMIT,
    Limit,
    Material,
    MaterialVerdict,
    VendorInvoice,
    judge,
    running,
)
from cloud.funding.models import (
    CREDIT,
    Deduction,
    Payable,
    Posting,
)
from cloud.funding.netting import DeductionKind
from cloud.funding.policy import F22
from cloud.funding.process.booking import Chain
from cloud.funding.process.opening import dropped, opened
from cloud.funding.process.writing_off import written_off
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Change, Event, Reliance, Timer
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money, total
from cloud.kernel.ports import Records, Stored
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


def running_limits(direct: DirectPay, project: Project, at: datetime) -> tuple[Limit, ...]:
    """Give the material limits of a project that may still be missed, be they over already."""
    if not has_clocks(direct, project):
        return ()
    return running(material_of(direct, project), at, project.programme)


def timers_of(direct: DirectPay, project: Project, at: datetime) -> tuple[Timer, ...]:
    """Give the timers of the limits that may still be missed, be they over already."""
    names = {SUBMIT: SUBMIT_DUE, APPROVE: APPROVE_DUE}
    return tuple(
        Timer(timer_id(project.id, names[one.clock]), project.id, names[one.clock], one.missed_from)
        for one in running_limits(direct, project, at)
    )


def timer_id(project_id: str, wakes: str) -> str:
    """Name a project's timer for one of the two limits."""
    return derived("TMR", project_id, wakes)


def has_clocks(direct: DirectPay, project: Project) -> bool:
    """Tell whether the material of a project is asked for and judged at all."""
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
        if not has_clocks(self.direct, project):
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
        recovered = self._recovered(stored.record for stored in found.values())
        kind, back = DeductionKind.MATERIAL, recovered
        if self.direct.closed_at is not None:
            kind = DeductionKind.CANCELLATION
            back = recovered if late_id(gone.id) in found else self._settled(gone)
        mirrored = ledger.move(gone.amount, debit=ledger.VENDOR_CASH, credit=ledger.MATERIAL_COST)
        causes = (gone.id, self.direct.id, *found)
        self._post(derived("LE", gone.id, "voided"), (*mirrored, *undone), causes, says)
        if back:
            credit = self._credit(gone, back, says)
            self._open(credit, ledger.giving_back(kind, back), rule=rule_of(kind))

    def _recovered(self, debts: Iterable[Deduction]) -> Money:
        """Give what was really taken of debts: what was written off was taken from nobody (D13)."""
        known = list(debts)
        off = total(written_off(self._records, known).values())
        return total(one.recovered for one in known) - off

    def _settled(self, gone: EquipmentInvoice) -> Money:
        """Give what of an invoice the project's cancellation took, or still asks for.

        What was written off of the cancellation is held against all invoices that are taken back
        after it together, so that two of them do not lose it twice.
        """
        about = self._records.find(Deduction, by="project_id", value=self.direct.id)
        debts = [one.record for one in about if one.record.kind is DeductionKind.CANCELLATION]
        off = total(written_off(self._records, debts).values())
        earlier = [
            one
            for one in self.direct.invoices
            if one.id != gone.id
            and one.voided_at is not None
            and self.direct.closed_at is not None
            and one.voided_at >= self.direct.closed_at
            and self._records.load(Deduction, late_id(one.id)) is None
        ]
        credits_ = self._records.load_all(Payable, [credit_id(one.id) for one in earlier])
        counted = gone.amount + total(one.amount for one in earlier)
        given = total(one.record.amount for one in credits_.values())
        return min(gone.amount, max(counted - off - given, ZERO))

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
