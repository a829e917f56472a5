"""Who may do what over the partner API: every route, by scope, by organisation, by mode (T-91)."""

import json
from dataclasses import replace

import pytest

from cloud.functions.partner_api.caller import EVERY_SCOPE, RESOURCES
from cloud.functions.partner_api.gate import KINDS, TYPES
from cloud.functions.partner_api.gate import kind_of as resource_of
from cloud.funding.exports import ExportOrder
from cloud.funding.extension import ExtensionRequest
from cloud.funding.tickets import About, Ticket, TicketMessage
from cloud.invoicing.models import (
    BackBill,
    BackBillState,
    Dispute,
    DisputeState,
    Invoice,
    InvoiceContent,
    InvoiceState,
    Subject,
)
from cloud.kernel.change import Change
from cloud.kernel.errors import BadInput
from cloud.kernel.ids import derived
from cloud.kernel.money import ZERO, Money
from cloud.kernel.secret import Sealed
from cloud.portfolio.models import TEST, ApiClient, Milestone, Partner, PlanShare, Project
from cloud.portfolio.process import register
from cloud.reporting.webhooks import SigningSecret, WebhookBook, WebhookEndpoint
from cloud.service.uploads import Purpose, Upload, UploadState

PROBLEM = "application/problem+json"
READS, WRITES = {"get"}, {"post"}


@pytest.fixture(scope="module")
def home(shared):
    return shared.new_home()


@pytest.fixture(scope="module")
def order(shared, home):
    return shared.offered(home)


def trusted(shared, client):
    """Give a program the role without which no money is seen (F27)."""
    stored = shared.records.load(ApiClient, client.id)
    made = replace(client, roles=frozenset({"accounting_admin"}))
    shared.records.commit(Change(saves=(stored.replaced_by(made),)))
    return made


@pytest.fixture(scope="module")
def mine(shared, home, order):
    return trusted(shared, one_of(home, order, is_theirs=True))


@pytest.fixture(scope="module")
def stranger(shared, home, order):
    return trusted(shared, one_of(home, order, is_theirs=False))


def one_of(home, order, *, is_theirs):
    found = (one for one in home.clients if (one.partner_id == order.partner_id) is is_theirs)
    return next(found)


@pytest.fixture(scope="module")
def tester(shared, mine):
    """A program that is tried out, of a partner that is."""
    live = shared.records.load(Partner, mine.partner_id).record
    partner = replace(live, id=f"{live.id}-TEST", mode=TEST)
    made = ApiClient(f"{mine.id}-test", partner.id, TEST)
    for record in (partner, made):
        register(shared.records, record, at=shared.now, by="test")
    return made


@pytest.fixture(scope="module")
def things(shared, order):
    """One record of each collection that belongs to the partner of the work order."""
    partner_id, at = order.partner_id, shared.now
    invoice = invoice_of(shared, order)
    bill = BackBill(derived("BB", order.id), order.id, partner_id, BackBillState.PENDING)
    dispute = Dispute(
        derived("DSP", order.id),
        Subject.FINDING,
        order.id,
        order.id,
        partner_id,
        DisputeState.OPEN,
        "spc",
        "no",
        at,
        "x",
    )
    upload = Upload(
        derived("UP", order.id),
        order.id,
        partner_id,
        Purpose.EVIDENCE,
        "a.jpg",
        "image/jpeg",
        1,
        "0" * 64,
        UploadState.REQUESTED,
        "quarantine/x",
        at,
        "x",
    )
    endpoint = WebhookEndpoint(
        derived("WHE", order.id),
        partner_id,
        "x",
        "https://hooks.partner.example/",
        (),
        (SigningSecret(Sealed("", "", "last")),),
        at,
    )
    shared.save(invoice, bill, dispute, upload, endpoint, *money_of(shared, order))
    shared.save(WebhookBook(partner_id, (endpoint.id,)))
    return {
        **{name: f"{name}-{order.id}" for name in MONEY_THINGS},
        "work_orders": order.id,
        "invoices": invoice.id,
        "back_bills": bill.id,
        "disputes": dispute.id,
        "uploads": upload.id,
        "webhook_endpoints": endpoint.id,
    }


