"""Each handler with real events, against the local services: what arrives, leaves and repeats."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest

from cloud.adapters import wiring
from cloud.funding.models import FundingRun, Payable
from cloud.kernel.change import Change, Letter, Message, Timer
from cloud.local.demo import cast
from cloud.local.dynamodb import hook
from cloud.local.lambdas import Failed
from cloud.portfolio.models import Milestone, Partner
from cloud.portfolio.process import register
from cloud.service.models import Case, Mail, MailState, WorkOrderState
from cloud.service.process.sending import outgoing_id
from cloud.telemetry.ports import StoredChunk
from edge_agent.reading import Event, Reading, Window, event_text, seal

HOUR = 3600
T0 = int(datetime(2026, 6, 8, 12, 0, tzinfo=UTC).timestamp())


# ---------------------------------------------------------------------- ingest
def chunk(gateway="gw-1", sequence=1) -> bytes:
    window = Window(gateway, "0", sequence, T0, HOUR, 1, 1)
    return seal(window, [Reading("SN-1", T0, 0, "1.103", {"W": 1000, "WH": 5})])


def event(gateway="gw-1") -> bytes:
    return event_text(Event(T0, "SN-1", "state", 0, 1), gateway=gateway, boot="0").encode()


def arrival(payload: bytes, kind="chunk", gateway="gw-1"):
    return {
        "kind": kind,
        "gateway_id": gateway,
        "payload": base64.b64encode(payload).decode(),
        "received_ms": T0 * 1000,
    }


def kept_chunks(gateway="gw-1") -> list[StoredChunk]:
    table = wiring.chunks({"TELEMETRY_TABLE": "TelemetryTable"})
    at = datetime.fromtimestamp(T0, UTC)
    return list(table.between(gateway, at, at + timedelta(hours=1)))


def quarantined(world):
    return list((world.runtime.folder / "buckets").rglob("quarantine/*/*"))


def test_a_good_chunk_is_kept_byte_for_byte_however_often_it_comes(world):
    for _ in range(2):
        answer = world.deliver("IngestFunction", arrival(chunk()), arrival(chunk()))
        assert answer == {"batchItemFailures": []}
    assert [one.payload for one in kept_chunks()] == [chunk()]
    assert quarantined(world) == []


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(arrival(b"not a chunk"), id="garbage"),
        pytest.param(arrival(b""), id="nothing"),
        pytest.param(arrival(b"\x78\x9c" + b"\xff" * 50), id="broken compression"),
        pytest.param(arrival(chunk("gw-2")), id="of another gateway"),
        pytest.param(arrival(chunk()[: len(chunk()) // 2]), id="torn off"),
        pytest.param(arrival(event("gw-2"), "event"), id="an event of another gateway"),
        pytest.param(arrival(b"[]", "event"), id="an event that is none"),
    ],
)
def test_a_bad_payload_is_put_aside_and_harms_no_neighbour(world, bad):
    answer = world.deliver("IngestFunction", bad, arrival(chunk()), bad)
    assert answer == {"batchItemFailures": []}
    assert len(kept_chunks()) == 1
    assert kept_chunks("gw-2") == []
    assert len(quarantined(world)) == 2


@pytest.mark.parametrize(
    "poison",
    ["{", "[]", "null", '{"kind": "chunk"}', json.dumps({**arrival(b""), "payload": "%%%"})],
    ids=["torn JSON", "a list", "null", "fields are missing", "no base64"],
)
def test_a_message_of_no_rule_of_ours_comes_back_alone(world, poison):
    answer = world.deliver("IngestFunction", arrival(chunk()), poison)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert len(kept_chunks()) == 1


def laid_aside(topic: str, payload: bytes) -> dict:
    """Give what a topic rule's error action writes when the queue did not take the message."""
    failed = {"failedAction": "SqsAction", "failedResource": "arrivals", "errorMessage": "denied"}
    return {
        "ruleName": "sunreeve_dev_chunks",
        "topic": topic,
        "clientId": "gw-1",
        "base64OriginalPayload": base64.b64encode(payload).decode(),
        "failures": [failed],
    }


