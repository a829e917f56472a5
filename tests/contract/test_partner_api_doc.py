"""Walks docs/partner_api.md: every request in it is made, and every answer in it is the real one.

Requests and answers are the document's ``http`` blocks, in turns. Comments that a reader does not
see say what the document leaves out: the time, and what the owner's people do in between. After a
change of the API, a run with ``REWRITE_DOCS=1`` in the environment puts the new answers there.
"""

import http.client
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from cloud.adapters import wiring
from cloud.funding import process as funding
from cloud.kernel.change import Change
from cloud.kernel.money import Money
from cloud.local.demo import cast
from cloud.local.http import Door
from cloud.local.runtime import Runtime
from cloud.portfolio.models import ApiClient, Milestone, PlanShare, Project
from cloud.portfolio.process import register
from cloud.service import process as service
from cloud.service.models import Cause, Finding, WorkOrder
from cloud.service.uploads import Purpose

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/partner_api.md"
STARTS_AT = datetime.fromisoformat("2026-06-08T12:00:00+00:00")
STEP = re.compile(r"^<!-- (.*?) -->$|^```http\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CALLER = "client-alder"


def a_photo(words: str) -> bytes:
    """A small picture, as a camera would save it."""
    out = BytesIO()
    drawn = Image.new("RGB", (160, 120), "#7b9cc4")
    ImageDraw.Draw(drawn).text((10, 50), words, fill="white")
    drawn.save(out, "JPEG")
    return out.getvalue()


@dataclass(frozen=True)
class Answer:
    """What came back, as the document writes it."""

    status: int
    headers: dict[str, str]
    body: object

    @property
    def text(self) -> str:
        shown = ("content-type", "idempotent-replayed")
        head = [f"{name}: {self.headers[name]}" for name in shown if name in self.headers]
        body = json.dumps(self.body, indent=2, ensure_ascii=False)
        return "\n".join([f"{self.status} {http.client.responses[self.status]}", *head, "", body])


class World:
    """A stack with two partners, and a finding that sent each of two work orders to the first."""

    def __init__(self, folder: Path) -> None:
        self.runtime = Runtime(
            folder,
            ROOT / "template.yaml",
            starts_at=STARTS_AT,
            cache=ROOT / "var/cache",
            parameters={"WebhooksToLoopback": "yes"},  # nothing leaves this machine
        )
        self.door = Door(self.runtime)
        self.door.start()
        self.kept: list[str] = []
        tables = ("OPERATIONS_TABLE", "SITES_TABLE", "MONEY_TABLE")
        named = {name: name.title().replace("_", "") for name in tables}
        self.records = wiring.records({**named, "SECRETS_KEY": "SecretsKey"})
        self._seed()

    def close(self) -> None:
        self.door.stop()
        self.runtime.close()
        wiring.forget()

    def _seed(self) -> None:
        households = [one for one in cast.HOUSEHOLDS if one.site.installer_id == "P-ALDER"][:2]
        for record in (*(one.site for one in households), *cast.PARTNERS, *cast.CLIENTS):
            register(self.records, record, at=STARTS_AT, by="seed")
        for partner in cast.PARTNERS:
            service.enlist(self.records, partner_id=partner.id, at=STARTS_AT, by="seed")
        for place, household in enumerate(households):
            finding = Finding(
                id=f"F-{place + 1}",
                site_id=household.site.id,
                family="INVERTER",
                rule="D-12",
                opened_on=STARTS_AT.date(),
                says="INV_FAULT has lasted 50 hours, longer than 48",
                dispatchable=True,
            )
            service.take_up(self.records, finding=finding, at=STARTS_AT)
        self.runtime.run_due()

    def behind_the_scenes(self, what: str) -> None:
        """Do what a comment says: `at`, `found CAUSE on NUMBER` `kept PURPOSE NAME on NUMBER`."""
        if at := re.fullmatch(r"at (\S+)", what):
            self.runtime.clock.move_to(datetime.fromisoformat(at[1]))
            self.runtime.run_due()
        elif found := re.fullmatch(r"found (\w+) on (\S+)", what):
            service.record_finding(
                self.records,
                work_order_id=found[2],
                cause=Cause(found[1]),
                evidence="service report and photos",
                at=self.runtime.clock.now(),
                by="sam.spc",
            )
        elif kept := re.fullmatch(r"kept (\w+) (\S+) on (\S+)", what):
            order = self.records.load(WorkOrder, kept[3]).record
            upload = service.take_attachment(
                self.records,
                wiring.uploads({"DOCUMENTS_BUCKET": "DocumentsBucket"}),
                work_order_id=order.id,
                partner_id=order.partner_id,
                purpose=Purpose(kept[1]),
                name=kept[2],
                content=a_photo(kept[2]),
                at=self.runtime.clock.now(),
                by=CALLER,
            )
            assert upload.state == "kept", upload
            self.kept.append(upload.reference)
        elif what == "granted accounting_admin":
            client = self.records.load(ApiClient, CALLER)
            trusted = replace(client.record, roles=frozenset({"accounting_admin"}))
            self.records.commit(Change(saves=(client.replaced_by(trusted),)))
        elif earned := re.fullmatch(r"earned (\d+) cents with M1 of (\S+) at (\S+)", what):
            self._earn(Money(int(earned[1])), project_id=earned[2], site_id=earned[3])
        else:
            pytest.fail(f"the document says {what!r}, which nobody here knows how to do")

    def _earn(self, amount: Money, *, project_id: str, site_id: str) -> None:
        now = self.runtime.clock.now()
        partner_id = self.records.load(ApiClient, CALLER).record.partner_id
        project = Project(
            id=project_id,
            site_id=site_id,
            partner_id=partner_id,
            value=amount,
            plan=(PlanShare(Milestone.M1, 10_000),),
            reached=((Milestone.M1, now),),
            market="CO",
        )
        register(self.records, project, at=now, by="seed")
        funding.accrue_milestone(self.records, project=project, milestone=Milestone.M1, at=now)

    def answer(self, request: str) -> Answer:
        for place, reference in enumerate(self.kept, 1):
            request = request.replace(f"PHOTO-{place}", reference)
        head, _, body = request.partition("\n\n")
        first, *lines = head.splitlines()
        method, path = first.split()
        token = self.runtime.issuer.client_token(CALLER)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        headers |= dict(line.split(": ", 1) for line in lines)
        connection = http.client.HTTPConnection("127.0.0.1", self.door.port, timeout=30)
        try:
            connection.request(method, path, body.strip() or None, headers)
            response = connection.getresponse()
            said = json.loads(response.read())
            if "instance" in said:  # another one each time
                said["instance"] = "the request's id"
            if said.get("secret"):  # drawn anew each time
                said |= {"secret": "whsec_...", "secret_last4": "...."}
            if said.get("next_cursor"):
                said["next_cursor"] = "where this page ends"
            lower = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, lower, said)
        finally:
            connection.close()


