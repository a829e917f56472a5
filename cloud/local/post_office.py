"""SES's way in: an SMTP listener, receipt rules, and what they do with a mail.

After "Email receiving with Amazon SES" and its chapters on receipt rules, actions and
notifications, Amazon SES developer guide. On loopback nobody's identity can be checked and nothing
is scanned: every verdict is GRAY, which is SES's word for "could not tell", and the headers that
SES adds say so; only the domains that are reserved for examples vouch for their senders. A
rule's TlsPolicy binds on AWS only: on loopback mail comes without TLS.
"""

import asyncio
import base64
import logging
import re
import secrets
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, getaddresses
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from cloud.kernel.clock import Clock
from cloud.kernel.errors import BadInput, Unavailable
from cloud.local import mail_headers

MAX_MAIL_BYTES = 40 * 1024 * 1024
"""The largest mail that SES receives ("Service quotas in Amazon SES")."""
MAX_RECIPIENTS = 100
MAX_HOPS = 100
"""A mail with more Received headers goes in a circle (RFC 5321, section 6.3)."""
MAX_HEADER_BYTES = 10 * 1024
"""As much of the headers as a function is told."""

_SILENCE_S = 60
_HOST = "inbound-smtp.us-east-1.amazonaws.com"
_VERDICTS = ("spam", "virus", "spf", "dkim", "dmarc")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail that was taken in: who it is from and for is what SMTP said, not its headers."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    received_at: datetime
    helo: str = "localhost"


# ---- receipt rules ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class S3Action:
    """Store the mail in a bucket under its message id."""

    bucket: str
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class LambdaAction:
    """Call a function with the mail's headers and verdicts, not waiting for it."""

    function_arn: str


@dataclass(frozen=True, slots=True)
class BounceAction:
    """Tell the sender that the mail is not wanted."""

    smtp_code: str
    message: str
    sender: str
    status_code: str = ""


@dataclass(frozen=True, slots=True)
class StopAction:
    """Look at no further rule."""


Action = S3Action | LambdaAction | BounceAction | StopAction


@dataclass(frozen=True, slots=True)
class ReceiptRule:
    """One receipt rule; without recipients it is for everybody."""

    name: str
    recipients: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    is_enabled: bool = True
    scans: bool = False

    def takes(self, recipient: str) -> bool:
        """Tell whether the rule is for an address."""
        return not self.recipients or any(_covers(one, recipient) for one in self.recipients)


@dataclass(frozen=True, slots=True)
class Decided:
    """One action to be done, for the recipients that its rule takes."""

    rule: str
    action: Action
    recipients: tuple[str, ...]


def _covers(condition: str, recipient: str) -> bool:
    """Hold an address against an address, a domain, or the subdomains of `.domain`.

    A condition without a label takes the addresses with any label: `a@b.c` takes `a+x@b.c`.
    """
    condition, recipient = condition.lower(), recipient.lower()
    local, _, domain = recipient.rpartition("@")
    if "@" in condition:
        return condition in (recipient, f"{local.partition('+')[0]}@{domain}")
    if condition.startswith("."):
        return domain.endswith(condition) and len(domain) > len(condition)
    return domain == condition


def decide(rules: Sequence[ReceiptRule], recipients: Sequence[str]) -> list[Decided]:
    """Give the actions that a mail brings about, in the order in which they are done."""
    decided: list[Decided] = []
    for rule in rules:
        meant = tuple(one for one in recipients if rule.takes(one))
        if not rule.is_enabled or not meant:
            continue
        for action in rule.actions:
            if isinstance(action, StopAction):
                return decided
            decided.append(Decided(rule.name, action, meant))
    return decided


