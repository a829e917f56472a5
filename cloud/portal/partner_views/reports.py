"""The report of a visit: written with its photos, told what it lacks, handed in, read again."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict, Unavailable
from cloud.portal.asking import Absent, Answer, Ask, Away, Form, Go, Page, Part, Sent
from cloud.portal.partner_views.order_shown import ORDERS, STATES, clock_text, files_of
from cloud.portal.routes import EVERYBODY, Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed, too_long
from cloud.portal.whose import own_order
from cloud.service import process
from cloud.service.models import Case, Incomplete, Report, ReportState, WorkOrder
from cloud.service.policy import LINK_MINUTES
from cloud.service.process.reporting import Drafted, completeness
from cloud.service.process.showing import own_report_document
from cloud.service.process.visits import not_at_work
from cloud.service.report import SITECAPTURE, Condition, ExchangedPart, Rma, VisitReport
from cloud.service.uploads import Announced, Purpose, Upload, UploadState

VIEWS = Views()
ONE = ORDERS + "/{order_id}/report"
MOST_PARTS = 60
SHORT, LONG, LINK = 200, 4000, 500
"""Characters of a name or number, of a text and of a link, as the partner API takes them."""
FORMS = (("pdf", "I write it here"), (SITECAPTURE, "It is a SiteCapture report"))
STARTED_BY = (
    ("partner", "We did, with the maker"),
    ("owner", "You did"),
    ("oem", "The maker"),
)
KINDS = (
    ("inverter", "Inverter"),
    ("battery", "Battery"),
    ("module", "Module"),
    ("meter", "Meter or gateway"),
    ("other", "Something else"),
)
SIDES: Mapping[Purpose, tuple[str, str]] = {
    Purpose.PHOTO_FOUND: ("found_photo", "add_found"),
    Purpose.PHOTO_DEPARTED: ("departed_photo", "add_departed"),
    Purpose.REPORT_PDF: ("paper", "add_paper"),
}
"""What a file is for -> the field that shows it in the report, and the one that sends it."""
LACKING: Mapping[str, tuple[str, str]] = {
    "unsupported_form": ("Say how the report comes", "form"),
    "as_found_notes_missing": ("Say how you found the system", "found_notes"),
    "as_found_photos_missing": ("Send a photo of it as you found it", "add_found"),
    "as_departed_notes_missing": ("Say how you left the system", "departed_notes"),
    "as_departed_photos_missing": ("Send a photo of it as you left it", "add_departed"),
    "summary_missing": ("Sum up what was done", "summary"),
    "root_cause_missing": ("Say what the cause was", "root_cause"),
    "rma_parts_missing": ("Name the parts that were exchanged", "exchange"),
    "rma_old_serial_missing": ("Give each serial number that went", "exchange"),
    "rma_new_serial_missing": ("Give each serial number that came", "exchange"),
    "rma_serials_identical": ("A part's old and new serial number are the same", "exchange"),
    "rma_oem_case_number_missing": ("Give the maker's case number", "oem_case"),
    "photo_unknown": ("A photo is not one of this work order", "photos"),
    "photo_not_kept": ("A photo is still being scanned, or was removed", "photos"),
    "paper_unknown": ("A paper is not one of this work order", "add_paper"),
    "paper_not_kept": ("A paper is still being scanned, or was removed", "add_paper"),
    "link_missing": ("Give the link of the SiteCapture report", "link"),
    "link_not_allowed": ("The link does not lead to SiteCapture over https", "link"),
}
"""What a report lacks -> what to do about it, and the field where that is done."""
SERIALS: Mapping[str, str] = {
    "not_asked": "No gateway reads the parts that were changed.",
    "waiting": "We ask the gateway for the new serial numbers.",
    "confirmed": "The gateway reads the new serial numbers.",
    "mismatch": "What the gateway reads is something else. Your coordinator looks at it.",
    "not_seen": "The gateway has not read the new serial numbers. Your coordinator looks at it.",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A report as its form holds it.

    Attributes:
        shown: reference of each file that the report shows.
        known: ids of the files that the form listed; a file that came since is shown as well.
        departed_at: as it is typed.
    """

    form: str = "pdf"
    link: str = ""
    found_notes: str = ""
    departed_notes: str = ""
    summary: str = ""
    root_cause: str = ""
    started_by: str = ""
    oem_case: str = ""
    parts: tuple[ExchangedPart, ...] = ()
    departed_at: str = ""
    shown: frozenset[str] = field(default_factory=frozenset)
    known: frozenset[str] = field(default_factory=frozenset)

    def shows(self, upload: Upload) -> bool:
        """Tell whether the report shows a file: it is ticked, or came after the form was made."""
        if upload.state in {UploadState.REFUSED, UploadState.REQUESTED}:
            return False
        return upload.reference in self.shown or upload.id not in self.known


