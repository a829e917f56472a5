"""Deciding over the operations API on what was shown: `If-Match` names the mark (D09a)."""

import itertools
import json
from importlib import import_module

import pytest

from cloud.adapters.api import resolved, resolver
from cloud.invoicing import process as invoicing
from cloud.invoicing.models import Invoice, InvoiceState
from cloud.kernel.money import Money
from cloud.portfolio.models import Site
from cloud.service.models import Coordinator
from tests.cloud.functions.test_report_routes import ENVIRONMENT
from tests.cloud.invoicing.invoicing_world import SITE, done, draft, partner, submit


@pytest.fixture
def desk(world, monkeypatch):
    """Give the desk's module over the tables of a stack, with an invoice that waits."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return import_module("cloud.functions.operations_api.desk")


@pytest.fixture
def ask(desk):
    """Ask the routes of invoices as their coordinator."""
    app = resolver()
    app.include_router(import_module("cloud.functions.operations_api.invoices").router)

    def answer(method, path, was_shown="", **body):
        desk.ask_as(desk.Person("spc_1", frozenset({"spc"}), was_shown))
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"content-type": "application/json"},
            "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
            "isBase64Encoded": False,
            **({"body": json.dumps(body)} if body else {}),
        }
        found = resolved(app, event, None)
        return found["statusCode"], json.loads(found["body"])

    return answer


_NUMBERS = itertools.count(1)


@pytest.fixture
def invoice(world, desk):
    """Give an invoice that its coordinator decides on."""
    if desk.RECORDS.load(Site, SITE.id) is None:
        coordinator = Coordinator("spc_1", "Sam", "spc@owner.example")
        world.save(SITE, coordinator, partner("orig"), partner("other"))
    number = next(_NUMBERS)
    order = done(desk.RECORDS, id=f"WO-SHOWN-{number}", report_id=f"RPT-SHOWN-{number}")
    made = submit(desk.RECORDS, draft(order, 40_000, number=f"SHOWN-{number}"))
    assert isinstance(made, Invoice), made
    return made


@pytest.mark.rule("D09a")
def test_what_was_lowered_since_is_not_decided_on_by_its_old_mark(desk, ask, invoice):
    path = f"/ops/invoices/{invoice.id}"
    status, shown = ask("GET", path)
    assert status == 200
    invoicing.lower_invoice(
        desk.RECORDS,
        invoice_id=invoice.id,
        partner_id="other",
        was=Money(40_000),
        amounts=[Money(30_000)],
        at=desk.CLOCK.now(),
        by="other:jo",
    )
    deeds = {
        "approve": {},
        "return": {"reason": "why"},
        "reject": {"reason": "why"},
        "line_causes": {"causes": [{"line": 0, "cause": "roof_repair"}], "evidence": "a.jpg"},
    }
    for deed, body in deeds.items():
        status, refused = ask("POST", f"{path}/{deed}", shown["as_shown"], **body)
        assert (status, refused["errors"][0]["code"]) == (409, "not_as_shown"), deed
        assert "was lowered from $400.00 to $300.00" in refused["detail"]
    stands = desk.RECORDS.load(Invoice, invoice.id).record
    assert (stands.state, stands.line_findings) == (InvoiceState.SUBMITTED, ())
    _, now = ask("GET", path)
    status, done_now = ask("POST", f"{path}/approve", now["as_shown"])
    assert (status, done_now["item"]["state"]) == (200, "approved")
    assert ask("POST", f"{path}/approve", now["as_shown"])[0] == 200, "twice is once"


def test_without_a_mark_it_is_decided_on_as_it_stands(ask, invoice):
    status, made = ask("POST", f"/ops/invoices/{invoice.id}/approve")
    assert (status, made["item"]["decided_by"]) == (200, "spc_1")


def test_the_mark_is_read_from_the_header(world, invoice):
    path, token = f"/ops/invoices/{invoice.id}", world.person("spc_1", "spc")
    shown = world.call("GET", path, token=token)
    mark = json.loads(shown.body)["as_shown"]
    for sent, status in ((f'"x{mark}"', 409), (f'"{mark}"', 200)):
        answer = world.call("POST", f"{path}/approve", token=token, headers={"if-match": sent})
        assert answer.status == status, answer.body