@pytest.mark.parametrize(
    "topic",
    ["gw-1/chunk", "$aws/rules/sunreeve_dev_chunks/gw-1/chunk"],
    ids=["as the rule sees it", "as the gateway wrote it"],
)
def test_what_a_rule_laid_aside_is_kept_when_it_is_sent_back(world, topic):
    again = laid_aside(topic, chunk())
    assert world.deliver("IngestFunction", again, arrival(chunk())) == {"batchItemFailures": []}
    assert [one.payload for one in kept_chunks()] == [chunk()]
    assert quarantined(world) == []


def test_what_a_rule_laid_aside_for_another_gateway_is_put_aside(world):
    answer = world.deliver("IngestFunction", laid_aside("gw-2/chunk", chunk()))
    assert answer == {"batchItemFailures": []}
    assert kept_chunks() == kept_chunks("gw-2") == []
    assert len(quarantined(world)) == 2  # the payload, and the reason beside it


@pytest.mark.parametrize(
    "torn",
    [{"topic": "chunk"}, {"topic": 7}, {"base64OriginalPayload": "%%%"}],
    ids=["nobody's", "no topic", "no base64"],
)
def test_what_was_laid_aside_and_cannot_be_read_comes_back_alone(world, torn):
    answer = world.deliver("IngestFunction", {**laid_aside("gw-1/chunk", chunk()), **torn})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}


def test_an_event_told_twice_in_a_batch_is_in_the_log_once(world):
    for _ in range(2):
        twice = [arrival(event(), "event")] * 2
        assert world.deliver("IngestFunction", *twice) == {"batchItemFailures": []}
    log = world.records.history("DEVICE-gw-1-SN-1")
    assert [entry.what for entry in log] == ["device_state"]


# ---------------------------------------------------------------------- dispatch
def test_a_finding_that_comes_twice_makes_one_case_and_one_work_order(world):
    home = world.new_home()
    finding = world.finding(home)
    assert world.deliver("DispatchFunction", finding, finding) == {"batchItemFailures": []}
    world.deliver("DispatchFunction", finding)
    assert len(world.records.find(Case, by="site_id", value=home.site.id)) == 1
    assert len(world.orders(home)) == 1


def test_a_message_that_fails_harms_no_other(world):
    home = world.new_home()
    unknown = world.finding(home, site_id="SITE-NONE", finding_id="F-2")
    answer = world.deliver(
        "DispatchFunction", unknown, world.finding(home), {"topic": "gossip", "id": "x"}, "{"
    )
    failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
    assert failed == {"m-0", "m-2", "m-3"}
    assert len(world.orders(home)) == 1


# ---------------------------------------------------------------------- timers
def test_a_work_order_that_nobody_accepts_is_taken_away_in_time(world):
    home = world.new_home()
    order = world.offered(home)
    world.runtime.clock.move_to(world.now + timedelta(days=10))
    world.runtime.run_due()
    assert world.orders(home)[0].state is not WorkOrderState.OFFERED
    assert len(world.records.history(order.id)) > 1


@pytest.mark.parametrize(
    "timer",
    [
        pytest.param(Timer("T-1", "WO-1", "nobody", cast.STARTS_AT), id="nobody of that name"),
        pytest.param(Timer("T-1", "WO-1", "accept_due", cast.STARTS_AT), id="of nothing"),
    ],
)
def test_a_timer_that_cannot_be_woken_harms_no_other_and_stays(world, timer):
    home = world.new_home()
    world.deliver("DispatchFunction", world.finding(home))
    world.records.commit(Change(timers=(timer,)))
    answer = world.invoke("TimersFunction", {})
    assert answer == {"woken": 0}
    (row,) = [d for d in due(world, timedelta(days=1), "Timer") if d.row_id == "TIMER#T-1"]
    assert row.what == timer
    assert row.attempts == 1


