"""A stack with two partners that are owed something, and a run of it, to try commands on."""

import json
import logging
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from cloud.adapters import wiring
from cloud.cli import main
from cloud.funding import process
from cloud.funding.models import FundingRun
from cloud.kernel.change import Change
from cloud.local.conductor import Conductor
from cloud.local.controls import Controls
from cloud.local.demo import cast
from cloud.local.demo.people import token_for
from cloud.local.dynamodb import hook
from cloud.local.face.face import Face
from cloud.local.http import Door
from cloud.local.runtime import Runtime
from cloud.portfolio.process import register

# At collection, before a test of another folder can make boto3's default session.
hook.prepare()

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
NOW = datetime(2026, 6, 10, 13, 0, tzinfo=UTC)
"""Wednesday morning, Eastern: the window that is paid on Thursday has ended at 02:31."""
BEFORE = NOW - timedelta(days=1)
CUT_OFF = "2026-06-10T06:31:00+00:00"
RUN = "comfort-2026-06-11"
ALDER, BRIGHT = cast.PARTNERS
SITE = next(one.site for one in cast.HOUSEHOLDS if one.site.id == cast.PROJECT.site_id)


class Stack:
    """A stack with two partners, one of whom is owed less than it owes."""

    def __init__(self, folder, template_cache):
        self.folder = folder
        # The functions' library has one logger a process, which writes to the stack that was first.
        logging.Logger.manager.loggerDict.pop("sunreeve", None)
        self.runtime = Runtime(folder / "data", TEMPLATE, starts_at=NOW, cache=template_cache)
        self.controls = Controls(Conductor(self.runtime), speed=1)
        face = Face(self.runtime, self.controls, partial(token_for, self.runtime.issuer))
        self.door = Door(self.runtime, face=face)
        self.records = wiring.records(
            {
                "OPERATIONS_TABLE": "OperationsTable",
                "SITES_TABLE": "SitesTable",
                "MONEY_TABLE": "MoneyTable",
                "SECRETS_KEY": "SecretsKey",
            }
        )
        for one in (ALDER, BRIGHT, SITE):
            register(self.records, one, at=BEFORE, by="test")
        self.owe(ALDER, "INV-1", 412_50)
        self.owe(BRIGHT, "INV-2", 12_040_00)
        self.debt(ALDER, "OFF-1", 50_00, "back_bill")
        self.debt(BRIGHT, "OFF-2", 20_000_00, "cancellation")

    def owe(self, to, invoice, cents, at=BEFORE):
        body = {
            "invoice_id": invoice,
            "partner_id": to.id,
            "work_order_id": "",
            "site_id": SITE.id,
            "amount_cents": cents,
            "approved_at": at.isoformat(),
            "says": f"invoice {invoice}",
        }
        process.accrue_service(self.records, body=body, at=at)

    def debt(self, of, name, cents, kind):
        body = {
            "offset_id": name,
            "partner_id": of.id,
            "amount_cents": cents,
            "kind": kind,
            "incurred_on": "2026-05-20",
            "says": f"offset {name} [red]",
            "causes": ["CASE-1"],
            "project_id": "",
        }
        process.accrue_offset(self.records, body=body, at=BEFORE)

    def prepare(self):
        event = {"scheduled_for": CUT_OFF, "programme": "comfort"}
        self.runtime.invoke("FundingRunFunction", event)

    def load(self):
        return self.records.load(FundingRun, RUN)

    def put(self, **changes):
        stored = self.load()
        change = Change(saves=(stored.replaced_by(replace(stored.record, **changes)),))
        self.records.commit(change)

    @contextmanager
    def going_on(self):
        thread = threading.Thread(target=self.controls.run, args=(lambda _: None,))
        thread.start()
        try:
            yield
        finally:
            self.controls.stop()
            thread.join()


# ---------------------------------------------------------------------------- asking it
def fund(stack, *words):
    return main(["fund", *words, "--folder", str(stack.folder)])


def told(capsys, stack, *words):
    """Give what a command that does it prints, without the blanks at the ends of lines."""
    code = fund(stack, *words)
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return [line.rstrip() for line in out.splitlines() if line.strip()]


def refused(capsys, stack, *words, code=1):
    """Give the one line that a command prints that does not."""
    assert fund(stack, *words) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("sunreeve fund: ")
    return err.rstrip("\n").removeprefix("sunreeve fund: ")


def shown(capsys, stack, *words):
    code = fund(stack, *words, "--json")
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return json.loads(out)


def replay(stack, *words):
    return main(["replay", *words, "--folder", str(stack.folder)])
