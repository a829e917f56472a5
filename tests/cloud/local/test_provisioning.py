"""A gateway comes in over the whole stack: claim, token, certificate, renewal, end, replacement.

Everything is real but AWS: the agent's own code over TLS, the hook in its function, the template's
body and policies as `template.yaml` has them.
"""

import json
import shutil
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_home import HOME

from cloud.adapters import wiring
from cloud.adapters.device_registry import IotDeviceRegistry
from cloud.kernel.change import Change, Save
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.local.iot.provisioning import ProvisioningTemplate
from cloud.portfolio.devices import DeviceSerial, DeviceState
from cloud.portfolio.models import Site
from cloud.portfolio.process.devices import admit, decommission, make_claim, replace_device
from cloud.telemetry.watching import GatewayPresence
from edge_agent.agent import Agent
from edge_agent.mqtt import Asker, BrokerRefused
from edge_agent.operation.credentials import Pair, make_key, request
from edge_agent.operation.provisioning import CREATE, Claim, NotProvisioned, provision, renew
from edge_agent.settings import BrokerSettings, DeviceSettings, Settings

SITE = replace(HOME, id="S-1")
TOKEN = "token-1"
TABLES = {"OPERATIONS_TABLE": "OperationsTable", "SITES_TABLE": "SitesTable"}


class Field:
    """The stack, the desk of operations, and folders of gateways."""

    def __init__(self, runtime, folder: Path) -> None:
        wiring.forget()
        self.runtime, self.folder = runtime, folder
        runtime.start()
        self.records = wiring.records(TABLES)
        self.registry = IotDeviceRegistry(boto3.client("iot"), "sunreeve-dev-claim")
        self.records.commit(
            Change(saves=(Save(SITE), Save(replace(SITE, id="S-2", gateway_id="gw-2"))))
        )
        make_key(folder / "claim.key")
        _, issued = make_claim(
            self.records, self.registry, request_pem=request(folder / "claim.key", "claim"),
            retire_others=True, **self.acting(),
        )  # fmt: skip
        self.claim_id = issued.id
        (folder / "claim.pem").write_text(issued.pem)

    def acting(self):
        return {"at": self.runtime.clock.now(), "by": "ops"}

    def admit(self, serial="SN-1", site="S-1", token=TOKEN):
        return admit(
            self.records, serial=serial, site_id=site, token=token, because="order",
            **self.acting(),
        )  # fmt: skip

    def gateway(self, name="first", *, thing="gw-1", serial="SN-1", token=TOKEN) -> "Gateway":
        return Gateway(self, self.folder / name, thing=thing, serial=serial, token=token)

    def device(self, serial="SN-1") -> DeviceSerial:
        return self.records.load(DeviceSerial, serial).record

    def told(self, serial="SN-1"):
        return [one.what for one in self.records.history(f"DEVICE-{serial}")]

    def until(self, is_true, within_s=10.0):
        deadline = time.monotonic() + within_s
        while not is_true():
            assert time.monotonic() < deadline, "it did not happen in time"
            self.runtime.run_due()
            time.sleep(0.005)


class Gateway:
    """A folder with what an installer brings."""

    def __init__(self, field: Field, folder: Path, *, thing: str, serial: str, token: str) -> None:
        folder.mkdir()
        self.folder = folder
        for name in ("claim.pem", "claim.key"):
            shutil.copy(field.folder / name, folder / name)
        self.claim = Claim(folder / "claim.pem", folder / "claim.key", token)
        self.settings = Settings(
            thing=thing,
            outbox=folder / "outbox.sqlite",
            broker=BrokerSettings(
                "127.0.0.1", field.runtime.mqtt_port, str(field.runtime.authority.ca_path),
                str(folder / "gw.pem"), str(folder / "gw.key"),
            ),
            devices=(DeviceSettings("roof", "127.0.0.1"),),
            serial=serial,
            chunk_rule="sunreeve_dev_chunks",
            event_rule="sunreeve_dev_events",
            claim_template="sunreeve-dev-claim",
            renew_template="sunreeve-dev-renew",
        )  # fmt: skip
        self.pair = Pair.of(self.settings.broker)

    def provision(self) -> bool:
        return provision(self.settings, self.claim)

    def certificate_id(self) -> str:
        made = x509.load_pem_x509_certificate(self.pair.cert.read_bytes())
        return made.fingerprint(made.signature_hash_algorithm).hex()

    def connect(self) -> None:
        Asker(self.settings.broker, self.settings.thing).close()


@pytest.fixture
def field(runtime, tmp_path):
    folder = tmp_path / "field"
    folder.mkdir()
    return Field(runtime, folder)


@pytest.fixture
def live(field):
    field.admit()
    gateway = field.gateway()
    assert gateway.provision()
    field.until(lambda: field.device().state is DeviceState.LIVE)
    return gateway


