"""One partner's whole life twice, by its program and by mail alone: the same lines in the ledger.

Everything goes over real doors: HTTP and presigned forms for the one, SMTP for the other. The
owner's people use the operations API in both. Each life has a stack of its own; the same things
happen at the same instants of their simulated clocks.
"""

import http.client
import json
import smtplib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageDraw

from cloud.adapters import codec, wiring
from cloud.funding.models import LedgerEntry
from cloud.kernel.change import Change, Message, Save
from cloud.local.conductor import Conductor
from cloud.local.demo import cast
from cloud.local.http import Door
from cloud.local.runtime import Runtime
from cloud.portfolio.process import register
from cloud.service import process as service
from cloud.service.models import Case, WorkOrder
from tests.story.conftest import LOCAL, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("story")]

MONDAY = datetime(2026, 6, 8, 9, 0, tzinfo=LOCAL).astimezone(UTC)
SITE = cast.HOUSEHOLDS[0].site
PARTNER = next(one for one in cast.PARTNERS if one.id == SITE.installer_id)
CLIENT = next(one for one in cast.CLIENTS if one.partner_id == PARTNER.id)
ESTIMATE = 412_50
LINES = (("labor", "two hours on the roof", 250_00), ("materials", "connector", 162_50))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of the week by the site's clock."""
    return datetime(2026, 6, day, hour, minute, tzinfo=LOCAL).astimezone(UTC)


def photo(words: str) -> bytes:
    """A small picture with words on it, as a camera would save it."""
    drawn = Image.new("RGB", (320, 240), "#7b9cc4")
    ImageDraw.Draw(drawn).text((20, 100), words, fill="white")
    out = BytesIO()
    drawn.save(out, "JPEG", quality=80)
    return out.getvalue()


FOUND, DEPARTED = photo("as found"), photo("as departed")


class Stack:
    """A stack with one home and the partner that built it."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.runtime = Runtime(
            folder,
            ROOT / "template.yaml",
            starts_at=MONDAY,
            parameters={"Coordinator": cast.COORDINATOR.id},
            cache=cache,
        )
        self.runtime.start()
        self.door = Door(self.runtime)
        self.door.start()
        self.conductor = Conductor(self.runtime)
        tables = {"OPERATIONS_TABLE": "OperationsTable", "SITES_TABLE": "SitesTable"}
        self.records = wiring.records(
            {**tables, "MONEY_TABLE": "MoneyTable", "SECRETS_KEY": "SecretsKey"}
        )
        for record in (SITE, *cast.PARTNERS, *cast.CLIENTS):
            register(self.records, record, at=MONDAY, by="seed")
        for partner in cast.PARTNERS:
            service.enlist(self.records, partner_id=partner.id, at=MONDAY, by="seed")
        self.save(cast.COORDINATOR)

    def save(self, record: Any) -> None:
        self.records.commit(Change(saves=(Save(record),)))

    def close(self) -> None:
        self.door.stop()
        self.runtime.close()
        wiring.forget()

    def go_to(self, instant: datetime) -> None:
        self.conductor.advance_to(instant)

    def find(self) -> None:
        """Have detection tell of a home that makes too little, as it would."""
        body = {
            "finding_id": "F-LIFE",
            "site_id": SITE.id,
            "family": "PRODUCTION",
            "tier": "dispatch",
            "rule": "D-13",
            "onset": "2026-06-05",
            "says": "it makes less than 85% of what it should",
            "evidence": ["5 June: 40%"],
            "causes": ["chunk-1"],
        }
        told = Message(id="F-LIFE", topic="finding", body=body, at=self.runtime.clock.now())
        self.records.commit(Change(messages=(told,)))
        self.conductor.settle()

    @property
    def order(self) -> WorkOrder:
        (case,) = self.records.find(Case, by="site_id", value=SITE.id)
        (order,) = self.records.find(WorkOrder, by="case_id", value=case.record.id)
        found = self.records.load(WorkOrder, order.record.id)
        assert found is not None
        return found.record

    def call(self, method: str, path: str, body: Any, token: str) -> Any:
        """Call the API over its socket and expect success."""
        sent = None if body is None else json.dumps(body)
        headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "idempotency-key": str(uuid.uuid4()),
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.door.port, timeout=60)
        try:
            connection.request(method, path, sent, headers)
            answer = connection.getresponse()
            said = json.loads(answer.read())
        finally:
            connection.close()
        assert answer.status == 200, (method, path, said)
        return said

    def person(self, name: str, role: str, method: str, path: str, body: Any = None) -> Any:
        token = self.runtime.issuer.person_token(name, role)
        said = self.call(method, path, body, token)
        self.conductor.settle()
        return said


class Office(Protocol):
    """A partner's office, whichever way it works with us."""

    def acknowledge(self) -> None: ...
    def accept(self) -> None: ...
    def reach_the_homeowner(self) -> None: ...
    def agree_on_a_visit(self) -> None: ...
    def arrive(self) -> None: ...
    def depart(self) -> None: ...
    def report(self) -> None: ...
    def invoice(self) -> None: ...


