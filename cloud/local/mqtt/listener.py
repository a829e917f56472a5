"""The listener: sockets, TLS, keepalive, and an event loop in a thread of its own."""

import asyncio
import hashlib
import logging
import re
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from cloud.kernel.clock import Clock
from cloud.kernel.errors import BadInput, Unavailable
from cloud.local.mqtt.conversation import (
    Conversation,
    ConversationOverError,
    Presence,
    Reserved,
    Switchboard,
)
from cloud.local.mqtt.message import MAX_PAYLOAD_BYTES, Publish
from cloud.local.mqtt.packets import MalformedPacketError, Message, Packet, Splitter
from cloud.local.mqtt.policy import Authorise
from cloud.local.mqtt.sessions import Sessions
from cloud.local.mqtt.topics import fault_of_topic, has_wildcard

CONNECT_WITHIN_S = 10.0
MAX_KEEPALIVE_S = 1200
"""The longest keepalive of IoT Core, which also holds for a client that asks for none."""

WORKERS = 4
_READ_AHEAD_BYTES = 256 * 1024
_WRITE_BEHIND_BYTES = 1024 * 1024
_THING_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")

logger = logging.getLogger(__name__)


class Listener:
    """The stand-in for IoT Core's device gateway: MQTT 3.1.1 over mutual TLS.

    A device is who its certificate says: `admits` decides on certificate and client id; without it
    the thing's name is the subject's common name, and the client id must be the same. QoS 0 and 1;
    sessions, subscriptions and undelivered messages live for seven days of the runtime's clock.
    Keepalive runs on real time, since sockets do.

    `accept` gets each message of a device, from several threads at once, but those of one
    connection in order; it returns when the message is committed, and only then the device gets
    its PUBACK. If it raises, the connection is closed without one and the device sends again.
    """

    def __init__(
        self,
        *,
        database: Path,
        tls: ssl.SSLContext,
        authorise: Authorise,
        accept: Callable[[Publish], None],
        clock: Clock,
        host: str = "127.0.0.1",
        port: int = 0,
        admits: Callable[[str, str], bool] | None = None,
        reserved: Reserved | None = None,
        on_presence: Callable[[Presence], None] | None = None,
    ) -> None:
        """Set a listener up without starting it.

        Args:
            database: The SQLite file of the sessions; it is made if it is not there.
            tls: A server context that requires client certificates.
            authorise: Decides on a thing's action on a resource, such as `topic/sr/v1/home-1/e`.
            accept: Commits a message on the cloud side.
            clock: The runtime's clock; it dates messages and ends sessions.
            host: The address to listen on.
            port: The port to listen on; 0 takes a free one.
            admits: Decides by certificate and client id who may connect; without it the common
                name of the certificate is the thing, and the client id must be the same.
            reserved: Answers reserved topics; without it there are none but Basic Ingest.
            on_presence: Hears who comes and goes.

        Raises:
            BadInput: The context would let a client in without a certificate.
        """
        if tls.verify_mode != ssl.CERT_REQUIRED:
            raise BadInput("MQTT listener: the TLS context must require client certificates")
        self._database, self._tls, self._host, self._port = database, tls, host, port
        self._authorise, self._accept, self._clock = authorise, accept, clock
        self._admits, self._reserved, self._on_presence = admits, reserved, on_presence
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """Listen, and return the port.

        First the wills of clients whose connection ended with the listener's last run are given
        to `accept`, on the caller's thread.

        Raises:
            Unavailable: The address cannot be listened on.
        """
        self._sessions = Sessions(self._database)
        self._board = Switchboard(
            self._sessions,
            self._authorise,
            self._accept,
            self._clock,
            admits=self._admits,
            reserved=self._reserved,
            on_presence=self._on_presence,
        )
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="mqtt-accept")
        now = self._clock.now()
        for lost in self._sessions.recover(now):
            self._board.say_will(lost.will, lost.thing, lost.certificate_id)
        self._sessions.expire(now)
        started: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="mqtt", daemon=True)
        self._thread.start()
        try:
            self._port = started.result()
        except OSError as error:
            self._close()
            message = f"MQTT listener: cannot listen on {self._host}:{self._port} ({error})"
            raise Unavailable(message) from error
        return self._port

    def stop(self) -> None:
        """Cut every connection and return when the port is free; for clients it is an outage.

        No will is published: the next `start` does so, as after a crash.
        """
        if self._thread is None:
            return
        self._board.is_stopping = True
        self._loop.call_soon_threadsafe(self._stop.set)
        self._close()

    def _close(self) -> None:
        if self._thread:
            self._thread.join()
        self._thread = None
        self._pool.shutdown()
        self._sessions.close()

    def cut(self, certificate_id: str) -> None:
        """Throw off whoever is connected with a certificate; for one that was made inactive."""
        if self._thread is not None:
            self._board.cut(certificate_id)

    def publish(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> None:
        """Send a message down to whoever subscribed to its topic; `accept` does not see it.

        At QoS 1 it is committed for each subscriber before this returns, connected or not.

        Raises:
            BadInput: IoT Core would not take the topic, payload or QoS.
            Unavailable: The listener is not started.
        """
        if self._thread is None:
            raise Unavailable(f"cannot publish to {topic!r}: the MQTT listener is not started")
        fault = fault_of_topic(topic)
        if not topic or has_wildcard(topic) or fault or len(payload) > MAX_PAYLOAD_BYTES:
            raise BadInput(
                f"cannot publish {len(payload)} bytes to {topic!r}: {fault or 'refused'}"
            )
        if qos not in (0, 1):
            raise BadInput(f"cannot publish to {topic!r} at QoS {qos}: it is 0 or 1")
        self._board.carry(Message(topic, payload, qos, retain=retain))

    def _run(self, started: "Future[int]") -> None:
        try:
            asyncio.run(self._serve(started))
        except OSError as error:
            if started.done():
                raise
            started.set_exception(error)

    async def _serve(self, started: "Future[int]") -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        wires: set[_Wire] = set()
        server = await self._loop.create_server(
            lambda: _Wire(self._board, self._pool, wires),
            self._host,
            self._port,
            ssl=self._tls,
            ssl_handshake_timeout=CONNECT_WITHIN_S,
            ssl_shutdown_timeout=1.0,
        )
        started.set_result(server.sockets[0].getsockname()[1])
        await self._stop.wait()
        server.close()
        await asyncio.gather(*(wire.cut() for wire in list(wires)))
        await server.wait_closed()


class _Wire(asyncio.Protocol):
    """One socket: it cuts bytes into packets and lets a worker hold the conversation.

    Work that commits runs on a worker thread, one turn of a connection at a time; the loop only
    moves bytes, so that one slow `accept` does not silence the other devices.
    """

    def __init__(self, board: Switchboard, pool: ThreadPoolExecutor, wires: "set[_Wire]") -> None:
        self._board, self._pool, self._wires = board, pool, wires
        self._loop = asyncio.get_running_loop()
        self._splitter = Splitter()
        self._something = asyncio.Event()
        self._waiting_bytes = 0
        self._is_awake = self._is_busy = self._is_lost = False
        self.address = ""
        self._heard_at = self._loop.time()

    # ---- called by asyncio, on the loop ------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("the listener needs a stream transport")
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        identity = _identity(transport.get_extra_info("ssl_object"))
        if identity is None:
            logger.warning("a client certificate has no usable common name, connection closed")
            transport.abort()
            return
        self._thing, certificate_id = identity
        self._conversation = Conversation(
            self._board, self, thing=self._thing, certificate_id=certificate_id
        )
        self._wires.add(self)
        self._task = self._loop.create_task(self._hold())
        self._guard = self._loop.call_later(CONNECT_WITHIN_S, self._check_silence)

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        self._splitter.feed(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes > _READ_AHEAD_BYTES:
            self._transport.pause_reading()
        self._something.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._is_lost = True
        self._something.set()

    # ---- called by anyone (Wire) -------------------------------------------------------------

    def wake(self) -> None:
        self._loop.call_soon_threadsafe(self._wake)

    def push(self, data: bytes) -> None:
        self._loop.call_soon_threadsafe(self._push, data)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._transport.close)

    def _wake(self) -> None:
        self._is_awake = True
        self._something.set()

    def _push(self, data: bytes) -> None:
        if self._transport.get_write_buffer_size() < _WRITE_BEHIND_BYTES:
            self._transport.write(data)

    async def cut(self) -> None:
        """Drop the connection and wait until nothing runs for it any more."""
        self._transport.abort()
        await self._task

    # ---- the turns ---------------------------------------------------------------------------

    async def _hold(self) -> None:
        """Take turns until the connection is gone; here every failure of a turn is reported."""
        try:
            # one more turn after the loss: a DISCONNECT may have come just before it
            while self._something.is_set() or not self._is_lost:
                await self._something.wait()
                self._something.clear()
                await self._turn()
        except (ConversationOverError, MalformedPacketError) as reason:
            logger.info("%s: connection closed: %s", self._thing, reason)
        except Exception:
            logger.exception("%s: connection closed without PUBACK, a message failed", self._thing)
        finally:
            self._guard.cancel()
            self._transport.close()
            await self._loop.run_in_executor(self._pool, self._end)
            self._wires.discard(self)

    def _end(self) -> None:
        self._conversation.end(lost=True)

    async def _turn(self) -> None:
        received, fault = self._packets()
        is_awake, self._is_awake = self._is_awake, False
        if received or is_awake:
            self._is_busy = True
            try:
                await self._loop.run_in_executor(self._pool, self._work, received, is_awake)
            finally:
                self._is_busy = False
                self._heard_at = self._loop.time()
                self._send()
        if fault:
            raise fault
        self._keep_watch()

    def _packets(self) -> tuple[list[Packet], MalformedPacketError | None]:
        """Cut what has arrived; the packets before a malformed one still count."""
        received: list[Packet] = []
        try:
            received.extend(self._splitter.packets())
        except MalformedPacketError as fault:
            return received, fault
        self._waiting_bytes = 0
        self._transport.resume_reading()
        return received, None

    def _work(self, received: list[Packet], is_awake: bool) -> None:  # noqa: FBT001 - executor
        self._conversation.receive(received)
        if is_awake:
            self._conversation.answers += self._conversation.outgoing()

    def _send(self) -> None:
        """Write all answers of a turn at once: one TLS record instead of one for each PUBACK."""
        if self._conversation.answers and not self._transport.is_closing():
            self._transport.write(bytes(self._conversation.answers))
        self._conversation.answers.clear()

    # ---- silence -----------------------------------------------------------------------------

    def _patience_s(self) -> float:
        """Give how long a client may be silent: one and a half times its keepalive (3.1.2.10)."""
        keepalive_s = self._conversation.keepalive_s
        if keepalive_s is None:
            return CONNECT_WITHIN_S
        return 1.5 * min(keepalive_s or MAX_KEEPALIVE_S, MAX_KEEPALIVE_S)

    def _keep_watch(self) -> None:
        """Look again when the silence, if it began now, would have been too long."""
        due_at = self._heard_at + self._patience_s()
        if due_at < self._guard.when():
            self._guard.cancel()
            self._guard = self._loop.call_at(due_at, self._check_silence)

    def _check_silence(self) -> None:
        due_at = self._heard_at + self._patience_s()
        if self._loop.time() < due_at or self._is_busy:
            self._guard = self._loop.call_at(
                max(due_at, self._loop.time() + 0.1), self._check_silence
            )
            return
        logger.info("%s: connection closed: silent for longer than its keepalive", self._thing)
        self._transport.abort()


def _identity(tls: ssl.SSLObject | None) -> tuple[str, str] | None:
    """Read the thing's name and the certificate id (IoT Core's: SHA-256 of the DER) off TLS."""
    encoded = tls.getpeercert(binary_form=True) if tls else None
    if not encoded:
        return None
    subject = x509.load_der_x509_certificate(encoded).subject
    names = [str(name.value) for name in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if len(names) != 1 or not _THING_NAME.fullmatch(names[0]):
        return None
    return names[0], hashlib.sha256(encoded).hexdigest()