def walk(text: str, world: World) -> Iterator[tuple[str, re.Match[str], str]]:
    """Give each request of the document with the answer it shows, and the one it really gets."""
    request = ""
    for step in STEP.finditer(text):
        if step[1] is not None:
            world.behind_the_scenes(step[1])
        elif request:
            yield request, step, world.answer(request).text
            request = ""
        else:
            request = step[2]
    assert not request, "the last request has no answer"


def rewritten(text: str, answers: list[tuple[re.Match[str], str]]) -> str:
    """Give the document with the real answers in the places of those it shows."""
    for step, real in reversed(answers):
        text = f"{text[: step.start(2)]}{real}\n{text[step.end(2) :]}"
    return text


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.close()


def test_every_answer_is_the_real_one(world):
    text = DOCUMENT.read_text(encoding="utf-8")
    walked = list(walk(text, world))
    if os.environ.get("REWRITE_DOCS"):
        DOCUMENT.write_text(rewritten(text, [(step, real) for _, step, real in walked]))
    assert len(walked) >= 12
    steps = [f"{number}: {one[0].splitlines()[0]}" for number, one in enumerate(walked)]
    shown = dict(zip(steps, (step[2].rstrip("\n") for _, step, _ in walked), strict=True))
    assert shown == dict(zip(steps, (real for _, _, real in walked), strict=True))


def test_every_route_is_described(world):
    paths = world.answer("GET /v1/openapi.json\n").body["paths"]
    routes = {f"{method.upper()} {path}" for path, named in paths.items() for method in named}
    described = set(re.findall(r"^\| `((?:GET|POST) \S+)` \|", DOCUMENT.read_text("utf-8"), re.M))
    assert routes == described - {"GET /v1/openapi.json"}
