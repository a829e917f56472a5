"""The chart of records: which table each kind is kept in, and what it is found by.

A kind stands here by its stage and its name, so that a function that needs one stage's records does
not import the models of all of them. A test holds each name against the class.
"""

from collections.abc import Mapping
from datetime import datetime
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
    "portfolio.DeviceSerial": (SitesRow, ("gateway_id", "state")),
    "portfolio.ClaimCertificate": (SitesRow, ("state",)),
    "portfolio.ProvisionHour": (OperationsRow, ()),
    "telemetry.LateWindows": (SitesRow, ()),
    "telemetry.GatewayConfiguration": (SitesRow, ()),
    "telemetry.GatewayPresence": (SitesRow, ("suspicion",)),
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
    "invoicing.Superseded": (OperationsRow, ()),
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

ALONE = frozenset({"detection.ShardResult", "detection.SiteFacts", "detection.SiteTrack"})
"""Kinds that evaluations write for every site: by themselves they go without a transaction, which
would cost twice. The price is that a request that is tried again below us, because its answer was
lost, finds its own first try there and is a `Conflict`: the order comes again and finds it done."""

LISTED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "invoicing.CustomerCharge": ("state", ("proposed_at",)),
    "invoicing.Invoice": ("state", ("decided_at", "submitted_at")),
    "service.Mail": ("state", ("at",)),
}
"""Kinds of the operations table whose piles grow for ever -> what a pile is, and what it is in
order of: the first of the instants that is known. People look at the latest of them."""

WAITING: Mapping[str, Mapping[str, frozenset[str]]] = {
    "service.Case": {"task": frozenset()},
    "service.WorkOrder": {"task": frozenset()},
    "service.Report": {"task": frozenset()},
    "service.HelpRequest": {"state": frozenset({"new", "unmatched"})},
    "service.Mail": {"state": frozenset({"for_a_person", "quarantined"})},
    "service.PostHold": {"state": frozenset({"held"})},
    "detection.SweepHold": {"state": frozenset({"held"})},
    "portfolio.ServiceContact": {"task": frozenset()},
    "portfolio.OptInRequest": {"state": frozenset({"asked"})},
    "portfolio.PartnerDocument": {"task": frozenset(), "state": frozenset({"waiting"})},
    "portfolio.Proposal": {"state": frozenset({"pending"})},
    "invoicing.Invoice": {"state": frozenset({"submitted"})},
    "invoicing.Dispute": {"state": frozenset({"open"})},
    "invoicing.CustomerCharge": {"state": frozenset({"proposed", "approved", "told"})},
    "funding.Ticket": {"state": frozenset({"open"})},
}
"""Kinds of the operations table that wait for a person -> by which values they do; none named: by
any value at all. They are found together, in one call, and a test holds them against the queue
(`cloud.reporting.own_work`)."""


def charted(kind: type[Any]) -> str:
    """Give the name that a kind has in the chart: its stage, a dot, its class."""
    return f"{kind.__module__.split('.')[1]}.{kind.__name__}"


def listed(record: Any) -> tuple[str, datetime] | None:
    """Give the pile that a record lies in and its instant there, None where its kind has none."""
    if charted(type(record)) not in LISTED:
        return None
    by, instants = LISTED[charted(type(record))]
    known = (getattr(record, one) for one in instants)
    return str(getattr(record, by)), next(one for one in known if one is not None)


def waits(record: Any) -> bool:
    """Tell whether a record waits for a person."""
    told = WAITING.get(charted(type(record)), {})
    values = ((getattr(record, by), among) for by, among in told.items())
    return any(one not in {None, ""} and (not among or str(one) in among) for one, among in values)
