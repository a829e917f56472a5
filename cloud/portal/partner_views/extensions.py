"""Extensions: asking for a clawback to be postponed, and what was answered."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from cloud.funding import process
from cloud.funding.extension import ExtensionRequest, RequestState
from cloud.funding.policy import F14
from cloud.funding.process import Unfit, payouts, risk
from cloud.funding.process.risk import ClockRow
from cloud.funding.published import in_words
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.kernel.policy import COMFORT
from cloud.portal.asking import Absent, Answer, Ask, Away, Form, Go, Page, Part, done
from cloud.portal.money_words import REASONS, WORDS
from cloud.portal.partner_views.money_of import chosen, shown
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portal.whose import ADMIN, organisation_asked, own_money
from cloud.portfolio.models import Project
from cloud.service.process import link_to, load_upload
from cloud.service.uploads import PREFIX, Upload, UploadState

VIEWS = Views()
HERE = "/portal/extensions"
_DO = "submit_extension_request"
MOST_BYTES = 4 * 1024 * 1024
"""Of a proof that comes with the form; larger files go by the API's own way."""
TAKES = "application/pdf,image/jpeg,image/png"

_FIELDS = (
    "account_primary_name",
    "eta_of_pto",
    "extension_request_deadline",
    "install_submission_date",
    "reason",
)
_WRONG: Mapping[str, tuple[str, str]] = {
    "missing_account_primary_name": ("account_primary_name", "Write the customer's name."),
    "missing_eta_of_pto": ("eta_of_pto", "Choose the day on which you expect PTO."),
    "missing_extension_request_deadline": (
        "extension_request_deadline",
        "Choose the day until which you ask.",
    ),
    "missing_install_submission_date": (
        "install_submission_date",
        "Choose the day on which the installation was submitted.",
    ),
    "missing_reason": ("reason", "Choose a reason."),
    "unknown_reason": ("reason", "Choose one of the reasons."),
    "missing_reason_text": ("reason_text", "Tell the reason in words: somebody decides by it."),
    "market_not_eligible": ("reason", "The project's market does not have this reason."),
    "missing_proof_document": ("proof_file", "Add a mail or another proof of the delay."),
    "proof_not_kept": ("proof_file", "The proof is not on record for this project: add it again."),
    "account_primary_name_differs": (
        "account_primary_name",
        "Our records have another name for this account.",
    ),
    "unreadable_eta_of_pto": ("eta_of_pto", "This is no day: write 2026-06-08."),
    "unreadable_extension_request_deadline": (
        "extension_request_deadline",
        "This is no day: write 2026-06-08.",
    ),
    "unreadable_install_submission_date": (
        "install_submission_date",
        "This is no day: write 2026-06-08.",
    ),
    "install_submission_date_differs": (
        "install_submission_date",
        "Our records have another day.",
    ),
}
"""Problem of a request -> the field that it stands at, and what to do."""


_HAPPENED = {
    "extension_asked": "The request was sent",
    "extension_withdrawn": "It was taken back",
    "extension_granted": "It was granted",
    "extension_denied": "It was denied",
    "extension_overdue": "The week to decide was over; operations were told",
}
"""What the log has of a request, in the words of this page."""


@VIEWS.get(HERE, ADMIN)
def all_requests(ask: Ask) -> Page:
    """Show what was asked and answered, what is undecided first, and how much may be postponed."""
    about = chosen(ask, action=_DO)
    found = payouts.holdings(ask.records, about.partner_id, at=ask.at)
    requests = [
        one.record
        for one in ask.records.find(ExtensionRequest, by="partner_id", value=about.partner_id)
    ]
    page = shown(ask, sorted(requests, key=_place), organisation=about.asked)
    may = _may_be_extended(ask, found, requests)
    ids = {one.project_id for one in (*page.rows, *may)}
    return Page(
        "partner/extensions.html",
        "Extensions",
        {
            **WORDS,
            "about": about,
            "page": page,
            "names": payouts.account_names(ask.records, found, ids),
            "may": may[:10],
            "exposures": [
                process.exposure_of(
                    ask.records, partner_id=about.partner_id, programme=one, at=ask.at
                )
                for one in sorted({COMFORT, *(it.programme for it in requests)})
            ],
            "today": eastern_day(ask.at),
        },
    )


