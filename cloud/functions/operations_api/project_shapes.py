"""What goes in of the routes about projects, papers, people and bank details."""

from typing import Annotated

from pydantic import Field

from cloud.functions.operations_api.shapes import In, Reason
from cloud.kernel.money import Money
from cloud.portfolio.models import (
    AccountKind,
    Milestone,
    PlanShare,
    SoldInverter,
)
from cloud.portfolio.papers import DocumentKind, PartnerRole
from cloud.portfolio.process import CancellationReason, ProjectFacts

Id = Annotated[str, Field(min_length=1, max_length=200)]
Word = Annotated[str, Field(max_length=200)]
Cents = Annotated[int, Field(ge=0, le=10**10)]


class ShareIn(In):
    """What share of a project's value a milestone pays."""

    milestone: Milestone
    share_bps: Annotated[int, Field(ge=0, le=10_000)]


Shares = Annotated[list[ShareIn], Field(max_length=3)]


def plan_of(shares: list[ShareIn]) -> tuple[PlanShare, ...]:
    """Give the plan that the shares make."""
    return tuple(PlanShare(one.milestone, one.share_bps) for one in shares)


class PaymentPlanIn(In):
    """How an organisation's projects are paid."""

    payment_plan_id: Id
    programme: Id
    shares: Annotated[list[ShareIn], Field(min_length=1, max_length=3)]
    m1_basis: Milestone = Milestone.INSTALL_APPROVED


class PlanChoiceIn(In):
    """The payment plan of an organisation's projects from now on."""

    payment_plan_id: Id


class InverterIn(In):
    """What a project was sold with."""

    make: Id
    model: Id
    quantity: Annotated[int, Field(ge=1, le=1000)] = 1


class ProjectIn(In):
    """A project; what is left out comes from its organisation and its site."""

    project_id: Id
    site_id: Id
    partner_id: Id
    value_cents: Annotated[int, Field(gt=0, le=10**10)]
    shares: Shares = Field(default_factory=list)
    m1_basis: Milestone | None = None
    programme: Word = ""
    market: Word = ""
    salesperson: Word = ""
    inverters: Annotated[list[InverterIn], Field(max_length=50)] = Field(default_factory=list)

    def told(self) -> ProjectFacts:
        """Give the facts that it tells."""
        return ProjectFacts(
            id=self.project_id,
            site_id=self.site_id,
            partner_id=self.partner_id,
            value=Money(self.value_cents),
            plan=plan_of(self.shares),
            m1_basis=self.m1_basis,
            programme=self.programme,
            market=self.market,
            salesperson=self.salesperson,
            inverters=tuple(
                SoldInverter(one.make, one.model, one.quantity) for one in self.inverters
            ),
        )


class RevocationIn(In):
    """A milestone that should not have been recorded; `occurrence` counts from zero."""

    milestone: Milestone
    reason: Reason
    occurrence: Annotated[int, Field(ge=0, le=1000)] | None = None


class CommissionIn(In):
    """What was paid before the installation, and how that is known."""

    amount_cents: Cents
    because: Reason


class CancellationIn(In):
    """Why a project is to end."""

    reason: CancellationReason
    because: Reason


class CaseDocumentIn(In):
    """A paper for a project's case, kept under ``papers/`` and the partner's id."""

    reference: Id


class DocumentIn(In):
    """A paper of a partner, kept under ``papers/`` and the partner's id."""

    kind: DocumentKind
    reference: Id


class ParentIn(In):
    """The organisation that this one is a part of; empty for none."""

    parent_id: Word


class PersonIn(In):
    """A person of a partner."""

    person_id: Id
    name: Id
    email: Annotated[str, Field(min_length=3, max_length=254)]


class RoleIn(In):
    """Who gains or loses which role: a person or a program."""

    holder_id: Id
    role: PartnerRole = PartnerRole.ACCOUNTING_ADMIN


class BankChangeIn(In):
    """Other bank details of a partner; what is wrong with them is said without repeating them."""

    routing_number: Annotated[str, Field(min_length=1, max_length=20)]
    account_number: Annotated[str, Field(min_length=1, max_length=40, repr=False)]
    account_kind: AccountKind = AccountKind.CHECKING
    authorization_id: Id
