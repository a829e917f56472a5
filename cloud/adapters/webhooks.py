"""Posts webhooks to where partners want them: never inside, never longer than agreed.

The name is looked up once, each address it leads to is judged, and the connection goes to one of
the addresses that were judged; the certificate must be the name's. Nothing is followed, no proxy is
asked, and of the answer only its status is told. It is written on the sockets themselves: a client
library looks the name up again when it connects (decision 0026).
"""

import re
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from threading import Thread
from time import monotonic
from typing import Any

from cloud.kernel.clock import Clock
from cloud.kernel.errors import BadInput
from cloud.reporting.delivering import Answered
from cloud.reporting.webhooks import TIMED_OUT, Target, is_public, target_of

Resolve = Callable[[str, int], Sequence[str]]
Connect = Callable[[str, int, float], socket.socket]

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")
_END = re.compile(rb"\r?\n\r?\n")
_READ = 4096
MOST_ADDRESSES = 4
"""Of a name, that are tried one after another."""
_HEADER = re.compile(r"[\x20-\x7e]*")


def addresses_of(host: str, port: int) -> Sequence[str]:
    """Give the addresses of a name, as the resolver of this machine knows them.

    Raises:
        OSError: it knows none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


def connected_to(address: str, port: int, seconds: float) -> socket.socket:
    """Open a connection to an address, which is no name any more.

    Raises:
        OSError: nobody takes it.
    """
    return socket.create_connection((address, port), timeout=seconds)


class HttpsPoster:
    """Posts over HTTPS, to public addresses only (WH-07)."""

    def __init__(
        self,
        *,
        clock: Clock,
        resolve: Resolve = addresses_of,
        connect: Connect = connected_to,
        context: ssl.SSLContext | None = None,
        to_loopback: bool = False,
    ) -> None:
        """Make a poster; nothing is connected yet.

        Args:
            clock: by whose day the rule about addresses is asked.
            resolve: looks a name up.
            connect: opens a connection to an address that was judged.
            context: whom to trust; the machine's own authorities where there is none.
            to_loopback: for a stack on one machine: http to that machine, and nowhere else.
        """
        self._clock = clock
        self._resolve = resolve
        self._connect = connect
        self._context = context
        self.to_loopback = to_loopback

    def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, seconds: int, most_bytes: int
    ) -> Answered:
        """See `cloud.reporting.delivering.Poster.post`."""
        began = monotonic()
        answered = self._posted(url, headers, body, began + seconds, most_bytes)
        return replace(answered, took_s=monotonic() - began)

    def _posted(
        self, url: str, headers: Mapping[str, str], body: bytes, until: float, most_bytes: int
    ) -> Answered:
        try:
            target = target_of(url, to_loopback=self.to_loopback)
            if self.to_loopback and not target.is_plain:
                return Answered(fault="address_refused")
            request = _request(target, headers, body)
            with self._connected(target, self._addresses(target, until), until) as connection:
                _send(connection, request, until)
                return Answered(_status(connection, until, most_bytes))
        except _Stopped as stopped:
            return Answered(fault=stopped.fault)
        except BadInput:
            return Answered(fault="address_refused")
        except TimeoutError:
            return Answered(fault=TIMED_OUT)
        except ssl.SSLError:
            return Answered(fault="tls_failed")
        except OSError:
            return Answered(fault="unreachable")

    def _addresses(self, target: Target, until: float) -> Sequence[str]:
        """Give the addresses to connect to; one that is not public closes all of the name's."""
        if target.is_plain:
            return ("127.0.0.1",)
        try:
            found = _within(until, self._resolve, target.host, target.port)
        except TimeoutError:
            raise
        except (OSError, UnicodeError) as unknown:
            raise _Stopped("name_unknown") from unknown
        today: date = self._clock.now().date()
        if not found:
            raise _Stopped("name_unknown")
        if not all(is_public(one, on=today) for one in found):
            raise _Stopped("address_refused")
        return tuple(found)

    def _connected(self, target: Target, addresses: Sequence[str], until: float) -> socket.socket:
        plain = self._reached(target, addresses, until)
        if target.is_plain:
            return plain
        try:
            context = self._context or ssl.create_default_context()
            plain.settimeout(_left(until))
            # The handshake is one step to the deadline, however slowly its bytes come.
            return context.wrap_socket(plain, server_hostname=target.host)
        except BaseException:
            plain.close()
            raise

    def _reached(self, target: Target, addresses: Sequence[str], until: float) -> socket.socket:
        """Connect to the first address that takes it: this machine may have no way to some."""
        *others, last = addresses[:MOST_ADDRESSES]
        for address in others:
            try:
                return self._connect(address, target.port, _left(until) / 2)
            except OSError:
                continue
        return self._connect(last, target.port, _left(until))


class _Stopped(Exception):
    """It goes no further, for a fault that has a name."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    host = f"{target.host}:{target.port}" if target.is_plain else target.host
    lines = [f"POST {target.path} HTTP/1.1", f"host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"content-length: {len(body)}", "accept: */*", "connection: close"]
    if not all(_HEADER.fullmatch(line) for line in lines):
        raise _Stopped("address_refused")
    return "\r\n".join((*lines, "", "")).encode("ascii") + body


def _within(until: float, call: Callable[..., Any], *arguments: Any) -> Any:
    """Give what a call gives, if it does in time: a resolver knows no deadline of its own."""
    answer: list[Any] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            answer.append(call(*arguments))
        except (OSError, UnicodeError) as wrong:
            failed.append(wrong)

    worker = Thread(target=run, daemon=True)
    worker.start()
    worker.join(_left(until))
    if failed:
        raise failed[0]
    if not answer:
        raise TimeoutError
    return answer[0]


def _left(until: float) -> float:
    """Give the seconds that are left.

    Raises:
        TimeoutError: none are.
    """
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _send(connection: socket.socket, request: bytes, until: float) -> None:
    sent = 0
    while sent < len(request):
        connection.settimeout(_left(until))
        sent += connection.send(request[sent:])


def _status(connection: socket.socket, until: float, most_bytes: int) -> int:
    """Give the status of the answer, passing over those that only announce it (RFC 9110, 15.2).

    Raises:
        _Stopped: it is no answer of HTTP, or is too long before it says one.
    """
    got = b""
    read = 0
    while True:
        found = _STATUS.match(got)
        if found is not None and int(found[1]) >= 200:
            return int(found[1])
        end = _END.search(got) if found is not None else None
        if end is not None:
            got = got[end.end() :]
            continue
        connection.settimeout(_left(until))
        part = connection.recv(min(_READ, most_bytes - read)) if read < most_bytes else b""
        if not part:
            raise _Stopped("bad_answer")
        got += part
        read += len(part)
