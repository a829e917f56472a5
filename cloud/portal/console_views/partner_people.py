"""A partner's people and programs: who is there, who holds the role, which program may call."""

from collections.abc import Callable
from typing import Any

from cloud.kernel.decision import Refused
from cloud.kernel.errors import NotFound
from cloud.portal.asking import Absent, Answer, Ask, Go, Page, done
from cloud.portal.console_views.money_desk import everywhere, told
from cloud.portal.console_views.partners import HERE, KEEPERS, may, of, tabs
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import ApiClient
from cloud.portfolio.papers import PartnerPerson, PartnerRole
from cloud.reporting.roles import ADMIN, AUDITOR, RM

VIEWS = Views()
READERS = (RM, ADMIN, AUDITOR)
PATH = HERE + "/{partner_id}/people"


@VIEWS.get(PATH, *READERS)
def people(ask: Ask) -> Page:
    """Show a partner's people and programs, those that are gone or stopped last."""
    return _page(ask)


def _page(ask: Ask, typed: AsTyped | None = None) -> Page:
    partner = of(ask)
    known = portfolio.people_of(ask.records, partner.id)
    persons = [one for one in known if isinstance(one, PartnerPerson)]
    programs = [one for one in known if isinstance(one, ApiClient)]
    shows: dict[str, Any] = {
        **everywhere(ask),
        "partner": partner,
        "sees": may(ask),
        "tabs": tabs(ask, partner),
        "own": f"{HERE}/{partner.id}",
        "persons": sorted(persons, key=lambda one: (not one.is_active, one.name)),
        "programs": sorted(programs, key=lambda one: (one.is_stopped, one.id)),
        "role": PartnerRole.ACCOUNTING_ADMIN.value,
        "typed": typed,
    }
    title = f"People and programs of {partner.name}"
    return Page("console/partner_people.html", title, shows, status=422 if typed else 200)


@VIEWS.post(PATH, *KEEPERS)
def add_person(ask: Ask) -> Answer:
    """Put a person of a partner on record, without any role."""
    partner, typed = of(ask), Typed(ask.form)
    name = typed.text("name", "Write the name.", most=200)
    person_id = typed.text("person_id", "Write the name of the sign-in.", most=128)
    email = typed.text("email", "Write the mail address.", most=254)
    if email and "@" not in email:
        typed.is_wrong("email", "This is no mail address.")
    if typed.as_typed:
        return _page(ask, typed.as_typed)
    answer = portfolio.add_person(
        ask.records,
        person_id=person_id,
        partner_id=partner.id,
        name=name,
        email=email,
        **ask.acting(),
    )
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer), "person_id"))
    return Go(_here(ask), said=f"{name} is on record, without any role.")


@VIEWS.post(PATH + "/{holder_id}/retire", *KEEPERS)
def retire(ask: Ask) -> Answer:
    """Let a person go who holds no role any more (P-80)."""
    person = _holder(ask)
    if not isinstance(person, PartnerPerson):
        raise Absent
    answer = portfolio.retire_person(ask.records, person_id=person.id, **ask.acting())
    return done(answer, to=_here(ask), said=f"{person.name} is let go.")


@VIEWS.post(PATH + "/{holder_id}/grant", ADMIN)
def grant(ask: Ask) -> Answer:
    """Make the first Accounting Admin of an organisation; it makes the others (P-80)."""
    return _role(ask, portfolio.grant_first_role, "has the role Accounting Admin now.")


@VIEWS.post(PATH + "/{holder_id}/revoke", ADMIN)
def revoke(ask: Ask) -> Answer:
    """Take the role from an Accounting Admin, the last one included (P-80)."""
    return _role(ask, portfolio.revoke_role_as_owner, "has the role no more.")


def _role(ask: Ask, deed: Callable[..., object], said: str) -> Answer:
    one = _holder(ask)
    role = PartnerRole.ACCOUNTING_ADMIN
    answer = deed(ask.records, holder_id=one.id, role=role, **ask.acting())
    return done(answer, to=_here(ask), said=f"{one.id} {said}")


@VIEWS.post(PATH + "/{holder_id}/stop", *KEEPERS)
def stop(ask: Ask) -> Answer:
    """Stop a program: its next call is refused (API-04)."""
    portfolio.stop_program(ask.records, program_id=_program(ask), **ask.acting())
    return Go(_here(ask), said="It is stopped: its next call is refused.")


@VIEWS.post(PATH + "/{holder_id}/resume", *KEEPERS)
def resume(ask: Ask) -> Answer:
    """Let a stopped program call again (API-04)."""
    portfolio.let_program_call(ask.records, program_id=_program(ask), **ask.acting())
    return Go(_here(ask), said="It may call again.")


def _program(ask: Ask) -> str:
    one = _holder(ask)
    if not isinstance(one, ApiClient):
        raise Absent
    return one.id


def _holder(ask: Ask) -> PartnerPerson | ApiClient:
    """Give a person or a program of the partner that the path names."""
    try:
        found = portfolio.holder(ask.records, ask.names["holder_id"])
    except NotFound as gone:
        raise Absent from gone
    if found.partner_id != of(ask).id:
        raise Absent
    return found


def _here(ask: Ask) -> str:
    return f"{HERE}/{ask.names['partner_id']}/people"
