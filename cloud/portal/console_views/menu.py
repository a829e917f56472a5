"""What the side of each page of the owner's people leads to, and which modules answer."""

from importlib import import_module

from cloud.portal.door import Entry
from cloud.portal.routes import Map

MENU = (
    Entry("Queue", "/console"),
    Entry("Emergencies", "/console/emergencies", "Service"),
    Entry("Cases", "/console/cases", "Service"),
    Entry("Work orders", "/console/work_orders", "Service"),
    Entry("Mail", "/console/mails", "Service"),
    Entry("Requests for help", "/console/help", "Service"),
    Entry("Quarantine and holds", "/console/holds", "Service"),
    Entry("Spend and invoices", "/console/invoices", "Approvals"),
    Entry("Disputes and back-bills", "/console/disputes", "Approvals"),
    Entry("Extensions", "/console/extensions", "Approvals"),
    Entry("Papers and bank", "/console/papers", "Approvals"),
    Entry("Questions about money", "/console/tickets", "Approvals"),
    Entry("Runs", "/console/runs", "Money"),
    Entry("Reductions", "/console/reductions", "Money"),
    Entry("Proposals", "/console/proposals", "Money"),
    Entry("Trace", "/console/trace", "Money"),
    Entry("Ledger", "/console/ledger", "Money"),
    Entry("Funding days", "/console/funding_days", "Money"),
    Entry("Direct Pay", "/console/direct_pay", "Money"),
    Entry("Vendors", "/console/direct_pay/vendors", "Money"),
    Entry("Projects", "/console/projects", "Registry"),
    Entry("Payment plans", "/console/payment_plans", "Registry"),
    Entry("Partners", "/console/partners", "Registry"),
    Entry("Homes", "/console/homes", "Registry"),
    Entry("Gateways", "/console/gateways", "Registry"),
    Entry("Coordinators", "/console/coordinators", "Registry"),
    Entry("Reports", "/console/reports", "Look back"),
    Entry("Audit", "/console/audit", "Look back"),
)
SUBJECTS = (
    "queue",
    "emergencies",
    "cases",
    "work_orders",
    "visits",
    "internal_cost",
    "mails",
    "help",
    "holds",
    "invoices",
    "disputes",
    "extensions",
    "papers",
    "tickets",
    "runs",
    "payments",
    "reductions",
    "warranty_prices",
    "proposals",
    "trace",
    "ledger",
    "funding_days",
    "direct_pay",
    "projects",
    "project_register",
    "payment_plans",
    "partners",
    "partner_fitness",
    "partner_people",
    "homes",
    "gateways",
    "warranties",
    "coordinators",
    "reports",
    "report_schedules",
    "audit",
)
"""Modules beside this one, each with `VIEWS`."""


def views() -> Map:
    """Give every page that the owner's people may ask for."""
    found = (import_module(f"cloud.portal.console_views.{name}") for name in SUBJECTS)
    return Map(one.VIEWS for one in found)
