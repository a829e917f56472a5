"""Partners: who works how well, has what to do, lacks what; and what belongs to whom."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from cloud.kernel.calendar import DAY, eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, Conflict
from cloud.portal.asking import Absent, Answer, Ask, Go, Page, Part, linked
from cloud.portal.console_views.money_desk import everywhere, one_of, partner_names, told
from cloud.portal.money_words import HOLDS
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import Partner
from cloud.portfolio.organisation import (
    OptInRequest,
    OptInState,
    RelationshipManager,
    ServiceContact,
)
from cloud.portfolio.papers import PartnerDocument
from cloud.portfolio.process import all_partners
from cloud.reporting.own_scorecard import own_scorecard
from cloud.reporting.partner_desk import next_due
from cloud.reporting.partner_search import (
    expired_of,
    held_back,
    late_among,
    money_holds,
    open_orders_of,
    partners_like,
)
from cloud.reporting.ports import ToldRecords
from cloud.reporting.roles import ACCOUNTANT, ACCOUNTING, ADMIN, AUDITOR, RM, SPC

VIEWS = Views()
HERE = "/console/partners"
OPT_INS = "/console/opt_ins"
KNOWERS = (SPC, RM, ADMIN, AUDITOR)
"""Who sees what a partner is, may do and has to do."""
PAPER_READERS = (RM, ACCOUNTANT, ACCOUNTING, AUDITOR)
MONEY_READERS = (ACCOUNTANT, ACCOUNTING, AUDITOR)
READERS = (*KNOWERS, ACCOUNTANT, ACCOUNTING)
KEEPERS = (RM, ADMIN)
"""Who keeps technicians, licences, people and programs."""
SHOWS = (
    ("", "Working", None),
    ("lacking", "Papers missing or ended", None),
    ("inactive", "Not active", None),
    ("tried", "Tried out", None),
)
_ORDERS = 25
"""Work orders that one page shows."""
_LOG = 30
_DAYS = timedelta(days=90)


def of(ask: Ask) -> Partner:
    """Give the partner that the path names."""
    found = ask.records.load(Partner, ask.names["partner_id"])
    if found is None:
        raise Absent
    return found.record


def may(ask: Ask) -> dict[str, bool]:
    """Tell which parts of a partner's pages somebody sees and changes."""
    has = ask.visitor.roles
    return {
        "know": bool(has & {*KNOWERS}),
        "contact": bool(has & {SPC, RM, AUDITOR}),
        "people": bool(has & {RM, ADMIN, AUDITOR}),
        "keep": bool(has & {*KEEPERS}),
        "papers": bool(has & {*PAPER_READERS}),
        "money": bool(has & {*MONEY_READERS}),
        "opt_ins": bool(has & {RM, AUDITOR}),
        "decide": RM in has,
        "admin": ADMIN in has,
    }


def tabs(ask: Ask, partner: Partner) -> Sequence[tuple[str, str, bool, None]]:
    """Give the pages of one partner that somebody may open."""
    allowed, own = may(ask), f"{HERE}/{partner.id}"
    lines = [(own, "Overview", True)]
    lines += [(f"{own}/fitness", "Licences and technicians", allowed["know"])]
    lines += [(f"{own}/people", "People and programs", allowed["people"])]
    return [(says, to, ask.path == to, None) for to, says, is_shown in lines if is_shown]


# ---- the list ------------------------------------------------------------------------------------


@VIEWS.get(HERE, *READERS)
def search(ask: Ask) -> Page:
    """List partners with what they have to do and what they lack."""
    asked = ask.query.get("q", "").strip()[:200]
    state = ask.query.get("state", "").strip().upper()[:2]
    show = one_of(ask, "show", [value for value, _, _ in SHOWS])
    after = ask.query.get("after", "")
    found = partners_like(ask.records, said=asked, show=show, state=state, at=ask.at, after=after)
    query = {"q": asked, "state": state, "show": show}
    waiting = _waiting(ask)
    return Page(
        "console/partners.html",
        "Partners",
        {
            **everywhere(ask),
            "found": found,
            "asked_for": asked,
            "state": state,
            "show": show,
            "shows": [
                (says, linked(HERE, **{**query, "show": value}), value == show, count)
                for value, says, count in SHOWS
            ],
            "holds": HOLDS,
            "sees": may(ask),
            "waiting": len(waiting),
            "first": linked(HERE, **query) if after else "",
            "later": linked(HERE, **query, after=found.after) if found.after else "",
        },
    )


