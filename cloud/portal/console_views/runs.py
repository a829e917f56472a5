"""Funding runs: prepared, looked at, approved by another, carried out, handed to the bank."""

from collections.abc import Callable

from cloud.funding import process as funding
from cloud.funding.gates import Blocked
from cloud.funding.models import FundingRun, Payable, PayableState, PaymentTrace, RunPlan, RunState
from cloud.funding.process import remittances
from cloud.funding.process.run import load_run, references_of
from cloud.funding.rehearsal import plan_changes
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, NotFound
from cloud.kernel.policy import COMFORT
from cloud.portal.asking import Absent, Answer, Ask, Away, Go, Page, Part, done, linked
from cloud.portal.console_views.money_desk import (
    OWED_READERS,
    READERS,
    everywhere,
    one_of,
    shown,
    told,
)
from cloud.portal.money_words import WORDS
from cloud.portal.routes import Views
from cloud.portal.run_chart import run_chart
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio.process import paid_partners
from cloud.reporting.roles import ACCOUNTANT, ACCOUNTING, TREASURY
from cloud.reporting.run_desk import (
    PlanRow,
    all_runs,
    beside,
    has_stopped,
    held_for,
    is_at_work,
    plan_rows,
    programmes,
    sums_of,
)

VIEWS = Views()
HERE = "/console/runs"
EASTERN = "America/New_York"
LINK_MINUTES = 10
RUNS = 20
"""Rows of a page of runs: ten weeks."""
STATES = {
    "preview": "Prepared",
    "approved": "Approved",
    "committed": "In the books",
    "filed": "File is made",
    "sending": "Being handed over",
    "sent": "With the bank",
    "settled": "Paid out",
}
STEPS = ("preview", "approved", "committed", "filed", "sent", "settled")
SHOW = {"held": "Held", "returned": "Came back", "left_out": "Left out"}


# ---- all runs ------------------------------------------------------------------------------------


@VIEWS.get(HERE, *READERS)
def list_runs(ask: Ask) -> Page:
    """Show every run, what is not over first."""
    return _list(ask)


def _list(ask: Ask, typed: AsTyped | None = None) -> Page:
    runs = all_runs(ask.records)
    state, programme = one_of(ask, "state", STATES), one_of(ask, "programme", programmes())
    kept = [one for one in runs if state in {"", one.state} and programme in {"", one.programme}]
    latest = max(runs, key=lambda one: one.cut_off_at, default=None)
    held = beside(latest, runs) if latest else None
    return Page(
        "console/runs.html",
        "Runs",
        {
            **everywhere(ask),
            "states": STATES,
            "state": state,
            "programme": programme,
            "programmes": programmes(),
            "page": shown(ask, kept, most=RUNS, state=state, programme=programme),
            "counts": {one: sum(run.state == one for run in runs) for one in STATES},
            "known": len(runs),
            "latest": latest,
            "usual": held.usual if held else None,
            "chart": run_chart(latest, held.before, held.usual) if latest and held else None,
            "typed": typed,
        },
        status=422 if typed else 200,
    )


@VIEWS.post(HERE + "/open", ACCOUNTANT)
def open_run(ask: Ask) -> Answer:
    """Have the run of a cut-off prepared that the schedule missed (F01)."""
    typed = Typed(ask.form)
    at = typed.moment("cut_off_at", EASTERN, "Say when the window ended.")
    programme = typed.one_of("programme", frozenset(programmes()), "Choose a programme.")
    if at is None or typed.as_typed:
        return _list(ask, typed.as_typed)
    try:
        run_id = funding.order_opening(
            ask.records, cutoff=at, programme=programme or COMFORT, **ask.acting()
        )
    except BadInput as wrong:
        typed.is_wrong("cut_off_at", str(wrong)[:1].upper() + str(wrong)[1:])
        return _list(ask, typed.as_typed)
    return Go(HERE, said=f"{run_id} is being prepared; it stands here in a moment.")


# ---- one run -------------------------------------------------------------------------------------


def _of(ask: Ask) -> FundingRun:
    try:
        return load_run(ask.records, ask.names["run_id"]).record
    except NotFound as gone:
        raise Absent from gone


@VIEWS.get(HERE + "/{run_id}", *READERS)
def one_run(ask: Ask) -> Page:
    """Show what a run pays to whom, what asks to be looked at, and what comes next (D03)."""
    return _page(ask)


