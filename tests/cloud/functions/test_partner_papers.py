"""A partner's papers and bank details over its API, and no trace of an account in any table."""

import base64
import hashlib
import json
from dataclasses import replace
from io import BytesIO
from itertools import count

import pytest
from conftest import TEMPLATE
from pypdf import PdfWriter
from rights import not_allowed, watched

from cloud.functions.partner_api.remembering import remembered
from cloud.kernel.change import Change
from cloud.kernel.money import Money
from cloud.local.http import Request
from cloud.portfolio import process
from cloud.portfolio.models import ApiClient, Milestone, Partner, PlanShare, Project
from cloud.portfolio.papers import BankChange, PartnerDocument
from cloud.portfolio.process import register

BOTH = "sunreeve/funding:write sunreeve/funding:read"
DOCUMENTS, CHANGES = "/v1/organisation/documents", "/v1/organisation/bank_changes"
CANARY = "90817263544231"
OF_VERSIONS = {"s3:DeleteObject", "s3:ListObjectVersions"}
"""What the quarantine is emptied by; for versions the rights of it have other names."""
_keys = count(1)


def a_pdf(title):
    out, writer = BytesIO(), PdfWriter()
    writer.add_blank_page(100, 100)
    writer.add_metadata({"/Title": title})
    writer.write(out)
    return out.getvalue()


class House:
    """A home's first partner with its programs, and a part of it."""

    def __init__(self, world):
        self.world = world
        home = world.new_home()
        self.partner, self.other = home.partners
        part = replace(self.partner, id=f"{self.partner.id}-PART")
        register(world.records, part, at=world.now, by="test")
        process.set_parent(
            world.records, partner_id=part.id, parent_id=self.partner.id, at=world.now, by="adm"
        )
        self.part = part
        self.project = Project(
            f"PRJ-{home.site.id}",
            home.site.id,
            self.partner.id,
            Money(100),
            (PlanShare(Milestone.M1, 10_000),),
        )
        world.save(self.project)
        self.admin = self.program("admin", self.partner.id)
        self.sales = self.program("sales", self.partner.id, frozenset())
        self.stranger = self.program("stranger", self.other.id)
        self.parts = self.program("parts", part.id)
        self.shut_gates()

    def program(self, name, partner_id, roles=frozenset({"accounting_admin"})):
        made = ApiClient(f"{name}-{partner_id}", partner_id, roles=roles)
        register(self.world.records, made, at=self.world.now, by="test")
        return made

    def shut_gates(self):
        stored = self.world.records.load(Partner, self.partner.id)
        new = replace(stored.record, w9_on_file=False, bank_authorization_on_file=False)
        self.world.records.commit(Change(saves=(stored.replaced_by(new),)))

    def now(self, partner_id=None):
        return self.world.records.load(Partner, partner_id or self.partner.id).record

    def call(self, method, path, body=None, *, client=None, scope=BOTH, key=None):
        token = self.world.token(client or self.admin, scope)
        sent = {} if body is None and method == "POST" else body
        answer = self.world.call(method, path, sent, token=token, key=key or f"key-{next(_keys)}")
        return answer.status, json.loads(answer.body)

    def ops(self, method, path, body=None, role="accounting"):
        token = self.world.person(f"a.{role}", role)
        answer = self.world.call(method, path, body, token=token)
        return answer.status, json.loads(answer.body)

    def announce(self, kind="w9", content=None, client=None, **more):
        content = content or a_pdf(kind)
        body = {
            "kind": kind,
            "name": f"{kind}.pdf",
            "content_type": "application/pdf",
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            **more,
        }
        return self.call("POST", DOCUMENTS, body, client=client)

    def send(self, kind="w9", client=None, **more):
        """Announce a paper, post its file to the form, and have it looked at."""
        content = a_pdf(f"{kind} {next(_keys)}")
        status, asked = self.announce(kind, content, client, **more)
        assert status == 200, asked
        posted(self.world, asked["form"], content)
        self.world.runtime.run_due()
        path = f"{DOCUMENTS}/{asked['document']['document_id']}/complete"
        status, sent = self.call("POST", path, client=client)
        assert (status, sent["file"], sent["document"]["state"]) == (200, "kept", "waiting"), sent
        return sent["document"]["document_id"]

    def wish(self, **changes):
        return {
            "routing_number": "011401533",
            "account_number": CANARY,
            "authorization_id": changes.pop("paper", None) or self.send("bank_authorization"),
            **changes,
        }


def posted(world, form, content):
    """Post a file to its form, as a program does."""
    mark = "boundary7"
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form["fields"].items()
    ]
    parts.append(
        f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="x.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\n"
    )
    sent = "".join(parts).encode() + content + f"\r\n--{mark}--\r\n".encode()
    path = "/" + form["url"].split("/", 3)[3]
    kind = f"multipart/form-data; boundary={mark}"
    headers = {"host": "127.0.0.1:8787", "content-type": kind}
    answer = world.door.answer(Request("POST", path, "", headers, sent))
    assert answer.status in {200, 201, 204}, answer.body


@pytest.fixture
def house(shared):
    return House(shared)


