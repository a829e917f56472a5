"""Says what was being done when an outside thing did not answer, or refused."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from cloud.kernel.errors import Unavailable


@contextmanager
def reaching(doing: str) -> Iterator[None]:
    """Name what is being done, so that a call of AWS that fails is an `Unavailable` with that name.

    Answers that mean something (no such key, a condition that failed) are caught within.

    Raises:
        Unavailable: AWS was not reached, or did not do it.
    """
    try:
        yield
    except (BotoCoreError, ClientError, PynamoDBException) as failed:
        msg = f"{doing}: {failed}; nothing is lost, the same call may go through later"
        raise Unavailable(msg) from failed
