"""What every answer of the APIs has: its version, what may still come, its name, a line of log."""

import json
from dataclasses import replace
from datetime import timedelta

import boto3
import pytest

from cloud.functions.partner_api.versions import VERSIONS
from cloud.funding.direct_pay import Vendor
from cloud.funding.process import direct_pay
from cloud.kernel.change import Change
from cloud.portfolio.models import ApiClient, Partner
from cloud.portfolio.process import register

PROBLEM = "application/problem+json"
LIST = "/v1/work_orders"
FIRST = "2026-06-01"
ASK, ASKED = "/v1/organisation/contact", {"email": "office@new.example"}
"""A command that any partner may give."""
PACE = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")


@pytest.fixture
def program(strict):
    """A program that has not called yet."""
    return strict.new_home().clients[0]


def told(answer):
    return json.loads(answer.body)


def changed(world, record, **changes):
    stored = world.records.load(type(record), record.id)
    after = replace(stored.record, **changes)
    world.records.commit(Change(saves=(stored.replaced_by(after),)))


def called(world, client, times=1, **more):
    token = world.token(client)
    return [world.call("GET", LIST, token=token, **more) for _ in range(times)]


def logged(world, request_id):
    """Give the lines of the log that name a request."""
    lines = (world.runtime.folder / "functions.jsonl").read_text(encoding="utf-8").splitlines()
    found = (json.loads(line) for line in lines if request_id in line)
    return [line for line in found if line.get("request_id") == request_id]


# ---------------------------------------------------------------------- versions
@pytest.mark.rule("API-03")
def test_a_program_stays_with_the_version_of_its_first_call(strict, program):
    assert strict.records.load(ApiClient, program.id).record.version == ""
    (answer,) = called(strict, program)
    assert (answer.status, answer.headers["service-version"]) == (200, VERSIONS.newest.name)
    stored = strict.records.load(ApiClient, program.id)
    assert stored.record.version == VERSIONS.newest.name
    called(strict, program, 2)
    assert strict.records.load(ApiClient, program.id).version == stored.version, "written once"
    register(strict.records, program, at=strict.now, by="test")  # as a seed does at each start
    assert strict.records.load(ApiClient, program.id).version == stored.version
    events = [one.what for one in strict.records.history(program.id)]
    assert events.count("version_kept") == 1


@pytest.mark.rule("API-03")
def test_a_call_may_ask_for_a_version(strict, program):
    (answer,) = called(strict, program, headers={"service-version": FIRST})
    assert (answer.status, answer.headers["service-version"]) == (200, FIRST)


@pytest.mark.parametrize("asked", ["2026-06-02", "newest", "2026-06-01,2026-06-01", "x" * 99])
def test_an_unknown_version_is_a_400_that_names_those_there_are(strict, program, asked):
    (answer,) = called(strict, program, headers={"service-version": asked})
    assert (answer.status, answer.headers["content-type"]) == (400, PROBLEM)
    assert FIRST in told(answer)["detail"]
    assert strict.records.load(ApiClient, program.id).record.version == ""


def test_a_version_that_is_no_more_is_told_to_its_program(strict, program):
    changed(strict, program, version="2020-01-01")
    (answer,) = called(strict, program)
    assert (answer.status, FIRST in told(answer)["detail"]) == (400, True)
    (asked,) = called(strict, program, headers={"service-version": FIRST})
    assert asked.status == 200


def test_what_is_given_again_has_its_version_too(strict, program):
    token = strict.token(program)
    for _ in range(2):
        again = strict.call("POST", ASK, ASKED, token=token, key="k")
        assert again.headers["service-version"] == FIRST
    assert again.headers["idempotent-replayed"] == "true"


# ---------------------------------------------------------------------- how often
@pytest.mark.rule("API-02")
def test_one_request_too_many_is_a_429_and_is_over_soon(strict, program):
    many = called(strict, program, 51)
    assert [one.status for one in many] == [200] * 50 + [429]
    assert [one.headers["ratelimit-remaining"] for one in many[:2]] == ["49", "48"]
    last = many[-1]
    assert (last.headers["content-type"], last.headers["retry-after"]) == (PROBLEM, "1")
    assert [last.headers[name] for name in PACE] == ["50", "0", "5"]
    assert told(last)["instance"] == last.headers["request-id"]
    strict.runtime.clock.move_to(strict.now + timedelta(seconds=1))
    assert [one.status for one in called(strict, program, 11)] == [200] * 10 + [429]


@pytest.mark.rule("API-02")
def test_a_program_that_calls_too_often_harms_no_other_of_its_partners(strict, program):
    beside = ApiClient(f"{program.id}-beside", program.partner_id)
    register(strict.records, beside, at=strict.now, by="test")
    assert called(strict, program, 51)[-1].status == 429
    (answer,) = called(strict, beside)
    assert (answer.status, answer.headers["ratelimit-remaining"]) == (200, "49")


