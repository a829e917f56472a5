"""Gives third-party code that reads the machine's clock the runtime's clock instead.

The list is whole: a test reads the libraries' own source and fails when a version looks at the
clock in another place. Access tokens are not on it, as both their sides read our clock already.
"""

import datetime as real
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from cloud.kernel.clock import Clock

_IDEMPOTENCY = "aws_lambda_powertools.utilities.idempotency"


@dataclass(frozen=True, slots=True)
class Override:
    """One name in one module of a library, and how often the module reads the clock by it."""

    module: str
    name: str
    reads: int
    why: str


OVERRIDES = (
    Override(f"{_IDEMPOTENCY}.base", "dt", 1, "until when a call in progress holds its key"),
    Override(f"{_IDEMPOTENCY}.persistence.base", "dt", 2, "when an answer's key is free again"),
    Override(f"{_IDEMPOTENCY}.persistence.datarecord", "dt", 1, "whether an answer is over"),
    Override(f"{_IDEMPOTENCY}.persistence.dynamodb", "dt", 1, "whether a key may be taken"),
    Override("botocore.auth", "get_current_datetime", 3, "instant of a signature, presigned URLs"),
    Override("botocore.signers", "get_current_datetime", 1, "expiry of a presigned POST's policy"),
)
"""Every place in which a library of ours reads the wall clock for something that we rely on."""


class _Datetime:
    """The module `datetime`, whose `datetime.now` asks our clock."""

    def __init__(self, clock: Clock) -> None:
        class _Class(real.datetime):
            @classmethod
            def now(cls, tz: real.tzinfo | None = None) -> Any:
                return clock.now() if tz is None else clock.now().astimezone(tz)

        self.datetime = _Class

    def __getattr__(self, name: str) -> Any:
        return getattr(real, name)


def _current(clock: Clock) -> Callable[..., real.datetime]:
    """Stand for `botocore.compat.get_current_datetime`."""

    def get_current_datetime(remove_tzinfo: bool = True) -> real.datetime:  # noqa: FBT001, FBT002
        now = clock.now()
        return now.replace(tzinfo=None) if remove_tzinfo else now

    return get_current_datetime


def install(clock: Clock) -> ExitStack:
    """Let the libraries read a clock; closing what comes back gives them the machine's again."""
    undo = ExitStack()
    for override in OVERRIDES:
        module = import_module(override.module)
        before = getattr(module, override.name)
        stands: Any = _Datetime(clock) if override.name == "dt" else _current(clock)
        setattr(module, override.name, stands)
        undo.callback(setattr, module, override.name, before)
    return undo