def read_rules(resources: Mapping[str, Mapping[str, Any]]) -> list[ReceiptRule]:
    """Read the `AWS::SES::ReceiptRule` of a template into the order in which they apply.

    Args:
        resources: The properties of each by its logical id; the rule set of the first is the
            active one, and there is no other.

    Raises:
        BadInput: Something is wrong or not known here, or the order is not told: on AWS it would
            be that in which CloudFormation happened to make the rules.
    """
    read: dict[str, tuple[str | None, ReceiptRule]] = {}
    rule_sets = {str(properties.get("RuleSetName")) for properties in resources.values()}
    if len(rule_sets) > 1:
        raise BadInput(f"receipt rules: {sorted(rule_sets)} are several sets; only one is active")
    for logical_id, properties in resources.items():
        _only(logical_id, properties, "RuleSetName After Rule")
        rule = _read_rule(logical_id, properties.get("Rule"))
        if rule.name in read:
            raise BadInput(f"receipt rule {rule.name}: two rules have this name; rename one")
        read[rule.name] = (properties.get("After"), rule)
    return _in_order(read)


def _in_order(read: Mapping[str, tuple[str | None, ReceiptRule]]) -> list[ReceiptRule]:
    followers: dict[str | None, list[ReceiptRule]] = {}
    for after, rule in read.values():
        if after is not None and after not in read:
            raise BadInput(f"receipt rule {rule.name}: After names {after!r}, which is no rule")
        followers.setdefault(after, []).append(rule)
    for after, rules in followers.items():
        if len(rules) > 1:
            names = " and ".join(rule.name for rule in rules)
            place = f"after {after}" if after else "first"
            raise BadInput(f"receipt rules {names}: both come {place}; order them with After")
    ordered: list[ReceiptRule] = []
    last: str | None = None
    while last in followers:
        (rule,) = followers.pop(last)
        ordered.append(rule)
        last = rule.name
    if followers:
        raise BadInput(f"receipt rules: After goes in a circle at {sorted(map(str, followers))[0]}")
    return ordered


def _only(rule: str, given: Any, known: str) -> None:
    if not isinstance(given, Mapping):
        raise BadInput(f"receipt rule {rule}: want an object, got {given!r}"[:200])
    if unknown := sorted(map(str, set(given) - set(known.split()))):
        raise BadInput(f"receipt rule {rule}: {unknown[0]} is not supported here")


def _read_rule(logical_id: str, given: Any) -> ReceiptRule:
    _only(logical_id, given, "Name Enabled Recipients Actions ScanEnabled TlsPolicy")
    name = given.get("Name", logical_id)
    if not isinstance(name, str) or not re.fullmatch(r"[\w.-]{1,64}", name, re.ASCII):
        raise BadInput(f"receipt rule {logical_id}: Name {name!r} is not 1 to 64 of A-Z 0-9 . - _")
    recipients = given.get("Recipients", ())
    for one in recipients:
        if not isinstance(one, str) or not re.fullmatch(r"(?:[^@\s]+@|\.)?[^@\s.][^@\s]*", one):
            raise BadInput(f"receipt rule {name}: Recipients {one!r} is no address or domain")
    if given.get("TlsPolicy", "Optional") not in ("Optional", "Require"):
        raise BadInput(f"receipt rule {name}: TlsPolicy {given['TlsPolicy']!r} is not known")
    return ReceiptRule(
        name=name,
        recipients=tuple(recipients),
        actions=tuple(_read_action(name, one) for one in given.get("Actions", ())),
        is_enabled=_is_true(name, given, "Enabled"),
        scans=_is_true(name, given, "ScanEnabled"),
    )


def _is_true(rule: str, given: Mapping[str, Any], name: str) -> bool:
    """Read a Boolean as CloudFormation takes one; SES's default is false."""
    value = str(given.get(name, False)).lower()
    if value not in ("true", "false"):
        raise BadInput(f"receipt rule {rule}: {name} {given[name]!r} is neither true nor false")
    return value == "true"