TEXTS = {
    "as_found": "one string makes nothing",
    "as_departed": "both strings make the same",
    "summary": "replaced a burnt connector of string 2",
    "root_cause": "the connector was defective",
}


class ByProgram:
    """A partner whose program calls the API."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def _post(self, path: str, body: Any = None) -> Any:
        token = self.stack.runtime.issuer.client_token(CLIENT.id)
        said = self.stack.call("POST", path, body, token)
        self.stack.conductor.settle()
        return said

    def _command(self, name: str, body: Any = None) -> Any:
        return self._post(f"/v1/work_orders/{self.stack.order.id}/{name}", body)

    def acknowledge(self) -> None:
        self._command("acknowledge")

    def accept(self) -> None:
        self._command("accept", {"estimate_cents": ESTIMATE})

    def reach_the_homeowner(self) -> None:
        self._command("contact_attempts", {"channel": "phone", "outcome": "spoke to the homeowner"})

    def agree_on_a_visit(self) -> None:
        visit = {"since": at(9, 10).isoformat(), "until": at(9, 12).isoformat()}
        self._command("schedule", {**visit, "technician": "Jo Technician"})

    def arrive(self) -> None:
        self._command("arrive", {"arrived_at": at(9, 10, 5).isoformat()})

    def depart(self) -> None:
        self._command("depart", {"departed_at": at(9, 12).isoformat(), "is_finished": True})

    def report(self) -> None:
        body: dict[str, Any] = {"form": "pdf", "departed_at": at(9, 12).isoformat()}
        for side, content in (("as_found", FOUND), ("as_departed", DEPARTED)):
            shown = self._uploaded(f"photo_{side.removeprefix('as_')}", f"{side}.jpg", content)
            body[side] = {"notes": TEXTS[side], "photos": [shown]}
        body |= {"summary": TEXTS["summary"], "root_cause": TEXTS["root_cause"]}
        self._command("report", body)

    def _uploaded(self, purpose: str, name: str, content: bytes) -> str:
        asked = self._post(
            "/v1/uploads",
            {
                "work_order_number": self.stack.order.id,
                "purpose": purpose,
                "name": name,
                "content_type": "image/jpeg",
                "size_bytes": len(content),
                "sha256": sha256(content).hexdigest(),
            },
        )
        posted(asked["form"], content)
        upload = asked["upload"]["upload_id"]
        self.stack.conductor.settle()
        kept = self._post(f"/v1/uploads/{upload}/complete")
        assert kept["state"] == "kept", kept
        return str(kept["reference"])

    def invoice(self) -> None:
        order = self.stack.order
        performed_at = at(9, 11).isoformat()
        self._post(
            "/v1/invoices",
            {
                "invoice_number": "A-1001",
                "customer_name": SITE.customer_name,
                "site_address": SITE.address,
                "work_order_number": order.id,
                "service_dates": ["2026-06-09"],
                "description": TEXTS["summary"],
                "photo_count": 2,
                "lines": [
                    {
                        "category": category,
                        "description": words,
                        "amount_cents": cents,
                        "performed_at": performed_at,
                    }
                    for category, words, cents in LINES
                ],
                "total_cents": sum(cents for _, _, cents in LINES),
            },
        )


def posted(form: Mapping[str, Any], content: bytes) -> None:
    """Post a file with a presigned form, as a browser would."""
    line = uuid.uuid4().hex
    parts = [
        f'--{line}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in form["fields"].items()
    ]
    head = f'--{line}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    body = b"".join([*parts, head.encode(), content, f"\r\n--{line}--\r\n".encode()])
    url = urlsplit(form["url"])
    assert url.hostname is not None
    connection = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=60)
    try:
        connection.request(
            "POST", url.path or "/", body, {"content-type": f"multipart/form-data; boundary={line}"}
        )
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    assert answer.status in {200, 201, 204}, said


class ByMail:
    """A partner that has nothing but its mail program: it answers what it was sent."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def _letters(self) -> list[EmailMessage]:
        mails = []
        for path in self.stack.runtime.mailbox.mails():
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            assert isinstance(mail, EmailMessage)
            if PARTNER.service_email in str(mail["To"]):
                mails.append(mail)
        return mails

    def _offer(self) -> EmailMessage:
        number = self.stack.order.id
        return next(one for one in self._letters() if number in str(one["Subject"]))

    def _reply(self, text: str, photos: Mapping[str, bytes] | None = None, to: str = "") -> None:
        """Answer the offer in its thread, and read that nothing was wrong with it."""
        offer = self._offer()
        mail = EmailMessage()
        mail["From"] = f"Alder Office <{PARTNER.service_email}>"
        mail["To"] = to or str(offer["Reply-To"] or offer["From"])
        mail["Subject"] = f"Re: {offer['Subject']}"
        mail["Message-ID"] = f"<{uuid.uuid4().hex}@alder.example>"
        mail["In-Reply-To"] = str(offer["Message-ID"])
        mail["References"] = f"{offer['References']} {offer['Message-ID']}"
        quoted = "\n".join(f"> {line}" for line in offer.get_content().splitlines()[:8])
        mail.set_content(f"{text}\n\nOn Mon, Jun 8, 2026, the service desk wrote:\n{quoted}\n")
        for name, content in (photos or {}).items():
            mail.add_attachment(content, maintype="image", subtype="jpeg", filename=name)
        before = len(self._letters())
        with smtplib.SMTP("127.0.0.1", self.stack.runtime.smtp_port, timeout=30) as door:
            door.send_message(mail, from_addr=PARTNER.service_email)
        self.stack.conductor.settle()
        answers = self._letters()[before:]
        assert answers, f"nobody answered {text!r}"

    def acknowledge(self) -> None:
        self._reply("Received, thanks")

    def accept(self) -> None:
        self._reply("ACCEPT estimate $412.50")

    def reach_the_homeowner(self) -> None:
        self._reply("CALLED phone spoke to the homeowner")

    def agree_on_a_visit(self) -> None:
        self._reply("VISIT 2026-06-09 10:00 to 12:00 TECHNICIAN Jo Technician")

    def arrive(self) -> None:
        self._reply("ARRIVED 2026-06-09 10:05")

    def depart(self) -> None:
        self._reply("DEPARTED 2026-06-09 12:00 finished")

    def report(self) -> None:
        text = (
            "REPORT\n"
            f"As found: {TEXTS['as_found']}\n"
            f"As departed: {TEXTS['as_departed']}\n"
            f"Summary: {TEXTS['summary']}\n"
            f"Root cause: {TEXTS['root_cause']}\n"
            "Departed at: 2026-06-09 12:00"
        )
        self._reply(text, {"found-1.jpg": FOUND, "departed-1.jpg": DEPARTED})

    def invoice(self) -> None:
        lines = "\n".join(
            f"{category} ${cents / 100:.2f} 2026-06-09 11:00 {words}"
            for category, words, cents in LINES
        )
        text = (
            "Invoice number: A-1001\n"
            f"Customer: {SITE.customer_name}\n"
            f"Address: {SITE.address}\n"
            f"Work order: {self.stack.order.id}\n"
            "Service dates: 2026-06-09\n"
            f"Description: {TEXTS['summary']}\n"
            f"{lines}\n"
            "Total: $412.50"
        )
        self._reply(text, to="invoices@mail.sunreeve.example")


