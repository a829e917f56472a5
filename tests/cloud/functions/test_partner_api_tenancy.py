"""Two partners: for any route and any id of the other's, the answer is the one for no such id."""

import json
from dataclasses import replace
from itertools import count

import pytest
from test_partner_api_access import MONEY_THINGS, invoice_of, money_of, trusted

from cloud.functions.partner_api.examples import EXAMPLES
from cloud.invoicing.models import BackBill, BackBillState, Dispute, DisputeState, Subject
from cloud.kernel.secret import Sealed, Secret
from cloud.portfolio.models import AccountKind
from cloud.portfolio.papers import BankChange, DocumentKind, PartnerDocument
from cloud.reporting.webhooks import SigningSecret, WebhookEndpoint
from cloud.service.uploads import Purpose, Upload, UploadState

OF_EACH_REQUEST = ("request-id", "apigw-requestid")
KEYS = count()


@pytest.fixture(scope="module")
def theirs(shared):
    """A work order of one partner, with a record of its own of each kind; by kind."""
    home = shared.new_home()
    order = shared.offered(home)
    partner_id, at = order.partner_id, shared.now
    owner = next(one for one in home.clients if one.partner_id == partner_id)
    others = next(one for one in home.clients if one.partner_id != partner_id)
    name = f"OWN-{order.id}"
    invoice = invoice_of(shared, order)
    shared.save(
        invoice,
        BackBill(f"BB-{name}", order.id, partner_id, BackBillState.PENDING),
        dispute_of(f"DSP-{name}", order, at),
        upload_of(f"UP-{name}", order, at),
        PartnerDocument(f"DOC-{name}", partner_id, DocumentKind.W9, "papers/x", at, "x"),
        BankChange(
            id=f"BC-{name}",
            partner_id=partner_id,
            routing_number="091000019",
            account_number=Secret("100000001"),
            account_kind=AccountKind.CHECKING,
            asked_by="x",
            asked_at=at,
        ),
        endpoint_of(f"WHE-{name}", order, at),
        *money_of(shared, order),
    )
    ids = {
        "work order": order.id,
        "invoice": invoice.id,
        "back-bill": f"BB-{name}",
        "dispute": f"DSP-{name}",
        "upload": f"UP-{name}",
        "document": f"DOC-{name}",
        "bank change": f"BC-{name}",
        "webhook endpoint": f"WHE-{name}",
        "partner": partner_id,
        "program": owner.id,
        **{one: f"{one}-{order.id}" for one in MONEY_THINGS},
    }
    return trusted(shared, others), trusted(shared, owner), ids


def dispute_of(dispute_id, order, at):
    about = (Subject.FINDING, order.id, order.id, order.partner_id)
    return Dispute(dispute_id, *about, DisputeState.OPEN, "spc", "no", at, "x")


def upload_of(upload_id, order, at):
    about = (order.id, order.partner_id, Purpose.EVIDENCE, "a.jpg", "image/jpeg", 1, "0" * 64)
    return Upload(upload_id, *about, UploadState.REQUESTED, "quarantine/x", at, "x")


def endpoint_of(endpoint_id, order, at):
    secrets = (SigningSecret(Sealed("", "", "last")),)
    about = (order.partner_id, "x", "https://hooks.partner.example/", ())
    return WebhookEndpoint(endpoint_id, *about, secrets, at)


def strange(known: str) -> str:
    """Give an id that nobody has and that looks the same."""
    digits = "".join("0" if one.isdigit() else one for one in known)
    return "".join(("q" if one.islower() else "Q") if one.isalpha() else one for one in digits)


@pytest.fixture(scope="module")
def routes(shared, theirs):
    spec = json.loads(shared.call("GET", "/v1/openapi.json", token=shared.token(theirs[0])).body)
    return [
        (method.upper(), path, [one for one in operation["parameters"] if one["in"] == "query"])
        for path, methods in sorted(spec["paths"].items())
        for method, operation in methods.items()
    ]


def answered(shared, token, method, path, body):
    answer = shared.call(method, path, body, token=token, key=f"tenant-{next(KEYS)}")
    shown = {name for name in answer.headers if name not in OF_EACH_REQUEST}
    told = {name: answer.headers[name] for name in shown if not name.startswith("ratelimit")}
    request_id = answer.headers["request-id"]
    return answer.status, told, answer.body.decode().replace(request_id, "REQUEST")