# ---- pages ---------------------------------------------------------------------------------------


@VIEWS.get(ONE, EVERYBODY)
def report(ask: Ask) -> Page:
    """Show the report: its form while it is to be written, and what became of it afterwards."""
    order = _own(ask)
    latest = _latest(ask, order)
    if latest is not None and latest.state is not ReportState.RETURNED:
        return _sent(ask, order, latest)
    closed = None if latest else not_at_work(order, ask.partner_id)
    if closed is not None:
        shows = {"order": order, "because": closed.because, "says": STATES.get(order.state, "")}
        return Page("partner/report_closed.html", f"Report of {order.id}", shows)
    return _form(ask, order, _kept(ask, order, latest), returned=latest)


@VIEWS.post(ONE, EVERYBODY)
def write(ask: Ask) -> Answer:
    """Keep what was written and take the files that came with it; hand it in where that is asked.

    What was typed is kept first, so that nothing is lost whatever stands against the report.
    """
    order, typed = _own(ask), Typed(ask.form)
    departed_at = _departed_at(order, typed, by=ask.at)
    written = written_in(ask.form)
    if not _fits(written, typed):
        _take_files(ask, order, typed)
        return _form(ask, order, written, typed=typed.as_typed, status=422)
    kept = _keep(ask, order, written, departed_at)
    if isinstance(kept, Refused):
        return _form(ask, order, written, typed=typed.refused(kept.because), status=422)
    _look(ask, order)
    _take_files(ask, order, typed)
    files = files_of(ask, order.id)
    _keep(ask, order, written, departed_at)  # with the files that came just now
    if typed.as_typed is not None:
        return _form(ask, order, written, typed=typed.as_typed, status=422)
    if ask.form["deed"] == "send":
        return _hand_in(ask, order, written, content_of(written, files), departed_at)
    many = len(_lacks(ask, order, written)["lacking"])
    lacks = f" {_things(many).capitalize()} still missing." if many else ""
    return Go(f"{ORDERS}/{order.id}/report", said=f"The report is kept.{lacks}")


def _keep(
    ask: Ask, order: WorkOrder, written: Written, departed_at: datetime | None
) -> Drafted | Refused:
    return process.save_draft(
        ask.records,
        work_order_id=order.id,
        partner_id=ask.partner_id,
        content=draft_of(written, files_of(ask, order.id)),
        departed_at=departed_at,
        **ask.acting(),
    )


def _fits(written: Written, typed: Typed) -> bool:
    """Tell whether everything is as short as the partner API takes it; say where it is not."""
    texts = {
        **dict.fromkeys(("form", "started_by", "oem_case"), SHORT),
        **dict.fromkeys(("found_notes", "departed_notes", "summary", "root_cause"), LONG),
        "link": LINK,
    }
    too_long_ones = {
        name: too_long(said, most)
        for name, most in texts.items()
        if len(said := getattr(written, name)) > most
    }
    for number, one in enumerate(written.parts):
        parts = (("kind", one.kind), ("old", one.old_serial), ("new", one.new_serial))
        too_long_ones |= {
            f"part_{what}_{number}": too_long(said, SHORT)
            for what, said in parts
            if len(said) > SHORT
        }
    for name, says in too_long_ones.items():
        typed.is_wrong(name, says)
    is_few = len(written.parts) <= MOST_PARTS
    if not is_few:
        says = f"A report names at most {MOST_PARTS} parts; these are {len(written.parts)}."
        typed.is_wrong("", f"{says} It is not kept yet.")
    if too_long_ones:
        typed.is_wrong("", "It is not kept yet: something is too long. The fields say what.")
    return is_few and not too_long_ones


@VIEWS.post(ONE + "/lacking", EVERYBODY)
def lacking(ask: Ask) -> Part:
    """Tell what a report lacks while it is being typed; nothing is kept."""
    order = _own(ask)
    written = written_in(ask.form)
    return Part("partner/report_lacking.html", _lacks(ask, order, written))


@VIEWS.post(ONE + "/files", EVERYBODY)
def files(ask: Ask) -> Part:
    """Look at what has arrived in the store, and show the files as they stand (U-03 to U-07)."""
    order = _own(ask)
    _look(ask, order)
    return Part("partner/report_files.html", _shown_files(ask, order, written_in(ask.form)))


