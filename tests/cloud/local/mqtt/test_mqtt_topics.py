"""Topics and filters: the standard's own examples, and the limits of IoT Core."""

import pytest

from cloud.local.mqtt.topics import (
    BasicIngest,
    basic_ingest,
    fault_of_filter,
    fault_of_topic,
    matches,
)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/#", "sport", True),
        ("#", "a/b", True),
        ("sport/tennis/+", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
        ("#", "$SYS/x", False),
        ("+/monitor", "$SYS/monitor", False),
        ("$SYS/#", "$SYS/x", True),
        ("a", "a/b", False),
        ("a/b", "a", False),
        ("A", "a", False),
        ("a/+/c", "a/b/c", True),
        ("a/+/c", "a//c", True),
    ],
)
def test_matches(topic_filter: str, topic: str, expected: bool) -> None:
    assert matches(topic_filter, topic) is expected


@pytest.mark.parametrize(
    ("topic", "is_fine"),
    [
        ("a/b/c/d/e/f/g/h", True),
        ("a/b/c/d/e/f/g/h/i", False),
        ("t" * 256, True),
        ("t" * 257, False),
        ("é" * 128, True),
        ("é" * 129, False),
        ("$aws/rules/r/a/b/c/d/e/f/g/h", True),
        ("$aws/rules/r/a/b/c/d/e/f/g/h/i", False),
        ("$aws/rules/r", True),
        ("$aws/rules//x", False),
        ("$aws/things/x/shadow/update", False),
        ("$SYS/x", False),
    ],
)
def test_topics(topic: str, is_fine: bool) -> None:
    assert (fault_of_topic(topic) is None) is is_fine


@pytest.mark.parametrize(
    ("topic_filter", "is_fine"),
    [
        ("#", True),
        ("a/#", True),
        ("+/a/+", True),
        ("a#", False),
        ("a/#/b", False),
        ("a+", False),
        ("a/+b", False),
        ("", False),
        ("$aws/rules/r/#", False),
        ("$share/group/a", False),
        ("a/b/c/d/e/f/g/h/i", False),
    ],
)
def test_filters(topic_filter: str, is_fine: bool) -> None:
    assert (fault_of_filter(topic_filter) is None) is is_fine


def test_basic_ingest() -> None:
    assert basic_ingest("$aws/rules/telemetry/home-1/chunk") == BasicIngest(
        "telemetry", "home-1/chunk"
    )
    assert basic_ingest("$aws/rules/telemetry") == BasicIngest("telemetry", "")
    assert basic_ingest("aws/rules/telemetry") is None
