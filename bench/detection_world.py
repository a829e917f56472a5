"""Regions of homes for the benches of detection: roofs, what they made, and what is stored of it.

Standard library and our own pure modules only: the peer's environment imports it as well.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cloud.detection import evidence
from cloud.detection.baseline import KNOT_DAYS, Baseline
from cloud.detection.daily import SiteDay, Track
from cloud.detection.feed import Plane
from cloud.detection.hours import SiteHour
from cloud.detection.models import RegionSweep, ShardResult, SiteBaseline, SiteFacts, SiteTrack
from cloud.detection.packed import packed, packed_day, packed_result
from cloud.detection.policy import OPEN_DAYS, RECENT_DAYS, SHARD_SITES
from cloud.detection.region import baseline_digest, digest_of
from cloud.detection.scale import Scale
from cloud.detection.terms import terms_on
from cloud.detection.verdict import Reason
from cloud.portfolio.models import Site
from cloud.telemetry.models import DayOfEnergy

OFFSET = -7
THROUGH = date(2026, 9, 15)
"""The day that the measured evaluation judges; all before it are judged already."""
AT = datetime(2026, 9, 16, 12, tzinfo=UTC)
"""That evaluation: five in the morning on the sites' clock."""
CLEAR_WH = 40_000.0
KEPT_DAYS = 45
LAYOUTS = 4
"""So many regions have roofs of their own; those of a larger fleet are copies of them."""
HOUSES = 4
"""So many houses stand for all: what they send is made once."""
_DAY = timedelta(days=1)


def baselines(size: int, seed: int = 0) -> list[Baseline]:
    """Give roofs over a square of one degree, which is what is judged together."""
    dice = random.Random(f"{size} {seed}")
    return [
        Baseline(
            site_id=f"S{seed:03d}-{number:05d}",
            latitude=39.0 + dice.random(),
            longitude=-105.0 + dice.random(),
            utc_offset_hours=OFFSET,
            ac_limit_w=7600.0,
            planes=(Plane(8000.0, dice.uniform(10, 40), dice.uniform(90, 270)),),
            clear_sky_wh=tuple(
                CLEAR_WH * (1 + 0.3 * math.sin(2 * math.pi * (knot - 80) / 365))
                for knot in KNOT_DAYS
            ),
            month_shape=tuple(dice.uniform(0.95, 1.05) for _ in range(12)),
            prior_log_scale=dice.gauss(0, 0.05),
        )
        for number in range(size)
    ]


def learned_tracks(roofs: list[Baseline], through: date, seed: int = 0) -> list[Track]:
    """Give tracks of sites that are known for long and are well."""
    dice = random.Random(f"{through} {seed}")
    found = []
    for roof in roofs:
        log = dice.gauss(0, 0.05)
        scale = Scale(log, log + dice.gauss(0, 0.005), seen=60)
        found.append(Track(roof.site_id, scale, through=through, last_wh=1))
    return found


def day_of(roofs: list[Baseline], day: date, seed: int = 0) -> list[SiteDay]:
    """Give a usual day: clouds for all, a little for each, one in a hundred not heard of."""
    dice = random.Random(f"{day} {seed}")
    cloud = dice.uniform(0.5, 1.0)
    return [
        SiteDay(roof.site_id, None, 0.0)
        if dice.random() < 0.01
        else SiteDay(roof.site_id, round(CLEAR_WH * cloud * math.exp(dice.gauss(0, 0.07))), 1.0)
        for roof in roofs
    ]


def hard_days(roofs: list[Baseline], days: int) -> Iterator[tuple[date, list[SiteDay]]]:
    """Give days with all that may happen to a site, so that each branch of the rule is taken.

    Faults from birth and later ones, gaps with and without a counter's word, partial and held-back
    days, meters that are stuck, dark days, restless sites, and a cold week with snow on some roofs.
    """
    dice = random.Random(days)
    fates = {roof.site_id: dice.random() for roof in roofs}
    last: dict[str, int | None] = {}
    for number in range(days):
        cloud = dice.choice((0.95, 0.9, 0.8, 0.6, 0.35, 0.12)) if number % 7 else 0.02
        is_cold = days // 2 <= number < days // 2 + 7
        told = []
        for roof in roofs:
            fate = fates[roof.site_id]
            wh = CLEAR_WH * cloud * math.exp(dice.gauss(0, 0.04 + 0.3 * (number % 11 == 5)))
            if fate < 0.04 or (fate < 0.15 and number > 20 + 200 * fate):
                wh *= 0.0 if fate < 0.02 else 0.7
            if 0.5 < fate < 0.6:
                wh *= math.exp(dice.gauss(0, 0.2))
            if is_cold and fate > 0.6:
                wh *= 0.1
            made: int | None = round(wh)
            since = None
            is_silent = 0.2 < fate < 0.4 and (number + round(1000 * fate)) % 16 < 12 * fate - 1
            if is_silent or dice.random() < 0.01:
                made = None
            elif dice.random() < 0.01:
                made = last.get(roof.site_id)
            elif last.get(roof.site_id) is None and dice.random() < 0.8:
                since = round(CLEAR_WH * dice.uniform(0.1, 3))
            told.append(
                SiteDay(
                    roof.site_id,
                    made,
                    0.0 if made is None else dice.choice((1.0,) * 30 + (0.9, 0.4)),
                    throttled_share=dice.choice((0.0,) * 30 + (0.03, 0.2)),
                    mean_4d_c=None if number < 4 else -4.0 if is_cold else 12.0,
                    since_gap_wh=since,
                )
            )
            last[roof.site_id] = made
        yield THROUGH + number * _DAY, told


