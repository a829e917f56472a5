"""Looks for devices that could reach what is another's: IoT policies against what was meant.

`python -m infra.iot_policy` compares the policies of `template.yaml` with the rights below, over
thousands of names and topics, hostile ones among them, and prints each difference. It asks the same
evaluator as the broker of this machine (`cloud.local.mqtt.policy`).
"""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, the same probes each time
from typing import Any

from cloud.local.mqtt.policy import Connected, Policy
from cloud.local.template import load

PROBES = 20_000
_ACTIONS = ("iot:Connect", "iot:Publish", "iot:RetainPublish", "iot:Subscribe", "iot:Receive")
_ANSWERS = ("accepted", "rejected")
CLAIM = "claim-"


@dataclass(frozen=True, slots=True)
class Probe:
    """A connection that tries something."""

    connected: Connected
    action: str
    resource: str


Meant = Callable[[Probe], bool]
"""Tells whether a probe was meant to succeed."""


def _provisioning(template: str) -> set[tuple[str, str]]:
    """Give what it takes to ask for a certificate by a template."""
    topics = (
        "$aws/certificates/create-from-csr/json",
        f"$aws/provisioning-templates/{template}/provision/json",
    )
    return {("iot:Publish", f"topic/{topic}") for topic in topics} | {
        (action, f"{kind}/{topic}/{answer}")
        for topic in topics
        for answer in _ANSWERS
        for action, kind in (("iot:Subscribe", "topicfilter"), ("iot:Receive", "topic"))
    }


def meant_for_gateways(stage: str) -> Meant:
    """Give what a gateway is to reach: what bears its own name, and its own next certificate."""
    shared = _provisioning(f"sunreeve-{stage}-renew")

    def is_meant(probe: Probe) -> bool:
        thing = probe.connected.thing
        if (probe.action, probe.resource) in shared:
            return True
        own = {
            ("iot:Connect", f"client/{thing}"),
            ("iot:Publish", f"topic/$aws/rules/sunreeve_{stage}_chunks/{thing}/chunk"),
            ("iot:Publish", f"topic/$aws/rules/sunreeve_{stage}_events/{thing}/event"),
            ("iot:Publish", f"topic/sunreeve/{thing}/status"),
            ("iot:Subscribe", f"topicfilter/sunreeve/{thing}/command"),
            ("iot:Receive", f"topic/sunreeve/{thing}/command"),
        }
        return bool(thing) and (probe.action, probe.resource) in own

    return is_meant


def meant_for_claims(stage: str) -> Meant:
    """Give what a claim certificate is to reach: a certificate of one's own, and nothing else."""
    shared = _provisioning(f"sunreeve-{stage}-claim")

    def is_meant(probe: Probe) -> bool:
        if probe.action == "iot:Connect":
            return probe.resource.startswith(f"client/{CLAIM}")
        return (probe.action, probe.resource) in shared

    return is_meant


def differences(policy: Policy, is_meant: Meant, probes: Iterable[Probe]) -> Iterator[Probe]:
    """Give each probe that the policy answers otherwise than it was meant."""
    for probe in probes:
        if policy.allows(probe.connected, probe.action, probe.resource) != is_meant(probe):
            yield probe


def probes(stage: str, *, seed: int = 1, count: int = PROBES) -> Iterator[Probe]:
    """Give random tries: names that are like each other, names that are patterns, other topics."""
    draw = Random(seed)  # noqa: S311 - it guards nothing
    for _ in range(count):
        name, other = _name(draw), _name(draw)
        if draw.random() < 0.3:
            other = name
        thing = draw.choice([name, name, name, None])
        client = draw.choice([name, name, f"{CLAIM}{name}", other])
        yield Probe(Connected(client, thing), draw.choice(_ACTIONS), _resource(draw, stage, other))


_HOSTILE = (
    "*", "?", "+", "#", "gw-1/../gw-2", "gw-1/", "/gw-1", "gw-1/command", "${iot:ClientId}", "$aws",
    "${iot:Connection.Thing.ThingName}", "gw-1\u0000", "gẃ-1", "gw-\uff11", " ", ".*", "gw-1|gw-2",
    "", "[a-z]", "sunreeve", "status", "claim-", "claim-gw-1", "GW-1",
)  # fmt: skip


def _name(draw: Random) -> str:
    if draw.random() < 0.25:
        return draw.choice(_HOSTILE)
    # Few letters and short: many are the beginning or the end of another.
    return "gw-" + "".join(draw.choice("12") for _ in range(draw.randint(0, 3)))


def _resource(draw: Random, stage: str, name: str) -> str:
    kind = draw.choice(("client", "topic", "topic", "topicfilter"))
    stage = draw.choice((stage, stage, stage, "prod", "*"))
    topic = draw.choice(
        (
            name,
            f"$aws/rules/sunreeve_{stage}_chunks/{name}/chunk",
            f"$aws/rules/sunreeve_{stage}_events/{name}/event",
            f"$aws/rules/sunreeve_{stage}_presence/{name}",
            f"sunreeve/{name}/status",
            f"sunreeve/{name}/command",
            f"sunreeve/{name}/command/more",
            f"sunreeve/{name}",
            "sunreeve/+/command",
            "sunreeve/#",
            "#",
            "+/+/+",
            f"$aws/things/{name}/shadow/update",
            f"$aws/events/presence/connected/{name}",
            "$aws/certificates/create/json",
            "$aws/certificates/create-from-csr/json",
            "$aws/certificates/create-from-csr/json/accepted",
            "$aws/certificates/create-from-csr/json/#",
            f"$aws/provisioning-templates/sunreeve-{stage}-claim/provision/json",
            f"$aws/provisioning-templates/sunreeve-{stage}-renew/provision/json",
            f"$aws/provisioning-templates/sunreeve-{stage}-renew/provision/json/rejected",
            f"$aws/provisioning-templates/{name}/provision/json",
        )
    )
    return f"{kind}/{topic}"


def policies(template: Path, stage: str) -> Mapping[str, Mapping[str, Any]]:
    """Give the documents of the template's IoT policies by name."""
    with tempfile.TemporaryDirectory() as cache:
        return load(template, cache=Path(cache), parameters={"Stage": stage}).iot_policies


def audit(template: Path, stage: str = "dev") -> list[str]:
    """Give a line for each difference between the template's policies and what was meant."""
    documents = dict(policies(template, stage))
    found = []
    for name, is_meant in (
        (f"sunreeve-{stage}-gateway", meant_for_gateways(stage)),
        (f"sunreeve-{stage}-claim", meant_for_claims(stage)),
    ):
        policy = Policy(documents.pop(name))
        for one in differences(policy, is_meant, probes(stage)):
            verb = "reaches" if not is_meant(one) else "does not reach"
            found.append(f"{name}: {one.connected} {verb} {one.resource} by {one.action}")
    found += [f"{name}: nobody says what it is meant for" for name in documents]
    return found


def main(arguments: Sequence[str]) -> int:
    """Print the differences; the exit code is 1 when there are any."""
    found = audit(Path(arguments[0] if arguments else "template.yaml"))
    for line in found[:20]:
        print(line)  # noqa: T201 - it is a command
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