def test_a_gateway_comes_in_and_reaches_its_own_topics(field, live):
    device = field.device()
    assert [one.id for one in device.certificates] == [live.certificate_id()]
    assert sorted(field.told()) == ["device_admitted", "device_live", "device_provisioned"]
    assert field.runtime.registry.thing("gw-1") == {"serial": "SN-1", "state": "provisioned"}
    assert not live.claim.key.exists()
    heard = []
    field.runtime.listener._accept = heard.append
    agent = Agent(live.settings, clock=Seconds(field.runtime.clock), boot_id="5f", draw=lambda: 0.0)
    try:
        assert agent.connect()
        field.until(agent._uplink.is_listening)
    finally:
        agent.close()


class Seconds:
    def __init__(self, clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now().timestamp()

    def monotonic(self) -> float:
        return time.monotonic()

    def is_synced(self) -> bool:
        return True


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"token": "guess"}, id="a wrong token"),
        pytest.param({"serial": "SN-9"}, id="a serial number that nobody let in"),
        pytest.param({"thing": "gw-2"}, id="in another gateway's name"),
    ],
)
def test_a_device_hears_no_and_no_reason(field, changes):
    field.admit()
    gateway = field.gateway(**changes)
    with pytest.raises(NotProvisioned, match="AccessDenied"):
        gateway.provision()
    assert not gateway.pair.cert.exists()
    assert field.device().state is DeviceState.ADMITTED
    assert "device_refused" in field.told(changes.get("serial", "SN-1"))
    # What was signed on the way does not work, whatever the name in it says.
    for pem in field.runtime.registry.inactive():
        gateway.pair.cert.write_text(pem)
        if gateway.pair.fits():
            with pytest.raises(BrokenOff):
                gateway.connect()


BrokenOff = (BrokerRefused, ConnectionError)


def test_a_claim_can_do_nothing_but_ask(field):
    broker = replace(
        field.gateway().settings.broker,
        cert=str(field.folder / "claim.pem"),
        key=str(field.folder / "claim.key"),
    )
    for name in ("gw-1", "gw-2", "cloud", "claim", "x-claim-1"):
        with pytest.raises(BrokenOff):
            Asker(broker, name)
    for topic in (
        "sunreeve/gw-1/status",
        "$aws/rules/sunreeve_dev_chunks/gw-1/chunk",
        "$aws/provisioning-templates/sunreeve-dev-renew/provision/json",
        "$aws/certificates/create/json",
        "$aws/events/presence/connected/gw-1",
    ):
        asker = Asker(broker, "claim-SN-1")
        with pytest.raises(OSError, match=r"broke off|does not let"):
            asker.ask(topic, b"{}")
        asker.close()


def test_a_claim_that_was_retired_connects_no_more(field):
    field.admit()
    gateway = field.gateway()
    make_key(field.folder / "second.key")
    make_claim(
        field.records, field.registry, request_pem=request(field.folder / "second.key", "claim"),
        retire_others=True, **field.acting(),
    )  # fmt: skip
    with pytest.raises(BrokenOff):
        gateway.provision()


def test_a_certificate_is_renewed_over_its_own_connection_and_the_old_one_ends(field, live):
    old = live.certificate_id()
    copy = replace(
        live.settings.broker, cert=str(live.folder / "old.pem"), key=str(live.folder / "old.key")
    )
    shutil.copy(live.pair.cert, copy.cert)
    shutil.copy(live.pair.key, copy.key)
    renew(live.settings)
    assert live.certificate_id() != old
    field.until(lambda: field.runtime.registry.status(old) == "INACTIVE")
    live.connect()
    with pytest.raises(BrokenOff):
        Asker(copy, "gw-1")
    assert len(field.device().working) == 1


def test_the_agent_renews_when_the_cloud_asks_and_goes_on(field, live):
    first = live.certificate_id()
    agent = Agent(live.settings, clock=Seconds(field.runtime.clock), boot_id="5f", draw=lambda: 0.0)
    try:
        turn = lambda: agent.turn() < 0  # noqa: E731 - never true: `until` turns it on
        field.until(lambda: turn() or agent._uplink.is_listening())
        boto3.client("iot-data").publish(
            topic="sunreeve/gw-1/command", qos=1, payload=b'{"v":1,"do":"renew","id":"RN-1"}'
        )
        field.until(lambda: turn() or live.certificate_id() != first)
        field.until(lambda: turn() or agent._uplink.is_up())
        field.until(lambda: field.runtime.registry.status(first) == "INACTIVE")
        assert agent._uplink.is_up(), "it goes on with the new one"
        assert not agent._commands["refused"]
    finally:
        agent.close()


