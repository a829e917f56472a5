"""A site's baseline is put on record, as the baseline job worked it out."""

from datetime import datetime

from cloud.detection.baseline import Baseline
from cloud.detection.fitting import require_own
from cloud.detection.models import SiteBaseline, SiteTrack
from cloud.detection.packed import unpacked
from cloud.detection.region import baseline_digest
from cloud.kernel.change import NEW, Change, Event, Save
from cloud.kernel.decision import Refused
from cloud.kernel.ports import Records, Stored, require
from cloud.portfolio.models import Site
from cloud.telemetry.days import standard_day


def put_baseline(
    records: Records,
    *,
    site_id: str,
    baseline: Baseline,
    may_end_case: bool,
    at: datetime,
    by: str,
) -> SiteBaseline | Refused:
    """Put a site's baseline on record, in the place of the one before; the same changes nothing.

    It counts from the next day that is judged, and then for all open days: on another baseline the
    site's scale is learned anew over them (D-63). A loss that has lasted for most of them would be
    learned as well, and the case of it would end as if it were mended. So a site with an open case
    of low days is refused, until somebody has looked and says that the case may end.

    Args:
        records: the site, and what is remembered of it.
        site_id: the site.
        baseline: its baseline.
        may_end_case: somebody has looked at the open case: it may end by this.
        at: now.
        by: who puts it.

    Raises:
        BadInput: it cannot be this site's.
        NotFound: there is no such site.
    """
    site = require(records.load(Site, site_id), "site", site_id).record
    require_own(baseline, site)
    stored = records.load(SiteBaseline, site_id)
    if stored is not None and stored.record.baseline == baseline:
        return stored.record
    if not may_end_case and _has_case_on_another(records.load(SiteTrack, site_id), baseline):
        because = (
            f"a case of low days is open at {site_id}, and its loss would be learned: look at the "
            "case first, then say that it may end"
        )
        return Refused("D-63", because, "case_open")
    built = SiteBaseline(site_id, baseline, standard_day(at, site.utc_offset_hours))
    event = Event(
        subject=site_id,
        what="baseline_put",
        at=at,
        by=by,
        rule="D-63",
        says=f"site {site_id} has a {'new' if stored else 'first'} baseline of its own",
    )
    save = Save(built, stored.version if stored else NEW)
    records.commit(Change(saves=(save,), events=(event,)))
    return built


def _has_case_on_another(stored: Stored[SiteTrack] | None, baseline: Baseline) -> bool:
    """Tell whether low days that were judged by another baseline have a case open."""
    if stored is None or stored.record.learned_on == baseline_digest(baseline):
        return False
    latest = stored.record.latest
    track = unpacked(latest) if latest else None
    return track is not None and track.standing.case_on is not None
