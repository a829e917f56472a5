"""Scheduled reports through the whole stack: made over the API, woken, sent as a mail, stopped."""

import json
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from conftest import TEMPLATE
from rights import not_allowed, watched

from cloud.kernel.change import Change
from cloud.reporting.schedules import ReportSchedule, ScheduleState

ASKED = {
    "report": "routing_audit",
    "words": {"days": "30"},
    "when": {"cadence": "daily", "time_zone": "America/Denver", "hour": 7},
    "to": ["sam@owner.example", "amy@owner.example"],
    "format": "html",
}


def ask(world, who, method, path, body=None):
    name, *roles = who.split()
    found = world.call(method, path, body, token=world.person(name, *roles))
    return found.status, json.loads(found.body)


def mails(folder):
    found = [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in (folder / "mail").glob("*.eml")
    ]
    return sorted((one for one in found if "Report" in one["Subject"]), key=lambda one: one["To"])


def pass_until(world, instant):
    world.runtime.clock.move_to(instant)
    for _ in range(3):  # a timer wakes, its message leaves, the report's mail leaves
        world.invoke("TimersFunction", {})
        world.invoke("SendOutboxFunction", {})
        world.runtime.run_due()


@pytest.mark.rule("OR-11")
def test_a_report_is_scheduled_sent_once_and_stopped_when_the_role_is_lost(world, tmp_path):
    done = watched(world.runtime)
    home = world.new_home()
    world.offered(home)
    status, made = ask(world, "sam.spc spc", "POST", "/ops/report_schedules", ASKED)
    assert status == 200, made
    name = made["item"]["id"]
    due = world.records.load(ReportSchedule, name).record.due_at
    pass_until(world, due + timedelta(minutes=1))
    sent = mails(tmp_path)
    assert [one["To"] for one in sent] == ["amy@owner.example", "sam@owner.example"]
    (attached,) = sent[0].iter_attachments()
    assert attached.get_filename() == f"routing_audit-{due:%Y-%m-%d}.html"
    assert home.partners[0].id in attached.get_content()
    pass_until(world, due + timedelta(hours=2))
    assert len(mails(tmp_path)) == 2
    # Nora scheduled one, and is not in the pool: the next instant sends no report of hers.
    other = {**ASKED, "to": ["nora@owner.example"]}
    _, hers = ask(world, "nora.spc spc", "POST", "/ops/report_schedules", other)
    pass_until(world, due + timedelta(days=1, minutes=1))
    assert [one["Subject"] for one in mails(tmp_path) if one["To"] == "nora@owner.example"] == [
        "Report stopped: routing audit"
    ]
    stopped = world.records.load(ReportSchedule, hers["item"]["id"]).record
    assert stopped.state is ScheduleState.STOPPED
    assert len([one for one in mails(tmp_path) if one["To"] == "sam@owner.example"]) == 2
    assert not_allowed(done, TEMPLATE.read_bytes()) == []
    assert {"SendReportsFunction", "TimersFunction"} <= {who for who, _, _ in done.done}


@pytest.mark.rule("OR-15")
def test_a_report_that_cannot_be_made_is_told_to_its_maker_and_shown(world, tmp_path):
    done = watched(world.runtime)
    to_amy = {**ASKED, "to": ["amy@owner.example"]}
    _, made = ask(world, "sam.spc spc", "POST", "/ops/report_schedules", to_amy)
    assert made["item"]["failing_since"] is None
    stored = world.records.load(ReportSchedule, made["item"]["id"])
    asks_wrongly = replace(stored.record, words=(("days", "0"),))  # as a release might leave it
    world.records.commit(Change(saves=(stored.replaced_by(asks_wrongly),)))
    pass_until(world, stored.record.due_at + timedelta(minutes=1))
    told = [(one["To"], one["Subject"]) for one in mails(tmp_path)]
    assert told == [("sam@owner.example", "Report not sent: routing audit")]
    (shown,) = ask(world, "sam.spc spc", "GET", "/ops/report_schedules")[1]["items"]
    due = stored.record.due_at.isoformat().replace("+00:00", "Z")
    assert (shown["failing_since"], shown["failed_for"]) == (due, due)
    assert "reading days '0'" in shown["failed_because"]
    for tries in range(1, 6):  # the queue gives the others of its five tries
        world.runtime.clock.move_to(stored.record.due_at + timedelta(minutes=31 * tries))
        world.runtime.run_due()
        world.invoke("SendOutboxFunction", {})
    assert len(mails(tmp_path)) == 1
    assert not_allowed(done, TEMPLATE.read_bytes()) == []


def test_a_schedule_belongs_to_its_maker(shared):
    _, made = ask(shared, "sam.spc spc", "POST", "/ops/report_schedules", ASKED)
    name = made["item"]["id"]
    path = f"/ops/report_schedules/{name}"
    change = {"when": {**ASKED["when"], "hour": 8}, "to": ["sam@owner.example"]}
    status, told = ask(shared, "amy.aftermarket ams", "POST", path, change)
    assert (status, told["errors"][0]["rule"]) == (422, "OR-10"), told
    assert ask(shared, "amy.aftermarket ams", "POST", f"{path}/end")[0] == 422
    assert ask(shared, "otto.audit auditor", "POST", f"{path}/end")[0] == 403
    assert ask(shared, "sam.spc spc", "POST", path, change)[1]["item"]["when"]["hour"] == 8
    own = ask(shared, "sam.spc spc", "GET", "/ops/report_schedules")[1]["items"]
    assert name in {one["id"] for one in own}
    assert ask(shared, "amy.aftermarket ams", "GET", "/ops/report_schedules")[1]["items"] == []
    for who in ("otto.audit auditor", "ann.admin admin"):
        seen = ask(shared, who, "GET", "/ops/report_schedules")[1]["items"]
        assert name in {one["id"] for one in seen}
    status, ended = ask(shared, "ann.admin admin", "POST", f"{path}/end")
    assert (status, ended["item"]["state"], ended["item"]["ended_by"]) == (
        200,
        "ended",
        "ann.admin",
    )