@VIEWS.get("/portal/extensions/new", ADMIN)
def new_request(ask: Ask) -> Page:
    """Show the form of a request, or first the projects that one can be about."""
    wanted = ask.query.get("project", "").strip()
    if wanted:
        project = own_money(ask, Project, wanted, action=_DO).record
        return _form(ask, project, ask.form, None)
    about = chosen(ask, action=_DO)
    found = payouts.holdings(ask.records, about.partner_id, at=ask.at)
    stored = ask.records.find(ExtensionRequest, by="partner_id", value=about.partner_id)
    page = shown(
        ask,
        _may_be_extended(ask, found, [one.record for one in stored]),
        organisation=about.asked,
    )
    ids = [one.project_id for one in page.rows]
    names = payouts.account_names(ask.records, found, ids)
    return Page(
        "partner/extension_choose.html",
        "Ask for an extension",
        {**WORDS, "about": about, "page": page, "names": names},
    )


@VIEWS.post("/portal/extensions/check", ADMIN)
def check(ask: Ask) -> Part:
    """Say what a request would come to as it is typed so far; nothing is kept."""
    project = own_money(ask, Project, ask.form["project"], action=_DO).record
    return Part("partner/extension_check.html", _outlook(ask, project, ask.form))


@VIEWS.post("/portal/extensions/new", ADMIN)
def submit(ask: Ask) -> Answer:
    """Take the proof and the request; what is missing or wrong is told, each at its field."""
    project = own_money(ask, Project, ask.form["project"], action=_DO).record
    typed = Typed(ask.form)
    reason_text = typed.text("reason_text", most=4000)
    typed.text("account_primary_name", most=200)
    proof = _proof(ask, project, typed)
    kept = proof is not None and proof.state is UploadState.KEPT
    if typed.as_typed is not None or (proof is not None and not kept):
        return _form(ask, project, ask.form, typed.as_typed, proof)
    answer = process.submit_extension(
        ask.records,
        project_id=project.id,
        partner_id=ask.partner_id,
        fields=_told(ask.form, project),
        reason_text=reason_text,
        proof_reference=proof.reference if proof is not None else "",
        **ask.acting(),
    )
    if isinstance(answer, Unfit):
        for problem in answer.problems:
            field, says = _WRONG.get(problem, ("", answer.because))
            typed.is_wrong(field, says)
        return _form(ask, project, ask.form, typed.as_typed, proof)
    if isinstance(answer, Refused):
        says = f"{answer.because} (rule {answer.rule})"
        return _form(ask, project, ask.form, typed.refused(says[:1].upper() + says[1:]), proof)
    said = f"The request is with accounting; it is decided by {in_words(answer.decision_due_date)}."
    return Go(f"{HERE}/{answer.id}", said=said)


@VIEWS.get("/portal/extensions/{request_id}", ADMIN)
def one_request(ask: Ask) -> Page:
    """Show one request as it stands."""
    request = own_money(ask, ExtensionRequest, ask.names["request_id"], action=_DO).record
    return Page(
        "partner/extension.html",
        "Extension request",
        {
            **WORDS,
            "it": request,
            "told": {name: _as_day(text) for name, text in request.fields},
            "events": [
                replace(one, says=_HAPPENED.get(one.what, one.says))
                for one in ask.records.history(request.id)
            ],
            "is_open": request.state is RequestState.PENDING,
        },
    )


@VIEWS.get("/portal/extensions/{request_id}/proof", ADMIN)
def proof_file(ask: Ask) -> Answer:
    """Lead to the proof of a request, for some minutes (U-08)."""
    request = own_money(ask, ExtensionRequest, ask.names["request_id"], action=_DO).record
    upload = process.proof_of(ask.records, request)
    found = link_to(ask.house.outside.desk, upload, at=ask.at)
    if isinstance(found, Refused):
        return Go(f"{HERE}/{request.id}", refused=found)
    return Away(found)


@VIEWS.post("/portal/extensions/{request_id}/withdraw", ADMIN)
def withdraw(ask: Ask) -> Go:
    """Take an undecided request back."""
    organisation_asked(ask, action=_DO)
    request_id = ask.names["request_id"]
    answer = process.withdraw_extension(
        ask.records, request_id=request_id, partner_id=ask.partner_id, **ask.acting()
    )
    return done(answer, to=f"{HERE}/{request_id}", said="The request is taken back.")


