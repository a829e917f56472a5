"""Mail out: what SES would send lies on disk, with its envelope; what it would not is refused."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

import cloud
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.mailbox import Mailbox

ROOT = Path(cloud.__file__).parents[1]
RAW = (
    b"From: Sun <no-reply@mail.example>\r\nTo: ann@b.example\r\nBcc: hidden@b.example\r\n"
    b"Message-ID: <mine@x>\r\nReferences: <thread@x>\r\nX-Sunreeve-Letter: L-1/remittance\r\n"
    b"\r\nhello \xff\r\n"
)


class Clock:
    def __init__(self) -> None:
        self.instant = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mailbox(tmp_path: Path, clock: Clock) -> Mailbox:
    return Mailbox(tmp_path / "mail", clock)


def send(mailbox: Mailbox, content: Any = RAW, **more: Any) -> str:
    parts = {"Raw": {"Data": content}} if isinstance(content, bytes) else content
    answer = mailbox.call("SendEmail", {"Content": parts, **more})
    return str(answer["MessageId"])


def simple(**body: str) -> dict[str, Any]:
    parts = {name: {"Data": text} for name, text in body.items()}
    return {"Simple": {"Subject": {"Data": "Grüße"}, "Body": parts}}


ADDRESSED = {"FromEmailAddress": "s@mail.example", "Destination": {"ToAddresses": ["a@b.example"]}}


def test_a_raw_mail_keeps_its_bytes_but_for_what_ses_changes(mailbox: Mailbox) -> None:
    message_id = send(mailbox)
    (path,) = mailbox.mails()
    assert path.name == "20260601T060000Z-L-1_remittance.eml"
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert mail.get_all("Message-ID") == [f"<{message_id}@email.amazonses.com>"]
    assert mail["Bcc"] is None
    assert mail["References"] == "<thread@x>"
    assert mail["Date"].datetime == datetime(2026, 6, 1, 6, 0, tzinfo=UTC)
    assert path.read_bytes().endswith(b"\r\n\r\nhello \xff\r\n")
    envelope = mailbox.envelope(path)
    assert envelope["recipients"] == ["ann@b.example", "hidden@b.example"]
    assert (envelope["from"], envelope["message_id"]) == ("no-reply@mail.example", message_id)


def test_the_destination_of_the_call_counts_more_than_the_headers(mailbox: Mailbox) -> None:
    destination = {"ToAddresses": ["A <x@b.example>"], "BccAddresses": ["y@b.example"]}
    send(mailbox, Destination=destination, FromEmailAddress="other@mail.example")
    envelope = mailbox.envelope(mailbox.mails()[0])
    assert envelope["recipients"] == ["x@b.example", "y@b.example"]
    assert envelope["from"] == "other@mail.example"


def test_ids_are_unique_and_no_mail_replaces_another(mailbox: Mailbox, clock: Clock) -> None:
    ids = [send(mailbox) for _ in range(12)]
    clock.instant += timedelta(seconds=1)
    ids.append(send(mailbox))
    assert len(set(ids)) == 13
    assert all(len(one) == 16 + 1 + 36 + 1 + 6 for one in ids)
    assert [mailbox.envelope(path)["message_id"] for path in mailbox.mails()] == ids


def test_simple_content_becomes_a_mail(mailbox: Mailbox) -> None:
    tags = [{"Name": "kind", "Value": "test"}]
    send(mailbox, simple(Text="hällo", Html="<b>hällo</b>"), **ADDRESSED, EmailTags=tags)
    (path,) = mailbox.mails()
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert (mail["Subject"], mail["To"], mail["From"]) == ("Grüße", "a@b.example", "s@mail.example")
    assert mail.get_body(("plain",)).get_content().strip() == "hällo"
    assert mail.get_body(("html",)).get_content().strip() == "<b>hällo</b>"
    assert mailbox.envelope(path)["tags"] == {"kind": "test"}
    send(mailbox, simple(Html="<i>only</i>"), **ADDRESSED)
    only = message_from_bytes(mailbox.mails()[1].read_bytes(), policy=policy.default)
    assert only.get_content_type() == "text/html"


def test_the_simulator_says_what_becomes_of_a_mail(mailbox: Mailbox) -> None:
    names = ["success", "bounce", "ooto+1", "complaint", "suppressionlist"]
    to = [f"{name}@simulator.amazonses.com" for name in names]
    send(mailbox, Destination={"ToAddresses": [*to, "a@b.example"]})
    outcomes = mailbox.envelope(mailbox.mails()[0])["outcomes"]
    assert list(outcomes.values()) == [
        "Delivery", "Bounce", "OutOfTheOffice", "Complaint", "Suppressed", "Delivery",
    ]  # fmt: skip


def test_only_identities_send(tmp_path: Path, clock: Clock) -> None:
    box = Mailbox(tmp_path, clock, identities=["mail.example", "one@x.example"])
    for sender in ("a@mail.example", "b@sub.mail.example", "One@x.example"):
        send(box, FromEmailAddress=sender)
    for sender in ("two@x.example", "a@notmail.example", "a@example"):
        with pytest.raises(ServiceError, match="not verified") as info:
            send(box, FromEmailAddress=sender)
        assert info.value.code == "MessageRejected"
    assert len(box.mails()) == 3


def test_only_known_configuration_sets(tmp_path: Path, clock: Clock) -> None:
    box = Mailbox(tmp_path, clock, configuration_sets={"letters": ()})
    send(box, ConfigurationSetName="letters")
    with pytest.raises(ServiceError, match="other") as info:
        send(box, ConfigurationSetName="other")
    assert info.value.code == "NotFoundException"


@pytest.mark.parametrize(
    ("content", "more"),
    [
        pytest.param(b"no header at all", {}, id="no mail"),
        pytest.param(b"From: a@b.example\r\n\r\nx", {}, id="to nobody"),
        pytest.param(b"To: a@b.example\r\n\r\nx", {}, id="from nobody"),
        pytest.param(RAW, {"Destination": {"ToAddresses": ["no address"]}}, id="bad recipient"),
        pytest.param(RAW, {"Destination": {"Others": []}}, id="unknown kind of recipient"),
        pytest.param(RAW, {"FromEmailAddress": "a@b@c"}, id="bad sender"),
        pytest.param(RAW, {"Destination": {"ToAddresses": [
            f"x{n}@b.example" for n in range(51)]}}, id="51 recipients"),
        pytest.param(RAW + b"x" * 40 * 1024 * 1024, {}, id="more than 40 MB"),
        pytest.param(RAW, {"ListManagementOptions": {}}, id="not supported"),
        pytest.param({"Template": {}}, ADDRESSED, id="template"),
        pytest.param(simple(), ADDRESSED, id="no body"),
        pytest.param({"Simple": {"Subject": {"Data": "a\r\nBcc: x@y"}, "Body": {
            "Text": {"Data": "x"}}}}, ADDRESSED, id="a header in the subject"),
        pytest.param({"Simple": {"Subject": {"Data": "a"}, "Body": {
            "Text": {"Data": "x", "Charset": "no-such"}}}}, ADDRESSED, id="unknown charset"),
    ],
)  # fmt: skip
def test_what_is_not_sent(mailbox: Mailbox, content: Any, more: dict[str, Any]) -> None:
    with pytest.raises(ServiceError) as info:
        send(mailbox, content, **more)
    assert info.value.code == "BadRequestException"
    assert list(mailbox.mails()) == []


def test_other_operations_are_refused(mailbox: Mailbox) -> None:
    with pytest.raises(ServiceError, match="CreateContact is not known"):
        mailbox.call("CreateContact", {})


SENDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from cloud.local.mailbox import Mailbox

class Clock:
    def now(self):
        return datetime(2026, 6, 1, tzinfo=UTC)

box = Mailbox(Path(sys.argv[1]), Clock())
while True:
    raw = b"From: a@b.example\\r\\nTo: c@d.example\\r\\n\\r\\n" + b"x" * 20_000 + b"end"
    answer = box.call("SendEmail", {"Content": {"Raw": {"Data": raw}}})
    print(answer["MessageId"], flush=True)
"""


def test_every_acknowledged_mail_is_whole_after_a_kill(tmp_path: Path, clock: Clock) -> None:
    acknowledged: set[str] = set()
    for kill_after in (3, 17, 40):
        with subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-c", SENDER, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(kill_after)]
            process.kill()
            lines += process.stdout.readlines()
            process.wait()
        acknowledged |= {line.decode().strip() for line in lines if line.endswith(b"\n")}
    box = Mailbox(tmp_path, clock)
    assert len(acknowledged) >= 60
    assert all(path.read_bytes().endswith(b"xend") for path in box.mails())
    there = {box.envelope(path)["message_id"] for path in box.mails()}
    assert acknowledged - there == set()
    assert json.loads(next(tmp_path.glob("*.json")).read_text())["from"] == "a@b.example"
