"""Which certificate ends first: of those that devices come in by, and of others that are told."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cloud.kernel.ports import Records
from cloud.portfolio.devices import ClaimCertificate

OF_DEVICES_END_AT = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
"""When certificates that AWS IoT signs for devices end, all of them (AWS IoT Core developer guide,
"X.509 client certificates")."""


def days_left(records: Records, *, others: Iterable[datetime], at: datetime) -> int:
    """Give the whole days until the first certificate ends; below zero when one has ended.

    A claim certificate counts until it is retired, also when nobody can come in by it any more.

    Args:
        records: where claim certificates are.
        others: ends of certificates that are not in the records.
        at: counted from this instant.
    """
    claims = records.find(ClaimCertificate, by="state", value="active")
    ends = [stored.record.ends_at for stored in claims if stored.record.retired_at is None]
    return (min((*ends, *others, OF_DEVICES_END_AT)) - at) // timedelta(days=1)
