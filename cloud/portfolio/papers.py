"""What is known of a partner's papers, of its people, and of a change of its bank details."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from cloud.kernel.decision import Refused
from cloud.kernel.routing import is_routing_number
from cloud.kernel.secret import Secret
from cloud.portfolio.models import AccountKind
from cloud.portfolio.policy import (
    ACCOUNT_FORM,
    BANK_CHANGE_HOLD_HOURS,
    CORRECTED_BY_BANK,
    ROLE_GRANTED_BY,
)

_ACCOUNT = re.compile(r"[0-9A-Z][0-9A-Z-]*")


class DocumentKind(StrEnum):
    """What a paper is: the two that nobody is paid without (F05), or one for a compliance case."""

    W9 = "w9"
    BANK_AUTHORIZATION = "bank_authorization"
    COMPLIANCE = "compliance"


REVIEW = "review_document"
"""The task of whoever looks at what was sent for a compliance case (F18)."""


class DocumentState(StrEnum):
    """Where a paper stands; only one that is on file opens a gate."""

    ANNOUNCED = "announced"
    WAITING = "waiting"
    ON_FILE = "on_file"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class PartnerDocument:
    """A paper of a partner; the file lies in the document store.

    Attributes:
        reference: the document that is kept; empty while it is only announced.
        project_id: which project's case it is for, where it is for one.
        task: ``review_document`` until somebody looked at it, else empty.
        upload_id: the upload that it came by, empty where the owner's people put it there.
        because: why it was refused, for the partner to read.
    """

    id: str
    partner_id: str
    kind: DocumentKind
    reference: str
    recorded_at: datetime
    recorded_by: str
    project_id: str = ""
    task: str = ""
    reviewed_by: str = ""
    reviewed_at: datetime | None = None
    withdrawn_by: str = ""
    withdrawn_at: datetime | None = None
    state: DocumentState = DocumentState.ON_FILE
    upload_id: str = ""
    because: str = ""

    @property
    def is_on_file(self) -> bool:
        """Tell whether it counts (F05)."""
        return self.state is DocumentState.ON_FILE and self.withdrawn_at is None


class PartnerRole(StrEnum):
    """What a partner's person or program may do beyond its daily work (F27)."""

    ACCOUNTING_ADMIN = "accounting_admin"


@dataclass(frozen=True, slots=True)
class PartnerPerson:
    """A person of a partner who uses the portal."""

    id: str
    partner_id: str
    name: str
    email: str
    roles: frozenset[str] = frozenset()
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class RoleHolders:
    """Who holds the role of an Accounting Admin in an organisation; its id is the partner's.

    It is written with every grant and every loss, so that of two at once one looks again.

    Attributes:
        holders: ids of persons and programs, in order.
    """

    id: str
    holders: tuple[str, ...] = ()


def may_grant(
    *, granter_roles: frozenset[str], same_organisation: bool, is_active: bool, on: date
) -> bool:
    """Tell whether somebody may grant and take the role of an Accounting Admin (P-80).

    `same_organisation` holds for an organisation's own people and for those of its parent.
    """
    return same_organisation and is_active and ROLE_GRANTED_BY.on(on) in granter_roles


class BankChangeState(StrEnum):
    """Where a change of bank details stands."""

    ASKED = "asked"
    AGREED = "agreed"
    EFFECTIVE = "effective"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


WAITING = (BankChangeState.ASKED, BankChangeState.AGREED)
"""The states that a change may still be stopped in; a partner has one such change at most."""


@dataclass(frozen=True, slots=True)
class BankChange:
    """New bank details of a partner, until they count (P-81).

    Attributes:
        authorization_id: the paper in which the partner allows payments to this very account (F05).
        takes_effect_at: the end of the hold; None until somebody agreed.
        ended_by, because: who stopped it, and why.
    """

    id: str
    partner_id: str
    routing_number: str
    account_number: Secret
    account_kind: AccountKind
    asked_by: str
    asked_at: datetime
    agreed_by: str = ""
    agreed_at: datetime | None = None
    takes_effect_at: datetime | None = None
    state: BankChangeState = BankChangeState.ASKED
    ended_by: str = ""
    because: str = ""
    authorization_id: str = ""


def takes_effect(agreed_at: datetime) -> datetime:
    """Give the instant from which agreed bank details count (P-81): hours that elapse."""
    began = agreed_at.astimezone(UTC)
    return began + timedelta(hours=BANK_CHANGE_HOLD_HOURS.on(began.date()))


def wrong_bank_details(
    *, routing_number: str, account_number: Secret | None, on: date
) -> Refused | None:
    """Say what is wrong with bank details, without telling the account (P-85)."""
    if not is_routing_number(routing_number):
        because = "the routing number is not nine digits with a check digit: read it again"
        return Refused(ACCOUNT_FORM.id, because, "invalid_routing_number")
    if account_number is None:
        return None
    least, most = ACCOUNT_FORM.on(on)
    number = account_number.value
    if not _ACCOUNT.fullmatch(number) or not least <= len(number) <= most:
        because = f"an account number has {least} to {most} letters, digits or dashes"
        return Refused(ACCOUNT_FORM.id, because, "invalid_account_number")
    return None


def corrects(code: str, *, on: date) -> bool:
    """Tell whether a notification of change corrects bank details at once (P-86)."""
    return code.strip().upper() in CORRECTED_BY_BANK.on(on)
