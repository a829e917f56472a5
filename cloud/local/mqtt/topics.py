"""Topic names and topic filters: what is well formed, what matches, and what IoT Core adds to that.

Sections in brackets are of MQTT 3.1.1; the limits are those of "AWS IoT Core message broker and
protocol limits and quotas" in the AWS General Reference.
"""

from dataclasses import dataclass

MAX_TOPIC_BYTES = 256
MAX_SLASHES = 7
BASIC_INGEST = "$aws/rules/"
PRESENCE = "$aws/events/presence/"


@dataclass(frozen=True, slots=True)
class BasicIngest:
    """A Basic Ingest topic taken apart: the one rule it triggers and the topic the rule sees."""

    rule: str
    topic: str


def basic_ingest(topic: str) -> BasicIngest | None:
    """Take a Basic Ingest topic apart, or return None for an ordinary one.

    "Reducing messaging costs with Basic Ingest", AWS IoT Core developer guide: the prefix is
    `$aws/rules/` and the rule's name, and it is not part of what `topic()` tells.
    """
    if not topic.startswith(BASIC_INGEST):
        return None
    rule, _, rest = topic[len(BASIC_INGEST) :].partition("/")
    return BasicIngest(rule, rest)


def fault_of_topic(topic: str) -> str | None:
    """Tell why IoT Core would not take a message on this topic, or None if it would.

    The prefix of Basic Ingest counts neither to the slashes nor to the length.
    """
    ingest = basic_ingest(topic)
    if ingest is not None and not ingest.rule:
        return "a Basic Ingest topic names no rule"
    if ingest is None and topic.startswith("$"):
        return "topics that begin with $ are reserved"
    return _fault_of_size(ingest.topic if ingest else topic)


def fault_of_filter(topic_filter: str) -> str | None:
    """Tell why a subscription to this filter fails, or None if it stands (4.7.1).

    Reserved topics ($aws/things, jobs, shared subscriptions) do not exist in the stand-in, and
    Basic Ingest topics cannot be subscribed to on AWS either: both fail instead of staying silent.
    """
    if not topic_filter:
        return "a filter has at least one character (4.7.3)"
    if topic_filter.startswith("$"):
        return "topics that begin with $ cannot be subscribed to here"
    levels = topic_filter.split("/")
    if any("#" in level and level != "#" for level in levels) or "#" in levels[:-1]:
        return "# stands alone and last (4.7.1.2)"
    if any("+" in level and level != "+" for level in levels):
        return "+ stands alone in its level (4.7.1.3)"
    return _fault_of_size(topic_filter)


def fault_of_from(topic_filter: str) -> str | None:
    """Tell why a topic rule cannot be fed by this filter, or None if it can.

    Of the reserved topics there are lifecycle events, which the broker itself publishes.
    """
    if topic_filter.startswith(PRESENCE):
        return fault_of_filter(topic_filter.removeprefix("$"))
    return fault_of_filter(topic_filter)


def _fault_of_size(topic: str) -> str | None:
    if len(topic.encode()) > MAX_TOPIC_BYTES:
        return f"a topic has at most {MAX_TOPIC_BYTES} bytes"
    if topic.count("/") > MAX_SLASHES:
        return f"a topic has at most {MAX_SLASHES} slashes"
    return None


def has_wildcard(topic_filter: str) -> bool:
    """Tell whether the filter can match more than the topic of its own name."""
    return "+" in topic_filter or "#" in topic_filter


def matches(topic_filter: str, topic: str) -> bool:
    """Tell whether a filter covers a topic (4.7).

    `a/#` covers `a` itself (4.7.1.2); a leading wildcard covers no topic in $ (4.7.2).
    """
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return False
    asked, given = topic_filter.split("/"), topic.split("/")
    for place, level in enumerate(asked):
        if level == "#":
            return True
        if place >= len(given) or level not in ("+", given[place]):
            return False
    return len(asked) == len(given)