MONEY_THINGS = ("projects", "exports", "extension_requests", "tickets")


def money_of(shared, order):
    """Give one record of each collection about money, named by its collection."""
    partner_id, at = order.partner_id, shared.now
    project, export, request, ticket = (f"{name}-{order.id}" for name in MONEY_THINGS)
    plan = (PlanShare(Milestone.M1, 10_000),)
    return (
        Project(project, order.site_id, partner_id, Money(100), plan),
        ExportOrder(export, partner_id, partner_id, "payouts", (), 1, "x", at),
        ExtensionRequest(
            id=request,
            project_id=project,
            partner_id=partner_id,
            programme="comfort",
            occurrence=0,
            fields=(),
            reason="other",
            reason_text="",
            proof_reference="",
            submitted_at=at,
            by="x",
            decision_due_date=at.date(),
            days=None,
            amount=Money(100),
        ),
        Ticket(
            id=ticket,
            partner_id=partner_id,
            asked_by="x",
            subject="s",
            about=About.NOTHING,
            about_id="",
            opened_at=at,
            messages=(TicketMessage("M-1", "x", False, "why?", at),),
        ),
    )


def invoice_of(shared, order):
    content = InvoiceContent("N-1", "C", "A", (), "d", 1, (), ZERO)
    return Invoice(
        derived("INV", order.id),
        order.id,
        order.partner_id,
        order.site_id,
        content,
        InvoiceState.SUBMITTED,
        shared.now,
        "x",
        "spc_queue",
    )


@pytest.fixture(scope="module")
def routes(shared, mine):
    spec = json.loads(shared.call("GET", "/v1/openapi.json", token=shared.token(mine)).body)
    return [(method, path) for path, methods in sorted(spec["paths"].items()) for method in methods]


def kind_of(path):
    return resource_of(*(*path.split("/")[2:], "")[:2])


def named(path, things, strange=""):
    """Give a path with the ids of things in it, or with one that nobody has."""
    collection = path.split("/")[2]
    filled = []
    for part in path.split("/"):
        is_id = part.startswith("{")
        filled.append((strange or things.get(collection, "comfort-2026-12-03")) if is_id else part)
    return "/".join(filled)


def asked(shared, client, method, path, *, scope, key):
    body = {} if method in WRITES else None
    token = shared.token(client, scope)
    return shared.call(method.upper(), path, body, token=token, key=key)


def names_a_thing(path):
    return (
        path.split("/")[2] in KINDS and len(path.split("/")) > 3 and path.split("/")[3][:1] == "{"
    )


def test_every_collection_has_a_scope_to_read_and_to_write():
    assert set(TYPES.values()) == set(RESOURCES)
    assert {
        f"{kind}:{verb}" for kind in TYPES.values() for verb in ("read", "write")
    } == EVERY_SCOPE


def test_there_are_routes_of_every_collection(routes):
    assert {path.split("/")[2] for _, path in routes} <= set(TYPES)
    assert {path.split("/")[2] for _, path in routes} >= set(KINDS) | {"organisation"}
    assert len(routes) >= 40
    assert {method for method, _ in routes} == READS | WRITES


@pytest.mark.rule("T-91")
def test_each_route_asks_for_its_own_scope_and_for_no_other(shared, mine, things, routes):
    """All scopes but the route's: 403. The route's alone: anything but 401 and 403."""
    for place, (method, path) in enumerate(routes):
        needed = f"{kind_of(path)}:{'read' if method in READS else 'write'}"
        others = " ".join(f"sunreeve/{one}" for one in sorted(EVERY_SCOPE - {needed}))
        target = named(path, things)
        without = asked(shared, mine, method, target, scope=others, key=f"no-{place}")
        assert (without.status, without.headers["content-type"]) == (403, PROBLEM), path
        assert needed in json.loads(without.body)["detail"]
        alone = asked(shared, mine, method, target, scope=f"sunreeve/{needed}", key=f"a-{place}")
        assert alone.status not in {401, 403}, (path, alone.body)
        assert alone.status < 500, (path, alone.body)