@pytest.mark.rule("F05")
def test_a_paper_goes_from_the_partner_to_the_gate(house):
    paper = house.send()
    assert not house.now().w9_on_file
    waiting = house.ops("GET", "/ops/partner_documents?state=waiting")[1]["items"]
    assert paper in {one["id"] for one in waiting}
    url = house.ops("GET", f"/ops/partner_documents/{paper}/file")[1]["url"]
    assert "evidence/" in url
    status, accepted = house.ops("POST", f"/ops/partner_documents/{paper}/accept")
    assert (status, accepted["item"]["state"]) == (200, "on_file")
    assert house.now().w9_on_file
    (shown,) = house.call("GET", DOCUMENTS)[1]["items"]
    assert (shown["document_id"], shown["state"]) == (paper, "on_file")


@pytest.mark.rule("F18")
def test_a_refused_paper_says_why_and_one_for_a_case_names_its_account(house):
    assert house.announce("compliance")[1]["errors"][0]["code"] == "project_does_not_fit"
    case = house.send("compliance", account_finco_id=house.project.id)
    path = f"/ops/partner_documents/{case}/refuse"
    status, refused = house.ops("POST", path, {"reason": "a page is missing"})
    assert (status, refused["item"]["state"]) == (200, "refused")
    (shown,) = house.call("GET", DOCUMENTS)[1]["items"]
    assert (shown["because"], shown["account_finco_id"]) == ("a page is missing", house.project.id)


@pytest.mark.rule("F27")
def test_papers_and_accounts_are_the_accounting_admins_of_the_organisation(house):
    paper = house.send()
    made = house.call("POST", CHANGES, house.wish())[1]["bank_change_id"]
    paths = [
        ("GET", DOCUMENTS, None),
        ("POST", DOCUMENTS, None),
        ("POST", f"{DOCUMENTS}/{paper}/complete", None),
        ("GET", CHANGES, None),
        ("POST", CHANGES, None),
        ("POST", f"{CHANGES}/{made}/withdraw", {"reason": "no"}),
    ]
    for method, path, body in paths:
        assert house.call(method, path, body, client=house.sales)[0] == 403, path
        scope = "sunreeve/funding:write" if method == "GET" else "sunreeve/funding:read"
        assert house.call(method, path, body, scope=scope)[0] == 403, path
        wrong = f"sunreeve/organisation:read sunreeve/organisation:write {scope}"
        assert house.call(method, path, body, scope=wrong)[0] == 403, path
        for client in (house.stranger, house.parts):
            strange = house.call(method, path, body, client=client)
            if paper in path or made in path:
                assert strange[0] == 404, path
            elif method == "GET":
                assert strange[1]["items"] == []
    nobody = house.call("POST", f"{CHANGES}/BCH-NONE/withdraw", {"reason": "no"})
    theirs = house.call(
        "POST", f"{CHANGES}/{made}/withdraw", {"reason": "no"}, client=house.stranger
    )
    assert nobody[1]["detail"].replace("BCH-NONE", "X") == theirs[1]["detail"].replace(made, "X")
    asked = house.call("GET", f"{CHANGES}?partner_id={house.partner.id}", client=house.stranger)
    assert asked[0] == 404
    upload = house.world.records.load(PartnerDocument, paper).record.upload_id
    for path in (f"/v1/uploads/{upload}", f"/v1/uploads/{upload}/link"):
        assert house.call("GET", path, scope="sunreeve/partner")[0] == 404


@pytest.mark.rule("F27")
def test_the_whole_acts_for_its_part(house):
    paper = house.send(partner_id=house.part.id, kind="bank_authorization")
    status, made = house.call("POST", CHANGES, house.wish(paper=paper, partner_id=house.part.id))
    assert (status, made["partner_id"]) == (200, house.part.id), made
    listed = house.call("GET", CHANGES, client=house.parts)[1]["items"]
    assert [one["bank_change_id"] for one in listed] == [made["bank_change_id"]]


@pytest.mark.rule("P-81")
def test_a_partner_asks_for_another_account_and_stops_it(house):
    status, made = house.call("POST", CHANGES, house.wish())
    assert (status, made["state"], made["account_ending"]) == (200, "asked", CANARY[-4:]), made
    other = house.call("POST", CHANGES, house.wish(paper=made["authorization_id"]))
    assert (other[0], other[1]["errors"][0]["code"]) == (422, "change_waits")
    house.ops("POST", f"/ops/bank_changes/{made['bank_change_id']}/agree", role="accounting_admin")
    (agreed,) = house.call("GET", CHANGES)[1]["items"]
    assert agreed["state"] == "agreed"
    path = f"{CHANGES}/{made['bank_change_id']}/withdraw"
    assert house.call("POST", path, {"reason": " "})[0] == 400
    status, stopped = house.call("POST", path, {"reason": "it was not us"})
    assert (status, stopped["state"], stopped["because"]) == (200, "withdrawn", "it was not us")
    wrong = house.call("POST", CHANGES, house.wish(account_number="12 34"))
    assert wrong[1]["errors"][0]["code"] == "invalid_account_number"
    assert "12 34" not in json.dumps(wrong)