def lived(stack: Stack, office: Office) -> list[dict[str, Any]]:
    """Let a partner live from the offer to the bank file; give its lines in the ledger."""
    stack.find()
    stack.go_to(at(8, 9, 30))
    office.acknowledge()
    assert stack.order.assignments[-1].acknowledged_at == at(8, 9, 30)
    stack.go_to(at(8, 10))
    office.accept()
    assert stack.order.state == "accepted"
    stack.go_to(at(8, 11))
    office.reach_the_homeowner()
    stack.go_to(at(8, 11, 30))
    office.agree_on_a_visit()
    assert stack.order.visits[-1].since == at(9, 10)
    stack.go_to(at(9, 10, 10))
    office.arrive()
    assert stack.order.state == "on_site"
    stack.go_to(at(9, 12, 10))
    office.depart()
    assert stack.order.state == "awaiting_report"
    stack.go_to(at(9, 12, 30))
    office.report()
    order = stack.order
    assert order.state == "completed"
    stack.go_to(at(9, 13))
    spc = cast.COORDINATOR.id
    finding = {"cause": "product_failure", "evidence": "the report and its photos"}
    stack.person(spc, "spc", "POST", f"/ops/work_orders/{order.id}/finding", finding)
    stack.go_to(at(9, 14))
    office.invoice()
    stack.go_to(at(9, 15))
    (invoice,) = stack.person(spc, "spc", "GET", "/ops/invoices?state=submitted")["items"]
    stack.person(spc, "spc", "POST", f"/ops/invoices/{invoice['id']}/approve", {})
    stack.go_to(at(10, 8))
    paid = stack.person("ada.accounting", "accounting_admin", "GET", "/ops/runs?state=preview")
    run = next(one for one in paid["items"] if one["gross"]["cents"])
    plans = {"plans_hash": run["plans_hash"]}
    stack.person(
        "ada.accounting", "accounting_admin", "POST", f"/ops/runs/{run['id']}/approve", plans
    )
    stack.go_to(at(10, 9))
    found = stack.records.find(LedgerEntry, by="partner_id", value=PARTNER.id)
    return [codec.to_shown(one.record) for one in found]


@contextmanager
def stack_in(folder: Path, cache: Path) -> Iterator[Stack]:
    made = Stack(folder, cache)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("template")


def test_by_mail_alone_ends_in_the_same_ledger_lines_as_by_program(
    tmp_path: Path, cache: Path
) -> None:
    ledgers = {}
    for way, office in (("program", ByProgram), ("mail", ByMail)):
        with stack_in(tmp_path / way, cache) as stack:
            ledgers[way] = lived(stack, office(stack))
            (case,) = stack.records.find(Case, by="site_id", value=SITE.id)
            assert case.record.state == "verifying"
    assert ledgers["program"], "nothing was paid"
    assert ledgers["mail"] == ledgers["program"]
    total = sum(cents for _, _, cents in LINES)
    assert str(total) in json.dumps(ledgers["mail"])
