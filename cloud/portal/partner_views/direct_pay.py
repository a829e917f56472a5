"""Direct Pay: whose equipment the owner pays for, and the projects that wait for a bill."""

from dataclasses import dataclass
from datetime import date

from cloud.funding import views
from cloud.funding.direct_pay import DirectPay, Vendor
from cloud.funding.gates import Blocked
from cloud.funding.materials import Limit
from cloud.funding.policy import F28, F30
from cloud.funding.process import direct_pay, payouts
from cloud.funding.process.taking import running_limits
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.money import Money, total
from cloud.kernel.ports import require
from cloud.portal.asking import Ask, Go, Page, done, linked
from cloud.portal.money_words import NO_VENDOR, WORDS
from cloud.portal.partner_views.money_of import chosen, one_of, shown
from cloud.portal.routes import Views
from cloud.portal.whose import ADMIN, own_money
from cloud.portfolio.models import Partner, Project, Site

VIEWS = Views()
HERE, NEEDED = "/portal/direct_pay", "/portal/invoice_needed"
_SHOW = ("in", "out", "shipped")


@dataclass(frozen=True, slots=True)
class Row:
    """A project as the list shows it.

    Attributes:
        limit: the material clock that runs out first; None where none runs.
        may_choose: nothing was shipped, so it may still join or leave (F33).
    """

    project: Project
    direct: DirectPay
    limit: Limit | None
    days_left: int
    is_red: bool
    may_choose: bool


@VIEWS.get(HERE, ADMIN)
def enrolment(ask: Ask) -> Page:
    """Show whom new projects order from, and how each project stands (F30, F33)."""
    about = chosen(ask)
    owner = require(
        ask.records.load(Partner, about.partner_id), "organisation", about.partner_id
    ).record
    vendors = [one.record for one in ask.records.find(Vendor, by="is_active", value="True")]
    known = {
        one.record.id: one.record
        for one in ask.records.find(DirectPay, by="partner_id", value=about.partner_id)
    }
    rows = [
        _row(ask, one.record, known.get(one.record.id))
        for one in ask.records.find(Project, by="partner_id", value=about.partner_id)
        if not one.record.cancelled
    ]
    show, wanted = one_of(ask, "show", _SHOW), ask.query.get("project", "").strip()
    kept = sorted(
        (row for row in rows if _is_shown(row, show) and wanted in {"", row.project.id}),
        key=_place,
    )
    page = shown(ask, kept, show=show, organisation=about.asked, project=wanted)
    counts = {one: sum(_is_shown(row, one) for row in rows) for one in ("", *_SHOW)}
    names = {one.id: one.name for one in vendors}
    former = {row.direct.vendor_id for row in page.rows} | {owner.direct_pay_vendor_id}
    for found in ask.records.load_all(Vendor, sorted(former - set(names) - {""})).values():
        names[found.record.id] = found.record.name
    return Page(
        "partner/direct_pay.html",
        "Direct Pay",
        {
            **WORDS,
            "about": about,
            "owner": owner,
            "vendors": vendors,
            "no_vendor": NO_VENDOR,
            "vendor_names": names,
            "page": page,
            "homes": _homes(ask, [row.project for row in page.rows]),
            "show": show,
            "wanted": wanted,
            # Where nobody takes part, a list of all who do not tells nothing.
            "nobody": not owner.direct_pay_vendor_id
            and not any(row.direct.vendor_id for row in rows)
            and not show
            and not wanted,
            "tabs": [
                (words, linked(HERE, show=one, organisation=about.asked), counts[one], one == show)
                for one, words in (
                    ("", "All"),
                    ("in", "In Direct Pay"),
                    ("out", "Outside"),
                    ("shipped", "Shipped"),
                )
            ],
            "today": eastern_day(ask.at),
        },
    )


@VIEWS.post(HERE, ADMIN)
def choose_vendor(ask: Ask) -> Go:
    """Let the organisation's future projects order from a vendor, or from none (F30, F34).

    That they order from nobody is chosen like a vendor; a form that says neither changes nothing.
    """
    about = chosen(ask)
    to = linked(HERE, organisation=about.asked)
    vendor_id = ask.form["vendor_id"]
    if not vendor_id:
        return Go(to, refused=Refused(F30.id, "choose a vendor, or nobody", "vendor_missing"))
    if vendor_id == NO_VENDOR:
        direct_pay.leave_organisation(
            ask.records, partner_id=about.partner_id, at=ask.at, by=ask.by
        )
        return Go(to, said="New projects start outside of Direct Pay from now on.")
    answer = direct_pay.enrol_organisation(
        ask.records, partner_id=about.partner_id, vendor_id=vendor_id, at=ask.at, by=ask.by
    )
    said = "New projects order from this vendor from now on; it is told by mail."
    return done(answer, to=to, said=said)


