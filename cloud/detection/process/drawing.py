"""The picture behind a finding, kept as it was when it was told."""

import hashlib

from cloud.detection import picture
from cloud.detection.evidence import unpacked
from cloud.detection.judging import Judged
from cloud.detection.models import Finding
from cloud.kernel.ports import Documents
from cloud.telemetry.days import standard_day

MEDIA_TYPE = "image/svg+xml"


def pictured(documents: Documents, one: Judged, found: Finding) -> str:
    """Draw the days behind a finding, keep the picture, and give where it is.

    It is named by what it shows: told again after a crash, with a day that became known meanwhile,
    it is another picture beside the first one. A site of which no day was judged has none.
    """
    lines, site = unpacked(one.after.lines), one.site
    if not lines:
        return ""
    drawn = picture.svg(
        lines,
        title=f"{site.id}, {site.address}",
        onset=found.onset,
        opened_on=standard_day(found.found_at, site.utc_offset_hours),
        inputs=one.inputs,
        dead=one.dead_inputs,
    ).encode()
    digest = hashlib.sha256(drawn).hexdigest()[:8]
    return documents.put(f"evidence/{found.id}-{digest}.svg", drawn, MEDIA_TYPE)
