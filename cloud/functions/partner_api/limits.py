"""How often a program may call: what it is told with each answer, and the answer to too much."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from aws_lambda_powertools.event_handler import Response

from cloud.adapters.api import RETRY_AFTER, problem
from cloud.service.programs import Allowance, Pace, pace

LIMIT, REMAINING, RESET = "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"
"""Requests that may come at once, those that still may, seconds until all of them may again."""
ENFORCED, OBSERVED = "enforced", "observed"
"""What a stack does with a request too many: refuses it, or only tells of it."""


class Buckets(Protocol):
    """Counts the requests of programs."""

    def draw(self, program_id: str, pace: Pace, at: datetime) -> Allowance | None:
        """Take one request of a program's; None where it could not be counted."""
        ...


class Limits:
    """Lets as many requests of each program pass as were agreed (API-02)."""

    def __init__(self, buckets: Buckets, *, mode: str) -> None:
        """Make them.

        Args:
            buckets: where is counted.
            mode: `ENFORCED`, or `OBSERVED` to refuse nothing.
        """
        self._buckets = buckets
        self._is_enforced = mode == ENFORCED

    def met(self, program_id: str, at: datetime) -> Allowance | None:
        """Count a request; None where nothing is known of the program's others.

        Then the request goes through: who cannot be counted is not kept from working.
        """
        return self._buckets.draw(program_id, pace(at.date()), at)

    def stopped(self, met: Allowance | None) -> Response[str] | None:
        """Give the answer to a request too many, None to one that may go on."""
        if met is None or met.is_within or not self._is_enforced:
            return None
        detail = f"nothing was done: try again in {met.retry_after_s} s, with the same key"
        answer = problem(429, "Too many requests at once", detail)
        answer.headers[RETRY_AFTER] = str(met.retry_after_s)
        return answer


def told(met: Allowance | None) -> Mapping[str, str]:
    """Give the headers that say what is left; none where it is not known."""
    if met is None:
        return {}
    return {LIMIT: str(met.limit), REMAINING: str(met.remaining), RESET: str(met.reset_s)}
