"""Where things stand in the console: the page of each kind of record, for who may open it."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import import_module
from typing import cast

from cloud.portal.asking import Ask
from cloud.portal.routes import Map
from cloud.portfolio.models import Partner

_PAGES = {
    "case": ("/console/cases/{}",),
    "work_order": ("/console/work_orders/{}",),
    "help_request": ("/console/help/{}",),
    "mail": ("/console/mails/{}", "/console/mails"),
    "post_hold": ("/console/holds",),
    "sweep_hold": ("/console/holds",),
    "partner": ("/console/partners/{}", "/console/partners"),
    "invoice": ("/console/invoices/{}", "/console/invoices"),
    "dispute": ("/console/disputes/{}", "/console/disputes"),
    "customer_charge": ("/console/charges/{}", "/console/invoices"),
    "opt_in_request": ("/console/opt_ins/{}", "/console/partners"),
    "document": ("/console/papers/{}", "/console/papers"),
    "bank_change": ("/console/bank_changes/{}", "/console/papers"),
    "proposal": ("/console/proposals/{}",),
    "extension_request": ("/console/extensions/{}", "/console/extensions"),
    "run": ("/console/runs/{}", "/console/runs"),
    "funding": ("/console/runs",),
    "bank_file": ("/console/runs/bank_files/{}",),
    "bank_line": ("/console/runs/payments/{}",),
    "deduction": ("/console/reductions/{}",),
    "ledger_entry": ("/console/ledger/entries/{}",),
    "books_check": ("/console/ledger/checks/{}",),
    "project": ("/console/projects/{}", "/console/projects"),
    "ticket": ("/console/tickets/{}", "/console/trace"),
    "site": ("/console/homes/{}",),
    "gateway": ("/console/gateways/{}",),
}
"""Kind of record -> its page, and the list to look in where it has none of its own."""


def way_to(ask: Ask, about: str, record_id: str) -> str:
    """Give the page of a record, empty where no page of this visitor's shows it."""
    for page in _PAGES.get(about, ()):
        path = page.format(record_id)
        found = _views().find("GET", path)
        if found is not None and found.route.is_for(ask.visitor.roles):
            return path
    return ""


def names_of(ask: Ask, ids: Iterable[str | None]) -> Mapping[str, str]:
    """Give the names of these partners by their ids, read at once; who is not known has none."""
    asked = sorted({one for one in ids if one})
    known = ask.records.load_all(Partner, asked) if asked else {}
    return {name: one.record.name for name, one in known.items()}


@lru_cache(maxsize=1)
def _views() -> Map:
    # The menu imports this module's neighbours, so it is asked when a page is drawn.
    menu = import_module("cloud.portal.console_views.menu")
    return cast("Map", menu.views())
