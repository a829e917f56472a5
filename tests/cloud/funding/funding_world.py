"""A small world for the run's tests: partners, projects, sites, and stores that can die."""

from dataclasses import replace
from datetime import UTC, date, datetime

from cloud.adapters.memory import MemoryDocuments, MemoryRecords
from cloud.funding import process
from cloud.funding.ach import Originator
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money
from cloud.kernel.secret import Secret
from cloud.portfolio.models import Milestone, Partner, PlanShare, Project, Site

CUTOFF = datetime(2026, 12, 2, 7, 31, tzinfo=UTC)
"""Wednesday 02:31 Eastern: the window that is paid on Thursday, 3 December 2026."""
AT = datetime(2026, 12, 2, 14, 0, tzinfo=UTC)
PAID_AT = datetime(2026, 12, 3, 14, 0, tzinfo=UTC)
"""The funding date of the run: nobody settles it before (D44)."""
REACHED = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
RUN_ID = "comfort-2026-12-03"
BANK = Originator(
    bank_routing_number="021000021",
    bank_name="First Bank of Testing",
    origin="1234567890",
    name="The Owner, Inc.",
    company_identification="1234567890",
    questions_to="funding@owner.example",
)
ACCOUNTING = frozenset({"accounting_admin"})


class Text:
    """A renderer that writes the advice down as it is."""

    def render(self, advice):
        return repr(advice).encode()


class Killed(Exception):
    """The process died here."""


class Fuse:
    """Burns through after so many writes, counted over records and documents together."""

    def __init__(self, writes):
        self.left = writes

    def burn(self):
        self.left -= 1
        if self.left == 0:
            raise Killed


class FragileRecords(MemoryRecords):
    fuse = Fuse(-1)

    def commit(self, change: Change) -> None:
        size = len(change.saves) + len(change.events) + len(change.letters) + len(change.messages)
        assert size <= 90, "one transaction takes a hundred items"
        super().commit(change)
        self.fuse.burn()


class FragileDocuments(MemoryDocuments):
    fuse = Fuse(-1)

    def put(self, reference: str, content: bytes, content_type: str) -> str:
        super().put(reference, content, content_type)
        self.fuse.burn()
        return reference

    def tamper(self, reference: str, content: bytes) -> None:
        self._kept[reference] = content


def partner(name: str = "P-A", /, **changes) -> Partner:
    made = Partner(
        id=name,
        name=f"Partner {name}",
        service_email="service@partner.example",
        remittance_email="money@partner.example",
        states=frozenset({"CA"}),
        scopes=frozenset({"pv"}),
        certifications=frozenset(),
        latitude=34.0,
        longitude=-118.0,
        max_km=100,
        performance=90,
        routing_number="011401533",
        account_number=Secret("123456789012"),
        w9_on_file=True,
        bank_authorization_on_file=True,
    )
    return replace(made, **changes)


def site(name: str, *, make: str = "Fronius", model: str = "IG") -> Site:
    return Site(
        id=f"S-{name}",
        gateway_id=f"G-{name}",
        customer_name="C. Ustomer",
        customer_email="c@home.example",
        address="1 Sun Street",
        state="CA",
        latitude=34.0,
        longitude=-118.0,
        utc_offset_hours=-8,
        time_zone="America/Los_Angeles",
        commissioned_on=date(2026, 1, 1),
        dc_rating_w=8_000,
        manufacturer=make,
        inverter_model=model,
        installer_id="P-A",
        workmanship_until=date(2036, 1, 1),
    )


def project(name: str, owner: str = "P-A", **changes) -> Project:
    made = Project(
        id=name,
        site_id=f"S-{name}",
        partner_id=owner,
        value=Money(30_000_00),
        plan=(PlanShare(Milestone.M1, 8_000), PlanShare(Milestone.M2, 2_000)),
        reached=((Milestone.M1, REACHED),),
    )
    return replace(made, **changes)


class World:
    """Stores with partners and projects, and the processes called as the handlers call them."""

    def __init__(self, partners=None):
        self.records, self.documents = FragileRecords(), FragileDocuments()
        self.partners = list(partners or [partner()])
        self.remember()

    def remember(self) -> None:
        """Put the partners on record as the list has them now."""
        for one in self.partners:
            stored = self.records.load(Partner, one.id)
            if stored is None or stored.record != one:
                save = stored.replaced_by(one) if stored else Save(one)
                MemoryRecords.commit(self.records, Change(saves=(save,)))

    def fuse(self, writes: int) -> None:
        self.records.fuse = self.documents.fuse = Fuse(writes)

    def add_project(self, made: Project, *, make="Fronius", model="IG") -> Project:
        home = site(made.id, make=make, model=model)
        self.records.commit(Change(saves=(Save(home), Save(made))))
        return made

    def m1(self, name: str, owner: str = "P-A", *, make="Fronius", model="IG", **changes):
        made = self.add_project(project(name, owner, **changes), make=make, model=model)
        return process.accrue_milestone(
            self.records, project=made, milestone=Milestone.M1, at=REACHED
        )

    def service(self, invoice: str, cents: int, owner: str = "P-A", at=REACHED):
        body = {
            "invoice_id": invoice,
            "partner_id": owner,
            "work_order_id": f"WO-{invoice}",
            "site_id": "S-1",
            "amount_cents": cents,
            "approved_at": at.isoformat(),
            "says": f"invoice {invoice}",
        }
        return process.accrue_service(self.records, body=body, at=at)

    def offset(
        self, name: str, cents: int, *, owner="P-A", kind="back_bill", project_id="", at=REACHED
    ):
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
        return process.accrue_offset(self.records, body=body, at=at)

    def prepare(self, by="ana", cutoff=CUTOFF, at=AT):
        self.remember()
        return process.prepare(self.records, cutoff=cutoff, partners=self.partners, at=at, by=by)

    def approve(self, run, by="bob", roles=ACCOUNTING, at=AT):
        return process.approve(
            self.records,
            run_id=run.id,
            plans_hash=run.plans_hash,
            partners=self.partners,
            by=by,
            roles=roles,
            at=at,
        )

    def finish(self, run_id=RUN_ID, at=AT):
        return process.run_all_after_approval(
            self.records,
            self.documents,
            run_id=run_id,
            originator=BANK,
            renderer=Text(),
            at=at,
        )

    def run(self, cutoff=CUTOFF, at=AT, finished_at=None):
        run = self.prepare(cutoff=cutoff, at=at)
        self.approve(run, at=at)
        return self.finish(run.id, at=finished_at or at)
