"""Who would have been paid differently under the rules of another programme; nothing is written."""

from collections.abc import Sequence
from datetime import datetime

from cloud.funding.extension import ExtensionRequest
from cloud.funding.models import Payable
from cloud.funding.policy import RULES
from cloud.funding.process.publishing import published
from cloud.funding.replaying import Difference, Lived, differences
from cloud.kernel.errors import BadInput
from cloud.kernel.policy import COMFORT
from cloud.kernel.ports import Records
from cloud.portfolio.models import Partner, Project


def replay(
    records: Records, *, partners: Sequence[Partner], programme: str, as_of: datetime
) -> tuple[Difference, ...]:
    """Give what the rules of a programme would have changed for all projects of others (D05).

    Raises:
        BadInput: no rule is on record for that programme.
    """
    known = {COMFORT, *(name for rule in RULES for name in rule.programmes)}
    if programme not in known:
        msg = f"replaying the rules of {programme!r}: use one of {', '.join(sorted(known))}"
        raise BadInput(msg)
    found: list[Difference] = []
    for partner in partners:
        projects = [one.record for one in records.find(Project, by="partner_id", value=partner.id)]
        others = [one for one in projects if one.programme != programme]
        if not others:
            continue
        payables: dict[str, list[Payable]] = {}
        for item in records.find(Payable, by="partner_id", value=partner.id):
            payables.setdefault(item.record.project_id, []).append(item.record)
        requests: dict[str, list[ExtensionRequest]] = {}
        for request in records.find(ExtensionRequest, by="partner_id", value=partner.id):
            requests.setdefault(request.record.project_id, []).append(request.record)
        days = {one.programme: published(records, one.programme) for one in others}
        for project in others:
            lived = Lived(project, payables.get(project.id, ()), requests.get(project.id, ()))
            found += differences(
                lived, programme=programme, as_of=as_of, published=days[project.programme]
            )
    return tuple(found)
