"""What SES tells of mails that went out, and which sets of it are refused at boot."""

import json
from datetime import UTC, datetime

import pytest

from cloud.kernel.errors import BadInput
from cloud.local.mail_events import read_sets
from cloud.local.mailbox import BOUNCING, Mailbox
from cloud.local.post_office import is_reserved

BUS = "arn:aws:events:us-east-1:000000000000:event-bus/default"
RAW = b"From: s@mail.example\r\nTo: a@b.example\r\nX-Sunreeve-Letter: LTR-1\r\n\r\nhello\r\n"


class Clock:
    def now(self):
        return datetime(2026, 6, 1, 6, 0, 0, 250_000, tzinfo=UTC)


@pytest.fixture
def told():
    return []


@pytest.fixture
def mailbox(tmp_path, told):
    sets = {"Events": frozenset({"DELIVERY", "BOUNCE", "COMPLAINT"}), "Deaf": frozenset()}
    return Mailbox(tmp_path, Clock(), configuration_sets=sets, tell=told.append)


def send(mailbox, *recipients, wanted="Events"):
    parameters = {
        "Content": {"Raw": {"Data": RAW}},
        "Destination": {"ToAddresses": list(recipients)},
        "EmailTags": [{"Name": "letter", "Value": "LTR-1"}],
    }
    if wanted:
        parameters["ConfigurationSetName"] = wanted
    return mailbox.call("SendEmail", parameters)["MessageId"]


def test_a_delivery_is_told_with_the_tags_and_the_id(mailbox, told):
    message_id = send(mailbox, "a@b.example")
    (event,) = told
    assert (event["source"], event["detail-type"]) == ("aws.ses", "Email Delivered")
    detail = event["detail"]
    assert detail["mail"]["messageId"] == message_id
    assert detail["mail"]["tags"] == {"ses:configuration-set": ["Events"], "letter": ["LTR-1"]}
    assert detail["delivery"]["timestamp"] == "2026-06-01T06:00:00.250Z"
    assert {"name": "X-Sunreeve-Letter", "value": "LTR-1"} in detail["mail"]["headers"]
    json.dumps(event)


@pytest.mark.parametrize(
    ("address", "types"),
    [
        ("bounce@simulator.amazonses.com", ["Email Bounced"]),
        ("suppressionlist@simulator.amazonses.com", ["Email Bounced"]),
        ("complaint@simulator.amazonses.com", ["Email Delivered", "Email Complaint Received"]),
        ("ooto@simulator.amazonses.com", ["Email Delivered"]),
        ("success@simulator.amazonses.com", ["Email Delivered"]),
    ],
)
def test_the_simulators_addresses_become_what_they_say(mailbox, told, address, types):
    send(mailbox, address)
    assert [event["detail-type"] for event in told] == types


def test_an_address_that_a_person_wrote_down_bounces(mailbox, told, tmp_path):
    (tmp_path / BOUNCING).write_text("A@b.example\n")
    send(mailbox, "a@b.example", "c@d.example")
    assert [event["detail-type"] for event in told] == ["Email Delivered", "Email Bounced"]
    (bounced,) = told[1]["detail"]["bounce"]["bouncedRecipients"]
    assert bounced["emailAddress"] == "a@b.example"


def test_without_a_set_or_with_one_that_tells_of_nothing_nobody_is_told(mailbox, told):
    send(mailbox, "a@b.example", wanted="Deaf")
    send(mailbox, "a@b.example", wanted=None)
    assert told == []


GOOD = {
    "ConfigurationSetName": "Events",
    "EventDestination": {
        "Name": "bus",
        "Enabled": True,
        "MatchingEventTypes": ["DELIVERY"],
        "EventBridgeDestination": {"EventBusArn": BUS},
    },
}


def test_a_set_tells_of_what_its_destinations_want():
    assert read_sets(["Events", "Deaf"], {"D": GOOD}) == {"Events": {"DELIVERY"}, "Deaf": set()}
    off = {**GOOD, "EventDestination": {**GOOD["EventDestination"], "Enabled": False}}
    assert read_sets(["Events"], {"D": off}) == {"Events": set()}


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"SnsDestination": {}}, "SnsDestination"),
        ({"MatchingEventTypes": ["READ"]}, "READ"),
        ({"MatchingEventTypes": []}, "MatchingEventTypes"),
        ({"EventBridgeDestination": {"EventBusArn": "arn:other"}}, "EventBusArn"),
    ],
)
def test_what_is_not_known_is_refused(change, names):
    wrong = {**GOOD, "EventDestination": {**GOOD["EventDestination"], **change}}
    with pytest.raises(BadInput, match=names):
        read_sets(["Events"], {"D": wrong})


def test_a_destination_of_no_set_is_refused():
    with pytest.raises(BadInput, match="Events"):
        read_sets([], {"D": GOOD})


@pytest.mark.parametrize(
    ("domain", "is_ours"),
    [("b.example", True), ("B.TEST", True), ("example.com", False), ("", False), ("com", False)],
)
def test_only_reserved_domains_vouch_on_loopback(domain, is_ours):
    assert is_reserved(domain) is is_ours