@VIEWS.post(ONE + "/announce", EVERYBODY)
def announce(ask: Ask) -> Part:
    """Give the form by which one file goes straight to the store (U-01 to U-05)."""
    order, typed = _own(ask), Typed(ask.form)
    purpose = typed.one_of("purpose", {one.value: one for one in SIDES}, "This is no file of ours.")
    size = typed.whole("size", "The file's size is missing.") or 0
    if typed.as_typed is not None:
        return Part("partner/report_store.html", {"form": None, "because": "Choose it again."})
    file = Announced(
        Purpose(purpose),
        ask.form["name"][:200],
        ask.form["content_type"],
        size,
        ask.form["sha256"],
    )
    asked = process.request_upload(
        ask.records,
        ask.house.outside.desk,
        work_order_id=order.id,
        partner_id=ask.partner_id,
        file=file,
        **ask.acting(),
    )
    if isinstance(asked, Refused):
        shows = {"form": None, "because": f"{_plain(asked.because)} (rule {asked.rule})"}
        return Part("partner/report_store.html", shows)
    return Part("partner/report_store.html", {"form": asked.form, "because": ""})


@VIEWS.get(ONE + "/document", EVERYBODY)
def document(ask: Ask) -> Answer:
    """Lead to the report as we drew it, for some minutes (P-72)."""
    # Only who asks for pages draws them.
    from cloud.adapters import report_pdf  # noqa: PLC0415

    order = _own(ask)
    link = own_report_document(
        ask.records,
        ask.house.outside,
        report_pdf,
        work_order_id=order.id,
        partner_id=ask.partner_id,
        at=ask.at,
    )
    if isinstance(link, Refused):
        return Go(f"{ORDERS}/{order.id}/report", refused=link)
    return Away(link)


# ---- what is written -----------------------------------------------------------------------------


def written_in(form: Form) -> Written:
    """Give the report as a form holds it; rows of parts that are empty are left out."""
    rows = sorted(
        {
            int(number)
            for name in form.fields
            for start in ("part_kind_", "part_old_", "part_new_")
            if (number := name.removeprefix(start)) != name
            and number.isdecimal()
            and len(number) < 4
        }
    )
    parts = [
        ExchangedPart(form[f"part_old_{row}"], form[f"part_new_{row}"], form[f"part_kind_{row}"])
        for row in rows
    ]
    return Written(
        form=form["form"] or "pdf",
        link=form["link"],
        found_notes=form["found_notes"],
        departed_notes=form["departed_notes"],
        summary=form["summary"],
        root_cause=form["root_cause"],
        started_by=form["started_by"],
        oem_case=form["oem_case"],
        parts=tuple(one for one in parts if one.old_serial or one.new_serial),
        departed_at=form["departed_at"],
        shown=frozenset(one for name, _ in SIDES.values() for one in form.all(name)),
        known=frozenset(form.all("known")),
    )


def content_of(written: Written, files: Sequence[Upload]) -> VisitReport:
    """Give what the rules judge: what was written, with the partner's own files that it shows."""
    shown = {
        purpose: tuple(
            one.reference for one in files if one.purpose is purpose and written.shows(one)
        )
        for purpose in SIDES
    }
    has_exchange = bool(written.started_by or written.parts)
    parts = written.parts[:MOST_PARTS]
    return VisitReport(
        form=written.form,
        as_found=Condition(written.found_notes, shown[Purpose.PHOTO_FOUND]),
        as_departed=Condition(written.departed_notes, shown[Purpose.PHOTO_DEPARTED]),
        summary=written.summary,
        root_cause=written.root_cause,
        rma=Rma(written.started_by, parts, written.oem_case) if has_exchange else None,
        papers=shown[Purpose.REPORT_PDF],
        link=written.link if written.form == SITECAPTURE else "",
    )


def draft_of(written: Written, files: Sequence[Upload]) -> VisitReport:
    """Give what is kept: also a link or a maker's case that the report as it stands has no use for.

    Whoever goes on with it may choose otherwise.
    """
    content = content_of(written, files)
    if content.rma is None and written.oem_case:
        content = replace(content, rma=Rma("", (), written.oem_case))
    return replace(content, link=written.link)


def _written_of(
    content: VisitReport, departed_at: datetime | None, order: WorkOrder, known: frozenset[str]
) -> Written:
    rma = content.rma
    return Written(
        form=content.form if content.form == SITECAPTURE else "pdf",
        link=content.link,
        found_notes=content.as_found.notes,
        departed_notes=content.as_departed.notes,
        summary=content.summary,
        root_cause=content.root_cause,
        started_by=rma.initiated_by if rma else "",
        oem_case=rma.oem_case_number if rma else "",
        parts=rma.parts if rma else (),
        departed_at=clock_text(departed_at, order.time_zone) if departed_at else "",
        shown=frozenset(content.references),
        known=known,
    )