# ---- one partner ---------------------------------------------------------------------------------


@VIEWS.get(HERE + "/{partner_id}", *READERS)
def one_partner(ask: Ask) -> Page:
    """Show one partner: how it stands, what it has to do, what waits for what."""
    return _page(ask)


def _page(ask: Ask, typed: AsTyped | None = None) -> Page:
    partner, sees, today = of(ask), may(ask), eastern_day(ask.at)
    orders = open_orders_of(ask.records, partner.id, at=ask.at) if sees["know"] else ()
    contact = ask.records.load(ServiceContact, partner.id) if sees["contact"] else None
    everybody = all_partners(ask.records)
    documents = (
        ask.records.find(PartnerDocument, by="partner_id", value=partner.id)
        if sees["papers"]
        else ()
    )
    wishes = (
        ask.records.find(OptInRequest, by="partner_id", value=partner.id) if sees["opt_ins"] else ()
    )
    shows: dict[str, Any] = {
        **everywhere(ask),
        "partner": partner,
        "sees": sees,
        "tabs": tabs(ask, partner),
        "own": f"{HERE}/{partner.id}",
        "orders": [(one, next_due(one, at=ask.at)) for one in orders[:_ORDERS]],
        "open_orders": len(orders),
        "late": late_among(orders, at=ask.at),
        "money_holds": money_holds(partner, on=today),
        "expired": expired_of(partner, on=today),
        "holds": HOLDS,
        "held": held_back(ask.records, partner.id, at=ask.at) if sees["money"] else (),
        "contact": contact.record if contact else None,
        "manager": portfolio.relationship_manager_of(ask.records, partner.id),
        "parent": next((one for one in everybody if one.id == partner.parent_id), None),
        "parts": sorted(
            (one for one in everybody if one.parent_id == partner.id), key=lambda one: one.name
        ),
        "wholes": _wholes(everybody, partner),
        "documents": sorted(
            (one.record for one in documents), key=lambda one: one.recorded_at, reverse=True
        )[:12],
        "wishes": sorted((one.record for one in wishes), key=lambda one: one.asked_at),
        "log": list(reversed(ask.log(partner.id, of="partner")))[:_LOG],
        "typed": typed,
    }
    return Page("console/partner.html", partner.name, shows, status=422 if typed else 200)


def _wholes(everybody: Sequence[Partner], partner: Partner) -> list[tuple[str, str]]:
    """Give the organisations to choose a whole from: the process says which of them go (P-84)."""
    others = (one for one in everybody if one.id != partner.id and not one.parent_id)
    return [(one.id, one.name) for one in sorted(others, key=lambda one: one.name)]


@VIEWS.get(HERE + "/{partner_id}/scorecard", *KNOWERS)
def scorecard(ask: Ask) -> Page:
    """Show a partner's figures of the last 90 days by themselves."""
    partner = of(ask)
    shows = {**_figures(ask, partner), "partner": partner, "own": f"{HERE}/{partner.id}"}
    return Page("console/partner_scorecard.html", f"Scorecard of {partner.name}", shows)


@VIEWS.get(HERE + "/{partner_id}/figures", *KNOWERS)
def figures(ask: Ask) -> Part:
    """Give the figures as a piece of a page: they take longer than all the rest."""
    return Part("console/partner_figures.html", _figures(ask, of(ask)))


def _figures(ask: Ask, partner: Partner) -> dict[str, Any]:
    today = eastern_day(ask.at)
    since, until = today + DAY - _DAYS, today + DAY
    records = cast("ToldRecords", ask.records)
    found = own_scorecard(records, partner.id, since=since, until=until, at=ask.at)
    return {"card": found, "since": since, "last": today}


@VIEWS.post(HERE + "/{partner_id}/parent", ADMIN)
def set_parent(ask: Ask) -> Answer:
    """Make an organisation a part of another one, or of none again (P-84)."""
    partner, typed = of(ask), Typed(ask.form)
    parent_id = typed.text("parent_id", most=200)
    if parent_id and ask.records.load(Partner, parent_id) is None:
        typed.is_wrong("parent_id", "Choose one of the organisations.")
    if typed.as_typed:
        return _page(ask, typed.as_typed)
    answer = portfolio.set_parent(
        ask.records, partner_id=partner.id, parent_id=parent_id, **ask.acting()
    )
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer), "parent_id"))
    said = f"{partner.name} is a part of it now." if parent_id else f"{partner.name} stands alone."
    return Go(f"{HERE}/{partner.id}", said=said)


