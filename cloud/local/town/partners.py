"""The town's partners: who they are, their people and papers, and who looks after them."""

from dataclasses import dataclass
from datetime import date, datetime

from cloud.kernel.change import NEW, Change, Save
from cloud.kernel.money import Money
from cloud.kernel.secret import Secret
from cloud.local import people
from cloud.local.town.draws import Draws
from cloud.local.town.making import ADMIN, PROJECTS, RELATIONS, Town
from cloud.local.town.pages import paper
from cloud.local.town.places import (
    AUSTIN,
    FIRST_NAMES,
    GOLDEN,
    MONTCLAIR,
    NAPERVILLE,
    PHOENIX,
    SACRAMENTO,
    SAN_DIEGO,
    SURNAMES,
    TAMPA,
    Place,
)
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import (
    ApiClient,
    Licence,
    Milestone,
    Partner,
    PartnerKind,
    PaymentPlan,
    PlanShare,
    RateCard,
)
from cloud.portfolio.organisation import Certification, RelationshipManager, Technician
from cloud.portfolio.papers import DocumentKind, PartnerRole
from cloud.service import process as service
from cloud.service.models import Coordinator

PLAN = PaymentPlan(
    "PLAN-80-20", "comfort", (PlanShare(Milestone.M1, 8000), PlanShare(Milestone.M2, 2000))
)
PLAN_WITH_NTP = PaymentPlan(
    "PLAN-10-70-20",
    "comfort",
    (
        PlanShare(Milestone.NTP, 1000),
        PlanShare(Milestone.M1, 7000),
        PlanShare(Milestone.M2, 2000),
    ),
)
PLAN_ON_SUBMISSION = PaymentPlan(
    "PLAN-SUBMITTED",
    "comfort",
    (PlanShare(Milestone.M1, 8000), PlanShare(Milestone.M2, 2000)),
    Milestone.INSTALL_SUBMITTED,
)
PLANS = (PLAN, PLAN_WITH_NTP, PLAN_ON_SUBMISSION)

LICENSED_UNTIL = date(2027, 3, 31)
INSURED_UNTIL = date(2026, 12, 31)


@dataclass(frozen=True, slots=True)
class Firm:
    """A partner as the recipe has it.

    Attributes:
        places: where it builds and mends; its office is in the first.
        performance: by its scorecard.
        plan: how its projects are paid.
        has_papers: its W-9 and bank authorization are on file from the beginning.
        opted_in: takes service work on systems of others.
        share: how much it builds, beside the others of its places.
    """

    id: str
    name: str
    places: tuple[Place, ...]
    performance: int
    plan: PaymentPlan = PLAN
    has_papers: bool = True
    opted_in: bool = True
    parent_id: str = ""
    is_in_house: bool = False
    share: int = 1

    @property
    def mailbox(self) -> str:
        """Give the name of its mail domain."""
        return self.id.removeprefix("P-").lower()


ALDER = Firm("P-ALDER", "Alder Solar", (GOLDEN,), 92, share=3)
ALDER_SOUTHWEST = Firm("P-ALDER-SW", "Alder Solar Southwest", (PHOENIX,), 78, parent_id="P-ALDER")
CAPITAL = Firm(
    "P-SACRAMENTO", "Sacramento Sun & Storage", (SACRAMENTO,), 81, plan=PLAN_WITH_NTP, share=3
)
DELTA = Firm("P-DELTA", "Delta Roof & Solar", (SACRAMENTO, SAN_DIEGO), 64)
HARBOR = Firm("P-HARBOR", "Harbor Electric & Solar", (SAN_DIEGO,), 71, has_papers=False)
GULF = Firm("P-GULF", "Gulf Coast Sun", (TAMPA,), 69, opted_in=False)
FIRMS = (
    ALDER,
    Firm("P-BRIGHT", "Brightline Electric", (GOLDEN,), 84),
    ALDER_SOUTHWEST,
    Firm("P-SONORA", "Sonora Solar Works", (PHOENIX,), 74, plan=PLAN_ON_SUBMISSION),
    CAPITAL,
    DELTA,
    Firm("P-PACIFIC", "Pacific Crest Energy", (SAN_DIEGO,), 88, plan=PLAN_WITH_NTP),
    HARBOR,
    Firm("P-LONESTAR", "Lone Star Solar Co", (AUSTIN,), 77, opted_in=False),
    Firm(
        "P-PRAIRIE",
        "Prairie Light Electric",
        (NAPERVILLE,),
        83,
        plan=PLAN_ON_SUBMISSION,
        opted_in=False,
    ),
    GULF,
    Firm("P-GARDEN", "Garden State Solar", (MONTCLAIR,), 79, plan=PLAN_WITH_NTP),
    Firm("P-OWNER", "Owner Field Service", (GOLDEN, SACRAMENTO), 72, is_in_house=True),
)
"""Twelve, one of which has a part of its own; the last are the owner's own people."""
BY_ID = {firm.id: firm for firm in FIRMS}
BUILDERS = tuple(firm for firm in FIRMS if not firm.is_in_house)
CLIENTS = tuple(f"client-{firm.mailbox}" for firm in BUILDERS)
"""The partners' programs."""


def builders_at(place: Place) -> tuple[Firm, ...]:
    """Give who builds in a place, each as often as its share."""
    return tuple(firm for firm in BUILDERS if place in firm.places for _ in range(firm.share))


