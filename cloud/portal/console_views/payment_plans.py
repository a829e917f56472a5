"""Payment plans: how the projects of each organisation are paid that are registered from now on."""

from collections.abc import Mapping
from typing import Final

from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.portal.asking import Absent, Answer, Ask, Go, Page
from cloud.portal.console_views.money_desk import everywhere, told
from cloud.portal.console_views.plan_typed import BASES, FIELDS, in_fields, plan_in
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed, said_in
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import Milestone, Partner, PaymentPlan
from cloud.portfolio.policy import PROGRAMMES
from cloud.portfolio.process import all_partners
from cloud.reporting.roles import ACCOUNTANT, ACCOUNTING, ADMIN, AUDITOR, PROJECTS

VIEWS = Views()
HERE: Final = "/console/payment_plans"
OF_PARTNER: Final = "/console/partners/{partner_id}/payment_plan"
READERS: Final = (PROJECTS, ACCOUNTANT, ACCOUNTING, ADMIN, AUDITOR)


@VIEWS.get(HERE, *READERS)
def plans(ask: Ask) -> Page:
    """Show the plans that organisations are paid by, and by which each (P-83)."""
    return _plans(ask)


def _plans(ask: Ask, typed: AsTyped | None = None) -> Page:
    partners = sorted(all_partners(ask.records), key=lambda one: (one.name.casefold(), one.id))
    known = _plans_of(ask, partners)
    asked = ask.query.get("plan", "").strip()[:200]
    chosen = ask.records.load(PaymentPlan, asked) if asked else None
    if chosen is not None:
        known = {**known, chosen.record.id: chosen.record}
    return Page(
        "console/payment_plans.html",
        "Payment plans",
        {
            **everywhere(ask),
            "plans": [
                (
                    one,
                    in_fields(one.shares),
                    [it for it in partners if it.payment_plan_id == one.id],
                )
                for one in sorted(known.values(), key=lambda it: it.id)
            ],
            "partners": partners,
            "plan": chosen.record if chosen else None,
            "filled": in_fields(chosen.record.shares) if chosen else {},
            "fields": FIELDS,
            "bases": list(BASES.items()),
            "programmes": [(one, one.title()) for one in PROGRAMMES.on(eastern_day(ask.at))],
            "may_put": ADMIN in ask.visitor.roles,
            "typed": typed,
        },
        status=422 if typed else 200,
    )


def _plans_of(ask: Ask, partners: list[Partner]) -> Mapping[str, PaymentPlan]:
    """Give the plans that somebody is paid by; plans are found by their partners."""
    ids = sorted({one.payment_plan_id for one in partners} - {""})
    found = ask.records.load_all(PaymentPlan, ids) if ids else {}
    return {name: one.record for name, one in found.items()}


@VIEWS.post(HERE, ADMIN)
def put(ask: Ask) -> Answer:
    """Put a payment plan on record or change it, for projects registered from now on (P-83)."""
    typed = Typed(ask.form)
    plan_id = typed.text("payment_plan_id", "Give it a name.", most=200)
    programmes = PROGRAMMES.on(eastern_day(ask.at))
    programme = typed.one_of("programme", frozenset(programmes), "Choose the programme.")
    basis = typed.one_of("m1_basis", BASES, "Choose what M1 comes with.")
    shares = plan_in(typed, said_in(ask.form))
    if not shares:
        typed.is_wrong(FIELDS[0][0], "Write what at least one milestone pays.")
    if typed.as_typed:
        return _plans(ask, typed.as_typed)
    made = PaymentPlan(plan_id, programme, shares, Milestone(basis))
    answer = portfolio.put_payment_plan(ask.records, made, **ask.acting())
    if isinstance(answer, Refused):
        return _plans(ask, typed.refused(told(answer), "programme"))
    said = f"{plan_id} is on record. Projects that are there already keep their own copy."
    return Go(f"{HERE}?plan={plan_id}" if plan_id.isalnum() else HERE, said=said)


@VIEWS.get(OF_PARTNER, ADMIN)
def choose(ask: Ask) -> Page:
    """Show how an organisation's new projects are paid, and the form that changes it."""
    return _choose(ask)


def _choose(ask: Ask, typed: AsTyped | None = None) -> Page:
    found = ask.records.load(Partner, ask.names["partner_id"])
    if found is None:
        raise Absent
    known = _plans_of(ask, all_partners(ask.records))
    return Page(
        "console/payment_plan_of.html",
        f"How {found.record.name} is paid",
        {
            **everywhere(ask),
            "partner": found.record,
            "plans": sorted(known),
            "typed": typed,
        },
        status=422 if typed else 200,
    )


@VIEWS.post(OF_PARTNER, ADMIN)
def assign(ask: Ask) -> Answer:
    """Say how an organisation's new projects are paid (P-83)."""
    partner_id, typed = ask.names["partner_id"], Typed(ask.form)
    if ask.records.load(Partner, partner_id) is None:
        raise Absent
    plan_id = typed.text("payment_plan_id", "Write the name of the plan.", most=200)
    if plan_id and ask.records.load(PaymentPlan, plan_id) is None:
        typed.is_wrong("payment_plan_id", "There is no payment plan of that name.")
    if typed.as_typed:
        return _choose(ask, typed.as_typed)
    made = portfolio.assign_payment_plan(
        ask.records, partner_id=partner_id, payment_plan_id=plan_id, **ask.acting()
    )
    return Go(HERE, said=f"New projects of {made.name} are paid by {plan_id} from now on.")
