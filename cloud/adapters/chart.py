"""The chart of records: which table each kind is kept in, and what it is found by."""

from cloud.adapters.tables import Chart, MoneyRow, OperationsRow, SitesRow
from cloud.detection.models import SiteState
from cloud.funding.models import (
    Deduction,
    FundingRun,
    LedgerEntry,
    LedgerHead,
    Payable,
    PaymentTrace,
    RunPlan,
)
from cloud.invoicing.models import BackBill, Invoice, WorkOrderSpend
from cloud.portfolio.models import ApiClient, Partner, Project, Site
from cloud.service.models import Case, CaseSlot, Coordinator, Report, ServiceRoster, WorkOrder

CHART: Chart = {
    Site: (SitesRow, ("gateway_id", "utc_offset_hours")),
    Partner: (SitesRow, ("active",)),
    Project: (SitesRow, ("partner_id", "site_id")),
    ApiClient: (SitesRow, ("partner_id",)),
    SiteState: (SitesRow, ()),
    Coordinator: (SitesRow, ()),
    ServiceRoster: (SitesRow, ()),
    Case: (OperationsRow, ("site_id", "state")),
    CaseSlot: (OperationsRow, ()),
    WorkOrder: (OperationsRow, ("partner_id", "case_id", "task")),
    Report: (OperationsRow, ("work_order_id",)),
    Invoice: (OperationsRow, ("work_order_id", "partner_id", "state")),
    WorkOrderSpend: (OperationsRow, ()),
    BackBill: (OperationsRow, ("partner_id",)),
    Payable: (MoneyRow, ("state", "partner_id", "run_id")),
    Deduction: (MoneyRow, ("state", "partner_id")),
    FundingRun: (MoneyRow, ("state", "programme")),
    RunPlan: (MoneyRow, ("run_id", "partner_id")),
    LedgerEntry: (MoneyRow, ("partner_id",)),
    LedgerHead: (MoneyRow, ()),
    PaymentTrace: (MoneyRow, ("run_id",)),
}
"""Everything that is kept. Findings by an index may lag; by id they never do."""
