"""A listener with real sockets and real TLS, and devices that talk to it through paho."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from cloud.local.authority import Authority
from cloud.local.mqtt import packets
from cloud.local.mqtt.listener import Listener
from cloud.local.mqtt.message import Publish

START = datetime(2031, 5, 1, 12, tzinfo=UTC)


class SimClock:
    """A clock that moves only when it is told to, and stands far from the wall clock."""

    def __init__(self) -> None:
        self.instant = START

    def now(self) -> datetime:
        return self.instant

    def pass_by(self, span: timedelta) -> None:
        self.instant += span


def until(is_true: Callable[[], object], *, within_s: float = 5.0) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + within_s
    while not is_true():
        if time.monotonic() > deadline:
            raise AssertionError("it did not happen in time")
        time.sleep(0.005)


def anything(thing: str, action: str, resource: str) -> bool:
    return True


class Cloud:
    """The listener and what it accepted."""

    def __init__(self, folder: Path, authority: Authority, **options: Any) -> None:
        self.clock = SimClock()
        self.accepted: list[Publish] = []
        self.before_accept: Callable[[Publish], None] = lambda _: None
        self.authority = authority
        self.options: dict[str, Any] = {"authorise": anything, **options}
        self.database = folder / "mqtt.db"
        self.port = 0

    def accept(self, publish: Publish) -> None:
        self.before_accept(publish)
        self.accepted.append(publish)

    def start(self) -> None:
        self.listener = Listener(
            database=self.database,
            tls=self.authority.server_context(),
            accept=self.accept,
            clock=self.clock,
            port=self.port,
            **self.options,
        )
        self.port = self.listener.start()

    def restart(self) -> None:
        self.listener.stop()
        self.start()

    def payloads(self, topic: str) -> list[bytes]:
        return [publish.payload for publish in self.accepted if publish.topic == topic]


class Device:
    """A paho client that writes down what happens to it."""

    def __init__(self, cloud: Cloud, thing: str, **options: Any) -> None:
        self.received: list[paho.MQTTMessage] = []
        self.acknowledged: set[int] = set()
        self.granted: list[int] = []
        self.code: int | None = None
        self.session_present: bool | None = None
        self.is_gone = threading.Event()
        self.keepalive = options.pop("keepalive", 60)
        identity = options.pop("certificate_of", thing)
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, thing, reconnect_on_failure=False, **options
        )
        self.client.tls_set_context(cloud.authority.device_context(identity))
        self.client.on_connect = self._connected
        self.client.on_message = lambda _c, _u, message: self.received.append(message)
        self.client.on_publish = lambda _c, _u, mid, *_: self.acknowledged.add(mid)
        self.client.on_subscribe = lambda _c, _u, _mid, codes, _p: self.granted.extend(
            code.value for code in codes
        )
        self.client.on_disconnect = lambda *_: self.is_gone.set()
        self.port = cloud.port

    def _connected(self, _client: Any, _data: Any, flags: Any, code: Any, _p: Any) -> None:
        self.session_present = flags.session_present
        self.code = code.value

    def connect(self) -> "Device":
        self.code, self.session_present = None, None
        self.is_gone.clear()
        self.client.loop_stop()
        self.client._reset_sockets(sockpair_only=True)  # paho leaks its pair at each loop_start
        self.client.connect("127.0.0.1", self.port, self.keepalive)
        self.client.loop_start()
        until(lambda: self.code is not None or self.is_gone.is_set())
        return self

    def publish(self, topic: str, payload: bytes = b"{}", qos: int = 1, **options: Any) -> int:
        return self.client.publish(topic, payload, qos, **options).mid

    def say(self, topic: str, payload: bytes = b"{}", **options: Any) -> None:
        """Publish at QoS 1 and wait for the PUBACK."""
        mid = self.publish(topic, payload, **options)
        until(lambda: mid in self.acknowledged)

    def subscribe(self, *filters: tuple[str, int]) -> list[int]:
        self.granted.clear()
        self.client.subscribe(list(filters))
        until(lambda: len(self.granted) == len(filters))
        return list(self.granted)

    def leave(self) -> None:
        if self.client.is_connected():
            self.client.disconnect()
            self.is_gone.wait(5)
        self.client.loop_stop()

    def vanish(self) -> None:
        """Lose the connection without a word."""
        sock = self.client.socket()
        assert sock is not None
        self.client.on_socket_close = None
        sock.shutdown(socket.SHUT_RDWR)
        self.is_gone.wait(5)
        self.client.loop_stop()

    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.received]


class RawDevice:
    """A TLS socket that sends whatever bytes a test wants."""

    def __init__(self, cloud: Cloud, thing: str) -> None:
        context = cloud.authority.device_context(thing)
        plain = socket.create_connection(("127.0.0.1", cloud.port), timeout=5)
        self.socket: ssl.SSLSocket = context.wrap_socket(plain, server_hostname="localhost")

    def send(self, *sent: packets.Packet | bytes) -> None:
        wire = (item if isinstance(item, bytes) else packets.encode(item) for item in sent)
        self.socket.sendall(b"".join(wire))

    def until_closed(self) -> list[packets.Packet]:
        """Read to the end of the connection."""
        splitter = packets.Splitter()
        while True:
            try:
                data = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError):
                data = b""
            if not data:
                return list(splitter.packets())
            splitter.feed(data)

    def read(self, count: int) -> list[packets.Packet]:
        """Read this many packets."""
        splitter, found = packets.Splitter(), []
        while len(found) < count:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(f"closed after {found}")
            splitter.feed(data)
            found.extend(splitter.packets())
        return found

    def close(self) -> None:
        self.socket.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), clock=SimClock())


@pytest.fixture
def make_cloud(tmp_path: Path, authority: Authority) -> Iterator[Callable[..., Cloud]]:
    clouds: list[Cloud] = []

    def make(**options: Any) -> Cloud:
        cloud = Cloud(tmp_path, authority, **options)
        cloud.start()
        clouds.append(cloud)
        return cloud

    yield make
    for cloud in clouds:
        cloud.listener.stop()


@pytest.fixture
def cloud(make_cloud: Callable[..., Cloud]) -> Cloud:
    return make_cloud()


@pytest.fixture
def device() -> Iterator[Callable[..., Device]]:
    devices: list[Device] = []

    def make(cloud: Cloud, thing: str, **options: Any) -> Device:
        devices.append(Device(cloud, thing, **options))
        return devices[-1]

    yield make
    for made in devices:
        made.leave()


@pytest.fixture
def raw() -> Iterator[Callable[..., RawDevice]]:
    sockets: list[RawDevice] = []

    def make(cloud: Cloud, thing: str) -> RawDevice:
        sockets.append(RawDevice(cloud, thing))
        return sockets[-1]

    yield make
    for made in sockets:
        made.close()
