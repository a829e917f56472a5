"""Which runs' files should have left for the bank and have not."""

from datetime import datetime, time

from cloud.funding.models import FundingRun, RunState
from cloud.funding.process.run import references_of
from cloud.kernel.calendar import DAY, EASTERN, is_banking_day, wall_time
from cloud.kernel.ports import Records

NOON = time(12)
"""Eastern time at which somebody is told; banks take files for the next day until the evening."""
_BEFORE_FILES = (RunState.PREVIEW, RunState.APPROVED, RunState.COMMITTED)
_WITH_FILES = (RunState.FILED, RunState.SENDING)


def unsent(records: Records, *, at: datetime) -> int:
    """Count the runs that pay somebody and whose file has not left by the noon that it should.

    A run that pays nobody and asks no bank anything has no file, and is not late.
    """
    return sum(
        _has_something_to_send(stored.record) and leaves_by(stored.record) <= at
        for state in (*_BEFORE_FILES, *_WITH_FILES)
        for stored in records.find(FundingRun, by="state", value=state)
    )


def leaves_by(run: FundingRun) -> datetime:
    """Give the noon at which a run's file should have left.

    It is that of the last banking day before the money arrives, and of the day itself for a file
    that settles on it (F03) or a window that ends after that noon.
    """
    day = run.funding_date
    if not run.is_same_day:
        day -= DAY
        while not is_banking_day(day):
            day -= DAY
    noon = wall_time(day, NOON, EASTERN)
    return noon if noon > run.cut_off_at else wall_time(run.funding_date, NOON, EASTERN)


def _has_something_to_send(run: FundingRun) -> bool:
    return bool(references_of(run)) if run.state in _WITH_FILES else bool(run.net)
