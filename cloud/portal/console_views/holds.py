"""Quarantine and holds: what stopped and asks a person, and what follows from letting it go."""

from datetime import date
from typing import Final

from cloud.detection import process as detection
from cloud.detection.models import HoldState
from cloud.portal.as_shown import decided
from cloud.portal.asking import Answer, Ask, Go, Page, done
from cloud.portal.console_views.mails import STATES as MAIL_STATES
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio.policy import SERVED_OFFSETS
from cloud.reporting.held_back import (
    decided_sweeps,
    held_letters,
    held_sweeps,
    stopped_files,
)
from cloud.reporting.roles import AMS, AUDITOR, SPC
from cloud.reporting.shown_to_decide import letters_shown, sweep_shown
from cloud.service.models import Mail, MailState
from cloud.service.process.sending import decide_post

VIEWS = Views()
PATH: Final = "/console/holds"
LETTERS_SHOWN: Final = 20
FILES_SHOWN: Final = 50
CLOCKS: Final = {-5: "Eastern", -6: "Central", -7: "Mountain", -8: "Pacific"}
"""Hours of standard time from UTC -> what people call that clock."""
ABOUT: Final = {
    "WO": "work orders",
    "CASE": "cases",
    "INV": "invoices",
    "P": "partners",
    "PRJ": "projects",
    "HELP": "requests for help",
}


@VIEWS.get(PATH, SPC, AMS, AUDITOR)
def holds(ask: Ask) -> Page:
    """Show everything that stopped; each part to whom its own routes show it."""
    return _page(ask)


def _page(ask: Ask, typed: AsTyped | None = None) -> Page:
    records, roles = ask.records, ask.visitor.roles
    sees_sweeps = bool(roles & {SPC, AUDITOR})
    post = held_letters(records)
    aside = [
        (state, MAIL_STATES[state], len(records.find(Mail, by="state", value=state)))
        for state in (MailState.QUARANTINED, MailState.FOR_A_PERSON)
    ]
    files = stopped_files(records, at=ask.at)
    sweeps = held_sweeps(records) if sees_sweeps else ()
    return Page(
        "console/holds.html",
        "Quarantine and holds",
        {
            "sees_sweeps": sees_sweeps,
            "sweeps": sweeps,
            "marks": {one.id: sweep_shown(records, one.id).mark(ask.at) for one in sweeps},
            "post_mark": letters_shown(records).mark(ask.at),
            "decided": decided_sweeps(records) if sees_sweeps else (),
            "may_sweep": SPC in roles,
            "post": post,
            "letters": post.letters[:LETTERS_SHOWN],
            "about": [(ABOUT.get(kind, kind or "nothing"), many) for kind, many in post.by_thread],
            "may_post": AMS in roles,
            "aside": aside,
            "files": files[:FILES_SHOWN],
            "more_files": max(0, len(files) - FILES_SHOWN),
            "clocks": [
                (hours, CLOCKS.get(hours, f"{hours} h from UTC"))
                for hours in SERVED_OFFSETS.on(ask.at.date())
            ],
            "typed": typed,
        },
        status=422 if typed else 200,
    )


# ---- findings ------------------------------------------------------------------------------------


@VIEWS.post(PATH + "/sweeps/{region}/release", SPC)
def release_sweep(ask: Ask) -> Go:
    """Let the findings that were held back be told: they are true (D-97)."""
    said = "They are true, then: cases open and their customers are told in a moment."
    return _decided(ask, HoldState.RELEASED, said)


@VIEWS.post(PATH + "/sweeps/{region}/discard", SPC)
def discard_sweep(ask: Ask) -> Go:
    """Count the findings that were held back as told, and tell nobody: they are not true (D-97)."""
    return _decided(ask, HoldState.DISCARDED, "They are not true, then: nobody is told.")


def _decided(ask: Ask, state: HoldState, said: str) -> Go:
    region_id = ask.names["region"]
    answer = decided(
        ask,
        sweep_shown(ask.records, region_id),
        lambda records: detection.decide(records, region_id=region_id, state=state, **ask.acting()),
    )
    return done(answer, to=PATH, said=said)


@VIEWS.post(PATH + "/replay", SPC)
def replay(ask: Ask) -> Answer:
    """Measure and judge the open days of one clock anew: the verdicts are the same (D-99)."""
    typed = Typed(ask.form)
    served = {str(hours): hours for hours in SERVED_OFFSETS.on(ask.at.date())}
    clock = typed.one_of("replay_clock", served, "Choose the clock of the homes.")
    since = typed.day("replay_from", "Say from which day on.")
    if since is not None and since > ask.at.date():
        typed.is_wrong("replay_from", "That day has not come yet.")
    if typed.as_typed or since is None:
        return _page(ask, typed.as_typed)
    shared = detection.plan(
        ask.records, utc_offset_hours=served[clock], at=ask.at, replay_from=since
    )
    return Go(PATH, said=_anew(shared.sites, shared.passed_over, since))


def _anew(homes: int, passed_over: int, since: date) -> str:
    """Say how many homes are judged anew, and which are not."""
    says = f"{homes:,} homes are measured and judged anew from {since.isoformat()} on."
    if homes == 0:
        says = "Nothing is measured anew."
    if passed_over:
        says += (
            f" {passed_over:,} homes are passed over: the evaluation of their regions is not over."
            " Ask again when it is."
        )
    return says


# ---- letters -------------------------------------------------------------------------------------


@VIEWS.post(PATH + "/post/release", AMS)
def release_post(ask: Ask) -> Go:
    """Let the letters that are held leave (M-76)."""
    answer = _decided_post(ask, is_released=True)
    return done(answer, to=PATH, said="The letters leave now; later ones are counted anew.")


@VIEWS.post(PATH + "/post/drop", AMS)
def drop_post(ask: Ask) -> Go:
    """Drop the letters that are held: they were a mistake (M-76)."""
    answer = _decided_post(ask, is_released=False)
    return done(answer, to=PATH, said="The letters are dropped. An offer among them asks for you.")


def _decided_post(ask: Ask, *, is_released: bool) -> object:
    return decided(
        ask,
        letters_shown(ask.records),
        lambda records: decide_post(records, is_released=is_released, **ask.acting()),
    )
