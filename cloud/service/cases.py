"""Who owns a case, and which case an issue belongs to."""

from datetime import date, datetime, timedelta

from cloud.service.models import Case, CaseState
from cloud.service.policy import CASE_OWNERS, REOPENS


def support_owner(*, omnidian_onboarded: bool, on: date) -> str:
    """Give who handles a site's cases (C-15): the support center it is onboarded with, or AMS."""
    ours, theirs = CASE_OWNERS.on(on)
    return theirs if omnidian_onboarded else ours


def slot_id(site_id: str, family: str) -> str:
    """Give the name of the one place that an open case of this site and family can take (D-14)."""
    return f"{site_id}#{family}"


def comes_back(case: Case, at: datetime) -> bool:
    """Tell whether what is found is a case that was thought to be resolved (C-16).

    A case that was called off is not: nobody said that it was mended.
    """
    if case.state is not CaseState.RESOLVED or case.resolved_at is None:
        return False
    return at - case.resolved_at <= timedelta(days=REOPENS.on(case.resolved_at.date()))
