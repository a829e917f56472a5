"""Emergencies: who was called, who answered, and what has to be done next."""

from cloud.kernel.decision import Refused
from cloud.portal.asking import Answer, Ask, Page, done
from cloud.portal.console_views.ways import names_of, way_to
from cloud.portal.families import family_words
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.reporting.emergency_board import Next, alarms, open_cases
from cloud.reporting.roles import AMS, AUDITOR, SPC
from cloud.service import process as service
from cloud.service.models import Case, EmergencyCategory

VIEWS = Views()
PATH = "/console/emergencies"
CATEGORIES = (
    (EmergencyCategory.ROOF_LEAK.value, "Roof leak"),
    (EmergencyCategory.ELECTRICAL_HAZARD.value, "Electrical hazard"),
    (EmergencyCategory.THERMAL_EVENT.value, "Fire, smoke or heat"),
    (EmergencyCategory.BESS_MALFUNCTION.value, "Battery fails while the grid is out"),
    (EmergencyCategory.OTHER.value, "Something else: say what"),
)
OUTCOMES = (
    ("reached", "Reached: they go"),
    ("reached_declined", "Reached: they cannot go"),
    ("voicemail", "Left a message"),
    ("no_answer", "Nobody answered"),
    ("wrong_number", "The number is wrong"),
)
NEXT_SAYS = {
    Next.CENTER: "The support center leads it and was told at once. Ask it how it stands.",
    Next.DECIDE: "Nobody was sent yet: open the case and have somebody go.",
    Next.CHOOSE: "It has no partner: choose one on the work order.",
    Next.CORRECT: "The mail came back: correct the contact and send the offer again.",
    Next.CALL: "Call the partner now, and log the call.",
    Next.REASSIGN: "It was declined, or the time is over: offer it to another partner.",
    Next.ANSWER: "Mailed and called. The answer is awaited.",
    Next.VISIT: "The partner answered. See that the visit is agreed.",
    Next.VERIFY: "Worked on. The readings, or the customer, have to show that it is mended.",
}


@VIEWS.get(PATH, SPC, AMS, AUDITOR)
def board(ask: Ask) -> Page:
    """Show the open emergencies, the oldest first (E-31 to E-33)."""
    return _board(ask)


def _board(ask: Ask, typed: AsTyped | None = None) -> Page:
    found = alarms(ask.records, at=ask.at)
    # A case that is an emergency already is not made one again.
    others = [one for one in open_cases(ask.records) if not one.is_emergency]
    chosen = ask.query.get("case", "")
    return Page(
        "console/emergencies.html",
        "Emergencies",
        {
            "alarms": [(one, way_to(ask, "case", one.case.id)) for one in found],
            "waiting": sum(one.answered_at is None and one.offer is not None for one in found),
            "over": sum(one.next is Next.REASSIGN for one in found),
            "others": [
                (one.id, f"{one.id}: {family_words(one.family)} at {one.site_id}") for one in others
            ],
            "chosen": chosen,
            "says": NEXT_SAYS,
            "family_words": family_words,
            "names": names_of(ask, (one.order.partner_id for one in found if one.order)),
            "outcomes": OUTCOMES,
            "categories": CATEGORIES,
            "may_call": SPC in ask.visitor.roles,
            "may_declare": bool(ask.visitor.roles & {SPC, AMS}),
            "typed": typed,
        },
        status=422 if typed else 200,
    )


@VIEWS.post(PATH, AMS, SPC)
def declare(ask: Ask) -> Answer:
    """Treat a case as an emergency, by a person's word (E-31)."""
    typed = Typed(ask.form)
    case_id = typed.text("case_id", "Choose the case.", most=200)
    category = typed.one_of("category", frozenset(EmergencyCategory), "Choose what it is.")
    reason = typed.text("reason")
    if typed.as_typed:
        return _board(ask, typed.as_typed)
    if ask.records.load(Case, case_id) is None:
        typed.is_wrong("case_id", "There is no such case: choose one of the list.")
        return _board(ask, typed.as_typed)
    answer = service.escalate_emergency(
        ask.records,
        case_id=case_id,
        category=EmergencyCategory(category),
        reason=reason,
        is_grid_out=ask.form.has("is_grid_out"),
        desks=ask.house.desks,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        return _board(ask, typed.refused(f"{_sentence(answer.because)} Rule {answer.rule}."))
    said = "It is an emergency now: the customer was warned, and its partner has to be called."
    return done(answer, to=PATH, said=said)


@VIEWS.post(PATH + "/{order_id}/calls", SPC)
def log_call(ask: Ask) -> Answer:
    """Log a call to the partner, whatever came of it (E-32)."""
    outcome = ask.form["outcome"]
    if outcome not in dict(OUTCOMES):
        because = "Nothing was logged: choose what came of the call."
        return done(Refused("E-32", because, "outcome_missing"), to=PATH, said="")
    answer = service.record_phone_call(
        ask.records, work_order_id=ask.names["order_id"], outcome=outcome, **ask.acting()
    )
    return done(answer, to=PATH, said="The call is logged.")


@VIEWS.post(PATH + "/{order_id}/reassign", SPC)
def reassign(ask: Ask) -> Answer:
    """Take the work back from a partner that did not answer in time (R-44, E-33)."""
    answer = service.reassign(ask.records, work_order_id=ask.names["order_id"], **ask.acting())
    return done(answer, to=PATH, said="It was taken back and offered to the next partner.")


@VIEWS.post(PATH + "/{order_id}/resend", SPC)
def resend(ask: Ask) -> Answer:
    """Offer the work again to the same partner, at the contact that counts now (S-20)."""
    answer = service.resend_offer(ask.records, work_order_id=ask.names["order_id"], **ask.acting())
    return done(answer, to=PATH, said="The offer was sent again.")


def _sentence(text: str) -> str:
    said = text[:1].upper() + text[1:]
    return said if said.endswith(".") else f"{said}."
