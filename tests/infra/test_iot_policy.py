"""No device reaches what is another's: the template's policies, and planted bad ones."""

import copy
import json
from pathlib import Path

import pytest

import cloud
from cloud.local.mqtt.policy import Policy
from infra.iot_policy import (
    PROBES,
    audit,
    differences,
    meant_for_claims,
    meant_for_gateways,
    policies,
    probes,
)

TEMPLATE = Path(cloud.__file__).parents[1] / "template.yaml"
THING = "${iot:Connection.Thing.ThingName}"


@pytest.fixture(scope="module")
def documents():
    return policies(TEMPLATE, "dev")


def test_the_policies_of_the_template_grant_what_was_meant_and_no_more():
    assert PROBES >= 10_000
    assert audit(TEMPLATE) == []


def test_the_probes_meet_both_what_is_meant_and_what_is_not(documents):
    for is_meant in (meant_for_gateways("dev"), meant_for_claims("dev")):
        answers = [is_meant(one) for one in probes("dev")]
        assert sum(answers) > 200
        assert len(answers) - sum(answers) > 10_000
    assert set(documents) == {"sunreeve-dev-gateway", "sunreeve-dev-claim"}


@pytest.mark.parametrize(
    ("policy", "right", "wrong"),
    [
        pytest.param("gateway", f"client/{THING}", "client/*", id="connects as anybody"),
        pytest.param("gateway", f"client/{THING}", f"client/{THING}*", id="as its own beginning"),
        pytest.param("gateway", f"client/{THING}", "client/${iot:ClientId}", id="as it likes"),
        pytest.param("gateway", f"sunreeve/{THING}/status", "sunreeve/*", id="speaks for all"),
        pytest.param("gateway", f"sunreeve/{THING}/status", "sunreeve/*/status", id="all statuses"),
        pytest.param("gateway", f"sunreeve/{THING}/status", f"sunreeve/{THING}/*", id="commands"),
        pytest.param("gateway", f"{THING}/chunk", "?" * 5 + "/chunk", id="names of five letters"),
        pytest.param("gateway", f"topicfilter/sunreeve/{THING}/command",
                     "topicfilter/sunreeve/+/command", id="hears all commands"),
        pytest.param("gateway", f"topicfilter/sunreeve/{THING}/command", "topicfilter/*",
                     id="hears all"),
        pytest.param("gateway", "dev-renew/provision", "*/provision", id="comes in as new"),
        pytest.param("gateway", '"iot:Connection.Thing.IsAttached": ["true"]',
                     '"iot:Connection.Thing.IsAttached": ["false"]', id="things that are none"),
        pytest.param("claim", "client/claim-*", "client/*", id="a claim throws off gateways"),
        pytest.param("claim", "create-from-csr/json\"", "*\"", id="a claim has keys made"),
        pytest.param("claim", "dev-claim/provision/json\"", "*\"", id="a claim renews"),
        pytest.param("claim", "topicfilter/$aws/certificates/create-from-csr/json/accepted",
                     "topicfilter/#", id="a claim hears all"),
    ],
)  # fmt: skip
def test_a_planted_bad_policy_is_found(documents, policy, right, wrong):
    document = copy.deepcopy(documents[f"sunreeve-dev-{policy}"])
    text = json.dumps(document)
    assert right in text
    bad = Policy(json.loads(text.replace(right, wrong)))
    is_meant = {"gateway": meant_for_gateways, "claim": meant_for_claims}[policy]("dev")
    assert next(differences(bad, is_meant, probes("dev")), None) is not None


def test_a_policy_that_forgets_something_is_found(documents):
    document = copy.deepcopy(documents["sunreeve-dev-gateway"])
    document["Statement"].pop()
    lost = list(differences(Policy(document), meant_for_gateways("dev"), probes("dev")))
    assert lost
    assert {one.action for one in lost} == {"iot:Receive"}
