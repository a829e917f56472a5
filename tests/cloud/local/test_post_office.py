"""Mail in: receipt rules, a real SMTP client, and whatever a hostile one may send."""

import json
import re
import smtplib
import socket
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.kernel.errors import BadInput, Unavailable
from cloud.local import mail_headers
from cloud.local.post_office import (
    Arrived,
    BounceAction,
    LambdaAction,
    PostOffice,
    ReceiptRule,
    S3Action,
    StopAction,
    decide,
    read_rules,
    stored,
)

NOW = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:F"
KEEP = {"S3Action": {"BucketName": "Mails", "ObjectKeyPrefix": "in/"}}
CALL = {"LambdaAction": {"FunctionArn": FUNCTION}}


class Clock:
    def now(self) -> datetime:
        return NOW


def resource(*recipients: str, after: str | None = None, **rule: Any) -> dict[str, Any]:
    given = {"Enabled": True, "Recipients": list(recipients), "Actions": [KEEP, CALL], **rule}
    made: dict[str, Any] = {"RuleSetName": "set", "Rule": given}
    return made | ({"After": after} if after else {})


# ---- rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "taken", "not_taken"),
    [
        ("a@b.example", ["a@b.example", "A@B.example", "a+x@b.example"], ["aa@b.example"]),
        ("a+x@b.example", ["a+x@b.example"], ["a@b.example", "a+y@b.example"]),
        ("b.example", ["a@b.example", "c+d@B.EXAMPLE"], ["a@c.b.example", "a@ab.example"]),
        (".b.example", ["a@c.b.example", "a@d.c.b.example"], ["a@b.example", "a@ab.example"]),
    ],
)
def test_recipients(condition: str, taken: list[str], not_taken: list[str]) -> None:
    rule = ReceiptRule("r", (condition,))
    assert [one for one in taken if not rule.takes(one)] == []
    assert [one for one in not_taken if rule.takes(one)] == []
    assert ReceiptRule("everybody").takes("anybody@at.all")


def test_actions_come_in_order_until_one_stops() -> None:
    keep, call = S3Action("Mails"), LambdaAction(FUNCTION)
    rules = [
        ReceiptRule("off", actions=(call,), is_enabled=False),
        ReceiptRule("ann", ("ann@b.example",), (keep, StopAction(), call)),
        ReceiptRule("all", ("b.example",), (call,)),
    ]
    decided = decide(rules, ["ann@b.example", "bob@b.example"])
    assert [(one.rule, one.action, one.recipients) for one in decided] == [
        ("ann", keep, ("ann@b.example",))
    ]
    decided = decide(rules, ["bob@b.example", "x@c.example"])
    assert [(one.rule, one.recipients) for one in decided] == [("all", ("bob@b.example",))]


def test_after_orders_the_rules() -> None:
    read = read_rules({"C": resource(after="B"), "A": resource(), "B": resource(after="A")})
    assert [rule.name for rule in read] == ["A", "B", "C"]
    assert read_rules({}) == []


def test_a_rule_is_off_unless_it_says_on() -> None:
    (rule,) = read_rules({"A": {"RuleSetName": "s", "Rule": {"Actions": [KEEP]}}})
    assert not rule.is_enabled


