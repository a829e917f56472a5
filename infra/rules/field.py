"""The field: what a gateway may publish, and what becomes of it between broker and queue."""

import re
from collections.abc import Iterator

from infra.rules.stack import (
    FUNCTION,
    QUEUE,
    TOPIC_RULE,
    Properties,
    Stack,
    listed,
    named,
    plain,
    substituted,
)

THING = "${!iot:Connection.Thing.ThingName}"
"""The name of the thing whose certificate the connection was made with."""
CLAIMS = frozenset({"ClaimPolicy"})
"""Policies of certificates that are no gateway's yet, and have a rule of their own."""
ASKING = re.compile(
    r".*:topic(filter)?/\$aws/(certificates/create-from-csr|"
    r"provisioning-templates/sunreeve-\$\{Stage\}-[a-z]+/provision)/json(/accepted|/rejected)?"
)
"""Where a certificate is asked for; AWS answers there to the connection that asked, to no other."""


def _of_gateways(stack: Stack, action: str) -> Iterator[tuple[str, str]]:
    """Give what the policies of gateways allow one action for, with the policy's name."""
    for name, policy in stack.of("AWS::IoT::Policy").items():
        if name in CLAIMS:
            continue
        for statement in listed(policy["PolicyDocument"]["Statement"]):
            if action in listed(statement.get("Action")) and statement["Effect"] == "Allow":
                for resource in listed(statement.get("Resource")):
                    yield name, substituted(resource)


def gateway_connects_under_its_own_name(stack: Stack) -> list[str]:
    """A gateway's client id is its thing's name, so that nobody pushes another one out.

    Source: AWS IoT Core developer guide, "Thing policy variables"; Device Defender check
    "AWS IoT policies overly permissive".
    """
    found = list(_of_gateways(stack, "iot:Connect"))
    faults = [
        f"{name}: it may connect as {resource}"
        for name, resource in found
        if not resource.endswith(f":client/{THING}")
    ]
    return faults if found else ["AWS::IoT::Policy: no gateway may connect"]


def gateway_speaks_for_itself_only(stack: Stack) -> list[str]:
    """What a gateway publishes, subscribes to and receives has its own name as a level.

    Source: AWS IoT Core developer guide, "Publish/Subscribe policy examples".
    """
    return [
        f"{name}: {action} is allowed for {resource}"
        for action in ("iot:Publish", "iot:Subscribe", "iot:Receive")
        for name, resource in _of_gateways(stack, action)
        if (THING not in resource.split("/") and not ASKING.fullmatch(resource))
        or re.search(r"[*#+]", resource.partition(":topic")[2])
    ]


def _payloads(stack: Stack) -> Iterator[tuple[str, Properties]]:
    for name, rule in stack.of(TOPIC_RULE).items():
        yield name, rule["TopicRulePayload"]


def topic_rule_lays_aside(stack: Stack) -> list[str]:
    """A topic rule has an error action into a queue of this stack, in which the dead lie.

    Source: AWS IoT Core developer guide, "Error handling (error action)". The PUBACK was sent by
    then: what is dropped here is asked for again a sweep later, or never.
    """
    ends = stack.dead_letters() | stack.failed_calls()
    return [
        f"{name}: ErrorAction leads to no queue in which the dead lie"
        for name, payload in _payloads(stack)
        if named(payload.get("ErrorAction", {}).get("Sqs", {}).get("QueueUrl")) not in ends
    ]


def topic_rule_may_hand_over(stack: Stack) -> list[str]:
    """The role of each action of a topic rule may send to the queue of the action.

    Source: AWS IoT Core developer guide, "Granting an AWS IoT rule the access it requires".
    """
    faults = []
    for name, payload in _payloads(stack):
        for action in (*listed(payload.get("Actions")), payload.get("ErrorAction", {})):
            for kind, part in action.items():
                queue, role = named(part.get("QueueUrl")), named(part.get("RoleArn"))
                if queue in stack.of(QUEUE) and not stack.may(role, "sqs:SendMessage", queue):
                    faults.append(f"{name}: {role} may not send to {queue} ({kind})")
    return faults