def _page(ask: Ask, typed: AsTyped | None = None) -> Page:
    run = _of(ask)
    rows = _rows(ask, run)
    show = one_of(ask, "show", SHOW)
    held = beside(run, all_runs(ask.records))
    log = ask.log(run.id, of="run")
    return Page(
        "console/run.html",
        f"Run {run.id}",
        {
            **WORDS,
            **everywhere(ask),
            "run": run,
            "sums": sums_of(rows),
            "page": shown(ask, [one for one in rows if _is_shown(one, show)], show=show),
            "show": show,
            "choices": [
                ("", "All partners", len(rows)),
                *(
                    (name, says, sum(_is_shown(r, name) for r in rows))
                    for name, says in SHOW.items()
                ),
            ],
            "held": held_for(rows),
            "beside": held,
            "chart": run_chart(run, held.before, held.usual),
            "log": log,
            "states": STATES,
            "steps": _steps(run),
            "at_work": is_at_work(run, log, at=ask.at),
            "has_stopped": has_stopped(run, log, at=ask.at),
            "against": _against(ask, run),
            "has_file": bool(references_of(run)),
            "is_mine": ask.by in {run.preparer, run.approver},
            "here": f"{HERE}/{run.id}",
            "typed": typed,
        },
        status=422 if typed else 200,
    )


def _against(ask: Ask, run: FundingRun) -> Refused | None:
    """Give what an approval by this person would be refused for, before a button is offered."""
    if run.state is not RunState.PREVIEW or ACCOUNTING not in ask.visitor.roles:
        return None
    return funding.approval_refused(
        ask.records,
        run,
        plans_hash=run.plans_hash,
        partners=paid_partners(ask.records),
        roles=ask.visitor.roles,
        **ask.acting(),
    )


def _rows(ask: Ask, run: FundingRun) -> tuple[PlanRow, ...]:
    plans = ask.records.load_all(RunPlan, run.plan_ids)
    lines = ask.records.find(PaymentTrace, by="run_id", value=run.id)
    known = [plans[one].record for one in run.plan_ids if one in plans]
    return plan_rows(known, [one.record for one in lines])


def _is_shown(row: PlanRow, show: str) -> bool:
    return {
        "held": bool(row.plan.held),
        "returned": row.is_returned,
        "left_out": row.is_left_out,
    }.get(show, True)


def _steps(run: FundingRun) -> list[tuple[str, bool]]:
    """Give the steps of a run's life, each with whether it is done."""
    state = "filed" if run.state is RunState.SENDING else str(run.state)
    return [(STATES[one], STEPS.index(one) <= STEPS.index(state)) for one in STEPS]


@VIEWS.get(HERE + "/{run_id}/progress", *READERS)
def progress(ask: Ask) -> Part:
    """Tell how far a run has come; asked for by script while something is being done for it."""
    run = _of(ask)
    log = ask.log(run.id, of="run")
    return Part(
        "console/run_progress.html",
        {
            "run": run,
            "at_work": is_at_work(run, log, at=ask.at),
            "has_stopped": has_stopped(run, log, at=ask.at),
            "states": STATES,
            "here": f"{HERE}/{run.id}",
            "is_later": True,
        },
    )


@VIEWS.get(HERE + "/{run_id}/now", *READERS)
def as_of_now(ask: Ask) -> Page:
    """Show what would be otherwise, were the run prepared now; nothing is written."""
    run = _of(ask)
    if run.state is not RunState.PREVIEW:
        return Page(
            "console/run_now.html",
            f"Run {run.id} against now",
            {
                **WORDS,
                **everywhere(ask),
                "run": run,
                "now_run": None,
                "changes": (),
                "here": f"{HERE}/{run.id}",
            },
        )
    now, plans = funding.rehearse(
        ask.records,
        run_id=run.id,
        published=funding.published(ask.records, run.programme),
        partners=paid_partners(ask.records),
        **ask.acting(),
    )
    shown_ = ask.records.load_all(RunPlan, run.plan_ids)
    before = [shown_[one].record for one in run.plan_ids if one in shown_]
    return Page(
        "console/run_now.html",
        f"Run {run.id} against now",
        {
            **WORDS,
            **everywhere(ask),
            "run": run,
            "now_run": now,
            "changes": plan_changes(before, plans),
            "here": f"{HERE}/{run.id}",
        },
    )


