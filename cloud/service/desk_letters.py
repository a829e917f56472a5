"""What the support center and the owner's aftermarket service are told of a case."""

from collections.abc import Sequence
from datetime import datetime

from cloud.kernel.change import Letter
from cloud.kernel.ids import derived
from cloud.portfolio.models import Site
from cloud.service.letters import in_words
from cloud.service.models import Case

_MOST_LINES = 40
"""Lines of evidence in a mail, the latest; the case keeps more."""


def packet(case: Case, *, site: Site, to: str, says: str, at: datetime) -> Letter:
    """Hand a case over to the support center with all that it needs to begin (C-15).

    It is written once for each time that the case is theirs anew.
    """
    urgent = "THIS IS AN EMERGENCY. Please acknowledge at once.\n\n" if case.is_emergency else ""
    text = (
        f"{urgent}this system is onboarded with you, and case {case.id} is yours.\n\n"
        f"Customer: {site.customer_name}, {site.customer_email}\n"
        f"Address: {site.address}\n"
        f"System: {site.id}, {site.dc_rating_w / 1000:.1f} kW, running since "
        f"{site.commissioned_on:%Y-%m-%d}\n"
        f"Inverter: {site.manufacturer} {site.inverter_model}\n"
        f"Built by: partner {site.installer_id}, workmanship warranty until "
        f"{site.workmanship_until:%Y-%m-%d}\n"
        f"Opened: {in_words(case.opened_at, site.time_zone)}, from {case.source}\n\n"
        f"What is wrong ({case.family}): {says}\n\n"
        f"What is known:\n{_listed(_known(case))}\n\n"
        "We keep watching the readings. Please reply in this thread with your own reference, and "
        f"keep {case.id} in the subject: we note how it stands with you, and close it when it is "
        "mended."
    )
    handed = case.handed_over_at or at
    return Letter(
        id=derived("LTR", case.id, "packet", handed.isoformat()),
        to=to,
        subject=f"[{case.id}] {'EMERGENCY: ' if case.is_emergency else ''}a case for you",
        text=text,
        thread=case.id,
        at=at,
        attachments={"days.svg": case.pictures[-1]} if case.pictures else {},
    )


def emergency_packet(case: Case, *, site: Site, to: str, says: str, at: datetime) -> Letter:
    """Tell the support center that a case it has is an emergency now (E-31, C-15)."""
    reference = f" (your reference {case.external_reference})" if case.external_reference else ""
    return Letter(
        id=derived("LTR", case.id, "packet_emergency", case.reopened),
        to=to,
        subject=f"[{case.id}] EMERGENCY now",
        text=(
            f"case {case.id}{reference} about the system of {site.customer_name}, {site.address}, "
            f"is an emergency now: {says}. Please acknowledge at once."
        ),
        thread=case.id,
        at=at,
    )


def alert(case: Case, *, site: Site, to: str, says: str, at: datetime) -> Letter:
    """Alert the aftermarket service to an emergency that the support center leads (C-15)."""
    return Letter(
        id=derived("LTR", case.id, "alert", case.reopened),
        to=to,
        subject=f"[{case.id}] Emergency with the support center",
        text=(
            f"case {case.id} is an emergency and is the support center's: {says}. The home is "
            f"{site.id}, {site.address}; the customer is {site.customer_name}, "
            f"{site.customer_email}. Please make sure by telephone that somebody has it."
        ),
        thread=case.id,
        at=at,
    )


def nobody_to_hand_to(case: Case, *, site: Site, to: str, at: datetime) -> Letter:
    """Tell the aftermarket service that no address of the support center is set (C-15)."""
    return Letter(
        id=derived("LTR", case.id, "no_packet", (case.handed_over_at or at).isoformat()),
        to=to,
        subject=f"[{case.id}] Please hand this case over by hand",
        text=(
            f"site {site.id} is onboarded with the support center, but no address of it is set: "
            f"nobody there knows of case {case.id}. Set the address, and tell them by telephone."
        ),
        thread=case.id,
        at=at,
    )


def _known(case: Case) -> Sequence[str]:
    told = [f"{one.source}, {one.reported_by or 'customer'}: {one.says}" for one in case.reports]
    return [*case.evidence, *told][-_MOST_LINES:]


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "- nothing more yet"