def topic_rule_reads_whose_it_is(stack: Stack) -> list[str]:
    """The level of the topic that becomes the gateway's name is the one that stands for it.

    Source: AWS IoT Core developer guide, "AWS IoT SQL functions", topic(). A number too high is
    null, and one that is another level gives every gateway the same name.
    """
    faults = []
    for name, payload in _payloads(stack):
        sql = " ".join(plain(payload.get("Sql")).split())
        levels = _source(payload).split("/")
        if not re.search(r"(topic\(\d+\)|clientId) AS gateway_id", sql):
            faults.append(f"{name}: it does not say whose it is")
        for number in re.findall(r"topic\((\d+)\) AS gateway_id", sql):
            place = int(number) - 1
            if not 0 <= place < len(levels) or levels[place] != "+":
                faults.append(f"{name}: topic({number}) is no gateway's level of {levels}")
    return faults


def topic_rule_keeps_bytes(stack: Stack) -> list[str]:
    """A rule wraps what gateways send by Basic Ingest as base64: it is compressed, and no text.

    Source: AWS IoT Core developer guide, "Working with binary payloads".
    """
    return [
        f"{name}: its SQL does not encode the payload"
        for name, payload in _payloads(stack)
        if _source(payload).startswith("+/")
        and "encode(*, 'base64') AS payload" not in plain(payload.get("Sql"))
    ]


def _source(payload: Properties) -> str:
    """Give the topic filter that a rule reads; empty where its SQL names none."""
    found = re.search(r"FROM\s+'([^']*)'", plain(payload.get("Sql")))
    return found[1] if found else ""


def gateways_may_reach_the_rules(stack: Stack) -> list[str]:
    """Gateways may publish just where each topic rule reads, by its name where it is Basic Ingest.

    Source: AWS IoT Core developer guide, "Reducing messaging costs with Basic Ingest". A rule that
    is renamed alone refuses every gateway, which is seen as a cut connection.
    """
    allowed = [resource for _, resource in _of_gateways(stack, "iot:Publish")]
    faults = []
    for name, rule in stack.of(TOPIC_RULE).items():
        topic = _source(rule["TopicRulePayload"]).replace("+", THING)
        if topic.startswith("$aws/events/"):  # what AWS itself tells
            continue
        is_own_topic = topic.startswith("sunreeve/")
        before = "" if is_own_topic else f"$aws/rules/{substituted(rule.get('RuleName'))}/"
        wanted = f":topic/{before}{topic}"
        if not any(resource.endswith(wanted) for resource in allowed):
            faults.append(f"{name}: no gateway may publish to {wanted[7:]}")
    return faults


def claim_does_nothing_but_ask(stack: Stack) -> list[str]:
    """A certificate of claim, which many people get to hold, can only ask for another one.

    Source: AWS IoT Core developer guide, "Provisioning devices that don't have device certificates
    using fleet provisioning", Provisioning by claim.
    """
    faults = []
    for name in CLAIMS & set(stack.of("AWS::IoT::Policy")):
        document = stack.of("AWS::IoT::Policy")[name]["PolicyDocument"]
        for statement in listed(document["Statement"]):
            for resource in map(substituted, listed(statement["Resource"])):
                connects = listed(statement["Action"]) == ["iot:Connect"]
                if not (resource.endswith(":client/claim-*") if connects else
                        ASKING.fullmatch(resource)):  # fmt: skip
                    faults.append(f"{name}: {plain(statement['Action'])} is allowed for {resource}")
    return faults


def provisioning_asks_first(stack: Stack) -> list[str]:
    """Nothing becomes a gateway before a function of ours said yes to it.

    Source: AWS IoT Core developer guide, "Pre-provisioning hooks".
    """
    return [
        f"{name}: PreProvisioningHook is no function of this stack"
        for name, template in stack.of("AWS::IoT::ProvisioningTemplate").items()
        if named(template.get("PreProvisioningHook", {}).get("TargetArn")) not in stack.of(FUNCTION)
    ]


RULES = (
    gateway_connects_under_its_own_name,
    gateway_speaks_for_itself_only,
    topic_rule_lays_aside,
    topic_rule_may_hand_over,
    topic_rule_reads_whose_it_is,
    topic_rule_keeps_bytes,
    gateways_may_reach_the_rules,
    claim_does_nothing_but_ask,
    provisioning_asks_first,
)