def _kept(ask: Ask, order: WorkOrder, returned: Report | None) -> Written:
    """Give what to go on with: the draft, or the report that came back, or an empty form."""
    draft = process.load_draft(ask.records, work_order_id=order.id, partner_id=ask.partner_id)
    files = files_of(ask, order.id)
    if draft is not None and (returned is None or draft.draft.saved_at > returned.submitted_at):
        saved = draft.draft
        known = _come_by(files, saved.saved_at)
        return _written_of(saved.content, saved.departed_at, order, known)
    if returned is not None:
        known = _come_by(files, returned.submitted_at)
        return _written_of(returned.content, returned.departed_at, order, known)
    left = order.departed_at
    return Written(departed_at=clock_text(left, order.time_zone) if left else "")


def _come_by(files: Sequence[Upload], at: datetime) -> frozenset[str]:
    return frozenset(one.id for one in files if (one.settled_at or one.requested_at) <= at)


def _departed_at(order: WorkOrder, typed: Typed, *, by: datetime) -> datetime | None:
    """Give the departure: the one on record, which is the one that counts, or what was typed."""
    return order.departed_at or typed.past("departed_at", order.time_zone, by=by)


# ---- files ---------------------------------------------------------------------------------------


def _take_files(ask: Ask, order: WorkOrder, typed: Typed) -> None:
    """Take the files that came with the form; why one was not is told at its field."""
    for purpose, (_, name) in SIDES.items():
        told = [_taken(ask, order, purpose, one) for one in ask.form.files.get(name, ())]
        if any(told):
            typed.is_wrong(name, " ".join(one for one in told if one))


def _taken(ask: Ask, order: WorkOrder, purpose: Purpose, sent: Sent) -> str:
    """Take one file; give why it was not taken, nothing where it was."""
    if not sent.content:
        return ""
    try:
        taken = process.take_attachment(
            ask.records,
            ask.house.outside,
            work_order_id=order.id,
            partner_id=ask.partner_id,
            purpose=purpose,
            name=sent.name,
            content=sent.content,
            **ask.acting(),
        )
    except (Conflict, Unavailable):
        return f"{sent.name} did not get through: choose it again."
    if isinstance(taken, Refused):
        return f"{sent.name}: {_plain(taken.because)} (rule {taken.rule})."
    if taken.state is UploadState.REFUSED:
        return f"{sent.name} was removed: {taken.because}."
    return ""


def _look(ask: Ask, order: WorkOrder) -> None:
    """Look at what has arrived since, and ask again for what is in the scan; it may be repeated."""
    for upload in files_of(ask, order.id):
        if upload.state in {UploadState.REQUESTED, UploadState.SCANNING}:
            # That nothing has arrived yet, or that somebody looks just now, is no news: the list
            # says so, and the next look goes on from there.
            with suppress(Conflict, Unavailable):
                process.complete_upload(
                    ask.records,
                    ask.house.outside,
                    upload_id=upload.id,
                    partner_id=ask.partner_id,
                    **ask.acting(),
                )


def _shown_files(ask: Ask, order: WorkOrder, written: Written) -> dict[str, object]:
    """Give the files of a report's form, by what they are for, with a small picture of each."""
    own = [one for one in files_of(ask, order.id) if one.purpose in SIDES]
    minutes = LINK_MINUTES.on(ask.at.date())
    desk = ask.house.outside.desk
    return {
        "order": order,
        "sides": [
            (
                SIDES[purpose][0],
                says,
                [
                    (
                        one,
                        written.shows(one),
                        desk.link(one.small, name=f"{one.id}.jpg", minutes=minutes)
                        if one.small
                        else "",
                    )
                    for one in own
                    if one.purpose is purpose
                ],
            )
            for purpose, says in (
                (Purpose.PHOTO_FOUND, "As you found it"),
                (Purpose.PHOTO_DEPARTED, "As you left it"),
                (Purpose.REPORT_PDF, "Papers"),
            )
        ],
        "is_waiting": any(
            one.state in {UploadState.SCANNING, UploadState.REQUESTED} for one in own
        ),
        "is_scanning": any(one.state is UploadState.SCANNING for one in own),
    }


# ---- showing it ----------------------------------------------------------------------------------


