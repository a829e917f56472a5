"""A door of pages over an organisation with a part, projects, and runs that were really made."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from pages_world import Seen, World

from cloud.funding import process
from cloud.funding.ach import Originator
from cloud.funding.models import FundingRun, Payable, PayableState, PaymentTrace
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money
from cloud.kernel.secret import Secret
from cloud.portal.shown import MINUS
from cloud.portfolio.models import Milestone, Partner, PlanShare, Project, Site, milestone_id

REACHED = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
"""Tuesday: before the cut-off of the run that is paid on Thursday, 3 December."""
CUT_OFF = datetime(2026, 12, 2, 7, 31, tzinfo=UTC)
RUN_AT = datetime(2026, 12, 2, 14, 0, tzinfo=UTC)
NOW = datetime(2026, 12, 4, 15, 0, tzinfo=UTC)
RUN = "comfort-2026-12-03"
DAY = timedelta(days=1)
BANK = Originator(
    bank_routing_number="021000021",
    bank_name="First Bank of Testing",
    origin="1234567890",
    name="The Owner, Inc.",
    company_identification="1234567890",
    questions_to="funding@owner.example",
)


class Text:
    """A renderer that writes the advice down as it is."""

    def render(self, advice: object) -> bytes:
        return repr(advice).encode()


def said(page: Seen) -> str:
    """Give what can be read, with the minus sign of a keyboard."""
    return page.plain.replace(MINUS, "-")


def partner(name: str, called: str, /, **differs) -> Partner:
    made = Partner(
        id=name,
        name=called,
        service_email="service@partner.example",
        remittance_email="money@partner.example",
        states=frozenset({"CO"}),
        scopes=frozenset({"pv"}),
        certifications=frozenset(),
        latitude=39.0,
        longitude=-105.0,
        max_km=100,
        performance=90,
        routing_number="011401533",
        account_number=Secret("123456780732"),
        w9_on_file=True,
        bank_authorization_on_file=True,
    )
    return replace(made, **differs)


def site(name: str, customer: str) -> Site:
    return Site(
        id=f"S-{name}",
        gateway_id=f"G-{name}",
        customer_name=customer,
        customer_email="home@home.example",
        address="1 Sun Street",
        state="CO",
        latitude=39.0,
        longitude=-105.0,
        utc_offset_hours=-7,
        time_zone="America/Denver",
        commissioned_on=date(2026, 1, 1),
        dc_rating_w=8_000,
        manufacturer="Fronius",
        inverter_model="IG",
        installer_id="P-A",
        workmanship_until=date(2036, 1, 1),
    )


class Street(World):
    """Ines is Alder's Accounting Admin, Bo is not; Zoe is the one of another organisation."""

    def __init__(self, *, now: datetime = NOW, records=None, **differs) -> None:
        super().__init__(records, now=now)
        self.partners = [
            partner("P-A", "Alder Solar", **differs),
            partner("P-S", "Alder South", parent_id="P-A"),
            partner("P-Z", "Zenith Solar"),
        ]
        self.save(*self.partners)
        self.partner_person("ines", "P-A", is_admin=True)
        self.partner_person("bo", "P-A")
        self.partner_person("zoe", "P-Z", is_admin=True)

    def save(self, *found: object) -> None:
        for one in found:
            stored = self.records.load(type(one), one.id)
            save = stored.replaced_by(one) if stored else Save(one)
            self.records.commit(Change(saves=(save,)))

    def get(self, kind, name):
        stored = self.records.load(kind, name)
        return stored.record if stored else None

    # ---- projects and what they earn --------------------------------------------------------
    def project(self, name, owner="P-A", *, customer="", reached=(Milestone.M1,), **differs):
        made = Project(
            id=name,
            site_id=f"S-{name}",
            partner_id=owner,
            value=Money(30_000_00),
            plan=(PlanShare(Milestone.M1, 8_000), PlanShare(Milestone.M2, 2_000)),
            reached=tuple((one, REACHED) for one in reached),
        )
        made = replace(made, **differs)
        self.save(site(name, customer or f"Customer {name}"), made)
        return made

    def earns_m1(self, name="PRJ-1", owner="P-A", **differs):
        """Put a project on record and what its installation earns: $24,000.00."""
        made = self.project(name, owner, **differs)
        process.accrue_milestone(self.records, project=made, milestone=Milestone.M1, at=REACHED)
        return made

    def was_paid(self, name="PRJ-1", owner="P-A", **differs):
        """Put a project on record whose M1 money a run took: it waits for its activation."""
        made = self.project(name, owner, **differs)
        paid = Payable(
            id=f"PAY-{name}",
            partner_id=owner,
            project_id=name,
            work_order_id="",
            milestone="M1",
            amount=Money(24_000_00),
            accrued_at=REACHED,
            state=PayableState.PAID,
            causes=(milestone_id(name, Milestone.M1), name),
        )
        self.save(paid)
        return made

    def offset(self, name, cents, *, owner="P-A", kind="back_bill", project_id=""):
        body = {
            "offset_id": name,
            "partner_id": owner,
            "amount_cents": cents,
            "kind": kind,
            "incurred_on": "2026-11-20",
            "says": f"offset {name}",
            "causes": [f"CASE-{name}"],
            "project_id": project_id,
        }
        return process.accrue_offset(self.records, body=body, at=REACHED)

    # ---- runs -------------------------------------------------------------------------------
    def planned(self):
        self.save(*[one for one in self.partners if self.get(Partner, one.id) is None])
        return process.prepare(
            self.records, cutoff=CUT_OFF, partners=self.partners, at=RUN_AT, by="ana"
        )

    def approved(self):
        run = self.planned()
        process.approve(
            self.records,
            run_id=run.id,
            plans_hash=run.plans_hash,
            partners=self.partners,
            by="bob",
            roles=frozenset({"accounting_admin"}),
            at=RUN_AT,
        )
        return run

    def filed(self):
        self.approved()
        return process.run_all_after_approval(
            self.records,
            self.documents,
            run_id=RUN,
            originator=BANK,
            renderer=Text(),
            at=RUN_AT,
        )

    def sent(self):
        self.filed()
        process.mark_sent(self.records, run_id=RUN, by="tess", at=RUN_AT)

    def settled(self):
        self.sent()
        process.settle(self.records, run_id=RUN, at=RUN_AT + DAY, by="tess")
        return self.get(FundingRun, RUN)

    def came_back(self, code):
        (line,) = self.records.find(PaymentTrace, by="partner_id", value="P-A")
        at = RUN_AT + 2 * DAY
        process.return_payment(self.records, trace_number=line.record.id, code=code, at=at)