@pytest.mark.rule("T-91")
@pytest.mark.parametrize("scope", ["sunreeve/partner", "sunreeve/scorecard:read"])
def test_what_is_anothers_is_as_unknown_as_what_is_not(shared, stranger, things, routes, scope):
    """Whatever the scopes: the same status and the same words, for every route that names one."""
    for place, (method, path) in enumerate(routes):
        if not names_a_thing(path):
            continue
        answers = []
        for who, strange in (("theirs", ""), ("nobodys", "WO-0000000000")):
            target = named(path, things, strange)
            key = f"{scope}-{place}-{who}"
            answer = asked(shared, stranger, method, target, scope=scope, key=key)
            told = json.loads(answer.body)
            told.pop("instance", None)
            collection = path.split("/")[2]
            words = json.dumps(told).replace(strange or things[collection], "ID")
            answers.append((answer.status, words))
        assert answers[0] == answers[1], path
        # A body that cannot be read is told of before it is asked whose the thing is.
        assert answers[0][0] in ({404} if method in READS else {404, 400}), (path, answers[0])


@pytest.mark.rule("T-91")
def test_another_mode_meets_nothing(shared, mine, tester, things, routes):
    """Neither program has a token of the other mode, and what is tried out sees nothing real."""
    both = "sunreeve/partner sunreeve/test"
    path = "/v1/work_orders"
    assert asked(shared, mine, "get", path, scope=both, key=None).status == 403
    assert asked(shared, tester, "get", path, scope="sunreeve/partner", key=None).status == 403
    seen = asked(shared, tester, "get", path, scope=both, key=None)
    assert (seen.status, json.loads(seen.body)["work_orders"]) == (200, [])
    for place, (method, route) in enumerate(routes):
        if names_a_thing(route):
            target = named(route, things)
            answer = asked(shared, tester, method, target, scope=both, key=f"mode-{place}")
            assert answer.status in ({404} if method in READS else {404, 400}), route
    crossed = ApiClient("client-crossed", mine.partner_id, TEST)
    with pytest.raises(BadInput, match="same mode"):
        register(shared.records, crossed, at=shared.now, by="test")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("word", ["validate", "drafts"])
@pytest.mark.parametrize("collection", sorted(KINDS))
def test_the_word_of_a_command_is_the_id_of_nothing(shared, mine, collection, word, method):
    key = f"{collection}-{word}"
    path = f"/v1/{collection}/{word}"
    answer = shared.call(method, path, {}, token=shared.token(mine), key=key)
    assert answer.status in {400, 404}


@pytest.mark.rule("T-91")
def test_who_lost_a_work_order_reads_it_without_the_customer_and_changes_nothing(shared):
    home = shared.new_home()
    order = shared.offered(home)
    loser = next(client for client in home.clients if client.partner_id == order.partner_id)
    token = shared.token(loser)
    path = f"/v1/work_orders/{order.id}"
    gone = shared.call("POST", f"{path}/decline", {"reason": "busy"}, token=token, key="d")
    assert gone.status == 200
    seen = json.loads(shared.call("GET", path, token=token).body)
    assert (seen["customer_name"], seen["site_address"], seen["assignment_state"]) == (
        "",
        "",
        "declined",
    )
    for place, (command, body) in enumerate(
        {
            "accept": {},
            "acknowledge": None,
            "contact_attempts": {"channel": "a", "outcome": "b"},
        }.items()
    ):
        answer = shared.call("POST", f"{path}/{command}", body, token=token, key=f"c{place}")
        assert answer.status == 409, command


def test_a_command_on_another_version_is_not_done(shared, mine, order):
    path = f"/v1/work_orders/{order.id}"
    token = shared.token(mine)
    shown = shared.call("GET", path, token=token)
    assert shown.headers["etag"].strip('"').isdigit()
    stale = shared.call(
        "POST", f"{path}/acknowledge", token=token, key="stale", headers={"if-match": '"99"'}
    )
    assert (stale.status, json.loads(stale.body)["status"]) == (412, 412)
    current = {"if-match": shown.headers["etag"]}
    assert (
        shared.call("POST", f"{path}/acknowledge", token=token, key="fresh", headers=current).status
        == 200
    )
