"""What must hold of the template beside its rules: stages, sweeps, and what an alarm is about."""

import importlib
import json
import re
import tomllib
from datetime import date
from pathlib import Path

import pytest
from cfnlint.helpers import REGIONS

import cloud
from cloud.local.template import load, parameters, translate
from cloud.portfolio.policy import SERVED_OFFSETS
from infra.rules.code import AGREED, WRITER
from infra.rules.stack import named, names_in, substituted
from infra.rules.watching import NAMESPACE, SILENCE_IS_A_FAULT

ROOT = Path(cloud.__file__).parents[1]
TEMPLATE = ROOT / "template.yaml"
DOCUMENT = translate(TEMPLATE.read_bytes(), name="template.yaml")
RESOURCES = DOCUMENT["Resources"]
STAGES = tomllib.loads((ROOT / "samconfig.toml").read_text())


def of(kind: str) -> dict[str, dict]:
    return {
        name: part.get("Properties", {}) for name, part in RESOURCES.items() if part["Type"] == kind
    }


# ---------------------------------------------------------------------- stages
def given(stage: str) -> dict[str, str]:
    """Give the parameters that samconfig.toml hands over for a stage."""
    overrides = STAGES[stage]["deploy"]["parameters"]["parameter_overrides"]
    return dict(one.split("=", 1) for one in overrides)


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_a_stage_is_deployed_with_values_that_the_template_allows(stage):
    values = parameters.values("template.yaml", DOCUMENT["Parameters"], given(stage))
    assert values["Stage"] == stage
    assert STAGES[stage]["deploy"]["parameters"]["stack_name"] == f"sunreeve-{stage}"
    assert STAGES[stage]["deploy"]["parameters"]["region"] in REGIONS


def test_no_account_and_no_secret_stands_in_the_settings():
    text = (ROOT / "samconfig.toml").read_text()
    assert not re.search(r"\b\d{12}\b|AKIA|profile|role_arn", text)


def test_prod_is_watched_longer_and_stops_before_it_changes():
    assert given("prod")["Alarms"] == "yes"
    assert int(given("prod")["LogDays"]) > int(given("dev")["LogDays"])
    assert STAGES["prod"]["deploy"]["parameters"]["confirm_changeset"] is True


def test_prod_is_refused_with_the_examples_of_the_template():
    asserted = DOCUMENT["Rules"]["ProdHasValuesOfItsOwn"]["Assertions"]
    named = set(re.findall(r'"Ref": "(\w+)"', json.dumps(asserted)))
    assert {"OperationsMail", "MailFrom", "MailDomain", "PagesUrl"} <= named
    for one in asserted:
        equals = one["Assert"].get("Fn::Not", [one["Assert"]])[0]["Fn::Equals"]
        parameter, value = equals[0]["Ref"], equals[1]
        is_example = "Fn::Not" in one["Assert"]
        assert (
            DOCUMENT["Parameters"][parameter]["Default"] == value
        ) == is_example or not is_example


@pytest.mark.parametrize(
    ("values", "there", "gone"),
    [
        pytest.param({}, "AlarmsTopic", "ApiName", id="as it is"),
        pytest.param({"Alarms": "no"}, "Api", "AlarmsTopic", id="without alarms"),
        pytest.param({"AccountWide": "yes"}, "FieldLogging", "ApiName", id="first of its account"),
        pytest.param(
            {
                "ApiDomain": "api.owner.example",
                "ApiCertificate": "arn:aws:acm:us-east-1:123456789012:certificate/0a-1b",
            },
            "ApiName",
            "FieldLogging",
            id="with a name of its own",
        ),
    ],
)  # fmt: skip
def test_a_stage_has_what_its_parameters_say(tmp_path, values, there, gone):
    conditions = {"AlarmsTopic": "WithAlarms", "ApiName": "WithDomain"}
    conditions |= {"FieldLogging": "WithAccountWide"}
    assert RESOURCES[gone].get("Condition") == conditions[gone]
    stack = load(TEMPLATE, cache=tmp_path, parameters=values)
    assert ("ApiNameTarget" in stack.outputs) == ("ApiDomain" in values)
    assert ("AlarmsKey" in stack.keys) == (values.get("Alarms") != "no")
    assert RESOURCES[there].get("Condition") in {conditions.get(there), None}


# ---------------------------------------------------------------------- alarms and dashboard
def test_functions_write_what_alarms_are_about():
    written = importlib.import_module(WRITER)
    assert set(written.NAMES) >= AGREED


