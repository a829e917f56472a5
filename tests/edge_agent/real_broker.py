"""A mosquitto that asks for certificates, as the broker of AWS does, and the cloud behind it."""

import getpass
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho

from edge_agent.mqtt import tls_context
from edge_agent.settings import BrokerSettings

IS_HERE = bool(shutil.which("mosquitto"))
CONFIG = """
user {me}
listener {port} 127.0.0.1
persistence true
persistence_location {folder}/
max_queued_messages 0
log_type notice
log_dest file {folder}/log
cafile {ca}
certfile {cert}
keyfile {key}
require_certificate true
use_identity_as_username true
acl_file {folder}/acl
"""
RIGHTS = """
pattern write $aws/rules/sunreeve_chunks/%u/chunk
pattern write $aws/rules/sunreeve_events/%u/event
pattern write sunreeve/%u/status
pattern read sunreeve/%u/command

user cloud
topic read $aws/rules/#
topic readwrite sunreeve/#
"""


def until(is_true: Callable[[], object], within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


class RealBroker:
    def __init__(self, folder: Path, papers) -> None:
        folder.mkdir()
        self._papers = papers
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (folder / "acl").write_text(RIGHTS)
        (folder / "acl").chmod(0o600)
        cert, key = papers.issue("broker", host="127.0.0.1")
        text = CONFIG.format(
            me=getpass.getuser(), port=self.port, folder=folder, ca=papers.ca, cert=cert, key=key
        )
        (folder / "mosquitto.conf").write_text(text)
        self.start()

    def settings_of(self, name: str) -> BrokerSettings:
        return BrokerSettings("127.0.0.1", self.port, self._papers.ca, *self._papers.issue(name))

    def start(self) -> None:
        command = ["mosquitto", "-c", str(self._folder / "mosquitto.conf")]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603
        until(self._answers)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        self._process.send_signal(number)
        self._process.wait(10)

    def times_connected(self, name: str) -> int:
        lines = (self._folder / "log").read_text().splitlines()
        return sum("New client connected" in line and f" as {name} " in line for line in lines)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Cloud:
    """Hears what all gateways say, and commands; its session is kept over a stop of the broker."""

    def __init__(self, broker: RealBroker, hears: Callable[[str, bytes], None]) -> None:
        self.broker = broker
        self._is_there = threading.Event()
        self._hears = hears
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, "cloud", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.tls_set_context(tls_context(broker.settings_of("cloud")))
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_: self._is_there.clear()
        self._client.on_subscribe = lambda *_: self._is_there.set()
        self._client.on_message = lambda _, __, got: self._hears(got.topic, got.payload)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        self.wait()

    def wait(self) -> None:
        assert self._is_there.wait(10)

    def command(self, gateway_id: str, payload: bytes) -> None:
        topic = f"sunreeve/{gateway_id}/command"
        self._client.publish(topic, payload, qos=1).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client, *_) -> None:
        client.subscribe([("$aws/rules/#", 1), ("sunreeve/#", 1)])
