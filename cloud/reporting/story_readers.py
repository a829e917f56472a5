"""Who may see what in a story: for each kind of thing, the roles that read it elsewhere too.

A story crosses all desks, so it would tell each of them what the others keep. It shows a person the
kinds that the operations API gives to their roles, and to who deals with money all that money rests
on, down to the readings. A kind that is not listed is for who deals with money.
"""

from collections.abc import Collection, Mapping

from cloud.reporting.roles import (
    ACCOUNTANT,
    ACCOUNTING,
    ADMIN,
    AMS,
    AUDITOR,
    MONEY_ROLES,
    PROJECTS,
    RM,
    SPC,
)
from cloud.reporting.story import KINDS

_FIELD = frozenset({SPC, AMS, AUDITOR})
_ACCOUNTS = frozenset({ACCOUNTANT, ACCOUNTING, AUDITOR})
_BILLS = frozenset({SPC, RM, ACCOUNTING, AUDITOR})
_PROJECT = frozenset({PROJECTS, RM, ACCOUNTANT, ACCOUNTING, AUDITOR})

READERS: Mapping[str, frozenset[str]] = {
    "case": _FIELD | MONEY_ROLES,
    "work_order": _FIELD | MONEY_ROLES,
    "report": _FIELD | MONEY_ROLES,
    "finding": _FIELD | MONEY_ROLES,
    "recovery": _FIELD | MONEY_ROLES,
    "reading": _FIELD | MONEY_ROLES,
    "file": _FIELD | MONEY_ROLES,
    "visit_request": _FIELD | MONEY_ROLES,
    "mail": _FIELD,
    "question": _FIELD,
    "help_request": frozenset({AMS, AUDITOR}),
    "invoice": _BILLS | MONEY_ROLES,
    "back_bill": _BILLS | MONEY_ROLES,
    "dispute": frozenset({SPC, RM, ADMIN}) | MONEY_ROLES,
    "customer_charge": frozenset({SPC, ACCOUNTING}) | MONEY_ROLES,
    "milestone": _PROJECT | MONEY_ROLES,
    "project": _PROJECT | MONEY_ROLES,
    "cancellation": frozenset({PROJECTS}) | _ACCOUNTS,
    "site": frozenset({SPC, AMS, RM, PROJECTS}) | MONEY_ROLES,
    "partner": frozenset({SPC, RM, ADMIN}) | MONEY_ROLES,
    "payment_plan": frozenset({PROJECTS, ADMIN}) | _ACCOUNTS,
    "paper": frozenset({PROJECTS, RM}) | _ACCOUNTS,
    "opt_in_request": frozenset({RM, AUDITOR}),
    "bank_change": _ACCOUNTS,
    "extension": frozenset({RM}) | _ACCOUNTS,
    "ticket": frozenset({RM}) | _ACCOUNTS,
    "vendor_invoice": frozenset({RM}) | _ACCOUNTS,
    "vendor": frozenset({RM}) | _ACCOUNTS,
    "warranty_prices": _ACCOUNTS,
}
"""Kind -> who may see it; a test holds it against the routes of the operations API."""


def readers_of(kind: str) -> frozenset[str]:
    """Give the roles that may see a kind; of one that is not listed, those of money."""
    return READERS.get(kind, MONEY_ROLES)


def hidden_from(roles: Collection[str]) -> frozenset[str]:
    """Give the kinds that a person with these roles does not see."""
    return frozenset(kind for kind in KINDS if readers_of(kind).isdisjoint(roles))
