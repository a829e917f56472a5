"""What all routes of the operations API work with, and who asks: a person and its roles."""

import os
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from cloud.adapters import codec, wiring
from cloud.adapters.api import Forbidden, allowed
from cloud.functions.operations_api.shapes import Listed, Marked, One
from cloud.kernel.change import Event
from cloud.kernel.decision import Refused
from cloud.kernel.ports import Records
from cloud.portfolio.as_shown import Shown, on_what_was_shown
from cloud.reporting import roles
from cloud.reporting.story_readers import readable
from cloud.service.cases import Desks

T = TypeVar("T")

CLOCK = wiring.clock()
METRICS = wiring.metrics(os.environ)
RECORDS = wiring.records(os.environ, METRICS)
DOCUMENTS = wiring.documents(os.environ)
OUTSIDE = wiring.uploads(os.environ)
DESKS = Desks(
    coordinator_id=os.environ["COORDINATOR_ID"],
    support_center=os.environ["SUPPORT_CENTER_MAIL"],
    aftermarket=os.environ["OPERATIONS_MAIL"],
)

SPC, RM, AMS = roles.SPC, roles.RM, roles.AMS
ACCOUNTING, PROJECTS, AUDITOR, ADMIN = roles.ACCOUNTING, roles.PROJECTS, roles.AUDITOR, roles.ADMIN
ACCOUNTANT, TREASURY = roles.ACCOUNTANT, roles.TREASURY
"""Who prepares, proposes and imports; who deals with the bank. `ACCOUNTING` approves."""


@dataclass(frozen=True, slots=True)
class Person:
    """One of the owner's people, as the token names it.

    Attributes:
        roles: the groups of the user pool; no one role prepares and approves, or approves and pays.
        was_shown: what the request's `If-Match` says was shown; empty where it says nothing.
    """

    name: str
    roles: frozenset[str]
    was_shown: str = ""


Next = Callable[[APIGatewayHttpResolver], Response[str]]
_PERSON: ContextVar[Person] = ContextVar("person")


def person() -> Person:
    """Give who asks."""
    return _PERSON.get()


def ask_as(found: Person) -> None:
    """Let the request be answered in this person's name."""
    _PERSON.set(found)


def may(*wanted: str) -> Callable[[APIGatewayHttpResolver, Next], Response[str]]:
    """Give what stands before a route and lets only people with one of these roles pass.

    It is asked before the body is looked at.
    """

    def let_pass(app: APIGatewayHttpResolver, next_middleware: Next) -> Response[str]:
        if not person().name or not person().roles & set(wanted):
            msg = f"this is for {' or '.join(wanted)}; ask an administrator for the role"
            raise Forbidden(msg)
        return next_middleware(app)

    return let_pass


def acting() -> dict[str, Any]:
    """Give what every command takes: when, and in whose name."""
    return {"at": CLOCK.now(), "by": person().name}


def shown(record: object) -> One:
    """Give a record as it is kept, or the refusal of what was asked."""
    return One(item=codec.to_shown(allowed(record)))


def marked(record: object, now: Shown) -> Marked:
    """Give a record with the mark that a decision on it may name in `If-Match` (D09a)."""
    return Marked(item=codec.to_shown(record), as_shown=now.mark(CLOCK.now()))


def decided(look: Callable[[], Shown], deed: Callable[[Records], T]) -> T | Refused:
    """Do a deed on what `If-Match` says was shown; without it on whatever stands (D09a)."""
    mark = person().was_shown
    if not mark:
        return deed(RECORDS)
    return on_what_was_shown(RECORDS, deed, now=look(), mark=mark, log=_readable)


def _readable(subject: str, *, of: str) -> Sequence[Event]:
    return readable(RECORDS.history(subject), person().roles, of=of)


def logged(subject: str, *, of: str) -> Listed:
    """Give what the person's roles may read of the log of a thing of a kind, the oldest first."""
    return Listed(items=[codec.to_shown(event) for event in _readable(subject, of=of)])


def listed(kind: type[Any], by: str, value: str) -> Listed:
    """Give all records of a kind with that value."""
    found = RECORDS.find(kind, by=by, value=value)
    return Listed(items=[codec.to_shown(stored.record) for stored in found])
