"""What lets a partner be sent: its licences, its technicians and what they are certified for."""

from collections.abc import Sequence
from typing import Any

from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.errors import Conflict
from cloud.portal.asking import Absent, Answer, Ask, Form, Go, Page
from cloud.portal.console_views.money_desk import everywhere, told
from cloud.portal.console_views.partners import HERE, KEEPERS, KNOWERS, may, of, tabs
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import Licence
from cloud.portfolio.organisation import Certification, Technician

VIEWS = Views()
MOST = 60
"""Licences of a partner, or certifications of a technician, that one form takes."""
Row = tuple[str, str, str]
"""A state or a maker, a number, a day; as a form says them."""


@VIEWS.get(HERE + "/{partner_id}/fitness", *KNOWERS)
def fitness(ask: Ask) -> Page:
    """Show licences, insurance and technicians of a partner, with what has ended."""
    return _page(ask)


def _page(ask: Ask, typed: AsTyped | None = None) -> Page:
    partner = of(ask)
    technicians = portfolio.technicians_of(ask.records, partner.id)
    told_rows = [(one.state, one.number, one.expires_on.isoformat()) for one in partner.licences]
    shows: dict[str, Any] = {
        **everywhere(ask),
        "partner": partner,
        "sees": may(ask),
        "tabs": tabs(ask, partner),
        "own": f"{HERE}/{partner.id}",
        "technicians": sorted(technicians, key=lambda one: (not one.is_active, one.name)),
        "rows": _rows(ask.form) if typed else told_rows,
        "today": eastern_day(ask.at),
        "typed": typed,
    }
    title = f"Licences and technicians of {partner.name}"
    return Page("console/partner_fitness.html", title, shows, status=422 if typed else 200)


@VIEWS.post(HERE + "/{partner_id}/licences", *KEEPERS)
def put_licences(ask: Ask) -> Answer:
    """Put the licences of a partner, one a state (Q-79)."""
    partner, typed = of(ask), Typed(ask.form)
    licences = []
    for number in _numbers(ask.form):
        state = typed.text(f"name_{number}", "Write the state, as CO.", most=2).upper()
        if state and not (len(state) == 2 and state.isascii() and state.isalpha()):
            typed.is_wrong(f"name_{number}", "Write the state in two letters, as CO.")
        code = typed.text(f"number_{number}", "Write the number of the licence.", most=200)
        ends = typed.day(f"ends_{number}", "Choose its last day.")
        if ends is not None:
            licences.append(Licence(state, code, ends))
    if typed.as_typed:
        return _page(ask, typed.as_typed)
    answer = portfolio.change_licences(
        ask.records, partner_id=partner.id, licences=licences, **ask.acting()
    )
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer)))
    return Go(f"{HERE}/{partner.id}/fitness", said="The licences are on record.")


# ---- technicians ---------------------------------------------------------------------------------


@VIEWS.get(HERE + "/{partner_id}/technicians/new", *KEEPERS)
def new_technician(ask: Ask) -> Page:
    """Show the form of a technician who is not on record yet."""
    return _technician(ask, None)


@VIEWS.get(HERE + "/{partner_id}/technicians/{technician_id}", *KEEPERS)
def one_technician(ask: Ask) -> Page:
    """Show what a technician is certified for, to be changed."""
    return _technician(ask, _known(ask))


def _known(ask: Ask) -> Technician:
    found = ask.records.load(Technician, ask.names["technician_id"])
    if found is None or found.record.partner_id != of(ask).id:
        raise Absent
    return found.record


def _technician(ask: Ask, one: Technician | None, typed: AsTyped | None = None) -> Page:
    partner = of(ask)
    held = one.certifications if one else ()
    known = [(it.manufacturer, it.number, it.expires_on.isoformat()) for it in held]
    shows: dict[str, Any] = {
        **everywhere(ask),
        "partner": partner,
        "one": one,
        "own": f"{HERE}/{partner.id}",
        "rows": _rows(ask.form) if typed else known,
        "is_active": ask.form.has("is_active") if typed else (one.is_active if one else True),
        "typed": typed,
    }
    title = one.name if one else f"A technician of {partner.name}"
    return Page("console/technician.html", title, shows, status=422 if typed else 200)


@VIEWS.post(HERE + "/{partner_id}/technicians", *KEEPERS)
def put_new_technician(ask: Ask) -> Answer:
    """Put a technician on record, with what it is certified for (Q-79)."""
    partner, typed = of(ask), Typed(ask.form)
    name = typed.text("name", "Write the name.", most=200)
    technician_id = typed.text("technician_id", "Write what it is known by.", most=200)
    held = _certifications(typed, ask.form)
    if typed.as_typed:
        return _technician(ask, None, typed.as_typed)
    made = Technician(technician_id, partner.id, name, tuple(held), ask.form.has("is_active"))
    try:
        portfolio.register(ask.records, made, **ask.acting())
    except Conflict:
        because = "Somebody else is known by that already: give this one a name of its own."
        return _technician(ask, None, typed.refused(because, "technician_id"))
    return Go(f"{HERE}/{partner.id}/fitness", said=f"{name} is on record.")


@VIEWS.post(HERE + "/{partner_id}/technicians/{technician_id}", *KEEPERS)
def put_technician(ask: Ask) -> Answer:
    """Change what a technician is certified for, or whether it still works there (Q-79)."""
    one, typed = _known(ask), Typed(ask.form)
    held = _certifications(typed, ask.form)
    if typed.as_typed:
        return _technician(ask, one, typed.as_typed)
    portfolio.set_certifications(
        ask.records,
        partner_id=one.partner_id,
        technician_id=one.id,
        certifications=held,
        is_active=ask.form.has("is_active"),
        **ask.acting(),
    )
    return Go(f"{HERE}/{one.partner_id}/fitness", said=f"{one.name} is on record so.")


def _certifications(typed: Typed, form: Form) -> list[Certification]:
    held = []
    for number in _numbers(form):
        maker = typed.text(f"name_{number}", "Write the maker.", most=200)
        code = typed.text(f"number_{number}", "Write the number of the paper.", most=200)
        ends = typed.day(f"ends_{number}", "Choose its last day.")
        if ends is not None:
            held.append(Certification(maker, code, ends))
    return held


def _numbers(form: Form) -> Sequence[int]:
    """Give the numbers of the rows in which something stands."""
    return [number for number in range(MOST) if any(_row(form, number))]


def _rows(form: Form) -> list[Row]:
    """Give every row of the form up to the last one in which something stands."""
    filled = _numbers(form)
    return [_row(form, number) for number in range(filled[-1] + 1)] if filled else []


def _row(form: Form, number: int) -> Row:
    return form[f"name_{number}"], form[f"number_{number}"], form[f"ends_{number}"]