@pytest.mark.parametrize(
    ("resources", "says"),
    [
        ({"A": resource(), "B": resource()}, "both come first"),
        ({"A": resource(), "B": resource(after="A"), "C": resource(after="A")}, "after A"),
        ({"A": resource(after="B"), "B": resource(after="A")}, "circle"),
        ({"A": resource(after="X")}, "'X', which is no rule"),
        ({"A": resource(Name="x"), "B": resource(Name="x", after="A")}, "two rules"),
        ({"A": resource(), "B": {**resource(after="A"), "RuleSetName": "other"}}, "several sets"),
        ({"A": resource("no@ne@x")}, "no address"),
        ({"A": resource(Colour="red")}, "Colour is not supported"),
        ({"A": resource(TlsPolicy="Never")}, "TlsPolicy"),
        ({"A": resource(Enabled="maybe")}, "neither true nor false"),
        ({"A": resource(Actions=[{"SNSAction": {}}])}, "SNSAction is not supported"),
        ({"A": resource(Actions=[{**KEEP, **CALL}])}, "one kind"),
        ({"A": resource(Actions=[{"S3Action": {}}])}, "BucketName"),
        ({"A": resource(Actions=[{"S3Action": {"BucketName": "b", "TopicArn": "t"}}])}, "TopicArn"),
        ({"A": resource(Actions=[{"LambdaAction": {
            "FunctionArn": "f", "InvocationType": "RequestResponse"}}])}, "Event only"),
        ({"A": resource(Actions=[{"BounceAction": {"SmtpReplyCode": "250"}}])}, "4xx or 5xx"),
        ({"A": resource(Actions=[{"StopAction": {"Scope": "Rule"}}])}, "RuleSet"),
        ({"A": {"RuleSetName": "s"}}, "want an object"),
    ],
)  # fmt: skip
def test_what_a_rule_cannot_be(resources: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read_rules(resources)


# ---- over SMTP ----------------------------------------------------------------------------------


class Store:
    """Keeps mails, or refuses to."""

    def __init__(self) -> None:
        self.mails: list[Arrived] = []
        self.fault: Exception | None = None

    def __call__(self, mail: Arrived) -> None:
        if self.fault:
            raise self.fault
        self.mails.append(mail)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[PostOffice, Store, int]]:
    kept = Store()
    bounce = {"BounceAction": {"SmtpReplyCode": "550", "Message": "no", "Sender": "m@b.example"}}
    rules = {
        "A": resource("ann@b.example", "b2.example"),
        "B": resource("off@b.example", after="A", Enabled=False),
        "C": resource("gone@b.example", after="B", Actions=[bounce]),
    }
    office = PostOffice(rules, Clock(), accept=kept)
    port = office.start()
    yield office, kept, port
    office.stop()
    office.stop()


@pytest.fixture
def office(running: tuple[PostOffice, Store, int]) -> PostOffice:
    return running[0]


@pytest.fixture
def store(running: tuple[PostOffice, Store, int]) -> Store:
    running[1].mails.clear()
    running[1].fault = None
    return running[1]


@pytest.fixture
def client(running: tuple[PostOffice, Store, int]) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", running[2], timeout=10) as made:
        yield made


