"""What the side of each of the partners' pages leads to, and which modules answer."""

from importlib import import_module

from cloud.portal.door import Entry
from cloud.portal.routes import Map

MENU = (
    Entry("Today", "/portal"),
    Entry("Work orders", "/portal/work_orders", "Service"),
    Entry("Spend requests", "/portal/spend", "Service"),
    Entry("Scorecard", "/portal/scorecard", "Service"),
    Entry("Invoices", "/portal/invoices", "Billing"),
    Entry("Back-bills and disputes", "/portal/back_bills", "Billing"),
    Entry("Payouts", "/portal/payouts", "Funding"),
    Entry("Clawback and Net-Fund", "/portal/clawback", "Funding"),
    Entry("Extensions", "/portal/extensions", "Funding"),
    Entry("Direct Pay", "/portal/direct_pay", "Funding"),
    Entry("Invoice Needed", "/portal/invoice_needed", "Funding"),
    Entry("Funding calendar", "/portal/calendar", "Funding"),
    Entry("Questions about money", "/portal/tickets", "Funding"),
    Entry("Exports", "/portal/exports", "Funding"),
    Entry("Organisation", "/portal/organisation", "Settings"),
    Entry("People", "/portal/people", "Settings"),
    Entry("Papers and bank", "/portal/papers", "Settings"),
    Entry("Programs and webhooks", "/portal/webhooks", "Settings"),
)
SUBJECTS = (
    "today",
    "work_orders",
    "reports",
    "spend",
    "scorecard",
    "invoices",
    "invoice_form",
    "back_bills",
    "payouts",
    "clawback",
    "extensions",
    "direct_pay",
    "calendar",
    "exports",
    "tickets",
    "organisation",
    "people",
    "papers",
    "webhooks",
)
"""Modules beside this one, each with `VIEWS`."""


def views() -> Map:
    """Give every page that partners' people may ask for."""
    found = (import_module(f"cloud.portal.partner_views.{name}") for name in SUBJECTS)
    return Map(one.VIEWS for one in found)
