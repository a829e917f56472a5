"""Who may see what in a story or a log: for each kind of thing, the roles that read it elsewhere.

A story crosses all desks, and so do the logs of a partner and of a project: they would tell each
desk what the others keep. A person is shown the kinds that the operations API gives to their roles,
and who deals with money all that money rests on, down to the readings. A kind that is not listed is
for who deals with money.
"""

from collections.abc import Collection, Iterable, Mapping

from cloud.kernel.change import Event
from cloud.reporting.roles import (
    ACCOUNTANT,
    ACCOUNTING,
    ADMIN,
    AMS,
    AUDITOR,
    MONEY_ROLES,
    PROJECTS,
    REPORT_READERS,
    RM,
    SPC,
)
from cloud.reporting.story import KINDS, UNKNOWN

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
    "service_contact": frozenset({SPC, RM, AUDITOR}),
    "direct_pay": frozenset({RM}) | _ACCOUNTS,
    "prepaid_commission": _ACCOUNTS,
    "overdue_file": frozenset({PROJECTS, ACCOUNTING, AUDITOR}),
    "gateway": _FIELD,
    "report_schedule": REPORT_READERS | {ADMIN},
}
"""Kind -> who may see it; a test holds it against the routes of the operations API."""
LOG_KINDS = frozenset(
    {
        "service_contact",
        "direct_pay",
        "prepaid_commission",
        "overdue_file",
        "gateway",
        "report_schedule",
    }
)
"""What only logs tell of: none of it has an id of its own in a story."""
_TOLD_IN: Mapping[str, Mapping[str, str]] = {
    "partner": {
        "partner_registered": "partner",
        "licences_set": "partner",
        "performance_recorded": "partner",
        "enlisted": "partner",
        "organisation_moved": "partner",
        "opted_in": "opt_in_request",
        "payment_plan_assigned": "payment_plan",
        "dunned": "deduction",
        "bank_": "bank_change",
        "prenote_": "bank_change",
        "contact_": "service_contact",
        "document_": "paper",
        "direct_pay_": "direct_pay",
        "mail_": "mail",
    },
    "project": {
        "project_": "project",
        "compliance_case_": "project",
        "administrative_stip_": "project",
        "compliance_document_": "paper",
        "document_": "paper",
        "commission_prepaid": "prepaid_commission",
        "file_overdue": "overdue_file",
        "overdue_closed": "overdue_file",
        "direct_pay_": "direct_pay",
        "equipment_": "direct_pay",
        "shipment_": "direct_pay",
        "vendor_invoice_": "vendor_invoice",
        "mail_": "mail",
    },
}
"""Kinds whose logs many desks write into -> how an event begins -> the kind that it tells of.

All other logs belong to the desks that read the thing itself.
"""


def readers_of(kind: str) -> frozenset[str]:
    """Give the roles that may see a kind; of one that is not listed, those of money."""
    return READERS.get(kind, MONEY_ROLES)


def hidden_from(roles: Collection[str]) -> frozenset[str]:
    """Give the kinds that a person with these roles does not see."""
    return frozenset(kind for kind in KINDS if readers_of(kind).isdisjoint(roles))


def kind_told(event: Event, *, of: str) -> str:
    """Give the kind of thing that an event tells of, in the log of a thing of some kind.

    What nobody said the kind of, in a log that many desks write into, is for who deals with money.
    """
    told = _TOLD_IN.get(of)
    if told is None:
        return of
    return next((kind for start, kind in told.items() if event.what.startswith(start)), UNKNOWN)


def readable(events: Iterable[Event], roles: Collection[str], *, of: str) -> tuple[Event, ...]:
    """Give what a person with these roles may read of the log of a thing of a kind, in its order.

    Args:
        events: the log.
        roles: of who reads.
        of: the kind of the thing that it is the log of, as in `READERS`.
    """
    return tuple(one for one in events if not readers_of(kind_told(one, of=of)).isdisjoint(roles))
