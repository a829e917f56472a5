"""Who may approve a run, who may see and do what with payouts, and which dated values hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol, TypeVar

from cloud.funding.policy import D03, F27, F36

ACTIONS = frozenset(
    {
        "view_payouts",
        "view_funding_tab",
        "view_clawback_report",
        "export_accounts",
        "ask_tier2",
        "submit_extension_request",
        "grant_accounting_admin",
        "send_document",
        "ask_bank_change",
    }
)


def approval_problems(
    *,
    preparer: str,
    approver: str,
    is_accounting: bool,
    shown_hash: str,
    current_hash: str,
    on: date,
) -> tuple[str, ...]:
    """Give what stands against an approval (D03); nothing means that it holds."""
    wrong = {
        "maker_is_checker": len({preparer, approver}) < D03.on(on),
        "not_accounting": not is_accounting,
        "stale_preview": shown_hash != current_hash,
    }
    return tuple(code for code, holds in wrong.items() if holds)


def is_allowed(roles: Iterable[str], action: str, *, same_organisation: bool, on: date) -> bool:
    """Tell whether a partner's person may do something with money (F27, F36).

    An action that is not on the list is not allowed, whoever asks.
    """
    known = ACTIONS | {F36.on(on)}
    return same_organisation and action in known and F27.on(on) in set(roles)


class Dated(Protocol):
    """What holds from a day on, until the next of its kind begins."""

    @property
    def effective_from(self) -> date:
        """Its first day."""
        ...


V = TypeVar("V", bound=Dated)


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A set of values with the day from which they hold."""

    id: str
    effective_from: date
    values: Mapping[str, Any]


def version_on(versions: Iterable[V], day: date) -> V | None:
    """Give the version in force on an Eastern calendar day, or None before the first (D05)."""
    begun = [version for version in versions if version.effective_from <= day]
    return max(begun, key=lambda version: version.effective_from, default=None)