def test_one_that_is_decommissioned_is_thrown_off_and_stays_out(field, live):
    asker = Asker(live.settings.broker, "gw-1")
    decommission(
        field.records, field.registry, gateway_id="gw-1", because="moved out", **field.acting()
    )
    with pytest.raises(OSError, match="broke off"):
        asker.ask("$aws/provisioning-templates/sunreeve-dev-renew/provision/json", b"{}")
    asker.close()
    with pytest.raises(BrokenOff):
        live.connect()
    assert field.runtime.registry.thing("gw-1")["reason"] == "moved_out"
    assert field.records.load(Site, "S-1").record == SITE
    again = field.gateway("again")
    with pytest.raises(NotProvisioned):
        again.provision()


def test_a_replacement_comes_in_as_the_same_gateway(field, live):
    made = replace_device(
        field.records, field.registry, old="SN-1", new="SN-2", token="token-2",
        because="water", **field.acting(),
    )  # fmt: skip
    assert not isinstance(made, Refused)
    with pytest.raises(BrokenOff):
        live.connect()
    second = field.gateway("second", serial="SN-2", token="token-2")
    assert second.provision()
    field.until(lambda: field.device("SN-2").state is DeviceState.LIVE)
    assert field.runtime.registry.thing("gw-1")["serial"] == "SN-2"


def test_two_machines_by_one_certificate_fall_under_suspicion(field, live):
    def start(boot: str) -> None:
        agent = Agent(
            live.settings, clock=Seconds(field.runtime.clock), boot_id=boot, draw=lambda: 0.0
        )
        assert agent.connect()
        field.until(agent._uplink.is_listening)
        agent.publish(0.1)
        agent.close()
        # The broker's clock dates what is said, and the stack's clock stands by itself.
        field.runtime.clock.move_to(field.runtime.clock.now() + timedelta(minutes=1))
        field.runtime.run_due()

    def presence() -> GatewayPresence:
        return field.records.load(GatewayPresence, "gw-1").record

    start("aa")
    start("bb")
    assert presence().suspicion == ""
    start("aa")
    field.until(lambda: presence().suspicion == "open")
    live.connect()


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=100),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=20), some),
    max_leaves=6,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(junk=JUNK | st.binary(max_size=300), which=st.booleans())
def test_whatever_is_asked_is_answered_and_makes_nothing(field, junk, which):
    reserved = field.runtime.listener._reserved
    topic = CREATE if which else "$aws/provisioning-templates/sunreeve-dev-claim/provision/json"
    payload = junk if isinstance(junk, bytes) else json.dumps(junk).encode()
    answered, told = reserved.answer(
        topic, payload, certificate_id=field.claim_id, client_id="claim-x"
    )
    assert answered == f"{topic}/rejected"
    assert set(json.loads(told)) == {"statusCode", "errorCode", "errorMessage"}
    assert field.runtime.registry.thing("gw-1") is None


BODY = {
    "Parameters": {"ThingName": {"Type": "String"}},
    "Resources": {
        "thing": {
            "Type": "AWS::IoT::Thing",
            "Properties": {"ThingName": {"Ref": "ThingName"}},
            "OverrideSettings": {"AttributePayload": "REPLACE"},
        },
        "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                           "Status": "Active"},
        },
        "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "p"}},
    },
}  # fmt: skip
PROPERTIES = {
    "TemplateName": "t",
    "TemplateType": "FLEET_PROVISIONING",
    "Enabled": True,
    "PreProvisioningHook": {"PayloadVersion": "2020-04-01", "TargetArn": "arn:x:function:Hook"},
    "TemplateBody": json.dumps(BODY),
}


def test_a_template_is_read():
    assert ProvisioningTemplate.from_properties(PROPERTIES).hook == "Hook"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"Enabled": False}, id="it is off"),
        pytest.param({"TemplateType": "JITP"}, id="of another type"),
        pytest.param({"PreProvisioningHook": {}}, id="nobody says no"),
        pytest.param({"TemplateBody": "{"}, id="no JSON"),
        pytest.param({"TemplateBody": json.dumps(BODY | {"DeviceConfiguration": {}})}, id="more"),
        pytest.param({"TemplateBody": json.dumps(BODY).replace("Active", "Inactive")}, id="idle"),
        pytest.param({"TemplateBody": json.dumps(BODY).replace("IoT::Policy", "IoT::Job")},
                     id="another resource"),
    ],
)  # fmt: skip
def test_a_template_that_is_not_understood_stops_the_boot(changes):
    with pytest.raises(BadInput, match="provisioning template t"):
        ProvisioningTemplate.from_properties(PROPERTIES | changes)


def test_certificates_of_simulated_homes_work_as_before(field):
    files = field.runtime.authority.device_certificate("home-7")
    broker = BrokerSettings(
        "127.0.0.1", field.runtime.mqtt_port, str(files.ca_path), str(files.cert_path),
        str(files.key_path),
    )  # fmt: skip
    Asker(broker, "home-7").close()
    with pytest.raises(BrokenOff):
        Asker(broker, "home-8")
