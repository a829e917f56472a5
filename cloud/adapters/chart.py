"""The chart of records: which table each kind is kept in, and what it is found by.

A kind stands here by its stage and its name, so that a function that needs one stage's records does
not import the models of all of them. A test holds each name against the class.
"""

from typing import Any

from cloud.adapters.tables import Chart, MoneyRow, OperationsRow, SitesRow

CHART: Chart = {
    "portfolio.Site": (SitesRow, ("gateway_id", "utc_offset_hours", "customer_key")),
    "portfolio.Partner": (SitesRow, ("active", "parent_id")),
    "portfolio.Project": (SitesRow, ("partner_id", "site_id")),
    "portfolio.ApiClient": (SitesRow, ("partner_id",)),
    "portfolio.Technician": (SitesRow, ("partner_id",)),
    "portfolio.RelationshipManager": (SitesRow, ("is_active",)),
    "portfolio.ServiceContact": (OperationsRow, ("task",)),
    "portfolio.OptInRequest": (OperationsRow, ("partner_id", "state")),
    "portfolio.Proposal": (OperationsRow, ("subject", "state")),
    "portfolio.PaymentPlan": (SitesRow, ()),
    "portfolio.PartnerPerson": (SitesRow, ("partner_id",)),
    "portfolio.RoleHolders": (SitesRow, ()),
    "portfolio.PartnerDocument": (OperationsRow, ("partner_id", "task", "state")),
    "portfolio.BankChange": (MoneyRow, ("partner_id", "state")),
    "portfolio.SiteWarranties": (SitesRow, ()),
    "portfolio.Equipment": (SitesRow, ()),
    "telemetry.LateWindows": (SitesRow, ()),
    "telemetry.GatewayConfiguration": (SitesRow, ()),
    "detection.SiteBaseline": (SitesRow, ()),
    "detection.RegionWeather": (SitesRow, ()),
    "detection.SiteFacts": (SitesRow, ()),
    "detection.SiteTrack": (SitesRow, ("watched_in",)),
    "detection.ShardResult": (SitesRow, ()),
    "detection.RegionRoster": (SitesRow, ()),
    "detection.RegionOutages": (SitesRow, ()),
    "detection.RegionKinds": (SitesRow, ()),
    "detection.RegionSweep": (OperationsRow, ()),
    "detection.SweepTally": (OperationsRow, ()),
    "detection.SweepHold": (OperationsRow, ("state",)),
    "service.Coordinator": (SitesRow, ()),
    "service.ServiceRoster": (SitesRow, ()),
    "service.Case": (OperationsRow, ("site_id", "state", "task")),
    "service.CaseSlot": (OperationsRow, ()),
    "service.HelpRequest": (OperationsRow, ("state",)),
    "service.WorkOrder": (OperationsRow, ("partner_id", "case_id", "task")),
    "service.Mail": (OperationsRow, ("thread", "state", "message_id")),
    "service.PostHour": (OperationsRow, ()),
    "service.PostHold": (OperationsRow, ("state",)),
    "service.Report": (OperationsRow, ("work_order_id", "task")),
    "service.ReportDraft": (OperationsRow, ()),
    "service.Upload": (OperationsRow, ("work_order_id", "state")),
    "service.UploadRoom": (OperationsRow, ()),
    "invoicing.Invoice": (OperationsRow, ("work_order_id", "partner_id", "state")),
    "invoicing.WorkOrderSpend": (OperationsRow, ()),
    "invoicing.SavedDraft": (OperationsRow, ("partner_id", "work_order_id")),
    "invoicing.BackBill": (OperationsRow, ("partner_id", "state")),
    "invoicing.Dispute": (OperationsRow, ("partner_id", "state", "work_order_id")),
    "invoicing.CustomerCharge": (OperationsRow, ("state", "site_id", "work_order_id")),
    "funding.Payable": (MoneyRow, ("state", "partner_id", "project_id")),
    "funding.Deduction": (MoneyRow, ("state", "partner_id", "project_id")),
    "funding.FundingRun": (MoneyRow, ("state", "programme")),
    "funding.RunPlan": (MoneyRow, ("run_id", "partner_id")),
    "funding.LedgerEntry": (MoneyRow, ("partner_id",)),
    "funding.LedgerHead": (MoneyRow, ()),
    "funding.PaymentTrace": (MoneyRow, ("run_id", "partner_id")),
    "funding.ExportOrder": (MoneyRow, ("partner_id",)),
    "funding.PrenoteTrace": (MoneyRow, ("run_id",)),
    "funding.BankFileTaken": (MoneyRow, ("state",)),
    "funding.BooksCheck": (MoneyRow, ("by",)),
    "funding.DirectPay": (MoneyRow, ("partner_id", "vendor_id")),
    "funding.Vendor": (MoneyRow, ("is_active",)),
    "funding.WarrantyPrices": (MoneyRow, ("programme",)),
    "funding.OverdueFile": (MoneyRow, ("state", "partner_id")),
    "funding.Dunning": (MoneyRow, ()),
    "funding.ExtensionRequest": (MoneyRow, ("state", "partner_id", "project_id")),
    "funding.ExtensionExposure": (MoneyRow, ()),
    "funding.PublishedDay": (MoneyRow, ("programme",)),
    "funding.Ticket": (OperationsRow, ("state", "partner_id")),
    "reporting.ReportSchedule": (OperationsRow, ("made_by", "state")),
    "reporting.ToldEvent": (OperationsRow, ()),
    "reporting.FeedHead": (OperationsRow, ()),
    "reporting.Telling": (OperationsRow, ()),
    "reporting.WebhookBook": (OperationsRow, ()),
    "reporting.WebhookEndpoint": (OperationsRow, ()),
    "reporting.EndpointHealth": (OperationsRow, ()),
    "reporting.Delivery": (OperationsRow, ("failed_of", "waiting_of")),
}
"""Everything that is kept. Findings by an index may lag; by id they never do."""

EXPIRING = frozenset({"reporting.ToldEvent", "reporting.Telling", "reporting.Delivery"})
"""Kinds that DynamoDB deletes some time after their `expires_at`; all others stay for good."""


def charted(kind: type[Any]) -> str:
    """Give the name that a kind has in the chart: its stage, a dot, its class."""
    return f"{kind.__module__.split('.')[1]}.{kind.__name__}"
