"""How much failed for good, counted in SQS."""

from collections.abc import Sequence
from typing import Any

from cloud.adapters.outside import reaching

_WAITING = "ApproximateNumberOfMessages"


class SqsDeadLetters:
    """Counts what lies in the queues of dead letters and of failed calls."""

    def __init__(self, client: Any, urls: Sequence[str]) -> None:
        self._client, self._urls = client, urls

    def count(self) -> int:
        """Give how many lie in all the queues together, about; what somebody looks at is left out.

        Raises:
            Unavailable: SQS does not say.
        """
        return sum(self._in(url) for url in self._urls)

    def _in(self, url: str) -> int:
        with reaching(f"counting what lies in {url.rpartition('/')[2]}"):
            found = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=[_WAITING])
        return int(found["Attributes"][_WAITING])
