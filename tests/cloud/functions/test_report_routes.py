"""The routes of reports and the monthly score, over the tables of a whole stack."""

import json
from importlib import import_module

import pytest

from cloud.adapters.api import resolved, resolver
from cloud.portfolio.models import Partner

ENVIRONMENT = {
    "OPERATIONS_TABLE": "OperationsTable",
    "SITES_TABLE": "SitesTable",
    "MONEY_TABLE": "MoneyTable",
    "DOCUMENTS_BUCKET": "DocumentsBucket",
}


@pytest.fixture
def ask(world, monkeypatch):
    """Ask the routes as one of the owner's people."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    desk = import_module("cloud.functions.operations_api.desk")
    reports = import_module("cloud.functions.operations_api.reports")
    app = resolver()
    app.include_router(reports.router)

    def answer(path, *roles, **words):
        desk.ask_as(desk.Person("otto.audit", frozenset(roles)))
        event = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {},
            "queryStringParameters": words or None,
            "requestContext": {"http": {"method": "GET", "path": path}, "stage": "$default"},
            "isBase64Encoded": False,
        }
        found = resolved(app, event, None)
        return found["statusCode"], found["body"], found

    return answer


def test_reports_are_listed_and_given_to_readers_only(ask):
    status, body, _ = ask("/ops/reports", "auditor")
    assert status == 200
    items = json.loads(body)["items"]
    assert len(items) == 15
    assert all(item["says"] for item in items)
    assert ask("/ops/reports", "projects")[0] == 403
    assert ask("/ops/reports/ageing", "projects")[0] == 403


def test_a_report_of_the_tables_is_the_same_when_it_is_asked_again(world, ask):
    home = world.new_home()
    world.deliver("DispatchFunction", world.finding(home))
    as_of = world.now.isoformat().replace("+00:00", "Z")
    words = {"as_of": as_of, "from": "2026-06-01", "until": "2026-07-01"}
    status, first, _ = ask("/ops/reports/routing_audit", "spc", **words)
    assert status == 200
    told = json.loads(first)
    assert told["as_of"] == as_of
    assert told["parameters"]["from"] == "2026-06-01"
    mine = [row for row in told["rows"] if row["partner"] == home.partners[0].id]
    assert [row["offers"] for row in mine] == [1]
    assert ask("/ops/reports/routing_audit", "spc", **words)[1] == first
    status, text, answer = ask("/ops/reports/routing_audit", "spc", **words, format="csv")
    assert status == 200
    assert home.partners[0].id in text
    assert "text/csv" in json.dumps(answer)


@pytest.mark.parametrize(
    ("path", "words", "status"),
    [
        ("/ops/reports/aging", {}, 404),
        ("/ops/reports/ageing", {"format": "xml"}, 400),
        ("/ops/reports/ageing", {"as_of": "now"}, 400),
        ("/ops/reports/ageing", {"partner": "x" * 201}, 400),
        ("/ops/reports/replay", {"what_if": "accept=none"}, 400),
    ],
)
def test_what_cannot_be_told_is_a_problem(ask, path, words, status):
    assert ask(path, "auditor", **words)[0] == status


@pytest.mark.rule("OR-03")
def test_the_monthly_score_reaches_every_partner_and_keeps_its_secrets(world):
    home = world.new_home()
    before = world.records.load(Partner, home.partners[0].id).record
    world.invoke("ScoreFunction", {})
    after = world.records.load(Partner, home.partners[0].id).record
    assert after.performance == 80
    assert after.performance_as_of is not None
    assert after.account_number == before.account_number
