"""What goes in about scheduled reports: shapes only, checked by type and size."""

from typing import Annotated

from pydantic import Field

from cloud.functions.operations_api.shapes import In
from cloud.reporting.schedules import LONGEST_WORD, Cadence, ReportFormat, When

Address = Annotated[str, Field(min_length=3, max_length=254)]
Value = Annotated[str, Field(max_length=LONGEST_WORD)]
Name = Annotated[str, Field(min_length=1, max_length=60)]


class InstantsIn(In):
    """The local instants at which a report is due."""

    cadence: Cadence
    time_zone: Name
    hour: Annotated[int, Field(ge=0, le=23)]
    minute: Annotated[int, Field(ge=0, le=59)] = 0
    weekday: Annotated[int, Field(ge=1, le=7)] = 1
    day: Annotated[int, Field(ge=1, le=31)] = 1

    def told(self) -> When:
        """Give them as the rules know them."""
        return When(
            cadence=self.cadence,
            time_zone=self.time_zone,
            hour=self.hour,
            minute=self.minute,
            weekday=self.weekday,
            day=self.day,
        )


class WhenIn(In):
    """When a report is sent, and to whom."""

    when: InstantsIn
    to: Annotated[list[Address], Field(min_length=1, max_length=50)]


class ScheduleIn(WhenIn):
    """A report that is to be sent regularly."""

    report: Name
    words: Annotated[dict[str, Value], Field(max_length=20, default_factory=dict)]
    format: ReportFormat = ReportFormat.CSV