def letter(**headers: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Bob <bob@c.example>", "ann@b.example"
    mail["Subject"] = "Grüße"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("hello\n.\n..dots\n")
    return mail


def test_a_mail_comes_in_whole(office: PostOffice, store: Store, client: smtplib.SMTP) -> None:
    client.ehlo("client.example")
    assert client.esmtp_features["size"] == str(40 * 1024 * 1024)
    assert {"8bitmime", "smtputf8"} <= set(client.esmtp_features)
    client.send_message(letter(), to_addrs=["ann+x@b.example", "x@b2.example"])
    (mail,) = store.mails
    assert (mail.sender, mail.received_at) == ("bob@c.example", NOW)
    assert mail.recipients == ("ann+x@b.example", "x@b2.example")
    assert len(mail.message_id) == 40
    assert mail.message_id.isalnum()
    assert mail.content.endswith(b"hello\r\n.\r\n..dots\r\n")
    (kept,) = office.kept(mail)
    assert (kept.bucket, kept.key) == ("Mails", f"in/{mail.message_id}")
    assert kept.content.endswith(mail.content)
    read = message_from_bytes(kept.content, policy=policy.default)
    assert read["X-SES-Spam-Verdict"] == read["X-SES-Virus-Verdict"] == "GRAY"
    assert "dmarc=none" in read["Authentication-Results"]
    assert mail.message_id in read["Received"]
    assert read["Subject"] == "Grüße"
    (call,) = office.calls(mail)
    json.dumps(call.event)
    ses = call.event["Records"][0]["ses"]
    assert ses["mail"]["commonHeaders"]["subject"] == "Grüße"
    assert ses["mail"]["commonHeaders"]["from"] == ["Bob <bob@c.example>"]
    assert ses["receipt"]["recipients"] == ["ann+x@b.example", "x@b2.example"]
    assert ses["receipt"]["spfVerdict"] == {"status": "GRAY"}
    assert ses["receipt"]["action"]["functionArn"] == FUNCTION


def test_who_is_not_taken_is_refused_at_rcpt(store: Store, client: smtplib.SMTP) -> None:
    refused = client.send_message(letter(), to_addrs=["off@b.example", "x@y", "ann@b.example"])
    assert {code for code, _ in refused.values()} == {550}
    assert store.mails[0].recipients == ("ann@b.example",)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        client.send_message(letter(), to_addrs=["nobody@b.example"])
    assert len(store.mails) == 1


@pytest.mark.parametrize(
    "fault", [Unavailable("no disk"), sqlite3.OperationalError("locked"), ZeroDivisionError()]
)
def test_what_cannot_be_kept_is_not_acknowledged(
    store: Store, client: smtplib.SMTP, fault: Exception
) -> None:
    store.fault = fault
    with pytest.raises(smtplib.SMTPDataError) as info:
        client.send_message(letter())
    assert info.value.smtp_code == 451
    assert store.mails == []
    store.fault = None
    client.send_message(letter())
    assert len(store.mails) == 1


def test_bounces_are_decided_but_never_for_a_bounce(
    office: PostOffice, store: Store, client: smtplib.SMTP
) -> None:
    client.sendmail("bob@c.example", ["gone@b.example"], letter().as_bytes())
    client.sendmail("<>", ["gone@b.example"], letter().as_bytes())
    one, from_nobody = store.mails
    assert isinstance(office.bounces(one)[0].action, BounceAction)
    assert from_nobody.sender == ""
    assert office.bounces(from_nobody) == []


def test_a_mail_that_goes_in_a_circle_is_refused(store: Store, client: smtplib.SMTP) -> None:
    hops = b"Received: from a by b\r\n" * 101
    with pytest.raises(smtplib.SMTPDataError) as info:
        client.sendmail("bob@c.example", ["ann@b.example"], hops + b"\r\nx\r\n")
    assert info.value.smtp_code == 554
    client.sendmail("bob@c.example", ["ann@b.example"], hops[23:] + b"\r\nx\r\n")
    assert len(store.mails) == 1


def test_limits(store: Store, client: smtplib.SMTP) -> None:
    client.ehlo()
    code, _ = client.docmd("MAIL", f"FROM:<bob@c.example> SIZE={40 * 1024 * 1024 + 1}")
    assert code == 552
    with pytest.raises(smtplib.SMTPDataError) as info:
        client.sendmail("bob@c.example", ["ann@b.example"], b"a: b\r\n\r\n" + b"x" * 5000 + b"\r\n")
    assert info.value.smtp_code == 500
    many = [f"x{number}@b2.example" for number in range(101)]
    refused = client.sendmail("bob@c.example", many, b"a: b\r\n\r\nx\r\n")
    assert {code for code, _ in refused.values()} == {452}
    assert len(store.mails[-1].recipients) == 100


def test_a_mail_that_was_cut_off_is_not_kept(
    store: Store, running: tuple[PostOffice, Store, int]
) -> None:
    with socket.create_connection(("127.0.0.1", running[2]), timeout=5) as raw:
        lines = b"EHLO x\r\nMAIL FROM:<b@c>\r\nRCPT TO:<ann@b.example>\r\nDATA\r\nSubject: half\r\n"
        raw.sendall(lines)
        seen = b""
        while b"354" not in seen:
            seen += raw.recv(4096)
    assert store.mails == []


def test_an_end_that_only_looks_like_one_smuggles_nothing(
    store: Store, running: tuple[PostOffice, Store, int]
) -> None:
    inner = b"MAIL FROM:<evil@c>\r\nRCPT TO:<ann@b.example>\r\nDATA\r\nevil\r\n.\r\n"
    body = b"a: b\r\n\r\nx\n.\n" + inner[:-5] + b"\r\n.\r\n"
    with socket.create_connection(("127.0.0.1", running[2]), timeout=5) as raw:
        raw.sendall(b"EHLO x\r\nMAIL FROM:<b@c>\r\nRCPT TO:<ann@b.example>\r\nDATA\r\n")
        seen = b""
        while b"354" not in seen:
            seen += raw.recv(4096)
        raw.sendall(body + b"QUIT\r\n")
        while raw.recv(4096):
            pass
    assert [mail.sender for mail in store.mails] == ["b@c"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), lines=st.lists(st.binary(max_size=40), max_size=6))