@pytest.mark.rule("F05")
def test_a_new_account_with_its_authorization_frees_a_blocked_partner(world):
    seen = watched(world.runtime)
    house = House(world)
    first = house.send("bank_authorization")
    house.ops("POST", f"/ops/partner_documents/{first}/accept")
    process.block_account(world.records, partner_id=house.partner.id, code="R02", at=world.now)
    second = house.send("bank_authorization")
    assert house.ops("POST", f"/ops/partner_documents/{second}/accept")[0] == 422
    asked = {}
    for paper in (first, second):
        asked = house.call("POST", CHANGES, house.wish(paper=paper))[1]
        assert ("bank_change_id" in asked) is (paper == second)
    path = f"/ops/bank_changes/{asked['bank_change_id']}/agree"
    house.ops("POST", path, role="accounting_admin")
    due = house.world.records.load(BankChange, asked["bank_change_id"]).record.takes_effect_at
    world.runtime.clock.move_to(due)
    world.runtime.run_due()
    missing = not_allowed(seen, TEMPLATE.read_bytes())
    assert [one for one in missing if one[1] not in OF_VERSIONS] == []
    after = house.now()
    assert (after.account_number.value, after.bank_account_blocked) == (CANARY, False)
    states = [world.records.load(PartnerDocument, one).record.state for one in (first, second)]
    assert states == ["withdrawn", "on_file"]


# ---------------------------------------------------------------------- no trace
def test_no_table_tells_the_account_nor_a_digest_of_it(world):
    house = House(world)
    body = house.wish()
    status, made = house.call("POST", CHANGES, body, key="the-key")
    assert status == 200
    again = house.call("POST", CHANGES, body, key="the-key")
    assert again == (200, made)
    same_end = house.call(
        "POST", CHANGES, {**body, "account_number": f"11111{CANARY[-4:]}"}, key="the-key"
    )
    assert same_end == (200, made), "the account is not compared: only what is shown of it"
    other = house.call("POST", CHANGES, {**body, "account_number": "123456789"}, key="the-key")
    assert other[0] == 422
    broken = f'{{"account_number": "{CANARY}"'.encode()
    token = world.token(house.admin, BOTH)
    assert world.call("POST", CHANGES, broken, token=token, key="torn").status == 400
    house.call("POST", CHANGES, {**body, "acount_number": CANARY}, key="misspelt")
    house.ops("POST", f"/ops/bank_changes/{made['bank_change_id']}/agree", role="accounting_admin")
    world.runtime.run_due()
    stored = everything_stored(world)
    text = json.dumps(body)
    for secret in (
        CANARY,
        base64.b64encode(CANARY.encode()).decode().rstrip("="),
        *(digest_of(one) for one in (CANARY, text, json.dumps(text), broken.decode())),
        digest_of(json.dumps(broken.decode())),
        digest_of(json.dumps(json.dumps({**body, "acount_number": CANARY}))),
    ):
        assert secret.encode() not in stored
    assert b"the-key" not in stored, "the key is kept as a digest"
    assert made["bank_change_id"].encode() in stored, "this looks where things are"


def digest_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


def everything_stored(world):
    """Give all bytes that the stack keeps, in whatever file."""
    return b"".join(
        one.read_bytes() for one in sorted(world.runtime.folder.rglob("*")) if one.is_file()
    )


@pytest.mark.parametrize(
    ("sent", "is_base64"),
    [
        pytest.param("", False, id="nothing"),
        pytest.param("[1]", False, id="no object"),
        pytest.param(f'{{"account_number": "{CANARY}"', False, id="torn"),
        pytest.param("%%%", True, id="no base64"),
        pytest.param(f'{{"account_number": {CANARY}}}', False, id="a number, not a text"),
        pytest.param(f'{{"routing_number": {{"x": "{CANARY}"}}}}', False, id="hidden deeper"),
        pytest.param(f'{{"accountNumber": "{CANARY}"}}', False, id="misspelt"),
    ],
)
def test_what_cannot_be_read_is_not_remembered(sent, is_base64):
    event = {"rawPath": CHANGES, "body": sent, "isBase64Encoded": is_base64}
    assert remembered(event) == remembered({"rawPath": f"{CHANGES}/", "body": None})


def test_what_is_shown_is_compared():
    def of(path=CHANGES, **body):
        return remembered({"rawPath": path, "body": json.dumps(body)})

    one = of(account_number=CANARY, routing_number="011401533")
    assert CANARY not in one
    assert one == of(account_number=f"555{CANARY[-4:]}", routing_number="011401533")
    assert one != of(account_number=CANARY, routing_number="021000021")
    assert one != of(account_number=f"{CANARY}0", routing_number="011401533")
    short = of(account_number="4231")
    assert short == of(account_number="999"), "four digits are all of it"
    coded = base64.b64encode(json.dumps({"account_number": CANARY}).encode()).decode()
    whole = remembered({"rawPath": CHANGES, "body": coded, "isBase64Encoded": True})
    assert whole == of(account_number=CANARY)
    other = {"rawPath": "/v1/work_orders", "body": "as it is"}
    assert remembered(other) == "as it is"