@pytest.mark.rule("API-02")
def test_a_command_that_was_too_many_is_not_done_and_may_come_again_with_its_key(strict, program):
    called(strict, program, 50)
    token = strict.token(program)
    assert strict.call("POST", ASK, ASKED, token=token, key="k").status == 429
    strict.runtime.clock.move_to(strict.now + timedelta(seconds=1))
    done = strict.call("POST", ASK, ASKED, token=token, key="k")
    assert (done.status, "idempotent-replayed" in done.headers) == (200, False)


@pytest.fixture
def dealer(strict, program):
    """A vendor's program."""
    vendor = Vendor(f"V-{program.id}", "Dealer", "office@dealer.example")
    direct_pay.put_vendor(strict.records, vendor=vendor, at=strict.now, by="test")
    client = ApiClient(f"dealer-{program.id}", "", vendor_id=vendor.id)
    register(strict.records, client, at=strict.now, by="test")
    return client


@pytest.mark.rule("API-02")
def test_vendors_programs_have_a_pace_and_a_version_as_well(strict, dealer):
    token = strict.token(dealer, "sunreeve/vendor:read")
    many = [strict.call("GET", "/v1/vendor/projects", token=token) for _ in range(51)]
    assert [one.status for one in many] == [200] * 50 + [429]
    assert many[0].headers["service-version"] == FIRST


def test_a_count_that_fails_keeps_nobody_from_working(strict, program):
    """The bucket's item is no number any more, as far as the table is concerned."""
    boto3.client("dynamodb").put_item(
        TableName="IdempotencyTable",
        Item={"id": {"S": f"pace#{program.id}"}, "ahead_until": {"N": "9" * 30}},
    )
    assert [one.status for one in called(strict, program, 51)] == [200] * 50 + [429]


# ---------------------------------------------------------------------- who may call
@pytest.mark.rule("API-04")
def test_a_stopped_program_is_forbidden_until_it_is_let_again(strict, program):
    admin, path = strict.person("ada.admin", "admin"), f"/ops/programs/{program.id}"
    for _ in range(2):
        stopped = strict.call("POST", f"{path}/stop", token=admin)
        assert (stopped.status, told(stopped)["item"]["is_stopped"]) == (200, True)
    (answer,) = called(strict, program)
    assert (answer.status, answer.headers["content-type"]) == (403, PROBLEM)
    assert [(one["code"], one["rule"]) for one in told(answer)["errors"]] == [
        ("program_stopped", "API-04")
    ]
    assert strict.call("POST", f"{path}/resume", token=admin).status == 200
    assert called(strict, program)[0].status == 200
    whats = [one.what for one in strict.records.history(program.id)]
    assert sorted(one for one in whats if one.startswith("program_")) == [
        "program_resumed",
        "program_stopped",
    ]


@pytest.mark.parametrize("what", ["stop", "resume"])
def test_a_program_that_nobody_knows_is_neither_stopped_nor_let(strict, what):
    admin = strict.person("ada.admin", "admin")
    assert strict.call("POST", f"/ops/programs/NONE/{what}", token=admin).status == 404


@pytest.mark.rule("API-04")
def test_no_program_of_an_inactive_partner_may_call(strict, program):
    partner = strict.records.load(Partner, program.partner_id).record
    changed(strict, partner, active=False)
    (answer,) = called(strict, program)
    assert (answer.status, told(answer)["errors"][0]["code"]) == (403, "partner_inactive")
    changed(strict, partner, active=True)
    assert called(strict, program)[0].status == 200


@pytest.mark.rule("API-04")
def test_a_vendors_stopped_program_is_forbidden(strict, dealer):
    changed(strict, dealer, is_stopped=True)
    token = strict.token(dealer, "sunreeve/vendor:read")
    assert strict.call("GET", "/v1/vendor/projects", token=token).status == 403


# ---------------------------------------------------------------------- the name of a request
def broken(world, number):
    """Leave a work order in the table that nobody can read."""
    boto3.client("dynamodb").put_item(
        TableName="OperationsTable",
        Item={
            "pk": {"S": f"WorkOrder#{number}"},
            "sk": {"S": "-"},
            "kind": {"S": "WorkOrder"},
            "body": {"S": "{"},
        },
    )
    return number


