"""What goes in and out of the operations API: shapes only, checked by type and size."""

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from cloud.detection.baseline import Baseline
from cloud.detection.feed import FeedHour, Plane
from cloud.detection.models import RegionWeather, weather_id
from cloud.portfolio.models import Milestone
from cloud.service.models import Cause

Reason = Annotated[str, Field(min_length=1, max_length=4000)]


class In(BaseModel):
    """A body: what is not known in it is refused."""

    model_config = ConfigDict(extra="forbid")


class SpendApprovalIn(In):
    """A written leave to spend up to a total on a work order."""

    max_total_cents: Annotated[int, Field(gt=0, le=10**9)]


class FindingIn(In):
    """What was found to be the cause, on which evidence."""

    cause: Cause
    evidence: Reason


class ReasonIn(In):
    """Why."""

    reason: Reason


class MilestoneIn(In):
    """A milestone that a project reached now."""

    milestone: Milestone


class ReplayIn(In):
    """An evaluation of one clock that judges its open days anew."""

    utc_offset_hours: Annotated[int, Field(ge=-12, le=14)]
    replay_from: date


class ConfigureIn(In):
    """What shall differ from a gateway's settings file; `contract/COMMANDS.md` has the entries."""

    changes: Annotated[dict[str, Any], Field(alias="set", max_length=4)]

    def told(self) -> dict[str, Any]:
        """Give the changes; they are checked where the message is made."""
        return self.changes


class AdmitIn(In):
    """A device that may come in, as the gateway of a site."""

    serial: Annotated[str, Field(min_length=3, max_length=64)]
    site_id: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Reason


class ReplaceIn(In):
    """The serial number that comes in a device's place, and why."""

    serial: Annotated[str, Field(min_length=3, max_length=64)]
    reason: Reason


class ClaimIn(In):
    """A request (CSR, PEM) for a claim certificate; the key stays with who asks."""

    request: Annotated[str, Field(min_length=1, max_length=4096)]
    retire_others: bool = False


class PlaneIn(In):
    """Modules that look the same way, as designed."""

    dc_w: float
    tilt_deg: float
    azimuth_deg: float


_Numbers = Annotated[list[float], Field(max_length=100)]


class BaselineIn(In):
    """A line of what `sunreeve baseline` writes, and what was decided of an open case."""

    site_id: Annotated[str, Field(min_length=1, max_length=200)]
    latitude: float
    longitude: float
    utc_offset_hours: float
    ac_limit_w: float
    planes: Annotated[list[PlaneIn], Field(max_length=100)]
    clear_sky_wh: _Numbers
    month_shape: _Numbers
    prior_log_scale: float
    may_end_case: bool = False

    def told(self) -> Baseline:
        """Give the baseline that it tells.

        Raises:
            BadInput: it has not the days and months of a year.
        """
        return Baseline(
            site_id=self.site_id,
            latitude=self.latitude,
            longitude=self.longitude,
            utc_offset_hours=self.utc_offset_hours,
            ac_limit_w=self.ac_limit_w,
            planes=tuple(Plane(one.dc_w, one.tilt_deg, one.azimuth_deg) for one in self.planes),
            clear_sky_wh=tuple(self.clear_sky_wh),
            month_shape=tuple(self.month_shape),
            prior_log_scale=self.prior_log_scale,
        )


class HourIn(In):
    """An hour of a region's weather, by its start on the region's standard clock."""

    hour: int
    ghi_wh_m2: float
    temp_c: float


class WeatherIn(In):
    """The weather of a region's day; what is not known is left out."""

    hours: Annotated[list[HourIn], Field(max_length=24)] = []
    mean_c: float | None = None
    is_snow_told: bool | None = None

    def told(self, region_id: str, day: date) -> RegionWeather:
        """Give the weather that it tells of a region's day."""
        hours = (FeedHour(one.hour, one.ghi_wh_m2, one.temp_c) for one in self.hours)
        return RegionWeather(
            id=weather_id(region_id, day),
            day=day,
            hours=tuple(sorted(hours, key=lambda one: one.hour)),
            mean_c=self.mean_c,
            is_snow_told=self.is_snow_told,
        )


class Listed(BaseModel):
    """Records as they are kept."""

    items: list[dict[str, Any]]


class One(BaseModel):
    """A record as it is kept."""

    item: dict[str, Any]


class Marked(One):
    """A record that is decided on, and the mark of what is shown of it.

    A decision that names the mark in `If-Match` is refused with 409 where that changed since.
    """

    as_shown: str