# ---- deeds ---------------------------------------------------------------------------------------


def _done(ask: Ask, deed: Callable[[], object], said: str) -> Answer:
    """Do something to a run; what it cannot be done to is said on its page."""
    run = _of(ask)
    try:
        answer = deed()
    except BadInput as wrong:
        return _page(ask, AsTyped(_said(ask), {"": str(wrong)[:1].upper() + str(wrong)[1:]}))
    return done(answer, to=f"{HERE}/{run.id}", said=said)


def _said(ask: Ask) -> dict[str, str]:
    return {name: ask.form[name] for name in ask.form.fields if name != "form_token"}


@VIEWS.post(HERE + "/{run_id}/prepare", ACCOUNTANT)
def prepare(ask: Ask) -> Answer:
    """Have a run prepared anew where something changed (D03)."""
    run = _of(ask)
    asked = funding.order_preparing(
        ask.records,
        run_id=run.id,
        published=funding.published(ask.records, run.programme),
        partners=paid_partners(ask.records),
        **ask.acting(),
    )
    said = (
        "Nothing has changed since it was prepared: it stands as it is."
        if asked.is_current
        else "It is being prepared anew. You prepared it then, so another person approves it."
    )
    return Go(f"{HERE}/{run.id}", said=said)


@VIEWS.post(HERE + "/{run_id}/release", ACCOUNTING)
def release(ask: Ask) -> Answer:
    """Let an unusual run go on (D10)."""
    run, typed = _of(ask), Typed(ask.form)
    because = typed.text("release_because", "Say why what is unusual is right.")
    if typed.as_typed:
        return _page(ask, typed.as_typed)
    answer = funding.release(
        ask.records,
        run_id=run.id,
        plans_hash=ask.form["plans_hash"],
        because=because,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer)))
    return Go(f"{HERE}/{run.id}", said="It may go on. Another person approves it.")


@VIEWS.post(HERE + "/{run_id}/approve", ACCOUNTING)
def approve(ask: Ask) -> Answer:
    """Approve exactly what the page showed (D03); what changed since is shown beside it."""
    run, here = _of(ask), f"{HERE}/{ask.names['run_id']}"
    answer = funding.approve(
        ask.records,
        run_id=run.id,
        plans_hash=ask.form["plans_hash"],
        partners=paid_partners(ask.records),
        roles=ask.visitor.roles,
        **ask.acting(),
    )
    is_stale = isinstance(answer, Refused) and answer.code == "stale_preview"
    # Prepared anew since the page was made, it stands on its own page as it is now.
    to = f"{here}/now" if is_stale and ask.form["plans_hash"] == run.plans_hash else here
    said = "The run is approved. It goes into the books, and its file is made by itself."
    return done(answer, to=to, said=said)


@VIEWS.post(HERE + "/{run_id}/carry_out", ACCOUNTANT)
def carry_out(ask: Ask) -> Answer:
    """Have an approved run go on where it stopped (D01)."""
    return _done(
        ask,
        lambda: funding.order_carrying_out(ask.records, run_id=ask.names["run_id"], **ask.acting()),
        "It goes on where it stopped; what is done is not done again.",
    )


@VIEWS.post(HERE + "/{run_id}/send", TREASURY)
def send(ask: Ask) -> Answer:
    """Hand the file to the bank, once (D40)."""
    return _done(
        ask,
        lambda: funding.order_sending(ask.records, run_id=ask.names["run_id"], **ask.acting()),
        "The file is being handed to the bank.",
    )


@VIEWS.post(HERE + "/{run_id}/sent", TREASURY)
def say_sent(ask: Ask) -> Answer:
    """Say that the bank has the file (D40)."""
    return _done(
        ask,
        lambda: funding.mark_sent(ask.records, run_id=ask.names["run_id"], **ask.acting()),
        "The bank has the file.",
    )


