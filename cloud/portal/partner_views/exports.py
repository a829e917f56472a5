"""Exports: asking for a report as a table, and fetching those that were written (F29)."""

from collections.abc import Mapping

from cloud.funding.clawback import ReductionType
from cloud.funding.exports import ExportOrder, ExportState, link_minutes
from cloud.funding.policy import D34, D35, F29
from cloud.funding.process import exports, risk
from cloud.funding.views import ALL
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.portal.asking import Answer, Ask, Away, File, Go, Page, Part, linked
from cloud.portal.money_words import MILESTONES, STATUSES, TABS, WORDS
from cloud.portal.partner_views.money_of import Chosen, chosen, shown
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portal.whose import ADMIN, organisation_asked, own

VIEWS = Views()
HERE, DOWNLOAD = "/portal/exports", "/portal/exports/download"
_DO = "export_accounts"
_CSV = "text/csv; charset=utf-8"
REPORTS = {
    "payouts": "Payouts: every amount, and where it stands",
    "clawbacks": "Clawback and Net-Fund: clocks that run, and what is taken",
    "projects": "Projects: milestones reached, and the clock that runs out first",
}
_CLOCK_STATUSES = (
    (risk.RUNNING, "Clock running"),
    (risk.EXTENDED, "Clock extended"),
    (risk.OVERDUE, "Clock run out"),
)
_ASKED = ("report", *exports.PERIOD, *exports.FILTERS)


@VIEWS.get(HERE, ADMIN)
def all_exports(ask: Ask) -> Page:
    """Show the form, what is ready, and the exports that were asked for."""
    about = chosen(ask, action=_DO)
    asked = {name: ask.query[name] for name in _ASKED if ask.query.get(name)}
    is_ready = asked.get("report") in REPORTS
    return _page(
        ask,
        about,
        None,
        asked,
        download=linked(DOWNLOAD, organisation=about.asked, **asked) if is_ready else "",
    )


@VIEWS.post(HERE, ADMIN)
def order(ask: Ask) -> Answer:
    """Count what is asked for: a small export is ready at once, a large one is written (F29)."""
    about = chosen(ask, action=_DO)
    typed = Typed(ask.form)
    report = typed.one_of("report", REPORTS, "Choose what the export is about.")
    since, until = typed.day("since"), typed.day("until")
    if since and until and until < since:
        typed.is_wrong("until", "The period ends before it begins.")
    if (since or until) and report in REPORTS and report not in exports.DAYS:
        typed.is_wrong("since", "This report has no period: leave both days empty.")
    filters = {name: ask.form[name] for name in _ASKED[1:] if ask.form[name]}
    for name in filters:
        if report in REPORTS and name in exports.FILTERS and name not in exports.COLUMNS[report]:
            typed.is_wrong(name, "This report does not have it: leave it empty.")
    if typed.as_typed is not None:
        return _page(ask, about, typed.as_typed, {})
    made = exports.order_export(
        ask.records,
        partner_id=ask.partner_id,
        about=about.partner_id,
        report=report,
        filters=filters,
        key=ask.form["key"],
        **ask.acting(),
    )
    if isinstance(made, ExportOrder) and made.asked_at != ask.at:
        # The same form again: nothing new is written, whatever was recorded since.
        said = f"You asked for this before, and got {made.row_count:,} rows. It stands below."
        return Go(linked(HERE, organisation=about.asked), said=said)
    if isinstance(made, ExportOrder):
        said = f"It has {made.row_count:,} rows and is being written; a mail announces it too."
        return Go(linked(HERE, organisation=about.asked), said=said)
    rows = "1 row is" if made.row_count == 1 else f"{made.row_count:,} rows are"
    to = linked(HERE, organisation=about.asked, report=report, **filters)
    return Go(to, said=f"{rows} ready to download.")


@VIEWS.get(DOWNLOAD, ADMIN)
def download(ask: Ask) -> Answer:
    """Give a small export at once; one that is too large is to be asked for (F29)."""
    about = chosen(ask, action=_DO)
    report = ask.query.get("report", "")
    filters = {name: ask.query[name] for name in _ASKED[1:] if ask.query.get(name)}
    text = exports.download(
        ask.records, about=about.partner_id, report=report, filters=filters, at=ask.at
    )
    if isinstance(text, Refused):
        return Go(linked(HERE, organisation=about.asked), refused=text)
    return File(f"{report}-{eastern_day(ask.at)}.csv", _CSV, text.encode())


@VIEWS.get("/portal/exports/progress", ADMIN)
def progress(ask: Ask) -> Part:
    """Give the list of exports as it stands now."""
    return Part("partner/exports_list.html", _listed(ask, chosen(ask, action=_DO)))


@VIEWS.get("/portal/exports/{export_id}/file", ADMIN)
def file(ask: Ask) -> Answer:
    """Lead to the file of a finished export, for some minutes (D35, D36)."""
    organisation_asked(ask, action=_DO)
    found = own(ask, ExportOrder, ask.names["export_id"]).record
    reference = exports.ready_document(found, at=ask.at)
    if isinstance(reference, Refused):
        return Go(HERE, refused=reference)
    name = f"{found.report}-{found.id}.csv"
    minutes = link_minutes(eastern_day(ask.at))
    return Away(ask.house.outside.desk.link(reference, name=name, minutes=minutes))


def _page(
    ask: Ask, about: Chosen, typed: AsTyped | None, asked: Mapping[str, str], *, download: str = ""
) -> Page:
    today = eastern_day(ask.at)
    return Page(
        "partner/exports.html",
        "Exports",
        {
            **WORDS,
            **_listed(ask, about),
            "about": about,
            "typed": typed,
            "asked": asked,
            "has_filter": any(name in asked for name in exports.FILTERS),
            "download": download,
            "key": ask.form["key"] or ask.request_id,
            "reports": list(REPORTS.items()),
            "choices": {
                "milestone": list(MILESTONES.items()),
                "category": [(str(one), str(one)) for one in ReductionType],
                "status": [*STATUSES.items(), *_CLOCK_STATUSES],
                "tab": [(one, words) for one, words in TABS.items() if one != ALL],
                "aging": [(one, f"{one} days") for one in _classes(ask)],
            },
            "limit": F29.on(today),
            "kept_days": D35.on(today),
        },
        status=422 if typed is not None else 200,
    )


def _classes(ask: Ask) -> list[str]:
    """Give the age classes as reports name them (D34)."""
    ends = D34.on(eastern_day(ask.at))
    starts = [0, *(one + 1 for one in ends)]
    return [f"{a}-{b}" for a, b in zip(starts, ends, strict=False)] + [f"over {ends[-1]}"]


def _listed(ask: Ask, about: Chosen) -> dict[str, object]:
    """Give the list; its further pages, and its piece, are those of the page (`HERE`)."""
    found = ask.records.find(ExportOrder, by="partner_id", value=ask.partner_id)
    orders = sorted((one.record for one in found), key=lambda one: one.asked_at, reverse=True)
    page = ask.query.get("page", "")
    asked = {"organisation": about.asked, "page": page if page.isascii() and page.isdigit() else ""}
    return {
        "page": shown(ask, orders, path=HERE, organisation=about.asked),
        "progress": linked(f"{HERE}/progress", **asked),
        "is_running": any(one.state is ExportState.WANTED for one in orders),
        "reports_by_name": {one: text.partition(":")[0] for one, text in REPORTS.items()},
        "today": eastern_day(ask.at),
    }