def the_same_for_nobodys(shared, token, known, *, method, path, body=None):
    """Ask for a known id and for one that nobody has; give the status that both have."""
    text = json.dumps(body)
    whose = answered(shared, token, method, path, body)
    unknown = strange(known)
    body = json.loads(text.replace(known, unknown))
    nobodys = answered(shared, token, method, path.replace(known, unknown), body)
    status, headers, words = whose
    if status < 400:  # what was made has an id of its own each time
        words = nobodys[2]
    assert (status, headers, words.replace(known, unknown)) == nobodys, (method, path)
    return status


@pytest.mark.rule("T-91")
def test_an_id_in_a_path_that_is_anothers_is_a_404_like_any_unknown_one(shared, theirs, routes):
    """Every route that names something, every id of the other's, with a body that can be read."""
    stranger, _, ids = theirs
    token, asked = shared.token(stranger), 0
    for method, path, _ in routes:
        if "{" not in path:
            continue
        template, _, rest = path.partition("{")
        for known in ids.values():
            target = f"{template}{known}{rest.partition('}')[2]}"
            body = EXAMPLES.get(f"{method} {path}") if method == "POST" else None
            status = the_same_for_nobodys(
                shared, token, known, method=method, path=target, body=body
            )
            assert status == 404, (method, target)
            asked += 1
    assert asked > 300


def places(value, of):
    """Give the body once for each text in it, with another id in its place."""
    if isinstance(value, str):
        yield of
    elif isinstance(value, dict):
        for name, inner in value.items():
            for changed in places(inner, of):
                yield {**value, name: changed}
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            for changed in places(inner, of):
                yield [*value[:place], changed, *value[place + 1 :]]


@pytest.mark.rule("T-91")
@pytest.mark.parametrize("route", sorted(route for route in EXAMPLES if "{" not in route))
def test_an_id_in_a_body_that_is_anothers_is_like_any_unknown_one(shared, theirs, route):
    """Each text of the body is once an id of the other's: neither status nor words tell."""
    stranger, _, ids = theirs
    token = shared.token(stranger)
    method, path = route.split()
    for body in places(dict(EXAMPLES[route]), "ID"):
        for known in (ids["work order"], ids["upload"], ids["projects"], ids["program"]):
            asked = json.loads(json.dumps(body).replace('"ID"', json.dumps(known)))
            the_same_for_nobodys(shared, token, known, method=method, path=path, body=asked)


@pytest.mark.rule("T-91")
def test_an_id_in_a_query_that_is_anothers_is_like_any_unknown_one(shared, theirs, routes):
    stranger, _, ids = theirs
    token, asked = shared.token(stranger), 0
    for method, path, parameters in routes:
        for one in parameters if "{" not in path else ():
            for known in (ids["partner"], ids["projects"]):
                target = f"{path}?{one['name']}={known}"
                the_same_for_nobodys(shared, token, known, method=method, path=target)
                asked += 1
    assert asked > 30


def test_its_owner_meets_each_of_them(shared, theirs):
    """The ids above are those of things that are there: else nothing would be proven."""
    _, owner, ids = theirs
    token = shared.token(owner)
    for path in (
        f"/v1/work_orders/{ids['work order']}",
        f"/v1/invoices/{ids['invoice']}",
        f"/v1/back_bills/{ids['back-bill']}",
        f"/v1/disputes/{ids['dispute']}",
        f"/v1/uploads/{ids['upload']}",
        f"/v1/projects/{ids['projects']}/direct_pay",
        f"/v1/extension_requests/{ids['extension_requests']}",
        f"/v1/tickets/{ids['tickets']}",
        f"/v1/webhook_endpoints/{ids['webhook endpoint']}",
    ):
        assert shared.call("GET", path, token=token).status == 200, path
    listed = (
        ("/v1/organisation/documents", ids["document"]),
        ("/v1/organisation/bank_changes", ids["bank change"]),
        ("/v1/organisation/accounting_admins", ids["program"]),
    )
    for path, known in listed:
        assert known.encode() in shared.call("GET", path, token=token).body, path
    assert replace(owner, roles=frozenset()).partner_id == ids["partner"]