def test_no_mail_breaks_anything(
    office: PostOffice,
    store: Store,
    running: tuple[PostOffice, Store, int],
    content: bytes,
    lines: list[bytes],
) -> None:
    """Whatever is sent is kept whole or not at all, and what comes of it can be written down."""
    store.mails.clear()
    hostile = [
        content,
        b"Subject: " + content,
        b"Content-Type: multipart/mixed; boundary=\xff\r\n" + b"\r\n".join(lines),
        b"From: =?x-no?q?" + content.replace(b"\n", b"") + b"?=\r\nTo: \x00<<@,,>\r\n\r\n\x00",
    ]
    with smtplib.SMTP("127.0.0.1", running[2], timeout=10) as client:
        for mail in hostile:
            client.ehlo()
            client.mail("bob@c.example")
            client.rcpt("ann@b.example")
            code, _ = client.data(mail)
            assert code == 250
            kept = store.mails.pop()
            assert kept.content == as_received(mail)
            assert stored(kept).endswith(kept.content)
            json.dumps([call.event for call in office.calls(kept)]).encode()


def as_received(mail: bytes) -> bytes:
    """Give what SMTP brings over: smtplib doubles dots, and each line's first one is taken off."""
    wire = re.sub(rb"(?m)^\.", b"..", mail)
    wire += b"" if wire.endswith(b"\r\n") else b"\r\n"
    return b"".join(
        line[1:] if line.startswith(b".") else line for line in re.findall(rb"(?s).*?\r\n", wire)
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.sampled_from([b"EHLO x", b"MAIL FROM:<b@c>", b"RCPT TO:<ann@b.example>", b"RSET"])
        | st.binary(max_size=60)
        | st.binary(max_size=40).map(lambda end: b"MAIL FROM:" + end)
        | st.binary(max_size=40).map(lambda end: b"RCPT TO:" + end),
        max_size=12,
    )
)
def test_no_command_breaks_anything(
    store: Store, running: tuple[PostOffice, Store, int], lines: list[bytes]
) -> None:
    """Whatever is said, the office answers with codes of SMTP and goes on."""
    spoken = b"".join(line + b"\r\n" for line in lines)
    with socket.create_connection(("127.0.0.1", running[2]), timeout=5) as raw:
        raw.sendall(spoken + b"QUIT\r\n")
        heard = b""
        while part := raw.recv(65536):
            heard += part
    assert re.fullmatch(rb"(?s)(?:[245]\d\d[ -][^\r\n]*\r\n)+", heard)
    assert store.mails == []


@pytest.mark.parametrize("junk", [b"\xff\xfe\x00\r\n", b"x" * 100_000 + b"\r\n", b"\r\n" * 100])
def test_junk_instead_of_commands_leaves_the_office_open(
    store: Store, running: tuple[PostOffice, Store, int], client: smtplib.SMTP, junk: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", running[2]), timeout=5) as raw:
        raw.sendall(junk)
        raw.recv(100)
    client.send_message(letter())
    assert len(store.mails) == 1


def test_many_clients_at_once(store: Store, running: tuple[PostOffice, Store, int]) -> None:
    def send(number: int) -> None:
        with smtplib.SMTP("127.0.0.1", running[2], timeout=10) as client:
            for step in range(5):
                client.send_message(letter(X_Number=f"{number}-{step}"))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len({mail.message_id for mail in store.mails}) == 40


def test_a_taken_port_is_named_and_a_stopped_office_lets_go_of_its_own() -> None:
    first = PostOffice({}, Clock(), accept=Store())
    port = first.start()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as hanging:
        hanging.recv(100)
        with pytest.raises(Unavailable, match=str(port)):
            PostOffice({}, Clock(), accept=Store(), port=port).start()
        first.stop()
    second = PostOffice({}, Clock(), accept=Store(), port=port)
    assert second.start() == port
    second.stop()


# ---- headers ------------------------------------------------------------------------------------


@given(content=st.binary(max_size=200))
def test_splitting_loses_no_byte(content: bytes) -> None:
    headers, rest = mail_headers.split(content)
    assert b"".join(one.raw for one in headers) + rest == content


def test_headers_are_left_out_with_their_folded_lines() -> None:
    mail = b"A: 1\r\nBcc: x,\r\n y\r\nbcc : z\nB: 2\r\n\r\nBcc: in the body\r\n"
    assert mail_headers.without(mail, {"bcc"}) == b"A: 1\r\nB: 2\r\n\r\nBcc: in the body\r\n"
    assert mail_headers.with_first(b"no header", [("X", "a\r\nb")]) == b"X: a b\r\n\r\nno header"