@VIEWS.post("/portal/projects/{project_id}/direct_pay/opt_in", ADMIN)
def opt_in(ask: Ask) -> Go:
    """Let a project take part, until the vendor ships (F33, F34)."""
    project = own_money(ask, Project, ask.names["project_id"]).record
    answer = direct_pay.opt_in(
        ask.records,
        project_id=project.id,
        partner_id=project.partner_id,
        **ask.acting(),
    )
    return done(answer, to=_back(ask, project), said=f"Project {project.id} is in Direct Pay.")


@VIEWS.post("/portal/projects/{project_id}/direct_pay/opt_out", ADMIN)
def opt_out(ask: Ask) -> Go:
    """Let a project leave, until the vendor ships (F33, F34)."""
    project = own_money(ask, Project, ask.names["project_id"]).record
    answer = direct_pay.opt_out(
        ask.records,
        project_id=project.id,
        partner_id=project.partner_id,
        **ask.acting(),
    )
    said = f"Project {project.id} is out of Direct Pay: the vendor bills you for it."
    return done(answer, to=_back(ask, project), said=said)


# ---------------------------------------------------------------------- Invoice Needed
@dataclass(frozen=True, slots=True)
class Waiting:
    """A project whose money waits for the vendor's final invoice (F31, F32)."""

    project: Project
    direct: DirectPay | None
    since: date
    amount: Money

    @property
    def may_leave(self) -> bool:
        """Tell whether it may still leave Direct Pay, which frees its money."""
        return self.direct is not None and self.direct.shipped_at is None


@VIEWS.get(NEEDED, ADMIN)
def invoice_needed(ask: Ask) -> Page:
    """Show the projects that are not paid before the vendor sends its final invoice (F32)."""
    about = chosen(ask)
    found = payouts.holdings(ask.records, about.partner_id, at=ask.at)
    rows = payouts.rows_of(found, at=ask.at)
    listed: dict[str, date] = {}
    for row in rows:
        if row.tab == views.INVOICE_NEEDED:
            listed[row.project_id] = min(row.incurred_on, listed.get(row.project_id, date.max))
    waiting = [
        Waiting(
            found.projects[one].project,
            found.projects[one].direct_pay,
            since,
            total(
                row.left
                for row in rows
                if row.project_id == one and Blocked.INVOICE_NEEDED in row.holds
            ),
        )
        for one, since in listed.items()
        if one in found.projects
    ]
    page = shown(
        ask,
        sorted(waiting, key=lambda one: (one.since, one.project.id)),
        organisation=about.asked,
    )
    ids = sorted({one.direct.vendor_id for one in page.rows if one.direct is not None} - {""})
    return Page(
        "partner/invoice_needed.html",
        "Invoice Needed",
        {
            **WORDS,
            "about": about,
            "page": page,
            "sum": total(one.amount for one in waiting),
            "names": payouts.account_names(
                ask.records, found, [one.project.id for one in page.rows]
            ),
            "vendors": {one: it.record for one, it in ask.records.load_all(Vendor, ids).items()},
            "today": eastern_day(ask.at),
        },
    )


# ---------------------------------------------------------------------- a row
def _row(ask: Ask, project: Project, known: DirectPay | None) -> Row:
    direct = known or DirectPay(
        project.id, project.partner_id, "", is_enrolled=False, enrolled_at=ask.at
    )
    today = eastern_day(ask.at)
    limits = sorted(running_limits(direct, project, ask.at), key=lambda one: one.due_on)
    limit = limits[0] if limits else None
    left = (limit.due_on - today).days if limit is not None else 0
    red = F28.on(today, project.programme)
    return Row(
        project=project,
        direct=direct,
        limit=limit,
        days_left=left,
        is_red=limit is not None and left <= red[limit.clock],
        may_choose=direct.shipped_at is None,
    )


def _is_shown(row: Row, show: str) -> bool:
    match show:
        case "in":
            return row.direct.is_enrolled
        case "out":
            return not row.direct.is_enrolled
        case "shipped":
            return row.direct.shipped_at is not None
    return True


def _place(row: Row) -> tuple[date, bool, str]:
    """Put what is due first at the top, then what takes part, by id."""
    return (
        row.limit.due_on if row.limit is not None else date.max,
        not row.direct.is_enrolled,
        row.project.id,
    )


def _homes(ask: Ask, projects: list[Project]) -> dict[str, str]:
    """Give the accounts' names, by the projects' ids."""
    found = ask.records.load_all(Site, sorted({one.site_id for one in projects}))
    return {
        one.id: found[one.site_id].record.customer_name for one in projects if one.site_id in found
    }


def _back(ask: Ask, project: Project) -> str:
    """Give the page that a choice was made on."""
    if ask.form["back"] == "invoice_needed":
        return linked(NEEDED, organisation=ask.form["organisation"])
    own = "" if project.partner_id == ask.partner_id else project.partner_id
    return linked(HERE, organisation=own)
