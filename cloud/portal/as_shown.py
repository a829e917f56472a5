"""Deeds of the console that decide on what the page showed (D09a)."""

from collections.abc import Callable
from typing import TypeVar

from cloud.kernel.decision import Refused
from cloud.kernel.ports import Records
from cloud.portal.asking import Ask
from cloud.portal.typed import AS_SHOWN
from cloud.portfolio.as_shown import Shown, on_what_was_shown

T = TypeVar("T")


def decided(ask: Ask, now: Shown, deed: Callable[[Records], T]) -> T | Refused:
    """Do a deed on what the page showed, or say what changed; without a mark nothing was shown."""
    return on_what_was_shown(ask.records, deed, now=now, mark=ask.form[AS_SHOWN], log=ask.log)