@VIEWS.post(HERE + "/{run_id}/not_sent", TREASURY)
def say_not_sent(ask: Ask) -> Answer:
    """Say that the bank never got the file, in its words (D40)."""
    run, typed = _of(ask), Typed(ask.form)
    because = typed.text("not_sent_because", "Write down what the bank said.")
    if typed.as_typed:
        return _page(ask, typed.as_typed)
    answer = funding.mark_not_sent(ask.records, run_id=run.id, because=because, **ask.acting())
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer)))
    return Go(f"{HERE}/{run.id}", said="The bank does not have the file; it can be sent again.")


@VIEWS.post(HERE + "/{run_id}/settle", TREASURY)
def settle(ask: Ask) -> Answer:
    """Book what the bank's statement shows as paid out (D44)."""
    run, typed = _of(ask), Typed(ask.form)
    amount = typed.amount("statement", "Write what the bank's statement shows for the file.")
    if amount is None or typed.as_typed:
        return _page(ask, typed.as_typed)
    try:
        answer = funding.settle(ask.records, run_id=run.id, statement=amount, **ask.acting())
    except BadInput as wrong:
        typed.is_wrong("statement", str(wrong)[:1].upper() + str(wrong)[1:] + ".")
        return _page(ask, typed.as_typed)
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer)))
    return Go(f"{HERE}/{run.id}", said="The run is paid out, and the books say so.")


# ---- one partner's part --------------------------------------------------------------------------


@VIEWS.get(HERE + "/{run_id}/partners/{partner_id}", *READERS)
def one_plan(ask: Ask) -> Page:
    """Show what a run does for one partner, line by line, held lines with their reasons (D02)."""
    run = _of(ask)
    row = _row_of(ask, run)
    return Page(
        "console/run_plan.html",
        row.plan.partner_name,
        {
            **WORDS,
            **everywhere(ask),
            "run": run,
            "row": row,
            "plan": row.plan,
            "states": STATES,
            "here": f"{HERE}/{run.id}",
            "advice": _may_advise(ask, run, row),
            "releasable": _releasable(ask, row),
        },
    )


def _releasable(ask: Ask, row: PlanRow) -> frozenset[str]:
    """Give the held payables that wait for a person's look, and for no price (F24, D04)."""
    if ACCOUNTANT not in ask.visitor.roles or not row.plan.held:
        return frozenset()
    items = ask.records.load_all(Payable, [one.id for one in row.plan.held])
    return frozenset(
        name
        for name, one in items.items()
        if one.record.hold
        and one.record.hold != Blocked.UNPRICED_INVERTER
        and one.record.state is PayableState.OPEN
    )


def _row_of(ask: Ask, run: FundingRun) -> PlanRow:
    wanted = ask.names["partner_id"]
    found = [row for row in _rows(ask, run) if row.plan.partner_id == wanted]
    if not found:
        raise Absent
    return found[0]


def _may_advise(ask: Ask, run: FundingRun, row: PlanRow) -> bool:
    is_written = run.state in {RunState.FILED, RunState.SENDING, RunState.SENT, RunState.SETTLED}
    return is_written and row.line is not None and bool(ask.visitor.roles & {*OWED_READERS})


@VIEWS.get(HERE + "/{run_id}/partners/{partner_id}/advice", *OWED_READERS)
def advice(ask: Ask) -> Away:
    """Lead to the remittance advice that the partner got, for some minutes (D36)."""
    run, partner_id = _of(ask), ask.names["partner_id"]
    reference = remittances.advice_document(ask.records, run_id=run.id, partner_id=partner_id)
    name = f"remittance-{run.id}.pdf"
    return Away(ask.house.outside.desk.link(reference, name=name, minutes=LINK_MINUTES))


@VIEWS.post(HERE + "/{run_id}/partners/{partner_id}/payables/{payable_id}/release", ACCOUNTANT)
def release_payable(ask: Ask) -> Answer:
    """Free money that waits for a person, after looking at why."""
    run = _of(ask)
    plan = _row_of(ask, run).plan
    found = ask.records.load(Payable, ask.names["payable_id"])
    if found is None or found.record.partner_id != plan.partner_id:
        raise Absent
    is_of_run = found.record.id in {one.id for one in (*plan.held, *plan.payables)}
    if found.record.hold and not is_of_run:
        raise Absent
    answer = funding.release_payable(ask.records, payable_id=found.record.id, **ask.acting())
    back = f"{HERE}/{run.id}/partners/{plan.partner_id}"
    return done(answer, to=linked(back), said="It waits no longer, and goes with the next run.")
