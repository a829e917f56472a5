"""Routes of detection: sweeps, baselines, weather, and the days behind a finding."""

from datetime import date
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from cloud.adapters import codec
from cloud.adapters.api import answers
from cloud.detection import picture
from cloud.detection import process as detection
from cloud.detection.evidence import says, unpacked
from cloud.detection.models import HoldState, SiteTrack, SweepHold
from cloud.detection.process.baselines import put_baseline
from cloud.detection.process.weather import put_weather
from cloud.functions.operations_api.desk import (
    AUDITOR,
    CLOCK,
    PROJECTS,
    RECORDS,
    SPC,
    listed,
    may,
    person,
    shown,
)
from cloud.functions.operations_api.shapes import (
    BaselineIn,
    Listed,
    One,
    ReplayIn,
    WeatherIn,
)
from cloud.kernel.ports import require

router = Router()


@router.get(
    "/ops/sweep_holds", responses=answers(), tags=["Detection"], middlewares=[may(SPC, AUDITOR)]
)
def list_sweep_holds(state: str = "held") -> Listed:
    """List the findings that were too many to be believed, by what became of them (D-97)."""
    return listed(SweepHold, "state", state)


@router.post(
    "/ops/sweep_holds/<region>/release",
    responses=answers(),
    tags=["Detection"],
    middlewares=[may(SPC)],
)
def release_hold(region: str) -> One:
    """Let the findings that were held back be told: they are true (D-97)."""
    return _decided(region, HoldState.RELEASED)


@router.post(
    "/ops/sweep_holds/<region>/discard",
    responses=answers(),
    tags=["Detection"],
    middlewares=[may(SPC)],
)
def discard_hold(region: str) -> One:
    """Count the findings that were held back as told, and tell nobody: they are not true (D-97)."""
    return _decided(region, HoldState.DISCARDED)


def _decided(region: str, state: HoldState) -> One:
    by, at = person().name, CLOCK.now()
    return shown(detection.decide(RECORDS, region_id=region, state=state, by=by, at=at))


@router.post("/ops/sweeps", responses=answers(), tags=["Detection"], middlewares=[may(SPC)])
def replay(body: ReplayIn) -> One:
    """Measure and judge the open days of one clock anew: the verdicts are the same (D-99)."""
    at = CLOCK.now()
    shared = detection.plan(
        RECORDS, utc_offset_hours=body.utc_offset_hours, at=at, replay_from=body.replay_from
    )
    counted = {"sites": shared.sites, "passed_over": shared.passed_over}
    return One(item={**counted, "at": at.isoformat()})


@router.post(
    "/ops/sites/<site_id>/baseline",
    responses=answers(),
    tags=["Detection"],
    middlewares=[may(PROJECTS)],
)
def take_baseline(site_id: str, body: BaselineIn) -> One:
    """Put a site's baseline, as `sunreeve baseline` works it out, in the place of the one before.

    On another baseline the site's scale is learned anew over the open days (D-63).
    """
    return shown(
        put_baseline(
            RECORDS,
            site_id=site_id,
            baseline=body.told(),
            may_end_case=body.may_end_case,
            at=CLOCK.now(),
            by=person().name,
        )
    )


@router.post(
    "/ops/regions/<region>/weather/<day>",
    responses=answers(),
    tags=["Detection"],
    middlewares=[may(PROJECTS)],
)
def take_weather(region: str, day: date, body: WeatherIn) -> One:
    """Put the weather of a region's day; told late, its day is judged anew (D-99)."""
    told = body.told(region, day)
    by, at = person().name, CLOCK.now()
    return shown(put_weather(RECORDS, region_id=region, weather=told, at=at, by=by))


@router.get(
    "/ops/watch_list", responses=answers(), tags=["Detection"], middlewares=[may(SPC, AUDITOR)]
)
def watch_list(region: str) -> Listed:
    """List the sites of a region that make a little less than they should; never a case (D-75)."""
    found = RECORDS.find(SiteTrack, by="watched_in", value=region)
    return Listed(items=[{"site_id": one.record.id, "days": _days(one.record)} for one in found])


@router.get(
    "/ops/sites/<site_id>/days",
    responses=answers(),
    tags=["Detection"],
    middlewares=[may(SPC, AUDITOR)],
)
def site_days(site_id: str) -> Listed:
    """List a site's last days: what it made, what was expected, and why each counted or not."""
    track = require(RECORDS.load(SiteTrack, site_id), "judged site", site_id).record
    return Listed(items=_days(track))


def _days(track: SiteTrack) -> list[dict[str, Any]]:
    return [{**codec.to_shown(line), "says": says(line)} for line in unpacked(track.lines) or ()]


@router.get(
    "/ops/sites/<site_id>/days.svg",
    responses=answers(),
    tags=["Detection"],
    middlewares=[may(SPC, AUDITOR)],
)
def site_picture(site_id: str) -> Response[str]:
    """Give a site's last days as a picture, beside what was expected of them."""
    track = require(RECORDS.load(SiteTrack, site_id), "judged site", site_id).record
    drawn = picture.svg(unpacked(track.lines) or (), title=site_id)
    return Response(status_code=200, content_type="image/svg+xml", body=drawn)
