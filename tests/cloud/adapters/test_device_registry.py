"""What every registry of devices must do: in memory, on this machine's stand-in and on moto."""

from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto import mock_aws

from cloud.adapters.clock import SystemClock
from cloud.adapters.device_registry import IotDeviceRegistry, new_token, public_key_digest
from cloud.adapters.memory import MemoryDeviceRegistry
from cloud.kernel.errors import BadInput
from cloud.local.authority import Authority
from cloud.local.dynamodb import hook
from cloud.local.dynamodb.engine import Engine
from cloud.local.iot import ControlPlane, Registry

POLICY = "sunreeve-dev-claim"
DOCUMENT = {
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "iot:Connect",
            "Resource": "arn:aws:iot:us-east-1:0:client/claim-*",
        }
    ]
}


def request() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "claim")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class Kept:
    """A registry, and what lies behind it where something does."""

    registry: Any
    client: Any = None

    def works(self, certificate_id: str) -> bool:
        if self.client is None:
            return certificate_id in self.registry.active
        found = self.client.describe_certificate(certificateId=certificate_id)
        return found["certificateDescription"]["status"] == "ACTIVE"

    def notes(self, thing: str) -> dict[str, str]:
        if self.client is None:
            return self.registry.notes[thing]
        return self.client.describe_thing(thingName=thing)["attributes"]


@pytest.fixture(params=["memory", "local", "moto"])
def kept(request, tmp_path, monkeypatch):
    if request.param == "memory":
        yield Kept(MemoryDeviceRegistry())
        return
    if request.param == "moto":
        with mock_aws():
            client = boto3.client("iot", region_name="us-east-1")
            client.create_policy(policyName=POLICY, policyDocument="{}")
            client.create_thing(thingName="gw-1")
            yield Kept(IotDeviceRegistry(client, POLICY), client)
        return
    engine = Engine(tmp_path / "tables.sqlite", clock=SystemClock().now)
    hook.install(engine)
    authority = Authority(tmp_path / "ca", clock=SystemClock())
    registry = Registry(
        tmp_path / "things.sqlite",
        policies={POLICY: DOCUMENT},
        gateway_policy=POLICY,
        thing_of=authority.thing_of,
    )
    registry.keep_thing("gw-1", {})
    hook.register("iot", ControlPlane(registry, authority.sign).call)
    client = boto3.client("iot")
    yield Kept(IotDeviceRegistry(client, POLICY), client)
    registry.close()
    hook.uninstall()
    engine.close()


hook.prepare()


def test_a_claim_works_until_it_is_retired_and_retiring_again_changes_nothing(kept):
    issued = kept.registry.issue_claim(request())
    other = kept.registry.issue_claim(request())
    assert issued.id != other.id
    assert kept.works(issued.id)
    for _ in range(2):
        kept.registry.retire(issued.id)
        assert not kept.works(issued.id)
    assert kept.works(other.id)


def test_what_is_not_there_is_left_alone(kept):
    issued = kept.registry.issue_claim(request())
    kept.registry.note("gw-1", {"serial": "SN-1"})
    kept.registry.retire("0" * 64)
    if kept.client is not None:
        kept.registry.note("gw-never", {"state": "decommissioned"})
        with pytest.raises(ClientError, match="ResourceNotFound"):
            kept.notes("gw-never")
    assert kept.works(issued.id)
    assert kept.notes("gw-1") == {"serial": "SN-1"}


def test_what_became_of_a_thing_is_written_on_it_beside_what_stands_there(kept):
    kept.registry.note("gw-1", {"serial": "SN-1"})
    kept.registry.note("gw-1", {"state": "decommissioned", "reason": "moved"})
    assert kept.notes("gw-1") == {"serial": "SN-1", "state": "decommissioned", "reason": "moved"}


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN CERTIFICATE-----"])
def test_what_is_no_request_is_bad_input(kept, text):
    with pytest.raises(BadInput):
        kept.registry.issue_claim(text)


def test_a_reason_is_written_in_the_letters_that_aws_takes():
    sent = {}

    class Iot:
        def update_thing(self, **given):
            sent.update(given["attributePayload"]["attributes"])

    IotDeviceRegistry(Iot(), POLICY).note("gw-1", {"reason": "moved out; “no” key" + "x" * 900})
    assert sent["reason"].startswith("moved_out_no_key")
    assert len(sent["reason"]) == 800


def test_two_certificates_of_one_key_have_one_digest_and_no_certificate_is_bad_input(tmp_path):
    authority = Authority(tmp_path / "ca", clock=SystemClock())
    wanted = request()
    (one, first), (two, second) = authority.sign(wanted), authority.sign(wanted)
    assert one != two
    assert public_key_digest(first) == public_key_digest(second)
    assert public_key_digest(authority.sign(request())[1]) != public_key_digest(first)
    for text in ("", "x", wanted):
        with pytest.raises(BadInput):
            public_key_digest(text)


def test_tokens_are_long_and_never_the_same():
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert {len(one) for one in tokens} == {40}


def test_the_authority_signs_no_weak_key_and_no_wrong_signature(tmp_path):
    authority = Authority(tmp_path / "ca", clock=SystemClock())
    weak = ec.generate_private_key(ec.SECP192R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gw-1")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(weak, hashes.SHA256())
    text = made.public_bytes(serialization.Encoding.PEM).decode()
    for wrong in (text, request().replace("A", "B"), ""):
        with pytest.raises(BadInput):
            authority.sign(wrong)
