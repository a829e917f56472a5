"""People and programs: who sees the organisation's money, granted and taken (F27, P-80)."""

from cloud.kernel.errors import NotFound
from cloud.portal.asking import Absent, Ask, Go, Page, done
from cloud.portal.partner_views.money_of import chosen
from cloud.portal.routes import Views
from cloud.portal.whose import ADMIN, organisation_asked
from cloud.portfolio import process
from cloud.portfolio.models import ApiClient
from cloud.portfolio.papers import PartnerRole
from cloud.portfolio.process.people import Holder

VIEWS = Views()
HERE = "/portal/people"
GRANT = "grant_accounting_admin"
ROLE = PartnerRole.ACCOUNTING_ADMIN


@VIEWS.get(HERE, ADMIN)
def people(ask: Ask) -> Page:
    """List the people and programs, and which of them see the money."""
    about = chosen(ask, action=GRANT)
    found = process.people_of(ask.records, about.partner_id)
    persons = [one for one in found if not isinstance(one, ApiClient)]
    programs = [one for one in found if isinstance(one, ApiClient)]
    holders = [one.id for one in found if ROLE in one.roles]
    return Page(
        "partner/people.html",
        "People",
        {
            "about": about,
            "people": sorted(
                persons, key=lambda one: (not one.is_active, ROLE not in one.roles, one.name)
            ),
            "programs": sorted(programs, key=lambda one: (one.is_stopped, one.id)),
            "holders": holders,
            "me": ask.by,
        },
    )


@VIEWS.post(HERE + "/grant", ADMIN)
def grant(ask: Ask) -> Go:
    """Make one of the organisation, or of a part of it, an Accounting Admin (P-80)."""
    one = _known(ask)
    answer = process.grant_role(
        ask.records, holder_id=one.id, role=ROLE, granter_id=ask.by, at=ask.at
    )
    return done(answer, to=_back(ask, one), said=f"{_name(one)} is an Accounting Admin now.")


@VIEWS.post(HERE + "/revoke", ADMIN)
def revoke(ask: Ask) -> Go:
    """Take the role from one, but never from an organisation's last (P-80)."""
    one = _known(ask)
    answer = process.revoke_role(
        ask.records, holder_id=one.id, role=ROLE, revoker_id=ask.by, at=ask.at
    )
    to = "/portal" if one.id == ask.by and ROLE not in getattr(answer, "roles", {ROLE}) else ""
    said = f"{_name(one)} is no Accounting Admin any more."
    return done(answer, to=to or _back(ask, one), said=said)


def _known(ask: Ask) -> Holder:
    """Give whom a form names; somebody of an organisation out of reach does not exist here."""
    if not ask.form["holder"]:
        raise Absent
    try:
        one = process.holder(ask.records, ask.form["holder"])
    except NotFound as gone:
        raise Absent from gone
    organisation_asked(ask, one.partner_id, action=GRANT)
    return one


def _back(ask: Ask, one: Holder) -> str:
    return HERE if one.partner_id == ask.partner_id else f"{HERE}?organisation={one.partner_id}"


def _name(one: Holder) -> str:
    return getattr(one, "name", one.id)
