"""What the function that talks to partners' servers may reach, and what nobody else may open."""

import json
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

import cloud

TEMPLATE = Path(cloud.__file__).parents[1] / "template.yaml"
DOCUMENT = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
FUNCTIONS = {
    name: part["Properties"]
    for name, part in DOCUMENT["Resources"].items()
    if part["Type"] == "AWS::Serverless::Function"
}


def allowed(name: str) -> list[tuple[str, str]]:
    """Give each right of a function with what it is for."""
    statements = [one for p in FUNCTIONS[name].get("Policies", ()) for one in p["Statement"]]
    return [
        (action, json.dumps(one["Resource"]))
        for one in statements
        for action in (one["Action"] if isinstance(one["Action"], list) else [one["Action"]])
    ]


def who(action: str, thing: str) -> set[str]:
    return {
        name
        for name in FUNCTIONS
        if any(one == action and thing in about for one, about in allowed(name))
    }


def test_only_who_delivers_opens_the_secrets_of_webhooks():
    assert who("kms:Decrypt", "WebhookKey") == {"DeliverWebhooksFunction"}
    assert who("kms:GenerateDataKey", "WebhookKey") == {
        "PartnerApiFunction",
        "PortalFunction",
    }


@pytest.mark.parametrize("thing", ["SecretsKey", "MoneyTable", "DocumentsBucket", "Queue"])
def test_who_talks_to_partners_servers_reaches_nothing_that_it_does_not_need(thing):
    assert [one for one in allowed("DeliverWebhooksFunction") if thing in one[1]] == []


def test_who_delivers_writes_to_no_site_and_no_partner():
    of_sites = [one for one, about in allowed("DeliverWebhooksFunction") if "SitesTable" in about]
    assert of_sites == ["dynamodb:GetItem"]


@pytest.mark.rule("WH-07")
def test_on_aws_nothing_goes_to_this_machine_unless_somebody_says_so():
    assert DOCUMENT["Parameters"]["WebhooksToLoopback"]["Default"] == "no"


@pytest.mark.rule("WH-03")
def test_a_call_outlives_its_try_and_carries_one_delivery():
    properties = FUNCTIONS["DeliverWebhooksFunction"]
    assert properties["Timeout"] >= 2 * 10
    assert properties["Events"]["Due"]["Properties"]["BatchSize"] == 1
