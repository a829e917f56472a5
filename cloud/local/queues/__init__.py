"""Queues as SQS has them, on SQLite: visibility, redelivery, dead letters, FIFO groups.

After the Amazon SQS developer guide and API reference (the chapter names are in quotes). Time is
the runtime's clock, so that a jump of months redelivers, delays and expires in order.
"""

from cloud.local.queues.calls import MAX_BATCH, Queues
from cloud.local.queues.messages import Depth, Outgoing, Peeked, Received, Sent
from cloud.local.queues.moves import NO_QUEUE, NO_SOURCE, Move
from cloud.local.queues.settings import (
    ACCOUNT,
    MAX_DELAY_S,
    MAX_MESSAGE_BYTES,
    MAX_VISIBILITY_S,
    REGION,
    URL_BASE,
    QueueError,
    Redrive,
    Settings,
    arn_of,
    url_of,
)
from cloud.local.queues.store import DEDUPLICATION_MS, MAX_BULK, open_database

__all__ = [
    "ACCOUNT",
    "DEDUPLICATION_MS",
    "MAX_BATCH",
    "MAX_BULK",
    "MAX_DELAY_S",
    "MAX_MESSAGE_BYTES",
    "MAX_VISIBILITY_S",
    "NO_QUEUE",
    "NO_SOURCE",
    "REGION",
    "URL_BASE",
    "Depth",
    "Move",
    "Outgoing",
    "Peeked",
    "QueueError",
    "Queues",
    "Received",
    "Redrive",
    "Sent",
    "Settings",
    "arn_of",
    "open_database",
    "url_of",
]
