"""Reading a payment plan from a form: which milestone pays which share of a project's value."""

import re
from collections.abc import Mapping
from typing import Final

from cloud.portal.money_words import MILESTONES
from cloud.portal.typed import Typed
from cloud.portfolio.models import PAYING, Milestone, PlanShare

_PERCENT: Final = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))?\s*%?", re.ASCII)
WHOLE: Final = 10_000
"""Basis points of all shares together."""
BASES: Final[Mapping[str, str]] = {
    str(one): MILESTONES[str(one)]
    for one in (Milestone.INSTALL_APPROVED, Milestone.INSTALL_SUBMITTED)
}
"""The milestones that M1 may come with (F09)."""
FIELDS: Final = [(f"share_{one}", MILESTONES[str(one)], one) for one in PAYING]
"""Name of the field, words, milestone; each share is a percentage."""


def plan_in(typed: Typed, said: Mapping[str, str]) -> tuple[PlanShare, ...]:
    """Give the shares that were filled in; fields that are empty or zero pay nothing.

    What is no percentage, or does not come to the whole together, is noted as wrong. Nothing filled
    in is an empty plan.
    """
    found: list[PlanShare] = []
    for name, _, milestone in FIELDS:
        text = said.get(name, "")
        met = _PERCENT.fullmatch(text)
        if text and met is None:
            typed.is_wrong(name, "Write a percentage from 0 to 100, like 80 or 12.5.")
        elif met is not None:
            share = int(met[1]) * 100 + int((met[2] or "0").ljust(2, "0"))
            found += [PlanShare(milestone, share)] if share else []
    together = sum(one.share_bps for one in found)
    if found and together != WHOLE:
        last = FIELDS[-1][0]
        typed.is_wrong(last, f"Together they pay {together / 100:g}%, and have to pay 100%.")
    return tuple(found)


def in_fields(plan: tuple[PlanShare, ...]) -> Mapping[str, str]:
    """Give a plan as the form's fields have it."""
    shares = {one.milestone: f"{one.share_bps / 100:g}" for one in plan}
    return {name: shares.get(milestone, "") for name, _, milestone in FIELDS}