def _read_action(rule: str, given: Any) -> Action:
    _only(rule, given, "S3Action LambdaAction StopAction BounceAction")
    if len(given) != 1:
        raise BadInput(f"receipt rule {rule}: an action has one kind, not {sorted(given)}")
    ((kind, parts),) = given.items()
    if kind == "S3Action":
        _only(rule, parts, "BucketName ObjectKeyPrefix IamRoleArn")
        return S3Action(_text(rule, parts, "BucketName"), parts.get("ObjectKeyPrefix", ""))
    if kind == "LambdaAction":
        _only(rule, parts, "FunctionArn InvocationType")
        if parts.get("InvocationType", "Event") != "Event":
            raise BadInput(f"receipt rule {rule}: LambdaAction is supported as Event only")
        return LambdaAction(_text(rule, parts, "FunctionArn"))
    if kind == "BounceAction":
        _only(rule, parts, "SmtpReplyCode Message Sender StatusCode")
        code = str(parts.get("SmtpReplyCode"))
        if not re.fullmatch(r"[45]\d\d", code):
            raise BadInput(f"receipt rule {rule}: SmtpReplyCode {code!r} is not 4xx or 5xx")
        message, sender = _text(rule, parts, "Message"), _text(rule, parts, "Sender")
        return BounceAction(code, message, sender, str(parts.get("StatusCode", "")))
    _only(rule, parts, "Scope")
    if parts.get("Scope") != "RuleSet":
        raise BadInput(f"receipt rule {rule}: StopAction has the Scope RuleSet")
    return StopAction()


