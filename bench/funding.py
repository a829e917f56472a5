"""A funding run through the local stack, as projects grow: each step, requests, growth.

No peer plays a funding run, with its offsets and its books: the measure is the growth, and the
requests that would go to AWS. Beside it the verifier, which recomputes all books from nothing.
"""

import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import requests
from cloud.adapters import bank, remittance_pdf, wiring
from cloud.adapters.records import DynamoRecords
from cloud.funding import ledger, process
from cloud.funding.models import (
    Deduction,
    FundingRun,
    Payable,
    RunState,
)
from cloud.funding.netting import DeductionKind
from cloud.kernel.change import Change, Save
from cloud.kernel.errors import BrokenInvariant
from cloud.kernel.money import ZERO, Money
from cloud.kernel.policy import COMFORT
from cloud.kernel.secret import Secret
from cloud.local.demo import cast
from cloud.local.runtime import Runtime
from cloud.portfolio.models import Milestone, Partner, PlanShare, Project
from cloud.portfolio.process import paid_partners

TEMPLATE = Path(__file__).parent.parent / "template.yaml"
SIZES = (2_000, 5_000, 20_000)
PER_PARTNER = 50 / 3
"""Projects of a partner: 5,000 are those of 300."""
CUTOFF = datetime(2026, 12, 2, 7, 31, tzinfo=UTC)
AT = CUTOFF + timedelta(hours=6)
REACHED = CUTOFF - timedelta(hours=12)
RUN_ID = "comfort-2026-12-03"
CHUNK = 90
ENVIRONMENT = {
    "OPERATIONS_TABLE": "OperationsTable",
    "SITES_TABLE": "SitesTable",
    "MONEY_TABLE": "MoneyTable",
    "DOCUMENTS_BUCKET": "DocumentsBucket",
    "SECRETS_KEY": "SecretsKey",
    "ORIGINATOR_ROUTING": "091000019",
    "ORIGINATOR_BANK_NAME": "Example Bank",
    "ORIGINATOR_NAME": "Sunreeve Owner",
    "ORIGINATOR_COMPANY_ID": "1234567890",
    "MAIL_FROM": "service@mail.sunreeve.example",
}


@dataclass(slots=True)
class Ran:
    """One run: seconds and requests of each step.

    Attributes:
        rows: what the verifier recomputed: entries of the ledger, items and plans.
    """

    projects: int
    partners: int
    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    net: Money = ZERO
    rows: int = 0

    @property
    def run_s(self) -> float:
        """What the run took, from the preview to the file at the bank."""
        return sum(took for name, took in self.seconds.items() if name != "verify")


@contextmanager
def stack(folder: Path) -> Iterator[DynamoRecords]:
    """Give the records of a stack on a folder."""
    runtime = Runtime(folder, TEMPLATE, starts_at=CUTOFF - timedelta(days=2))
    try:
        yield wiring.records(ENVIRONMENT)
    finally:
        runtime.close()
        wiring.forget()


def partners(count: int) -> list[Partner]:
    """Give so many partners with papers and accounts."""
    plain = cast.PARTNERS[0]
    return [
        Partner(
            id=f"P-{number:05d}",
            name=f"Solar Partner {number}",
            service_email=f"service@p{number}.example",
            remittance_email=f"money@p{number}.example",
            states=plain.states,
            scopes=plain.scopes,
            certifications=frozenset(),
            latitude=plain.latitude,
            longitude=plain.longitude,
            max_km=100,
            performance=90,
            routing_number="011401533",
            account_number=Secret(f"{10_000_000 + number}"),
            w9_on_file=True,
            bank_authorization_on_file=True,
        )
        for number in range(count)
    ]


