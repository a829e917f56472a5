"""Who calls: the partner that the token's client belongs to, and what the token lets it do.

Nothing in a path or a body names a partner. Scopes follow the resources of the API,
``sunreeve/work_order:read`` and so on; ``sunreeve/partner`` stands for all of them. A token of a
program that is being tried out carries ``sunreeve/test`` besides: it meets records of test partners
only, and a live one never does.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloud.kernel.ports import Records
from cloud.portfolio.models import LIVE, TEST, ApiClient
from cloud.service.access import Principal

SERVER = "sunreeve/"
"""Prefix of the pool's resource server; what stands behind it is the scope."""
ALL = "partner"
RESOURCES = (
    "work_order",
    "invoice",
    "upload",
    "back_bill",
    "dispute",
    "organisation",
    "scorecard",
    "funding",
    "event",
    "webhook",
)
"""What a partner's program may be let to; each with a scope to read and one to write."""
EVERY_SCOPE = frozenset(f"{name}:{verb}" for name in RESOURCES for verb in ("read", "write"))
VENDOR_READS, VENDOR_WRITES = "vendor:read", "vendor:write"
OF_VENDORS = frozenset({VENDOR_READS, VENDOR_WRITES})
"""What a vendor's program may be let to; `ALL` does not stand for it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A partner's program.

    Attributes:
        roles: what an Accounting Admin granted it (F27).
        vendor_id: the vendor whose program it is, where it is no partner's.
        version: the version of the API that it stays with, empty before its first call.
        is_stopped: it may not call any more (API-04).
    """

    partner_id: str
    client_id: str
    principal: Principal
    roles: frozenset[str] = frozenset()
    vendor_id: str = ""
    version: str = ""
    is_stopped: bool = False


_CALLER: ContextVar[Caller] = ContextVar("caller")


def caller() -> Caller:
    """Give who calls in the request that is being answered."""
    return _CALLER.get()


def common(at: datetime) -> dict[str, Any]:
    """Give what every command of a partner's takes: who, when, in whose name."""
    return {"partner_id": caller().partner_id, "at": at, "by": caller().client_id}


def known(claims: Mapping[str, str], records: Records) -> Caller | None:
    """Give the caller that a token's claims name, None for one that is not a partner's (T-91)."""
    asked = {
        scope.removeprefix(SERVER)
        for scope in claims.get("scope", "").split()
        if scope.startswith(SERVER)
    }
    scopes = EVERY_SCOPE if ALL in asked else EVERY_SCOPE & asked
    as_vendor = OF_VENDORS & asked
    client = records.load(ApiClient, claims.get("client_id", "")) if scopes | as_vendor else None
    mode = TEST if TEST in asked else LIVE
    if client is None or client.record.mode != mode:
        return None
    if client.record.vendor_id:
        return _vendors(client.record, as_vendor) if as_vendor else None
    if not scopes:
        return None
    partner_id = client.record.partner_id
    principal = Principal(partner_id, is_partner=True, mode=mode, scopes=scopes)
    return Caller(
        partner_id,
        client.record.id,
        principal,
        client.record.roles,
        version=client.record.version,
        is_stopped=client.record.is_stopped,
    )


def _vendors(client: ApiClient, scopes: frozenset[str]) -> Caller:
    """Give a vendor's program as caller; the name in the partner's place is no partner's."""
    nobody = f"vendor {client.vendor_id}"
    principal = Principal(nobody, is_partner=True, mode=client.mode, scopes=scopes)
    return Caller(
        nobody,
        client.id,
        principal,
        vendor_id=client.vendor_id,
        version=client.version,
        is_stopped=client.is_stopped,
    )


def call_as(found: Caller) -> None:
    """Let the request be answered in this caller's name."""
    _CALLER.set(found)
