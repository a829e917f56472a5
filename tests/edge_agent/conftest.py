"""A clock that is set by hand, and a small MQTT broker that writes down what it acknowledges."""

import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge_agent.settings import BrokerSettings, DeviceSettings, Settings

DAY = 1782025200
"""A midnight in UTC-7."""


class HandClock:
    def __init__(self, at: float = DAY) -> None:
        self.at = at
        self.jumped = 0.0
        self.has_server = True

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at - self.jumped

    def is_synced(self) -> bool:
        return self.has_server

    def jump(self, seconds: float) -> None:
        """Put the clock right or wrong; no time passes."""
        self.at += seconds
        self.jumped += seconds


@dataclass
class Published:
    topic: str
    payload: bytes
    is_repeat: bool


class Broker:
    """Acknowledges QoS 1 on loopback. `withhold`: this many PUBACKs are sent, then none."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.published: list[Published] = []
        self.wills: list[tuple[str, bytes]] = []
        self.clients: list[tuple[str, bool]] = []
        self.withhold_after: int | None = None
        self.drop_after: int | None = None
        broker = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                broker._serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def get_request(self):
                connection, address = super().get_request()
                if context is not None:
                    connection = context.wrap_socket(connection, server_side=True)
                return connection, address

            def handle_error(self, request, client_address):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def of(self, end: str) -> list[bytes]:
        return [message.payload for message in self.published if message.topic.endswith(end)]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, connection: socket.socket) -> None:
        will = None
        acked = 0
        with connection:
            try:
                while True:
                    kind, body = self._packet(connection)
                    if kind >> 4 == 1:
                        will = self._connected(body)
                        connection.sendall(b"\x20\x02\x00\x00")
                    elif kind >> 4 == 3:
                        length = struct.unpack(">H", body[:2])[0]
                        topic = body[2 : 2 + length].decode()
                        number = body[2 + length : 4 + length]
                        payload = body[4 + length :]
                        self.published.append(Published(topic, payload, bool(kind & 8)))
                        if not topic.endswith("/status"):
                            if self.drop_after is not None and acked >= self.drop_after:
                                self.drop_after = None
                                return
                            if self.withhold_after is not None and acked >= self.withhold_after:
                                continue
                            acked += 1
                        connection.sendall(b"\x40\x02" + number)
                    elif kind >> 4 == 12:
                        connection.sendall(b"\xd0\x00")
                    elif kind >> 4 == 14:
                        will = None
                        return
            except (ConnectionError, OSError):
                pass
            finally:
                if will is not None:
                    self.wills.append(will)

    def _connected(self, body: bytes) -> tuple[str, bytes] | None:
        flags = body[7]
        fields, rest = [], body[10:]
        while rest:
            length = struct.unpack(">H", rest[:2])[0]
            fields.append(rest[2 : 2 + length])
            rest = rest[2 + length :]
        assert body[2:6] == b"MQTT"
        assert body[6] == 4
        self.clients.append((fields[0].decode(), bool(flags & 2)))
        return (fields[1].decode(), fields[2]) if flags & 4 else None

    def _packet(self, connection: socket.socket) -> tuple[int, bytes]:
        kind = self._exactly(connection, 1)[0]
        length = shift = 0
        while True:
            byte = self._exactly(connection, 1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return kind, self._exactly(connection, length)

    def _exactly(self, connection: socket.socket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = connection.recv(count - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data


class Papers:
    """Makes certificates of one authority: good ones, and such as nobody must accept."""

    def __init__(self, folder, name="authority") -> None:
        self._folder = folder
        folder.mkdir()
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.ca, _ = self._issue(self._name, self._key, "ca", (2020, 2050), None)

    def issue(self, name: str, *, years=(2020, 2050), host: str | None = None) -> tuple[str, str]:
        """Give the files of a certificate and its key; with a host it is that of a server."""
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        key = ec.generate_private_key(ec.SECP256R1())
        return self._issue(subject, key, f"{name}-{years[0]}-{years[1]}-{host}", years, host)

    def _issue(self, subject, key, file, years, host) -> tuple[str, str]:
        first, last = (datetime(year, 1, 1, tzinfo=UTC) for year in years)
        is_ca = subject == self._name
        draft = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(first)
            .not_valid_after(last)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        if host is not None:
            is_address = host.replace(".", "").isdigit()
            general = x509.IPAddress(ip_address(host)) if is_address else x509.DNSName(host)
            draft = draft.add_extension(x509.SubjectAlternativeName([general]), critical=False)
        made = draft.sign(self._key, hashes.SHA256())
        cert_path, key_path = self._folder / f"{file}.pem", self._folder / f"{file}.key"
        cert_path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        key_path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return str(cert_path), str(key_path)


@pytest.fixture(scope="session")
def papers_class():
    return Papers


@pytest.fixture
def papers(tmp_path):
    return Papers(tmp_path / "papers")


@pytest.fixture
def foreign_papers(tmp_path):
    return Papers(tmp_path / "foreign", "somebody")


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def broker():
    stub = Broker()
    yield stub
    stub.stop()


@pytest.fixture(params=["stub", "mosquitto"])
def any_broker_port(request, tmp_path):
    """The port of a broker that is ours, and of one that nobody here wrote, where it is there."""
    if request.param == "stub":
        stub = Broker()
        yield stub.port
        stub.stop()
        return
    if shutil.which("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen(["mosquitto", "-c", str(config)], stderr=subprocess.DEVNULL)  # noqa: S603, S607
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield port
    process.terminate()
    process.wait()


@pytest.fixture
def settings_of(tmp_path):
    """Make settings: broker port, ports of the devices, changes."""

    def make(broker_port: int, device_ports=(1,), **changes) -> Settings:
        entries = {
            "thing": "gw-0001",
            "outbox": tmp_path / "outbox.sqlite",
            "broker": BrokerSettings("127.0.0.1", broker_port),
            "devices": tuple(
                DeviceSettings(f"device-{i}", "127.0.0.1", port, timeout_s=0.3)
                for i, port in enumerate(device_ports)
            ),
            "poll_s": 900,
            "window_s": 3600,
        }
        return Settings(**(entries | changes))

    return make


@pytest.fixture
def broker_class():
    return Broker
