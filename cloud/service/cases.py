"""Who owns a case, and which case an issue belongs to."""

from datetime import date

from cloud.service.policy import CASE_OWNERS


def support_owner(*, omnidian_onboarded: bool, on: date) -> str:
    """Give who handles a site's cases (C-15): the support center it is onboarded with, or AMS."""
    ours, theirs = CASE_OWNERS.on(on)
    return theirs if omnidian_onboarded else ours


def slot_id(site_id: str, family: str) -> str:
    """Give the name of the one place that an open case of this site and family can take (D-14)."""
    return f"{site_id}#{family}"
