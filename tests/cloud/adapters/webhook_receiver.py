"""A server that webhooks are sent to: real sockets, TLS of the test's own authority."""

import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Talk = Callable[[socket.socket], None]


class Authority:
    """Signs certificates for names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self._certificate = self._signed(self._name, self._key, is_authority=True)
        self.path = folder / "authority.pem"
        self.path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def _signed(self, subject, key, *, names=(), is_authority=False, days=1):
        # What is really now: certificates are judged by it.
        now = datetime.fromtimestamp(time.time(), UTC)  # noqa: TID251 - see above
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=9))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
            made = made.add_extension(alternatives, critical=False)
        return made.sign(self._key, hashes.SHA256())

    def server_context(self, *names: str, days: int = 1) -> ssl.SSLContext:
        """Give what a server for these names shows; with days below 0 its time is over."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        certificate = self._signed(subject, key, names=names, days=days)
        path = self._folder / f"{names[0]}{days}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def trusted(self) -> ssl.SSLContext:
        """Give what trusts this authority and no other."""
        return ssl.create_default_context(cafile=self.path)


class Receiver:
    """Listens on the loopback address, and talks to whoever comes as it is told to."""

    def __init__(self, talk: Talk, context: ssl.SSLContext | None = None) -> None:
        self._talk, self._context = talk, context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.requests: list[bytes] = []
        self.names: list[str] = []
        self.came = 0
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            self.came += 1
            try:
                with plain:
                    plain.settimeout(5)
                    self._answer(plain)
            except OSError:
                continue

    def _answer(self, plain: socket.socket) -> None:
        if self._context is None:
            return self._speak(plain)
        self._context.sni_callback = lambda _, name, __: self.names.append(name)
        with self._context.wrap_socket(plain, server_side=True) as inner:
            return self._speak(inner)

    def _speak(self, connection: socket.socket) -> None:
        self.requests.append(self._request(connection))
        self._talk(connection)

    def _request(self, connection: socket.socket) -> bytes:
        got = b""
        while b"\r\n\r\n" not in got:
            got += connection.recv(65_536)
        head, _, body = got.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.startswith(b"content-length")
        )
        while len(body) < length:
            body += connection.recv(65_536)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        """Stop listening."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(6)


def says(text: bytes) -> Talk:
    """Answer with this text."""
    return lambda connection: connection.sendall(text)
