"""Whose money a thing is about: an organisation's own, or that of a part of it."""

from cloud.kernel.ports import Records
from cloud.portfolio.models import Partner
from cloud.portfolio.process import reaches


def is_own(records: Records, *, partner_id: str, other: str) -> bool:
    """Tell whether an organisation looks after what belongs to another: itself, or its own part.

    One that is tried out never reaches one that is not, whoever made it a part (T-91).
    """
    if partner_id == other:
        return True
    if not reaches(records, of=partner_id, other=other):
        return False
    found = records.load_all(Partner, [partner_id, other])
    return len({one.record.mode for one in found.values()}) == 1