@dataclass(frozen=True, slots=True)
class Records:
    """What the store holds of a region before it is judged."""

    sites: list[Site]
    baselines: list[SiteBaseline]
    facts: list[SiteFacts]
    tracks: list[SiteTrack]
    results: list[ShardResult]


def sweep_of(size: int) -> RegionSweep:
    """Give the evaluation of a region, all parts measured."""
    shards = -(-size // SHARD_SITES.on(THROUGH))
    return RegionSweep(
        id="UTC-07.N39W105",
        utc_offset_hours=OFFSET,
        at=AT,
        shards=shards,
        measured=tuple(range(shards)),
        since=AT - timedelta(hours=8),
    )


def records_of(roofs: list[Baseline], seed: int = 0) -> Records:
    """Give a region as the sweeps of six weeks left it; its newest day is measured, not judged.

    One day in a hundred of each site is not known.
    """
    dice = random.Random(f"records {seed}")
    days = [THROUGH - number * _DAY for number in reversed(range(KEPT_DAYS))]
    clouds = {day: dice.uniform(0.5, 1.0) for day in days}
    found = Records([], [], [], [], [])
    for number, roof in enumerate(roofs):
        rows = _rows(serial_of(number), clouds, dice)
        found.sites.append(_site(roof, number))
        found.baselines.append(SiteBaseline(roof.site_id, roof, days[0]))
        shares = tuple((f"{serial_of(number)}/{one}", 0.5) for one in (1, 2))
        found.facts.append(SiteFacts(roof.site_id, rows, (), shares, AT))
        found.tracks.append(_track(roof, rows, dice))
    hours = [SiteHour(int(AT.timestamp()) // 3600 - 13 + n, 40 * (n < 2)) for n in range(4)]
    region, most = sweep_of(len(roofs)).id, SHARD_SITES.on(THROUGH)
    for first in range(0, len(roofs), most):
        said = tuple(packed_result(roof.site_id, hours, ()) for roof in roofs[first : first + most])
        found.results.append(ShardResult(f"{region}#{first // most}", AT, said))
    return found


def serial_of(number: int) -> str:
    """Give the serial number of a site's inverter: sites that are alike share one."""
    return f"SN-{number % HOUSES:07d}"


def _rows(
    serial: str, clouds: dict[date, float], dice: random.Random
) -> tuple[tuple[object, ...], ...]:
    counter, rows = dice.randrange(1_000_000, 9_000_000), []
    for day, cloud in clouds.items():
        made = round(CLEAR_WH * cloud * math.exp(dice.gauss(0, 0.07)))
        is_known = dice.random() > 0.01
        rows.append(
            packed_day(
                DayOfEnergy(
                    day,
                    made if is_known else None,
                    1.0 if is_known else 0.3,
                    inputs_wh={f"{serial}/1": made // 2, f"{serial}/2": made - made // 2},
                    opening_wh={serial: counter},
                    closing_wh={serial: counter + made},
                    coldest_c=15.0,
                )
            )
        )
        counter += made
    return tuple(rows)


def _track(roof: Baseline, rows: tuple[tuple[object, ...], ...], dice: random.Random) -> SiteTrack:
    before = THROUGH - _DAY
    settled, recent = before - OPEN_DAYS.on(before) * _DAY, before - RECENT_DAYS.on(before) * _DAY
    log = dice.gauss(0, 0.05)
    old, middle, latest = (
        tuple(packed(Track(roof.site_id, Scale(log, log, seen=60), through=day)))
        for day in (settled, recent, before)
    )
    terms = terms_on(before)
    lines = [
        evidence.DayLine(
            day=before - number * _DAY,
            actual_wh=30_000 + dice.randrange(3000),
            expected_wh=30_000 + dice.randrange(3000),
            weather_permille=750,
            spread_permille=70,
            neighbours=32,
            within_km=25.0,
            floor_percent=terms.production_floor,
            guarded_permille=850,
            reason=Reason.GOOD,
        )
        for number in reversed(range(evidence.KEPT_DAYS))
    ]
    return SiteTrack(
        roof.site_id,
        old,
        middle,
        latest,
        lines=tuple(evidence.packed(lines)),
        older=digest_of(rows, after=settled, until=recent),
        newer=digest_of(rows, after=recent, until=before),
        learned_on=baseline_digest(roof),
    )


def _site(roof: Baseline, number: int) -> Site:
    return Site(
        id=roof.site_id,
        gateway_id=f"gw-{number:06d}",
        customer_name="Sample Customer",
        customer_email=f"home{number}@home.example",
        address=f"{number} Example St, Denver CO",
        state="CO",
        latitude=roof.latitude,
        longitude=roof.longitude,
        utc_offset_hours=OFFSET,
        time_zone="America/Denver",
        commissioned_on=date(2026, 3, 1),
        dc_rating_w=8000,
        manufacturer="Sample Maker",
        inverter_model="IQ8",
        installer_id="builder",
        workmanship_until=date(2036, 3, 1),
    )