def test_the_hourly_look_counts_every_queue_of_the_dead():
    """A queue that is left out fills without an alarm."""
    ends = {
        named(one.get("RedrivePolicy", {}).get("deadLetterTargetArn"))
        for one in of("AWS::SQS::Queue").values()
    }
    given = of("AWS::Lambda::Function")["WatchFunction"]["Environment"]["Variables"]
    assert names_in(given["DEAD_LETTER_URLS"]) == ends - {""} | {"FailedCalls"}
    (counted,) = (
        statement["Resource"]
        for policy in of("AWS::IAM::Role")["WatchFunctionRole"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "sqs:GetQueueAttributes"
    )
    assert names_in(counted) == names_in(given["DEAD_LETTER_URLS"])


def test_alarms_are_about_what_was_agreed_on():
    watched = {
        alarm["MetricName"]
        for alarm in of("AWS::CloudWatch::Alarm").values()
        if alarm.get("Namespace") == NAMESPACE
    }
    assert watched == AGREED
    assert watched >= SILENCE_IS_A_FAULT


def test_alarms_are_few():
    """Each costs ten cents a month; a small owner has the same ones as a large one."""
    assert 10 <= len(of("AWS::CloudWatch::Alarm")) <= 20


def test_an_alarm_says_what_is_wrong_and_where_it_says_what_to_do():
    for name, alarm in of("AWS::CloudWatch::Alarm").items():
        assert "See docs/operations.md, On call." in alarm["AlarmDescription"], name
    assert "## On call" in (ROOT / "docs" / "operations.md").read_text()


def test_the_page_says_what_to_do_about_each_alarm():
    text = (ROOT / "docs" / "operations.md").read_text()
    rows = text.partition("| alarm | what is wrong | do |\n")[2].partition("\n\n")[0].splitlines()
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(told) == sorted(of("AWS::CloudWatch::Alarm"))


def test_an_alarm_is_judged_over_a_time_that_cloudwatch_allows():
    """CloudWatch API reference, PutMetricAlarm: a day; a week from periods of an hour on."""
    for name, alarm in of("AWS::CloudWatch::Alarm").items():
        period_s = alarm.get("Period") or alarm["Metrics"][0]["Period"]
        most_s = 7 * 86400 if period_s >= 3600 else 86400
        assert period_s * alarm["EvaluationPeriods"] <= most_s, name
        assert alarm["DatapointsToAlarm"] <= alarm["EvaluationPeriods"], name


def test_the_dashboard_is_drawn_without_overlap_and_within_what_is_free():
    """CloudWatch pricing: three dashboards of up to fifty metrics each are free."""
    body = json.loads(substituted(of("AWS::CloudWatch::Dashboard")["Dashboard"]["DashboardBody"]))
    taken = set()
    count = 0
    for widget in body["widgets"]:
        x, y, width, height = (widget[part] for part in ("x", "y", "width", "height"))
        assert x + width <= 24
        cells = {(column, row) for column in range(x, x + width) for row in range(y, y + height)}
        assert not cells & taken, widget["properties"].get("title")
        taken |= cells
        count += len(widget["properties"].get("metrics", ()))
    assert 20 <= count <= 50


# ---------------------------------------------------------------------- agreement with the code
def test_the_due_index_of_a_sweeper_is_an_index_of_its_table(tmp_path):
    stack = load(TEMPLATE, cache=tmp_path)
    sweepers = [function for function in stack.functions.values() if function.due_index]
    assert {sweeper.name for sweeper in sweepers} == {
        "TimersFunction",
        "SendOutboxFunction",
        "TellPartnersFunction",
    }
    for sweeper in sweepers:
        table = stack.tables[sweeper.due_index["Table"]]
        index = next(
            one
            for one in table["GlobalSecondaryIndexes"]
            if one["IndexName"] == sweeper.due_index["Index"]
        )
        assert index["KeySchema"][1]["AttributeName"] == sweeper.due_index["Key"]


@pytest.mark.rule("P-02")
def test_every_clock_on_which_homes_are_served_is_swept():
    swept = [
        json.loads(schedule["Properties"]["Target"]["Input"])["utc_offset_hours"]
        for name, schedule in RESOURCES.items()
        if schedule["Type"] == "AWS::Scheduler::Schedule" and name.startswith("SweepFunction")
    ]
    assert sorted(swept) == sorted(SERVED_OFFSETS.on(date(2026, 6, 1)))