def _record(firm: Firm) -> Partner:
    draws = Draws("partner", firm.id)
    states = frozenset(place.state for place in firm.places)
    office = firm.places[0]
    return Partner(
        id=firm.id,
        name=firm.name,
        service_email=f"service@{firm.mailbox}.example",
        remittance_email=f"accounts@{firm.mailbox}.example",
        states=states,
        scopes=frozenset({"electrical", "diagnosis", "roof"}),
        certifications=frozenset({"Tesla", "SolarEdge", "Enphase", "Sunreeve"}),
        latitude=office.latitude,
        longitude=office.longitude,
        max_km=110 if len(firm.places) == 1 else 900,
        performance=firm.performance,
        routing_number=draws.pick(("021000021", "011401533", "091000019")),
        account_number=Secret(f"{draws.below(10**12):012}"),
        opted_in=firm.opted_in,
        kind=PartnerKind.IN_HOUSE if firm.is_in_house else PartnerKind.EPC,
        rate_card=RateCard(Money(68_00), Money(70)) if firm.is_in_house else None,
        licences=tuple(
            Licence(state, f"{state}-EC-{draws.between(10_000, 99_999)}", LICENSED_UNTIL)
            for state in sorted(states)
        ),
        insured_until=INSURED_UNTIL,
        parent_id=firm.parent_id,
    )


def put_on_record(town: Town) -> None:
    """Put everybody on record who works in the town: coordinators, partners, their people."""
    coordinators = ("sam.spc",)
    for name in coordinators:
        person = people.BY_NAME[name]
        known = Coordinator(person.username, person.name, person.email)
        town.records.commit(Change(saves=(Save(known, NEW),)))
    for plan in PLANS:
        town.do(portfolio.put_payment_plan, plan=plan, by=ADMIN)
    for firm in sorted(FIRMS, key=lambda one: bool(one.parent_id)):
        _put_firm(town, firm)
    ron = people.BY_NAME[RELATIONS]
    manager = RelationshipManager(
        ron.username, ron.name, ron.email, tuple(firm.id for firm in BUILDERS)
    )
    town.do(portfolio.register, record=manager, by=ADMIN)
    _put_people(town)


def _put_firm(town: Town, firm: Firm) -> None:
    town.do(portfolio.register, record=_record(firm), by=ADMIN)
    town.do(service.enlist, partner_id=firm.id, by=ADMIN)
    town.do(
        portfolio.assign_payment_plan,
        partner_id=firm.id,
        payment_plan_id=firm.plan.id,
        by=ADMIN,
    )
    for technician in technicians(firm):
        town.do(portfolio.register, record=technician, by=ADMIN)
    if firm.is_in_house:
        return
    client = ApiClient(f"client-{firm.mailbox}", firm.id)
    town.do(portfolio.register, record=client, by=ADMIN)
    if firm.has_papers:
        for kind in (DocumentKind.W9, DocumentKind.BANK_AUTHORIZATION):
            put_paper(town, firm.id, kind)


def put_paper(town: Town, partner_id: str, kind: DocumentKind) -> str:
    """Put a paper of a partner on file, as it came by letter; give its id."""
    reference = f"{portfolio.papers_folder(partner_id)}{kind}-{town.now:%Y%m%d}.pdf"
    town.documents.put(reference, paper(f"{kind} of {partner_id}"), "application/pdf")
    made = town.do(
        portfolio.record_partner_document,
        town.documents,
        partner_id=partner_id,
        kind=kind,
        reference=reference,
        by=PROJECTS,
    )
    return made.id


def technicians(firm: Firm) -> tuple[Technician, ...]:
    """Give the people that a partner sends, each certified by some makers."""
    draws = Draws("technicians", firm.id)
    found = []
    for number in range(1, 4):
        name = f"{draws.pick(FIRST_NAMES)} {draws.pick(SURNAMES)}"
        makers = ("Tesla", "SolarEdge", "Enphase", "Sunreeve")
        held = tuple(
            Certification(maker, f"{maker[:2].upper()}-{draws.between(1000, 9999)}", LICENSED_UNTIL)
            for maker in makers
        )
        found.append(Technician(f"TECH-{firm.mailbox.upper()}-{number}", firm.id, name, held))
    return tuple(found)


def _put_people(town: Town) -> None:
    """Put the partners' people on record; the administrator makes each one's first admin."""
    listed = [one for one in people.PEOPLE if one.partner_id]
    for one in listed:
        town.do(
            portfolio.add_person,
            person_id=one.username,
            partner_id=one.partner_id,
            name=one.name,
            email=one.email,
            by=ADMIN,
        )
    for one in listed:
        if one.username in people.ACCOUNTING_ADMINS:
            town.do(
                portfolio.grant_first_role,
                holder_id=one.username,
                role=PartnerRole.ACCOUNTING_ADMIN,
                by=ADMIN,
            )
    for client in ("client-alder", "client-sacramento"):
        town.do(
            portfolio.grant_first_role,
            holder_id=client,
            role=PartnerRole.ACCOUNTING_ADMIN,
            by=ADMIN,
        )


def first_of(firm: Firm, at: datetime) -> Technician:
    """Give whom a partner sends on a day; they take turns."""
    found = technicians(firm)
    return found[at.toordinal() % len(found)]