def seed(records: DynamoRecords, count: int) -> list[Partner]:
    """Put partners and projects on record whose M1 is earned, a debt at each seventh."""
    made = partners(max(1, round(count / PER_PARTNER)))
    saves: list[Save] = [Save(one) for one in made]
    heads = {one.id: ledger.head_of(one.id) for one in made}
    for number in range(count):
        owner = made[number % len(made)].id
        project = Project(
            id=f"PRJ-{number:06d}",
            site_id=f"S-{number:06d}",
            partner_id=owner,
            value=Money(20_000_00 + number),
            plan=(PlanShare(Milestone.M1, 8_000), PlanShare(Milestone.M2, 2_000)),
            reached=((Milestone.M1, REACHED),),
        )
        payable = Payable(
            id=f"PAY-{number:06d}",
            partner_id=owner,
            project_id=project.id,
            work_order_id="",
            milestone="M1",
            amount=Money(16_000_00 + number),
            accrued_at=REACHED,
            says=f"M1 of project {project.id}",
            causes=(project.id,),
        )
        opened = ledger.move(
            payable.amount, debit=ledger.PROJECT_COST, credit=ledger.PARTNER_PAYABLE
        )
        items: list[tuple[Any, tuple[Any, ...]]] = [(payable, opened)]
        if number % 7 == 0:
            kind = DeductionKind.BACK_BILL
            debt = Deduction(
                id=f"DED-{number:06d}",
                kind=kind,
                partner_id=owner,
                project_id="",
                raised=Money(250_00 + number % 100),
                incurred_on=date(2026, 11, 20),
                raised_at=REACHED,
                causes=(f"CASE-{number}",),
            )
            items.append((debt, ledger.raising(kind, debt.raised)))
        saves.append(Save(project))
        for item, postings in items:
            entry, heads[owner] = ledger.append(
                heads[owner],
                entry_id=f"LE-{item.id}",
                postings=postings,
                event_at=REACHED,
                recorded_at=REACHED,
                causes=(item.id,),
                says="",
            )
            saves += [Save(item), Save(entry)]
    saves += [Save(head) for head in heads.values()]
    for start in range(0, len(saves), CHUNK):
        records.commit(Change(saves=tuple(saves[start : start + CHUNK])))
    return made


def steps(records: DynamoRecords) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Give what is done of a run, in order."""
    documents = wiring.documents(ENVIRONMENT)
    paid = paid_partners(records)
    originator = bank.originator(ENVIRONMENT)

    def load() -> FundingRun:
        return process.load_run(records, RUN_ID).record

    yield (
        "prepare",
        lambda: process.prepare(records, cutoff=CUTOFF, partners=paid, at=AT, by="funding_run"),
    )
    yield (
        "approve",
        lambda: process.approve(
            records,
            run_id=RUN_ID,
            plans_hash=load().plans_hash,
            partners=paid,
            by="ada",
            roles={"accounting_admin"},
            at=AT,
        ),
    )
    yield "commit", lambda: process.commit(records, run_id=RUN_ID, at=AT)
    yield (
        "file",
        lambda: process.file(
            records,
            documents,
            run_id=RUN_ID,
            originator=originator,
            renderer=remittance_pdf,
            at=AT,
        ),
    )
    yield (
        "send",
        lambda: process.send(
            records,
            documents,
            wiring.bank(ENVIRONMENT),
            run_id=RUN_ID,
            operations="operations@owner.example",
            by="tess",
            at=AT,
        ),
    )
    yield (
        "verify",
        lambda: process.verify_books(records, documents, partners=paid, programmes=(COMFORT,)),
    )


def play(projects: int) -> Ran:
    """Play a run of so many projects."""
    with tempfile.TemporaryDirectory() as name, stack(Path(name)) as records:
        ran = Ran(projects, len(seed(records, projects)))
        for step, do in steps(records):
            with requests.counting() as made:
                began = time.perf_counter()
                answer = do()
                ran.seconds[step] = time.perf_counter() - began
            ran.calls[step] = sum(made.values())
        run = process.load_run(records, RUN_ID).record
        if run.state is not RunState.SENT or answer.problems:
            msg = f"the run of {projects} projects is {run.state}: {answer.problems[:3]}"
            raise BrokenInvariant(msg)
        ran.net, ran.rows = run.net, answer.entries + answer.items
        return ran


STEPS = ("prepare", "approve", "commit", "file", "send", "verify")


def heads() -> str:
    """Give the line above the runs."""
    names = ("projects", "partners", *STEPS, "run", "requests", "verifier rows/s")
    return "".join(f"{head:>16}" for head in names)


def line(one: Ran) -> str:
    """Give the line of one run."""
    took = "".join(f"{one.seconds[name]:14.1f} s" for name in STEPS)
    rate = one.rows / one.seconds["verify"]
    return (
        f"{one.projects:16,}{one.partners:16,}{took}{one.run_s:14.1f} s"
        f"{sum(one.calls.values()):16,}{rate:16,.0f}"
    )


def growth(few: Ran, many: Ran) -> str:
    """Say what so many times the projects take."""
    return (
        f"{many.projects / few.projects:.0f}x the projects take {many.run_s / few.run_s:.1f}x the "
        f"time and {sum(many.calls.values()) / sum(few.calls.values()):.1f}x the requests"
    )


def main() -> int:
    """Play a run of each size."""
    logging.disable(logging.WARNING)
    requests.prepare()
    print(heads(), flush=True)
    found: list[Ran] = []
    for size in SIZES:
        found.append(play(size))
        print(line(found[-1]), flush=True)
    print(growth(found[0], found[-1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