def _text(rule: str, given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput(f"receipt rule {rule}: {name} {value!r} is not a text")
    return value


# ---- what comes of a mail -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """An object that an S3 action asks for."""

    bucket: str
    key: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Called:
    """A call that a Lambda action asks for."""

    function_arn: str
    event: Mapping[str, Any]


def is_reserved(domain: str) -> bool:
    """Tell whether a domain can be nobody's (RFC 2606): on loopback it vouches for its mails.

    Whoever reaches this listener is a person on this machine, who plays somebody with such a name.
    """
    return domain.lower().rpartition(".")[2] in {"example", "test", "localhost", "invalid"}


def stored(mail: Arrived) -> bytes:
    """Give the mail as SES stores it: the headers it adds, then every byte that came."""
    date = format_datetime(mail.received_at.astimezone(UTC))
    first = mail.recipients[0] if mail.recipients else ""
    sender_domain = mail.sender.rpartition("@")[2] or "unknown"
    spf = "pass" if is_reserved(sender_domain) else "none"
    added = [
        ("Return-Path", f"<{mail.sender}>"),
        ("Received", f"from {mail.helo} (localhost [127.0.0.1]) by {_HOST} with SMTP id"
                     f" {mail.message_id} for {first}; {date}"),
        ("X-SES-Spam-Verdict", "GRAY"),
        ("X-SES-Virus-Verdict", "GRAY"),
        ("Received-SPF", f"{spf} (loopback: {sender_domain} was not looked up)"
                         " client-ip=127.0.0.1"),
        ("Authentication-Results", f"amazonses.com; spf={spf} smtp.mailfrom={mail.sender};"
                                   " dkim=none; dmarc=none"),
    ]  # fmt: skip
    return mail_headers.with_first(mail.content, added)


def lambda_event(mail: Arrived, decided: Decided) -> dict[str, Any]:
    """Give what a Lambda action's function is called with; the body of the mail is not in it."""
    action = decided.action
    if not isinstance(action, LambdaAction):
        raise BadInput(f"receipt rule {decided.rule}: {action} calls no function")
    at = f"{mail.received_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
    receipt = {
        "timestamp": at,
        "processingTimeMillis": 0,
        "recipients": list(decided.recipients),
        **{f"{name}Verdict": {"status": "GRAY"} for name in _VERDICTS},
        "action": {
            "type": "Lambda",
            "functionArn": action.function_arn,
            "invocationType": "Event",
        },
    }
    ses = {"mail": _mail_object(mail, at), "receipt": receipt}
    return {"Records": [{"eventSource": "aws:ses", "eventVersion": "1.0", "ses": ses}]}


def _mail_object(mail: Arrived, at: str) -> dict[str, Any]:
    headers, _ = mail_headers.split(mail.content)
    shown: list[dict[str, str]] = []
    size = 0
    for one in headers:
        size += len(one.raw)
        if size > MAX_HEADER_BYTES:
            break
        shown.append({"name": one.name, "value": mail_headers.decoded(one.value)})
    return {
        "timestamp": at,
        "source": mail.sender,
        "messageId": mail.message_id,
        "destination": list(mail.recipients),
        "headersTruncated": len(shown) < len(headers),
        "headers": shown,
        "commonHeaders": _common_headers(mail, headers),
    }


def _common_headers(mail: Arrived, headers: Collection[mail_headers.Header]) -> dict[str, Any]:
    common: dict[str, Any] = {"returnPath": mail.sender}
    for name, key in (
        ("From", "from"), ("To", "to"), ("Cc", "cc"), ("Reply-To", "replyTo")
    ):  # fmt: skip
        if found := mail_headers.values(headers, name):
            common[key] = _addresses(found[0][:MAX_HEADER_BYTES])
    for name, key in (("Date", "date"), ("Message-ID", "messageId"), ("Subject", "subject")):
        if found := mail_headers.values(headers, name):
            common[key] = mail_headers.decoded(found[0][:MAX_HEADER_BYTES])
    return common


def _addresses(value: str) -> list[str]:
    found = getaddresses([mail_headers.decoded(value)])
    return [f"{name} <{address}>" if name else address for name, address in found if address]


# ---- the listener -------------------------------------------------------------------------------


class PostOffice:
    """Takes mail in for those whom a receipt rule takes.

    `accept` gets each mail, from a thread of its own, one at a time, and returns when it is kept
    for good; only then the client is told 250. If it raises, the client is told 451 and sends
    again later.
    """

    def __init__(
        self,
        rules: Mapping[str, Mapping[str, Any]],
        clock: Clock,
        *,
        accept: Callable[[Arrived], None],
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Read the rules without listening yet.

        Args:
            rules: The properties of each `AWS::SES::ReceiptRule` by its logical id.
            clock: Dates the mails.
            accept: Keeps a mail.
            host: The address to listen on.
            port: The port to listen on; 0 takes a free one.

        Raises:
            BadInput: A rule is wrong or has something that is not known here.
        """
        self.rules = tuple(read_rules(rules))
        self._clock, self._accept, self._host, self._port = clock, accept, host, port
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """Listen, and return the port.

        Raises:
            Unavailable: The address cannot be listened on.
        """
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="mail-accept")
        started: Future[int] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="smtp", daemon=True)
        self._thread.start()
        try:
            self._port = started.result()
        except OSError as error:
            self._close()
            message = f"SMTP listener: cannot listen on {self._host}:{self._port} ({error})"
            raise Unavailable(message) from error
        return self._port

    def stop(self) -> None:
        """Cut every connection and return when the port is free; nothing happens if not started."""
        if self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._close()

    def _close(self) -> None:
        if self._thread:
            self._thread.join()
        self._thread = None
        self._pool.shutdown()

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
        desk = _Desk(self.rules, self._clock, self._keep)
        server = await self._loop.create_server(
            lambda: desk.conversation(self._loop), self._host, self._port
        )
        started.set_result(server.sockets[0].getsockname()[1])
        await self._stop.wait()
        server.close()
        for open_one in list(desk.open):
            open_one.cut()
        await server.wait_closed()

    async def _keep(self, mail: Arrived) -> BaseException | None:
        """Have a mail kept, and give what went wrong."""
        future = self._pool.submit(self._accept, mail)
        await asyncio.wait([asyncio.wrap_future(future)])
        return future.exception()

    # ---- what its mails bring about --------------------------------------------------------------

    def kept(self, mail: Arrived) -> list[Kept]:
        """Give the objects that the rules want kept of a mail."""
        return [
            Kept(one.action.bucket, f"{one.action.prefix}{mail.message_id}", stored(mail))
            for one in decide(self.rules, mail.recipients)
            if isinstance(one.action, S3Action)
        ]

    def calls(self, mail: Arrived) -> list[Called]:
        """Give the calls that the rules want made because of a mail, in order."""
        return [
            Called(one.action.function_arn, lambda_event(mail, one))
            for one in decide(self.rules, mail.recipients)
            if isinstance(one.action, LambdaAction)
        ]

    def bounces(self, mail: Arrived) -> list[Decided]:
        """Give the bounces that the rules want sent; a mail without a sender is never bounced."""
        if not mail.sender:
            return []
        return [
            one
            for one in decide(self.rules, mail.recipients)
            if isinstance(one.action, BounceAction)
        ]


class _Conversation(SMTP):
    """One client's connection, which tells the desk when it begins and ends."""

    def __init__(self, desk: "_Desk", loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            desk,
            data_size_limit=MAX_MAIL_BYTES,
            enable_SMTPUTF8=True,
            hostname=_HOST,
            ident="ESMTP",
            timeout=_SILENCE_S,
            loop=loop,
        )
        self._desk = desk

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._desk.open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._desk.open.discard(self)
        super().connection_lost(error)

    def cut(self) -> None:
        """End the connection at once."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()


class _Desk:
    """Answers SMTP's commands; the names are those that aiosmtpd calls."""

    def __init__(
        self,
        rules: Sequence[ReceiptRule],
        clock: Clock,
        keep: Callable[[Arrived], Any],
    ) -> None:
        self._rules, self._clock, self._keep = rules, clock, keep
        self.open: set[_Conversation] = set()

    def conversation(self, loop: asyncio.AbstractEventLoop) -> _Conversation:
        return _Conversation(self, loop)

    async def handle_RCPT(  # noqa: N802
        self,
        server: SMTP,  # noqa: ARG002
        session: Session,  # noqa: ARG002
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if len(envelope.rcpt_tos) >= MAX_RECIPIENTS:
            return "452 4.5.3 too many recipients: send the others another time"
        if not _is_text(address) or not any(
            rule.is_enabled and rule.takes(address) for rule in self._rules
        ):
            return "550 5.1.1 mailbox unavailable: no receipt rule takes this recipient"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self,
        server: SMTP,  # noqa: ARG002
        session: Session,
        envelope: Envelope,
    ) -> str:
        content = bytes(envelope.original_content or b"")
        headers, _ = mail_headers.split(content)
        if len(mail_headers.values(headers, "Received")) > MAX_HOPS:
            return "554 5.4.6 too many hops: this mail goes in a circle"
        sender = (envelope.mail_from or "").strip("<>")
        if not _is_text(sender):
            return "553 5.1.7 the sender's address is no text"
        mail = Arrived(
            message_id=_message_id(),
            sender=sender,
            recipients=tuple(dict.fromkeys(envelope.rcpt_tos)),
            content=content,
            received_at=self._clock.now(),
            helo=_helo(session.host_name),
        )
        fault = await self._keep(mail)
        if fault is not None:
            logger.error("mail %s was not kept: %r", mail.message_id, fault)
            return "451 4.3.0 the mail could not be kept: send it again later"
        return f"250 2.0.0 OK {mail.message_id}"

    async def handle_exception(self, fault: Exception) -> str:
        logger.error("an SMTP command failed: %r", fault)
        return "451 4.3.0 the command could not be carried out"


def _is_text(address: str) -> bool:
    """Tell whether an address is UTF-8 without control characters."""
    return not re.search(r"[\x00-\x20\x7f\ud800-\udfff]", address)


def _helo(name: Any) -> str:
    """Give what the client called itself, without what does not belong into a header."""
    return re.sub(r"[^\w.:\[\]-]", "", str(name or ""), flags=re.ASCII)[:255] or "localhost"


def _message_id() -> str:
    """Make an id of the shape that SES gives to mails that come in: 40 small letters and digits."""
    return base64.b32hexencode(secrets.token_bytes(25)).decode().lower()
