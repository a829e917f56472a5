"""Certificates of this flow at a broker that nobody here wrote: mosquitto, by name and own topics.

mosquitto knows no registry. It believes the name in a certificate that the authority signed, and
the authority signs before the cloud says yes; so it needs the list of what does not work.
"""

import getpass
import queue
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from test_provisioning import Field, Gateway

from cloud.portfolio.devices import DeviceState
from cloud.portfolio.process.devices import decommission
from edge_agent.mqtt import Asker, tls_context
from edge_agent.operation.credentials import Pair, make_key, request
from edge_agent.operation.provisioning import CREATE, NotProvisioned

pytestmark = pytest.mark.skipif(not shutil.which("mosquitto"), reason="mosquitto is not installed")

CONFIG = """
user {me}
listener {port} 127.0.0.1
log_dest none
cafile {ca}
crlfile {crl}
certfile {cert}
keyfile {key}
require_certificate true
use_identity_as_username true
acl_file {acl}
"""
RIGHTS = """
pattern write $aws/rules/sunreeve_dev_chunks/%u/chunk
pattern write $aws/rules/sunreeve_dev_events/%u/event
pattern write sunreeve/%u/status
pattern read sunreeve/%u/command
pattern read sunreeve/%u/status
"""


@contextmanager
def mosquitto(field: Field):
    """Run the broker with the authority's certificates, and the list of those that do not work."""
    folder = Path(field.folder, f"broker-{time.monotonic_ns()}")
    folder.mkdir()
    authority = field.runtime.authority
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    cert, key = authority.server_certificate(("127.0.0.1",))
    (folder / "acl").write_text(RIGHTS)
    (folder / "acl").chmod(0o600)
    (folder / "crl").write_bytes(authority.revocation_list(field.runtime.registry.inactive()))
    text = CONFIG.format(
        me=getpass.getuser(), port=port, ca=authority.ca_path, crl=folder / "crl", cert=cert,
        key=key, acl=folder / "acl",
    )  # fmt: skip
    (folder / "conf").write_text(text)
    running = subprocess.Popen(  # noqa: S603 - our own arguments
        ["mosquitto", "-c", str(folder / "conf")],  # noqa: S607 - where it lies differs
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 10
        with socket.socket() as probe:
            while probe.connect_ex(("127.0.0.1", port)):
                assert time.monotonic() < deadline, "mosquitto did not start"
                time.sleep(0.02)
        yield port
    finally:
        running.terminate()
        running.wait(10)


class Client:
    """A device with its certificate; `hears` tells what reached it."""

    def __init__(self, broker, port: int, name: str) -> None:
        self.heard: queue.SimpleQueue = queue.SimpleQueue()
        self.facts: queue.SimpleQueue = queue.SimpleQueue()
        self._client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, name, reconnect_on_failure=False
        )
        self._client.tls_set_context(tls_context(replace(broker, port=port)))
        self._client.on_connect = lambda *got: self.facts.put(got[3])
        self._client.on_subscribe = lambda *got: self.facts.put(got[3])
        self._client.on_disconnect = lambda *_: self.facts.put("gone")
        self._client.on_publish = lambda *_: self.facts.put("acknowledged")
        self._client.on_message = lambda _c, _u, got: self.heard.put(got.topic)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.code = self.facts.get(timeout=10)

    def listen(self, topic: str) -> None:
        self._client.subscribe(topic, 1)
        self.facts.get(timeout=10)

    def say(self, topic: str) -> None:
        self._client.publish(topic, b"{}", qos=1)
        assert self.facts.get(timeout=10) == "acknowledged"

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def is_let_in(gateway: Gateway, port: int) -> bool:
    try:
        client = Client(gateway.settings.broker, port, gateway.settings.thing)
    except OSError:
        return False
    try:
        return client.code == 0
    finally:
        client.close()


@pytest.fixture
def field(runtime, tmp_path):
    folder = tmp_path / "field"
    folder.mkdir()
    return Field(runtime, folder)


@pytest.fixture
def gateways(field):
    """Two gateways that came in, each with its certificate."""
    made = []
    for number in (1, 2):
        field.admit(f"SN-{number}", f"S-{number}", f"token-{number}")
        one = field.gateway(
            f"home-{number}", thing=f"gw-{number}", serial=f"SN-{number}", token=f"token-{number}"
        )
        assert one.provision()
        made.append(one)
    field.until(lambda: field.device("SN-2").state is DeviceState.LIVE)
    return made


def test_each_reaches_its_own_topics_and_no_other(field, gateways):
    with mosquitto(field) as port:
        first, second = (Client(one.settings.broker, port, one.settings.thing) for one in gateways)
        assert (first.code, second.code) == (0, 0)
        for client in (first, second):
            for topic in ("#", "sunreeve/+/status", "$aws/#", "sunreeve/gw-2/status"):
                client.listen(topic)
        # mosquitto acknowledges what it does not pass on; whether it did shows at the other end.
        first.say("sunreeve/gw-2/status")
        first.say("sunreeve/gw-2/command")
        first.say("$aws/rules/sunreeve_dev_chunks/gw-2/chunk")
        second.say("sunreeve/gw-2/status")
        assert second.heard.get(timeout=10) == "sunreeve/gw-2/status"
        first.say("sunreeve/gw-1/status")
        assert first.heard.get(timeout=10) == "sunreeve/gw-1/status"
        own = {"gw-2": second, "gw-1": first}
        for name, client in own.items():
            while not client.heard.empty():
                assert client.heard.get() == f"sunreeve/{name}/status"
        for client in (first, second):
            client.close()


def test_who_was_decommissioned_or_only_signed_is_not_let_in(field, gateways):
    first, second = gateways
    rogue = field.gateway("rogue", thing="gw-2", serial="SN-9", token="guess")
    with pytest.raises(NotProvisioned):
        rogue.provision()
    # It asked for gw-2's name, was signed, and was told no: the key is its own.
    signed = field.runtime.registry.inactive()
    for pem in signed:
        rogue.pair.cert.write_text(pem)
        if rogue.pair.fits():
            break
    assert rogue.pair.fits()
    decommission(
        field.records, field.registry, gateway_id="gw-1", because="moved", **field.acting()
    )
    with mosquitto(field) as port:
        assert is_let_in(second, port)
        assert not is_let_in(first, port)
        assert not is_let_in(rogue, port)


def test_a_request_in_anothers_name_is_signed_and_works_nowhere(field, gateways):
    """Asking costs nothing on AWS either; only a yes makes a certificate active."""
    thief = field.gateway("thief")
    make_key(thief.pair.key)
    claim = replace(thief.settings.broker, cert=str(thief.claim.cert), key=str(thief.claim.key))
    asker = Asker(claim, "claim-thief")
    wanted = f'{{"certificateSigningRequest": {request(thief.pair.key, "gw-2")!r}}}'
    is_accepted, answer = asker.ask(CREATE, wanted.replace("'", '"').encode())
    asker.close()
    assert is_accepted
    thief.pair.cert.write_text(
        answer.decode().split('"certificatePem": "')[1].split('"')[0].replace("\\n", "\n")
    )
    assert Pair(thief.pair.cert, thief.pair.key).fits()
    with pytest.raises(OSError, match=r"broke off|refused"):
        Asker(thief.settings.broker, "gw-2")
    with mosquitto(field) as port:
        assert not is_let_in(thief, port)
