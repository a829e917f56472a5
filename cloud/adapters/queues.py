"""Messages to the next stage, through SQS."""

import json
from collections.abc import Mapping
from typing import Any

from cloud.adapters.outside import reaching
from cloud.kernel.change import Message
from cloud.kernel.errors import BrokenInvariant


class SqsQueues:
    """Sends each message to the queue that its topic is wired to."""

    def __init__(self, client: Any, urls: Mapping[str, str]) -> None:
        self._client = client
        self._urls = urls

    def send(self, message: Message) -> None:
        """Put the message into its queue, with its id and topic beside the body.

        Raises:
            BrokenInvariant: the topic is wired to no queue.
            Unavailable: SQS did not take it.
        """
        try:
            url = self._urls[message.topic]
        except KeyError:
            msg = f"message {message.id}: no queue is wired to the topic {message.topic!r}"
            raise BrokenInvariant(msg) from None
        body = {"id": message.id, "topic": message.topic, **message.body}
        with reaching(f"sending message {message.id} on {message.topic}"):
            self._client.send_message(QueueUrl=url, MessageBody=json.dumps(body, sort_keys=True))
