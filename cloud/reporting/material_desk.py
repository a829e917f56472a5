"""Direct Pay as the owner sees it: each project's equipment, its clocks, what is to be taken."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from cloud.funding.direct_pay import (
    DirectPay,
    EquipmentInvoice,
    Vendor,
    equipment_id,
    late_id,
    material_id,
)
from cloud.funding.materials import Limit
from cloud.funding.models import Deduction, DeductionState
from cloud.funding.policy import F28
from cloud.funding.process.taking import running_limits
from cloud.kernel.calendar import eastern_day
from cloud.kernel.money import Money, total
from cloud.kernel.ports import Records
from cloud.portfolio.models import Project

_KINDS = frozenset({"equipment", "material"})


@dataclass(frozen=True, slots=True)
class MaterialRow:
    """A project that orders through Direct Pay, and the clock of its material that ends first.

    Attributes:
        limit: None where none runs (F19, F21).
        days_left: until its last day; below zero it is over.
        is_red: so few days are left that somebody should look (F28).
    """

    direct: DirectPay
    project: Project
    limit: Limit | None
    days_left: int
    is_red: bool


def vendors(records: Records) -> tuple[Vendor, ...]:
    """Give all vendors, those that take part first, by name."""
    found = [
        one.record
        for is_active in ("True", "False")
        for one in records.find(Vendor, by="is_active", value=is_active)
    ]
    return tuple(sorted(found, key=lambda one: (not one.is_active, one.name, one.id)))


def material_rows(
    records: Records, known: Iterable[Vendor], *, at: datetime
) -> tuple[MaterialRow, ...]:
    """Give the projects that order from some vendors; whose clock ends first comes first.

    Answers come from an index and may lag behind by a moment.
    """
    found = [
        one.record
        for vendor in known
        for one in records.find(DirectPay, by="vendor_id", value=vendor.id)
    ]
    projects = records.load_all(Project, sorted({one.id for one in found}))
    rows = (
        material_row(one, projects[one.id].record, at=at) for one in found if one.id in projects
    )
    return tuple(sorted(rows, key=_place))


def material_row(direct: DirectPay, project: Project, *, at: datetime) -> MaterialRow:
    """Give how one project's material stands."""
    today = eastern_day(at)
    limits = sorted(running_limits(direct, project, at), key=lambda one: one.due_on)
    if not limits:
        return MaterialRow(direct, project, None, 0, is_red=False)
    left = (limits[0].due_on - today).days
    red = F28.on(today, project.programme)
    return MaterialRow(direct, project, limits[0], left, is_red=left <= red[limits[0].clock])


def _place(row: MaterialRow) -> tuple[date, str]:
    return (row.limit.due_on if row.limit is not None else date.max, row.direct.id)


@dataclass(frozen=True, slots=True)
class BilledRow:
    """A vendor's invoice, and what was asked of the partner for it.

    Attributes:
        debts: from its own project's money, from any money, or after a cancellation (F20, F22).
    """

    invoice: EquipmentInvoice
    debts: tuple[Deduction, ...]

    @property
    def taken(self) -> Money:
        """What runs took for it."""
        return total(one.recovered for one in self.debts)

    @property
    def open(self) -> Money:
        """What is still to be taken for it."""
        return total(one.open for one in self.debts if one.state is DeductionState.OPEN)


def billed_rows(records: Records, direct: DirectPay) -> tuple[BilledRow, ...]:
    """Give the invoices of a project's vendor, the latest last, with what was taken for each."""
    ids = {
        one.id: [name(one.id) for name in (equipment_id, material_id, late_id)]
        for one in direct.invoices
    }
    wanted = sorted(name for names in ids.values() for name in names)
    found = records.load_all(Deduction, wanted) if wanted else {}
    return tuple(
        BilledRow(one, tuple(found[name].record for name in ids[one.id] if name in found))
        for one in direct.invoices
    )


def to_settle(records: Records) -> tuple[Deduction, ...]:
    """Give what is still to be taken for vendors' invoices, of all partners, by age (F22)."""
    found = records.find(Deduction, by="state", value=DeductionState.OPEN)
    rows = [one.record for one in found if one.record.kind in _KINDS]
    return tuple(sorted(rows, key=lambda one: (one.incurred_on, one.id)))