@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param({"report": "aging"}, 404, id="no such report"),
        pytest.param({"words": {"as_of": "now"}}, 400, id="a word that a schedule has not"),
        pytest.param({"words": {"days": "0"}}, 400, id="a period of nothing"),
        pytest.param({"to": ["x@partner.example"]}, 422, id="another house"),
        pytest.param({"to": []}, 400, id="nobody"),
        pytest.param({"format": "pdf"}, 400, id="a format that reports have not"),
        pytest.param({"when": {**ASKED["when"], "time_zone": "Mars"}}, 400, id="no such zone"),
        pytest.param({"when": {**ASKED["when"], "hour": 24}}, 400, id="no such hour"),
        pytest.param({"made_by": "somebody"}, 400, id="in another's name"),
    ],
)
def test_what_cannot_be_scheduled_is_a_problem(shared, change, status):
    body = {**ASKED, **change}
    found = ask(shared, "sam.spc spc", "POST", "/ops/report_schedules", body)
    assert found[0] == status, found


def test_reports_tell_what_they_can_be_asked_and_come_as_a_page(shared):
    _, told = ask(shared, "otto.audit auditor", "GET", "/ops/reports")
    (ageing,) = (one for one in told["items"] if one["name"] == "ageing")
    assert ageing["formats"] == ["json", "csv", "html"]
    assert {one["name"]: one["kind"] for one in ageing["parameters"]} == {
        "as_of": "instant",
        "from": "day",
        "until": "day",
        "partner": "text",
        "milestone": "text",
        "region": "text",
        "emergency": "yes_or_no",
        "horizon_hours": "hours",
        "what_if": "settings",
    }
    token = shared.person("otto.audit", "auditor")
    page = shared.call("GET", "/ops/reports/ageing?format=html", token=token)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")


# ---------------------------------------------------------------------- what waits, and why
def test_work_is_shown_to_who_may_do_it(shared):
    home = shared.new_home()
    shared.offered(home)
    (order,) = shared.orders(home)
    stored = shared.records.load(type(order), order.id)
    waiting = type(order)(
        **{
            **{name: getattr(order, name) for name in order.__dataclass_fields__},
            "task": "choose_partner",
        }
    )
    shared.records.commit(Change(saves=(stored.replaced_by(waiting),)))
    for who, sees in (("sam.spc spc", True), ("otto.audit auditor", True), ("pat projects", False)):
        status, told = ask(shared, who, "GET", "/ops/work")
        assert status == 200
        assert (order.id in {one["id"] for one in told["items"]}) is sees, who
    (item,) = (
        one
        for one in ask(shared, "sam.spc spc", "GET", "/ops/work")[1]["items"]
        if one["id"] == order.id
    )
    assert (item["kind"], item["rule"], item["roles"]) == ("choose_partner", "R-42", ["spc"])


def test_the_story_of_a_work_order_leads_to_its_finding(shared):
    home = shared.new_home()
    shared.offered(home)
    (order,) = shared.orders(home)
    status, told = ask(shared, "sam.spc spc", "GET", f"/ops/story?id={order.id}")
    assert (status, told["item"]["kind"]) == (200, "work_order")
    found, waiting = [], [told["item"]]
    while waiting:
        node = waiting.pop()
        found.append(node["id"])
        waiting += node["children"]
    assert order.case_id in found
    assert f"F-{home.site.id}" in found
    for who in ("ron.relations relationship_manager", "pat.projects projects"):
        assert ask(shared, who, "GET", f"/ops/story?id={order.id}")[0] == 404, who
    assert ask(shared, "sam.spc spc", "GET", "/ops/story?id=WO-NONE")[0] == 404
    assert ask(shared, "sam.spc spc", "GET", "/ops/story?id=PAY-NONE")[0] == 404


def test_the_audit_log_is_read_by_thing_person_and_day(shared):
    home = shared.new_home()
    shared.offered(home)
    (order,) = shared.orders(home)
    who = "otto.audit auditor"
    _, told = ask(shared, who, "GET", f"/ops/log?subject={order.id}")
    assert {one["subject"] for one in told["item"]["events"]} == {order.id}
    day = shared.now.date().isoformat()
    _, first = ask(shared, who, "GET", f"/ops/log?day={day}&limit=2")
    assert len(first["item"]["events"]) == 2
    _, second = ask(shared, who, "GET", f"/ops/log?day={day}&limit=2&after={first['item']['next']}")
    assert second["item"]["events"] != first["item"]["events"]
    _, theirs = ask(shared, who, "GET", "/ops/log?by=dispatch")
    assert {one["by"] for one in theirs["item"]["events"]} == {"dispatch"}


@pytest.mark.parametrize(
    "query",
    ["", "?subject=a&by=b", f"?subject=a&day={2026}-06-08", "?day=2026-06-08&limit=0",
     "?day=2026-06-08&after=x", "?by=sam&after=x"],
)  # fmt: skip
def test_a_log_that_is_asked_for_unclearly_is_a_problem(shared, query):
    assert ask(shared, "otto.audit auditor", "GET", f"/ops/log{query}")[0] == 400