def partners_answers(world, client):
    """Give an answer of each status that the partner API itself gives."""
    token = world.token(client)
    number = broken(world, f"WO-BROKEN-{client.id}")
    narrow = world.token(client, "sunreeve/scorecard:read")

    def post(path, body=None, *, key=None, kind="application/json", **headers):
        return world.call(
            "POST", path, body, token=token, key=key, content_type=kind, headers=headers
        )

    decline = f"{LIST}/WO-NONE/decline"
    return {
        "200 done": world.call("GET", LIST, token=token),
        "200 done by a command": post(ASK, ASKED, key="w"),
        "200 again": post(ASK, ASKED, key="w"),
        "400 no key": post(ASK, ASKED),
        "400 no JSON": post(decline, b"{", key="1"),
        "400 another shape": post(decline, {"x": 1}, key="2"),
        "400 no such version": post(ASK, ASKED, key="3", **{"service-version": "x"}),
        "403 no scope": world.call("GET", LIST, token=narrow),
        "403 nobody's": world.call("GET", LIST, token=world.token(ApiClient("nobody", "P"))),
        "404 no route": world.call("GET", "/v1/nothing", token=token),
        "404 nothing there": world.call("GET", f"{LIST}/WO-NONE", token=token),
        "413 too long": post(decline, b" " * 400_001, key="4"),
        "415 a form": post(decline, b"a=b", key="5", kind="application/x-www-form-urlencoded"),
        "415 almost JSON": post(decline, b"{}", key="6", kind="application/xjson"),
        "422 another body": post(ASK, {"email": "else@new.example"}, key="w"),
        "500 a fault": world.call("GET", f"{LIST}/{number}", token=token),
        "500 a fault of a command": post(f"{LIST}/{number}/acknowledge", key="7"),
    }


def test_every_answer_of_the_partner_api_names_its_request(strict, program):
    answers = partners_answers(strict, program)
    answers["429 too many"] = called(strict, program, 60)[-1]
    for what, answer in answers.items():
        assert answer.status == int(what[:3]), (what, answer.body)
        name = answer.headers["request-id"]
        assert name, what
        if what == "200 again":  # the answer given then, with the name that it had
            assert name == answers["200 done by a command"].headers["request-id"]
            continue
        assert name == answer.headers["apigw-requestid"], what
        if answer.status >= 400:
            assert answer.headers["content-type"] == PROBLEM, what
            assert told(answer)["instance"] == name, what
        assert logged(strict, name), what
    assert len({answer.headers["request-id"] for answer in answers.values()}) == len(answers) - 1


def test_a_token_that_is_no_good_is_answered_by_the_gateway_in_its_own_words(strict):
    for token in (None, "x"):
        answer = strict.call("GET", LIST, token=token)
        assert (answer.status, told(answer)) == (401, {"message": "Unauthorized"})
        assert answer.headers["apigw-requestid"]


def operations_answers(world):
    token = world.person("sam", "spc")
    number = broken(world, "WO-BROKEN-OPS")
    return {
        "200 done": world.call("GET", "/ops/cases?state=open", token=token),
        "400 no JSON": world.call("POST", f"/ops/work_orders/{number}/finding", b"{", token=token),
        "403 no role": world.call("GET", "/ops/cases?state=open", token=world.person("eve")),
        "404 no route": world.call("GET", "/ops/nothing", token=token),
        "404 nothing there": world.call("GET", "/ops/work_orders/WO-NONE", token=token),
        "500 a fault": world.call("GET", f"/ops/work_orders/{number}", token=token),
    }


def test_every_answer_of_the_operations_api_names_its_request(strict):
    for what, answer in operations_answers(strict).items():
        assert answer.status == int(what[:3]), (what, answer.body)
        name = answer.headers["request-id"]
        assert name == answer.headers["apigw-requestid"], what
        if answer.status >= 400:
            assert (answer.headers["content-type"], told(answer)["instance"]) == (PROBLEM, name)
        assert logged(strict, name), what


@pytest.mark.parametrize("api", ["partner", "operations"])
def test_a_fault_is_logged_once_with_its_trace_and_tells_the_caller_nothing(strict, program, api):
    if api == "partner":
        answer = partners_answers(strict, program)["500 a fault"]
    else:
        answer = operations_answers(strict)["500 a fault"]
    name = answer.headers["request-id"]
    assert set(told(answer)) == {"type", "title", "status", "detail", "instance", "errors"}
    assert "write to us and name the request" in told(answer)["detail"]
    for secret in (b"Traceback", b"Error", b"body", b"json", b"line 1"):
        assert secret not in answer.body
    faults = [line for line in logged(strict, name) if line["level"] == "ERROR"]
    assert len(faults) == 1
    assert "Traceback" in faults[0]["exception"]
    statuses = [line["status"] for line in logged(strict, name) if line["message"] == "answered"]
    assert statuses == [500]


def test_a_fault_is_not_remembered_with_its_key(strict, program):
    home = strict.new_home()
    order = strict.offered(home)
    client = next(one for one in home.clients if one.partner_id == order.partner_id)
    table, key = boto3.client("dynamodb"), {"pk": {"S": f"WorkOrder#{order.id}"}, "sk": {"S": "-"}}
    whole = table.get_item(TableName="OperationsTable", Key=key)["Item"]
    table.put_item(TableName="OperationsTable", Item={**whole, "body": {"S": "{"}})
    path, token = f"{LIST}/{order.id}/acknowledge", strict.token(client)
    assert strict.call("POST", path, token=token, key="k").status == 500
    table.put_item(TableName="OperationsTable", Item=whole)
    assert strict.call("POST", path, token=token, key="k").status == 200