def _form(
    ask: Ask,
    order: WorkOrder,
    written: Written,
    *,
    typed: AsTyped | None = None,
    returned: Report | None = None,
    status: int = 200,
) -> Page:
    back = returned or _latest(ask, order)
    shows = {
        **_lacks(ask, order, written),
        **_shown_files(ask, order, written),
        "written": written,
        "parts": [*written.parts, ExchangedPart("", "", "")],
        "forms": FORMS,
        "started_by": STARTED_BY,
        "kinds": KINDS,
        "returned": back,
        "here_now": clock_text(ask.at, order.time_zone),
        "typed": replace(typed, said={}) if typed else None,
    }
    return Page("partner/report.html", f"Report of {order.id}", shows, status)


def _lacks(ask: Ask, order: WorkOrder, written: Written) -> dict[str, Sequence[tuple[str, str]]]:
    """Give what stands against a report as it is written, each with the field to look at."""
    codes = completeness(ask.records, order, content_of(written, files_of(ask, order.id)))
    found = [LACKING.get(one, (one.replace("_", " "), "form")) for one in codes]
    if order.departed_at is None and not written.departed_at:
        found.append(("Say when the technician left", "departed_at"))
    places = {place: number for number, place in enumerate(_PLACES)}
    return {"lacking": sorted(found, key=lambda one: places.get(one[1], 99))}


_PLACES = (
    "form",
    "link",
    "departed_at",
    "photos",
    "found_notes",
    "add_found",
    "departed_notes",
    "add_departed",
    "summary",
    "root_cause",
    "exchange",
    "oem_case",
    "add_paper",
)
"""The fields in the order of the page."""


def _hand_in(
    ask: Ask, order: WorkOrder, written: Written, content: VisitReport, left: datetime | None
) -> Answer:
    if left is None:
        typed = AsTyped({}, {"departed_at": "Say when the technician left."})
        return _form(ask, order, written, typed=typed, status=422)
    answer = process.submit_report(
        ask.records,
        work_order_id=order.id,
        partner_id=ask.partner_id,
        content=content,
        departed_at=left,
        **ask.acting(),
    )
    if isinstance(answer, Incomplete):
        many = _things(len(answer.missing))
        says = f"It cannot be sent yet: {many} missing (rule {answer.rule}). It is kept."
        return _form(ask, order, written, typed=AsTyped({}, {"": says}), status=422)
    if isinstance(answer, Refused):
        says = f"{answer.because[:1].upper()}{answer.because[1:]} (rule {answer.rule}). It is kept."
        place = "departed_at" if answer.code in _OF_DEPARTURE else ""
        return _form(ask, order, written, typed=AsTyped({}, {place: says}), status=422)
    return Go(f"{ORDERS}/{order.id}/report", said="The report is sent. Thank you.")


_OF_DEPARTURE = frozenset({"invalid_departure", "departed_in_the_future"})


def _sent(ask: Ask, order: WorkOrder, latest: Report) -> Page:
    case = ask.records.load(Case, order.case_id)
    versions = [
        one.record
        for one in ask.records.find(Report, by="work_order_id", value=order.id)
        if one.record.partner_id == ask.partner_id
    ]
    files = {one.reference: one for one in files_of(ask, order.id)}
    minutes, desk = LINK_MINUTES.on(ask.at.date()), ask.house.outside.desk
    photos = [
        (
            says,
            [
                (
                    files[one],
                    desk.link(files[one].small, name=f"{files[one].id}.jpg", minutes=minutes),
                )
                for one in side.photos
                if one in files and files[one].small
            ],
            side.notes,
        )
        for says, side in (
            ("As you found it", latest.content.as_found),
            ("As you left it", latest.content.as_departed),
        )
    ]
    shows = {
        "order": order,
        "report": latest,
        "versions": sorted(versions, key=lambda one: one.version),
        "mended_at": case.record.resolved_at if case else None,
        "serials": SERIALS[latest.serials],
        "sides": photos,
        "kinds": dict(KINDS),
        "papers": [files[one] for one in latest.content.papers if one in files],
    }
    return Page("partner/report_sent.html", f"Report of {order.id}", shows)


def _own(ask: Ask) -> WorkOrder:
    """Give the partner's work order; of one that it lost there is no report to write or read."""
    stored, lost = own_order(ask, ask.names["order_id"])
    if lost is not None:
        raise Absent
    return stored.record


def _latest(ask: Ask, order: WorkOrder) -> Report | None:
    found = ask.records.load(Report, order.report_id) if order.report_id else None
    return found.record if found and found.record.partner_id == ask.partner_id else None


def _plain(because: str) -> str:
    """Give a sentence of the rules about files without the names that programs have for them."""
    for purpose in Purpose:
        because = because.replace(purpose.value, purpose.value.replace("_", " "))
    return because


def _things(many: int) -> str:
    return "one thing is" if many == 1 else f"{many} things are"