# ---- wishes for more work ------------------------------------------------------------------------


def _waiting(ask: Ask) -> list[OptInRequest]:
    if not may(ask)["opt_ins"]:
        return []
    found = ask.records.find(OptInRequest, by="state", value=OptInState.ASKED)
    return sorted((one.record for one in found), key=lambda one: one.asked_at)


@VIEWS.get(OPT_INS, RM, AUDITOR)
def opt_ins(ask: Ask) -> Page:
    """List the partners' wishes for more work that wait, the oldest first (R-47)."""
    return Page(
        "console/opt_ins.html",
        "Wishes for more work",
        {"waiting": _waiting(ask), "names": partner_names(ask)},
    )


@VIEWS.get(OPT_INS + "/{request_id}", RM, AUDITOR)
def one_opt_in(ask: Ask) -> Page:
    """Show one wish for more work, and the ways to answer it."""
    return _wish(ask)


def _wish(ask: Ask, typed: AsTyped | None = None) -> Page:
    found = ask.records.load(OptInRequest, ask.names["request_id"])
    if found is None:
        raise Absent
    one = found.record
    partner = ask.records.load(Partner, one.partner_id)
    return Page(
        "console/opt_in.html",
        f"More work for {partner.record.name if partner else one.partner_id}",
        {
            **everywhere(ask),
            "one": one,
            "partner": partner.record if partner else None,
            "may_decide": RM in ask.visitor.roles
            and one.state is OptInState.ASKED
            and one.relationship_manager_id in {"", ask.by},
            "log": ask.log(one.id, of="opt_in_request"),
            "typed": typed,
        },
        status=422 if typed else 200,
    )


@VIEWS.post(OPT_INS + "/{request_id}", RM)
def decide_opt_in(ask: Ask) -> Answer:
    """Grant or decline a wish for more work (R-47)."""
    typed = Typed(ask.form)
    state = typed.one_of("state", frozenset({"granted", "declined"}), "Grant it or decline it.")
    reason = typed.text("reason", "Say why: the partner reads it." if state == "declined" else "")
    if typed.as_typed:
        return _wish(ask, typed.as_typed)
    answer = portfolio.decide_opt_in(
        ask.records,
        request_id=ask.names["request_id"],
        state=OptInState(state),
        reason=reason,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        return _wish(ask, typed.refused(told(answer)))
    return Go(OPT_INS, said=f"It is {state}; the partner is told.")


# ---- who looks after whom ------------------------------------------------------------------------


@VIEWS.get(HERE + "/managers", *KNOWERS)
def managers(ask: Ask) -> Page:
    """List the relationship managers with their partners."""
    return _managers(ask)


def _managers(ask: Ask, typed: AsTyped | None = None) -> Page:
    found = ask.records.find(RelationshipManager, by="is_active", value="True")
    known = sorted((one.record for one in found), key=lambda one: one.name)
    names = partner_names(ask)
    taken = {one for manager in known for one in manager.partner_ids}
    return Page(
        "console/managers.html",
        "Relationship managers",
        {
            "managers": known,
            "names": names,
            "free": [(one, name) for one, name in names.items() if one not in taken],
            "may_put": ADMIN in ask.visitor.roles,
            "typed": typed,
            "ticked": set(ask.form.all("partner_ids")),
        },
        status=422 if typed else 200,
    )


@VIEWS.post(HERE + "/managers", ADMIN)
def put_manager(ask: Ask) -> Answer:
    """Say who looks after which partners."""
    typed = Typed(ask.form)
    name = typed.text("name", "Write the name.", most=200)
    person = typed.text("relationship_manager_id", "Write the name of the sign-in.", most=200)
    email = typed.text("email", "Write the mail address.", most=200)
    known = partner_names(ask)
    chosen = [one for one in ask.form.all("partner_ids") if one in known]
    if email and "@" not in email:
        typed.is_wrong("email", "This is no mail address.")
    if typed.as_typed:
        return _managers(ask, typed.as_typed)
    made = RelationshipManager(person, name, email, tuple(chosen))
    try:
        portfolio.register(ask.records, made, **ask.acting())
    except Conflict:
        because = f"{person} is on record already, with other partners or another address."
        return _managers(ask, typed.refused(because, "relationship_manager_id"))
    except BadInput as no:
        return _managers(ask, typed.refused(str(no)))
    return Go(f"{HERE}/managers", said=f"{name} looks after {len(chosen)} partners.")
