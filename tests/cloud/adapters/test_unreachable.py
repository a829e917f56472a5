"""What becomes of AWS's own errors: each is an `Unavailable` that names what was being done."""

from datetime import UTC, datetime

import pytest
from record_examples import example

from cloud.adapters import wiring
from cloud.adapters.mail import SesMail
from cloud.adapters.memory import MemoryDocuments
from cloud.adapters.queues import SqsQueues
from cloud.kernel.change import Change, Letter, Message, Save
from cloud.kernel.errors import BadInput, BrokenInvariant, NotFound, Unavailable
from cloud.local.dynamodb import hook
from cloud.portfolio.models import ApiClient

MONDAY = datetime(2026, 6, 8, 13, 0, tzinfo=UTC)
LETTER = Letter("L-1", "a@b.example", "Hello", "Text", "a run", MONDAY)
MESSAGE = Message("M-1", "finding", {"site_id": "S-1"}, MONDAY)


@pytest.fixture
def out_of_order(dynamo):
    """Services that answer every call with an error of their own."""

    def refuse(operation, _parameters):
        raise hook.ServiceError("ServiceUnavailable", f"{operation}: try later", 503)

    for service in ("s3", "sqs", "sesv2"):
        hook.register(service, refuse)
    return dynamo


@pytest.mark.parametrize("dynamo", ["engine"], indirect=True)
@pytest.mark.parametrize(
    ("doing", "names"),
    [
        (lambda env: wiring.documents(env).get("reports/a"), "reading document reports/a"),
        (lambda env: wiring.documents(env).put("reports/a", b"", ""), "keeping document reports/a"),
        (lambda env: mail(env).send(LETTER, MONDAY), "sending letter L-1"),
        (lambda env: queues().send(MESSAGE), "sending message M-1"),
    ],
    ids=["a document read", "a document written", "a mail", "a message"],
)
def test_a_service_that_refuses_is_unavailable(out_of_order, doing, names):
    with pytest.raises(Unavailable, match=names):
        doing(out_of_order)


def mail(environment):
    names = {"MAIL_FROM": "service@owner.example", "MAIL_EVENTS": "E", "SIGNING_KEY": "K"}
    return wiring.mail({**environment, **names})


def queues():
    return SqsQueues(wiring._client("sqs"), {"finding": "http://127.0.0.1/000000000000/q"})


@pytest.mark.parametrize(
    "doing",
    [
        lambda env: wiring.records(env).load(ApiClient, "x"),
        lambda env: wiring.records(env).find(ApiClient, by="partner_id", value="x"),
        lambda env: wiring.records(env).commit(Change(saves=(Save(example(ApiClient)),))),
        lambda env: wiring.records({**env, "OPERATIONS_TABLE": "no-operations"}).history("x"),
        lambda env: list(
            wiring.outbox({"OPERATIONS_TABLE": "no-operations"}).claim(
                MONDAY, kinds=frozenset({"Timer"})
            )
        ),
        lambda env: list(wiring.chunks({"TELEMETRY_TABLE": "none"}).between("g", MONDAY, MONDAY)),
    ],
    ids=["a load", "a find", "a commit", "a log", "a claim", "chunks"],
)
def test_a_table_that_is_not_there_is_unavailable(dynamo, doing):
    with pytest.raises(Unavailable, match="the same call may go through later"):
        doing({**dynamo, "SITES_TABLE": "no-sites"})
    wiring.records(dynamo)


def test_a_topic_without_a_queue_is_a_broken_invariant():
    with pytest.raises(BrokenInvariant, match="topic 'finding'"):
        SqsQueues(None, {}).send(MESSAGE)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        pytest.param(
            "to", "a@b.example\nBcc: evil@example.com", id="a second header in the address"
        ),
        pytest.param(
            "subject", "Hello\r\nBcc: evil@example.com", id="a second header in the subject"
        ),
    ],
)
def test_a_letter_that_would_add_a_header_is_not_sent(field, text):
    letter = Letter(**{**{f: getattr(LETTER, f) for f in LETTER.__slots__}, field: text})
    with pytest.raises(BadInput, match="L-1"):
        SesMail(None, sender="s@owner.example", documents=MemoryDocuments()).send(letter, MONDAY)


def test_a_letter_whose_attachment_is_lost_is_not_sent():
    letter = Letter("L-1", "a@b.example", "Hi", "Text", "WO-1", MONDAY, {"a.pdf": "reports/a"})
    with pytest.raises(NotFound, match="reports/a"):
        SesMail(None, sender="s@owner.example", documents=MemoryDocuments()).send(letter, MONDAY)