# ---------------------------------------------------------------------- what the form shows
def _form(
    ask: Ask, project: Project, form: Form, typed: AsTyped | None, proof: Upload | None = None
) -> Page:
    waits = proof is not None and proof.state is UploadState.SCANNING
    return Page(
        "partner/extension_new.html",
        "Ask for an extension",
        {
            **_outlook(ask, project, form, proof),
            "project": project,
            "typed": typed or typed_as(form),
            "proof": proof
            if proof is not None and proof.state in {UploadState.KEPT, UploadState.SCANNING}
            else None,
            "proof_waits": waits,
            "takes": TAKES,
            "choices": [
                (one, REASONS.get(one, one) + (f" (+{days} days)" if days else ""))
                for one, days in F14.on(eastern_day(ask.at), project.programme).items()
            ],
        },
        status=422 if ask.method == "POST" else 200,
    )


def typed_as(form: Form) -> AsTyped:
    """Give a form as it was filled in, with nothing wrong in it."""
    return AsTyped({name: form[name] for name in form.fields if name != "form_token"}, {})


def _outlook(
    ask: Ask, project: Project, form: Form, proof: Upload | None = None
) -> dict[str, object]:
    found = process.outlook(
        ask.records,
        project_id=project.id,
        partner_id=ask.partner_id,
        fields=_told(form, project),
        reason_text=form["reason_text"],
        proof_reference=proof.reference if proof is not None else form["proof"],
        at=ask.at,
    )
    # A file that is chosen and not sent yet is not known here: the button tells of it.
    lacking = [_WRONG[one][1] for one in found.problems if one in _WRONG and "proof" not in one]
    return {
        **WORDS,
        "outlook": found,
        "reason": form["reason"],
        "lacking": lacking if form.fields else [],
    }


def _as_day(text: str) -> date | str:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text


def _told(form: Form, project: Project) -> dict[str, str]:
    """Give the six facts of a request by name (F11)."""
    return {"account_finco_id": project.id, **{name: form[name] for name in _FIELDS}}


def _proof(ask: Ask, project: Project, typed: Typed) -> Upload | None:
    """Give the proof: a file that came now, or the one that came before; None where none did."""
    files = ask.form.files.get("proof_file", ())
    if not files:
        return _told_why(_sent_before(ask, project, typed), typed)
    file = files[-1]
    if len(file.content) > MOST_BYTES:
        typed.is_wrong("proof_file", "The file is larger than 4 MB: send it smaller, as a PDF.")
        return None
    found = process.take_proof(
        ask.records,
        ask.house.outside,
        project_id=project.id,
        partner_id=ask.partner_id,
        name=file.name,
        content_type=file.content_type,
        content=file.content,
        **ask.acting(),
    )
    if isinstance(found, Refused):
        typed.is_wrong("proof_file", f"{found.because[:1].upper()}{found.because[1:]}.")
        return None
    return _told_why(found, typed)


def _told_why(proof: Upload | None, typed: Typed) -> Upload | None:
    """Give a proof; why one that is neither kept nor in the scan does not count stands at it."""
    if proof is not None and proof.state is UploadState.REFUSED:
        typed.is_wrong("proof_file", f"{proof.name} was refused: {proof.because}.")
    if proof is not None and proof.state is UploadState.REQUESTED:
        typed.is_wrong("proof_file", f"{proof.name} did not arrive: add it again.")
    return proof


def _sent_before(ask: Ask, project: Project, typed: Typed) -> Upload | None:
    upload_id = ask.form["proof"].removeprefix(PREFIX)
    if not upload_id:
        return None
    try:
        found = load_upload(ask.records, upload_id=upload_id, partner_id=ask.partner_id).record
    except NotFound as gone:
        raise Absent from gone
    if found.state is not UploadState.SCANNING or found.work_order_id != project.id:
        return found
    answer = process.complete_proof(
        ask.records,
        ask.house.outside,
        upload_id=upload_id,
        partner_id=ask.partner_id,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        typed.is_wrong("proof_file", f"{found.name} did not arrive whole: add it again.")
        return None
    return answer


def _place(request: ExtensionRequest) -> tuple[int, float]:
    """Put what is undecided first, by when it is due; then the rest, the latest first."""
    if request.state is RequestState.PENDING:
        return 0, float(request.decision_due_date.toordinal())
    return 1, -_ended(request).timestamp()


def _ended(request: ExtensionRequest) -> datetime:
    return request.decided_at or request.submitted_at


def _may_be_extended(
    ask: Ask, found: payouts.Holdings, requests: list[ExtensionRequest]
) -> list[ClockRow]:
    """Give the clocks that an extension moves, least time left first, without those asked for."""
    rows = risk.clock_rows(found, risk.by_milestone(requests), at=ask.at)
    pending = {one.project_id for one in requests if one.state is RequestState.PENDING}
    return [row for row in rows if row.clock == "m1_to_m2" and row.project_id not in pending]