def due(world, later, *kinds):
    outbox = wiring.outbox({"OPERATIONS_TABLE": "OperationsTable"})
    return list(outbox.claim(world.now + later, kinds=frozenset(kinds)))


# ---------------------------------------------------------------------- send_outbox
def letter(world, **changes) -> Letter:
    made = Letter("L-1", "a@b.example", "Hello", "Text", "WO-1", world.now)
    return replace(made, **changes)


def test_a_letter_lands_as_a_mail_of_its_thread(world):
    world.records.commit(Change(letters=(letter(world),)))
    assert world.invoke("SendOutboxFunction", {}) == {"sent": 1}
    assert world.invoke("SendOutboxFunction", {}) == {"sent": 0}
    (path,) = world.runtime.mailbox.mails()
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert mail["References"] == "<wo-1@mail.sunreeve.example>"
    assert (mail["To"], mail["Subject"]) == ("a@b.example", "Hello")
    assert mail["X-Sunreeve-Letter"] == "L-1"


def test_a_message_lands_in_the_queue_of_its_topic(world):
    body = {"project_id": "PRJ-1"}
    world.records.commit(Change(messages=(Message("M-1", "milestone", body, world.now),)))
    assert world.invoke("SendOutboxFunction", {}) == {"sent": 1}
    (message,) = world.runtime.queues.receive("AccrualsQueue", limit=10)
    assert json.loads(message.body) == {"id": "M-1", "topic": "milestone", **body}


@pytest.mark.parametrize(
    "bad",
    [
        {"to": "a@b.example\nBcc: c@d.example"},
        {"attachments": {"a.pdf": "reports/lost.pdf"}},
    ],
    ids=["an address with a line break", "an attachment that is not kept"],
)
def test_a_letter_that_cannot_be_a_mail_harms_no_other_and_is_over(world, bad):
    letters = [letter(world, id=f"L-{place}") for place in range(8)]
    world.records.commit(Change(letters=(letter(world, id="L-BAD", **bad), *letters)))
    assert world.invoke("SendOutboxFunction", {}) == {"sent": 9}
    assert due(world, timedelta(minutes=1), "Letter") == []
    kept = world.records.load(Mail, outgoing_id("L-BAD")).record
    assert kept.state is MailState.RETURNED
    assert kept.says


def test_a_service_that_does_not_answer_loses_nothing(world):
    def refuse(operation, _parameters):
        raise hook.ServiceError("ServiceUnavailable", f"{operation}: try later", 503)

    message = Message("M-1", "milestone", {}, world.now)
    world.records.commit(Change(letters=(letter(world),), messages=(message,)))
    hook.register("sesv2", refuse)
    assert world.invoke("SendOutboxFunction", {}) == {"sent": 1}
    assert world.runtime.mailbox.mails() == []
    hook.register("sesv2", world.runtime.mailbox.call)
    world.runtime.clock.move_to(world.now + timedelta(minutes=1))
    assert world.invoke("SendOutboxFunction", {}) == {"sent": 1}
    assert len(world.runtime.mailbox.mails()) == 1


# ---------------------------------------------------------------------- money
def cast_for_money(world):
    for partner in cast.PARTNERS:
        register(world.records, partner, at=world.now, by="test")
    for household in cast.HOUSEHOLDS:
        register(world.records, household.site, at=world.now, by="test")
    reached = replace(cast.PROJECT, reached=((Milestone.M1, world.now),))
    register(world.records, reached, at=world.now, by="test")


MILESTONE = {"id": "MS-1", "topic": "milestone", "project_id": cast.PROJECT.id, "milestone": "M1"}


def test_a_milestone_is_accrued_once_however_often_it_comes(world):
    cast_for_money(world)
    for _ in range(2):
        assert world.deliver("AccrueFunction", MILESTONE, MILESTONE) == {"batchItemFailures": []}
    found = world.records.find(Payable, by="partner_id", value=cast.PROJECT.partner_id)
    assert len(found) == 1


def test_an_accrual_of_nothing_known_comes_back_alone(world):
    cast_for_money(world)
    answer = world.deliver("AccrueFunction", {**MILESTONE, "project_id": "PRJ-NONE"}, MILESTONE)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-0"}]}


