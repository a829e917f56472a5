"""What the console's pages of money share: who may do what, whose money, which rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from cloud.kernel.decision import Refused
from cloud.portal.asking import Ask, linked
from cloud.portal.console_views.ways import way_to
from cloud.portfolio.process import all_partners
from cloud.reporting.leafing import Rows
from cloud.reporting.roles import ACCOUNTANT, ACCOUNTING, AUDITOR, PROJECTS, TREASURY

READERS = (ACCOUNTANT, ACCOUNTING, TREASURY, AUDITOR)
"""Who sees runs and books."""
OWED_READERS = (ACCOUNTANT, ACCOUNTING, AUDITOR)
"""Who sees what partners owe."""
ROWS = 50
"""Rows of one page."""

PROPOSALS: Mapping[str, str] = {
    "cancel_project": "End a project",
    "prepaid_commission": "Note prepaid commission",
    "compliance_offset": "Take money for a compliance case",
    "settle_debt": "Settle a debt by hand",
    "reverse_payment": "Call a payment back",
    "assign_suspense": "Say whose money in suspense is",
}
"""Kind of a proposal -> what it does."""
FACTS: Mapping[str, str] = {
    "amount": "Amount",
    "amount_cents": "Amount",
    "how": "How",
    "reason": "Reason",
    "whose": "Whose it is",
}
ACCOUNTS: Mapping[str, str] = {
    "partner_payable": "Owed to the partner",
    "ach_in_transit": "On its way to the partner's bank",
    "suspense_returns": "Came back, and nobody knows whose",
    "bank_cash": "Our bank account",
    "project_cost": "Cost of projects",
    "service_cost": "Cost of service",
    "material_cost": "Cost of material",
    "warranty_liability": "Set aside for warranties",
    "bad_debt": "Written off",
    "vendor_cash": "Paid to vendors",
}


def account_words(name: str) -> str:
    """Say what an account holds."""
    of, _, kind = name.partition(":")
    if of == "receivable":
        return f"The partner owes: {kind.replace('_', ' ')}"
    return ACCOUNTS.get(name, name.replace("_", " "))


def proposal_words(kind: str) -> str:
    """Say what a proposal does."""
    return PROPOSALS.get(kind, kind.replace("_", " "))


def partner_names(ask: Ask) -> dict[str, str]:
    """Give the names of all partners by their ids, in the order of the names."""
    known = sorted(all_partners(ask.records), key=lambda one: (one.name, one.id))
    return {one.id: one.name for one in known}


def trace_to(about: str) -> str:
    """Give the page that tells what led to something."""
    return f"/console/trace?{urlencode({'id': about})}"


def rule_to(rule_id: str) -> str:
    """Give the page that says what a rule says."""
    return f"/console/trace/rules/{quote(rule_id, safe='')}"


def one_of(ask: Ask, name: str, values: Mapping[str, object] | Sequence[str]) -> str:
    """Give a value of the query that the page knows; what it does not know asks for nothing."""
    said = ask.query.get(name, "")
    return said if said in values else ""


@dataclass(frozen=True, slots=True)
class Shown:
    """The rows of one page of a list, and the ways to the others."""

    rows: Sequence[Any]
    count: int
    first: int
    earlier: str
    later: str


def shown(ask: Ask, rows: Sequence[Any], *, most: int = ROWS, **query: object) -> Shown:
    """Give the part of a list that ``?page=`` asks for; a page that is none is the first.

    Args:
        ask: the request.
        rows: all of them.
        most: rows of one page.
        query: what the links to the other parts keep.
    """
    said = ask.query.get("page", "")
    last = max(0, (len(rows) - 1) // most)
    page = min(int(said), last) if said.isascii() and said.isdigit() and len(said) < 7 else 0
    start = page * most
    return Shown(
        rows=rows[start : start + most],
        count=len(rows),
        first=start + 1,
        earlier=linked(ask.path, **query, page=page - 1 or "") if page else "",
        later=linked(ask.path, **query, page=page + 1) if start + most < len(rows) else "",
    )


@dataclass(frozen=True, slots=True)
class Leafed:
    """The rows of one page of a list that nobody counts, and the ways on and to its beginning."""

    rows: Sequence[Any]
    beginning: str
    later: str


def leafed(ask: Ask, rows: Rows[Any], **query: object) -> Leafed:
    """Give a page of a list that is read from ``?after=`` on.

    Args:
        ask: the request.
        rows: of this page.
        query: what the links keep.
    """
    return Leafed(
        rows=rows.found,
        beginning=linked(ask.path, **query) if ask.query.get("after", "") else "",
        later=linked(ask.path, **query, after=rows.after) if rows.after else "",
    )


def told(no: Refused) -> str:
    """Give a business *no* as it stands on top of a form."""
    because = no.because[:1].upper() + no.because[1:]
    return f"{because}{'' if because.endswith('.') else '.'} Rule {no.rule}."


def everywhere(ask: Ask) -> dict[str, Any]:
    """Give the names that every page of money has."""
    return {
        "account_words": account_words,
        "proposal_words": proposal_words,
        "fact_names": FACTS,
        "trace_to": trace_to,
        "rule_to": rule_to,
        "way": lambda about, name: way_to(ask, about, name),
        "may": {
            "prepare": ACCOUNTANT in ask.visitor.roles,
            "approve": ACCOUNTING in ask.visitor.roles,
            "bank": TREASURY in ask.visitor.roles,
            "project": PROJECTS in ask.visitor.roles,
            "read_runs": bool(ask.visitor.roles & {*READERS}),
            "read_debts": bool(ask.visitor.roles & {*OWED_READERS}),
        },
        "me": ask.by,
    }
