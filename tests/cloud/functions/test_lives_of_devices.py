"""Devices over a whole stack: the hook, the watching function, and the routes of operations."""

import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from rights import not_allowed, watched

from cloud.local.dynamodb import hook

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
ARN = "arn:aws:iot:us-east-1:000000000000:provisioningtemplate/"


def request(name: str = "gw") -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


class Desk:
    """A home whose gateway is to come in, and the people who let it."""

    def __init__(self, world) -> None:
        self.world = world
        self.site = world.new_home().site
        self.serial = f"SN-{self.site.id}"
        self.got: list[dict] = []
        hook.register("iot-data-plane", self._publish)

    def _publish(self, _operation, parameters):
        self.got.append(json.loads(parameters["payload"]))
        return {}

    def ask(self, method: str, path: str, body=None, *, role: str = "ams"):
        token = self.world.person("amy.aftermarket", role)
        answer = self.world.call(method, f"/ops/{path}", body, token=token)
        return answer.status, json.loads(answer.body)

    def admit(self) -> str:
        body = {"serial": self.serial, "site_id": self.site.id, "reason": "order 7"}
        status, answer = self.ask("POST", "devices", body, role="projects")
        assert status == 200, answer
        return answer["item"]["token"]

    def make_claim(self) -> str:
        _, answer = self.ask("POST", "device_claims", {"request": request("claim")})
        return answer["item"]["id"]

    def ask_in(
        self,
        token: str,
        *,
        claim: str,
        template: str = "sunreeve-dev-claim",
        client: str = "claim-x",
        wanted: str | None = None,
    ):
        certificate_id, pem = self.world.runtime.authority.sign(wanted or request())
        self.world.runtime.registry.add_certificate(certificate_id, pem, status="ACTIVE")
        event = {
            "claimCertificateId": claim,
            "certificateId": certificate_id,
            "certificatePem": pem,
            "templateArn": ARN + template,
            "clientId": client,
            "parameters": {
                "SerialNumber": self.serial,
                "Token": token,
                "ThingName": self.site.gateway_id,
            },
        }
        answer = self.world.runtime.functions.invoke("AdmitDeviceFunction", event)
        return certificate_id, answer

    def see(self, kind: str, certificate_id: str, **more) -> None:
        body = {
            "gateway_id": self.site.gateway_id,
            "kind": kind,
            "at_ms": int(self.world.now.timestamp() * 1000),
            "certificate_id": certificate_id,
        }
        assert self.world.deliver("WatchDevicesFunction", body | more) == {"batchItemFailures": []}


@pytest.fixture
def desk(shared):
    return Desk(shared)


def test_a_devices_whole_life_needs_no_right_that_its_functions_have_not(desk):
    asked = watched(desk.world.runtime)
    token, claim = desk.admit(), desk.make_claim()
    assert desk.ask_in("guess", claim=claim)[1] == {"allowProvisioning": False}
    first, answer = desk.ask_in(token, claim=claim)
    assert answer == {
        "allowProvisioning": True,
        "parameterOverrides": {
            "ThingName": desk.site.gateway_id,
            "SerialNumber": desk.serial,
        },
    }
    desk.see("connected", first, address="10.0.0.1")
    renewal = {"template": "sunreeve-dev-renew", "client": desk.site.gateway_id}
    second, answer = desk.ask_in("", claim=first, **renewal)
    assert answer["allowProvisioning"] is True
    desk.see("connected", second)
    assert desk.world.runtime.registry.status(first) == "INACTIVE"
    for number, boot in enumerate(("aa", "bb", "aa")):
        at_ms = int(desk.world.now.timestamp() * 1000) - 1000 + number
        desk.see("status", second, boot=boot, at_ms=at_ms)
    suspected = desk.ask("GET", "clone_suspicions")[1]["items"]
    assert desk.site.gateway_id in {one["id"] for one in suspected}
    path = f"clone_suspicions/{desk.site.gateway_id}/settle"
    assert desk.ask("POST", path, {"reason": "a bench"})[0] == 200
    status, answer = desk.ask("POST", f"gateways/{desk.site.gateway_id}/renew")
    assert status == 200
    assert desk.got == [{"v": 1, "do": "renew", "id": answer["item"]["command"]}]
    status, answer = desk.ask(
        "POST", f"devices/{desk.serial}/replace", {"serial": f"{desk.serial}-2", "reason": "wet"}
    )
    assert status == 200, answer
    assert desk.world.runtime.registry.status(second) == "INACTIVE"
    path = f"gateways/{desk.site.gateway_id}/decommission"
    assert desk.ask("POST", path, {"reason": "moved out"})[1]["item"]["state"] == "ended"
    assert desk.ask("POST", f"device_claims/{claim}/retire")[0] == 200
    assert not_allowed(asked, TEMPLATE.read_bytes()) == []
    assert {who for who, _, _ in asked.done} >= {"AdmitDeviceFunction", "WatchDevicesFunction"}


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"certificatePem": "x"}, id="no certificate"),
        pytest.param({"parameters": None}, id="no parameters"),
        pytest.param({"certificateId": "../x"}, id="no certificate id"),
    ],
)
def test_what_cannot_be_read_is_a_no(desk, broken):
    certificate_id, pem = desk.world.runtime.authority.sign(request())
    event = {
        "claimCertificateId": "c", "certificateId": certificate_id, "certificatePem": pem,
        "templateArn": f"{ARN}sunreeve-dev-claim", "clientId": "claim-x", "parameters": {},
    }  # fmt: skip
    answer = desk.world.runtime.functions.invoke("AdmitDeviceFunction", event | broken)
    assert answer == {"allowProvisioning": False}


def test_an_arrival_that_no_rule_made_comes_again_by_itself_and_harms_no_other(desk):
    batch = {
        "Records": [
            {"messageId": "1", "body": "no json"},
            {"messageId": "2", "body": '{"gateway_id": 7}'},
            {"messageId": "3", "body": json.dumps({
                "gateway_id": "gw-q", "kind": "status", "at_ms": 5, "certificate_id": "",
                "boot": "5f"})},
        ]
    }  # fmt: skip
    answer = desk.world.runtime.functions.invoke("WatchDevicesFunction", batch)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]}


def test_refusals_come_with_their_rule(desk):
    desk.admit()
    body = {"serial": f"{desk.serial}-9", "site_id": desk.site.id, "reason": "x"}
    status, answer = desk.ask("POST", "devices", body)
    (error,) = answer["errors"]
    assert (status, error["code"], error["rule"]) == (422, "live_already", "DV-05")
    assert desk.ask("GET", "devices?state=nowhere")[0] == 400