def approved(run_id):
    return {"topic": "run_approved", "id": f"run-approved-{run_id}", "run_id": run_id}


def bank_files(world):
    return sorted((world.runtime.folder / "buckets").rglob("*.ach"))


def test_a_run_is_prepared_approved_and_filed_once(world):
    cast_for_money(world)
    world.deliver("AccrueFunction", MILESTONE)
    cutoff = datetime(2026, 6, 10, 6, 31, tzinfo=UTC)
    world.runtime.clock.move_to(cutoff + timedelta(hours=8))
    prepared = {"programme": "comfort", "scheduled_for": cutoff.isoformat()}
    first = world.invoke("FundingRunFunction", prepared)
    assert world.invoke("FundingRunFunction", prepared) == first
    run_id = first["run_id"]
    run = world.records.load(FundingRun, run_id).record
    path = f"/ops/runs/{run_id}/approve"
    body = {"plans_hash": run.plans_hash}
    for _ in range(2):
        token = world.person("ada", "accounting_admin")
        assert world.call("POST", path, body, token=token).status == 200
    for _ in range(2):
        answer = world.deliver("FundingRunFunction", approved(run_id))
        assert answer == {"batchItemFailures": []}
    (file,) = bank_files(world)
    content = file.read_bytes()
    world.runtime.run_due()
    assert bank_files(world) == [file]
    assert file.read_bytes() == content
    remittance = [m for m in world.runtime.mailbox.mails() if b"accounts@alder" in m.read_bytes()]
    assert len(remittance) == 1


def test_a_run_that_nobody_approved_makes_no_file(world):
    cast_for_money(world)
    world.deliver("AccrueFunction", MILESTONE)
    cutoff = datetime(2026, 6, 10, 6, 31, tzinfo=UTC)
    world.runtime.clock.move_to(cutoff)
    run_id = world.invoke(
        "FundingRunFunction", {"programme": "comfort", "scheduled_for": cutoff.isoformat()}
    )["run_id"]
    assert isinstance(world.deliver("FundingRunFunction", approved(run_id)), Failed)
    assert bank_files(world) == []


# ---------------------------------------------------------------------- roles
ROLES = ("spc", "accounting", "accounting_admin", "treasury", "projects", "auditor")
READERS = {"accounting", "accounting_admin", "treasury", "auditor"}
ROUTES = [
    ("GET", "/ops/cases?state=open", None, {"spc", "auditor"}),
    ("GET", "/ops/work_orders?task=approve_spend", None, {"spc", "auditor"}),
    ("POST", "/ops/work_orders/WO-1/spend_approvals", {"max_total_cents": 1}, {"spc"}),
    ("POST", "/ops/work_orders/WO-1/finding",
     {"cause": "workmanship", "evidence": "seen"}, {"spc"}),
    ("GET", "/ops/invoices?state=submitted", None, {"spc", "accounting_admin", "auditor"}),
    ("POST", "/ops/invoices/I-1/approve", None, {"spc"}),
    ("POST", "/ops/invoices/I-1/return", {"reason": "why"}, {"spc"}),
    ("POST", "/ops/invoices/I-1/reject", {"reason": "why"}, {"spc"}),
    ("POST", "/ops/projects/PRJ-1/milestones", {"milestone": "M1"}, {"projects"}),
    ("GET", "/ops/runs?state=preview", None, READERS),
    ("GET", "/ops/runs/R-1", None, READERS),
    ("GET", "/ops/runs/R-1/plans", None, READERS),
    ("POST", "/ops/runs/R-1/approve", {"plans_hash": "0" * 64}, {"accounting_admin"}),
    ("POST", "/ops/runs/R-1/prepare", None, {"accounting"}),
    ("GET", "/ops/trace/091000010000001", None, READERS),
    ("GET", "/ops/sweep_holds", None, {"spc", "auditor"}),
    ("POST", "/ops/sweep_holds/UTC-05.N35W079/release", None, {"spc"}),
    ("POST", "/ops/sweep_holds/UTC-05.N35W079/discard", None, {"spc"}),
    ("POST", "/ops/sweeps", {"utc_offset_hours": -3, "replay_from": "2026-06-01"}, {"spc"}),
    ("GET", "/ops/watch_list?region=UTC-05.N35W079", None, {"spc", "auditor"}),
    ("GET", "/ops/sites/SITE-1/days", None, {"spc", "auditor"}),
    ("GET", "/ops/sites/SITE-1/days.svg", None, {"spc", "auditor"}),
    ("GET", "/ops/cases/CASE-1/days.svg", None, {"spc", "auditor"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "body", "may"), ROUTES, ids=[f"{r[0]} {r[1].split('?')[0]}" for r in ROUTES]
)
def test_a_role_may_do_what_is_its_own_and_nothing_else(shared, method, path, body, may):
    for role in (*ROLES, "partner", ""):
        response = shared.call(method, path, body, token=shared.person("sam", role))
        assert (response.status == 403) is (role not in may), (role, response.body)
        assert response.status in ({200, 404} if role in may else {403})
    assert shared.call(method, path, body).status == 401
    nobody = shared.runtime.issuer.person_token("", *ROLES)
    assert shared.call(method, path, body, token=nobody).status == 403


@pytest.mark.parametrize(
    ("method", "path", "body", "may"), ROUTES, ids=[f"{r[0]} {r[1].split('?')[0]}" for r in ROUTES]
)
def test_a_partner_s_program_is_nobody_here(shared, method, path, body, may):
    del may
    client = cast.CLIENTS[0]
    assert shared.call(method, path, body, token=shared.token(client)).status == 403


def test_two_roles_may_do_what_either_may(shared):
    token = shared.person("sam", "projects", "auditor")
    assert shared.call("GET", "/ops/cases?state=open", token=token).status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/ops/work_orders/WO-1/spend_approvals", {"max_total_cents": 0}),
        ("/ops/work_orders/WO-1/spend_approvals", {"max_total_cents": "much"}),
        ("/ops/work_orders/WO-1/finding", {"cause": "magic", "evidence": "seen"}),
        ("/ops/invoices/I-1/reject", {}),
        ("/ops/invoices/I-1/reject", [1]),
        ("/ops/sweeps", {"utc_offset_hours": -5}),
        ("/ops/sweeps", {"utc_offset_hours": -13, "replay_from": "2026-06-01"}),
        ("/ops/sweeps", {"utc_offset_hours": -5, "replay_from": "yesterday"}),
        ("/ops/sweeps", {"utc_offset_hours": -5, "replay_from": "2026-06-01", "who": "me"}),
    ],
    ids=[
        "nothing to spend",
        "no number",
        "no such cause",
        "no reason",
        "a list",
        "no day",
        "no clock of the Earth",
        "no such day",
        "one more",
    ],
)
def test_a_body_of_another_shape_is_a_problem(shared, path, body):
    response = shared.call("POST", path, body, token=shared.person("sam", "spc"))
    assert (response.status, response.headers["content-type"]) == (
        400,
        "application/problem+json",
    )


def test_the_account_number_of_a_partner_is_never_shown_whole(world):
    cast_for_money(world)
    world.deliver("AccrueFunction", MILESTONE)
    cutoff = datetime(2026, 6, 10, 6, 31, tzinfo=UTC)
    world.runtime.clock.move_to(cutoff)
    run_id = world.invoke(
        "FundingRunFunction", {"programme": "comfort", "scheduled_for": cutoff.isoformat()}
    )["run_id"]
    token = world.person("otto", "auditor")
    plans = world.call("GET", f"/ops/runs/{run_id}/plans", token=token)
    assert b'"account_number":"6787"' in plans.body.replace(b" ", b"")
    secrets = [
        p.record.account_number for p in world.records.find(Partner, by="active", value="True")
    ]
    assert not any(secret.value.encode() in plans.body for secret in secrets)
