"""Putting a project on record, and correcting one whose plan does not stand yet."""

import re
from collections.abc import Mapping
from typing import Final

from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.money import Money
from cloud.portal.asking import Absent, Answer, Ask, Go, Page
from cloud.portal.console_views.money_desk import everywhere, partner_names, told
from cloud.portal.console_views.plan_typed import BASES, FIELDS, in_fields, plan_in
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed, said_in
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import Milestone, Project, Site, SoldInverter
from cloud.portfolio.policy import PROGRAMMES
from cloud.portfolio.process import ProjectFacts
from cloud.reporting.roles import PROJECTS

VIEWS = Views()
HERE: Final = "/console/projects"
MOST_INVERTERS: Final = 50
_MOST_CENTS: Final = 10**10
"""As the interface takes at most."""
_INVERTER: Final = re.compile(r"([^,]{1,200}),([^,]{1,200})(?:,\s*(\d{1,4}))?", re.ASCII)


@VIEWS.get(HERE + "/new", PROJECTS)
def new(ask: Ask) -> Page:
    """Show the form for a project, or for one that is named to correct it."""
    return _form(ask)


def _form(ask: Ask, typed: AsTyped | None = None) -> Page:
    asked = (ask.form["changes"] or ask.query.get("project", "")).strip()[:200]
    found = ask.records.load(Project, asked) if asked else None
    if asked and found is None:
        raise Absent
    known = found.record if found else None
    return Page(
        "console/project_new.html",
        f"Correct project {known.id}" if known else "Put a project on record",
        {
            **everywhere(ask),
            "known": known,
            "names": list(partner_names(ask).items()),
            "fields": FIELDS,
            "filled": in_fields(known.plan) if known else {},
            "bases": list(BASES.items()),
            "programmes": [(one, one.title()) for one in PROGRAMMES.on(eastern_day(ask.at))],
            "inverters": "\n".join(
                f"{one.make}, {one.model}, {one.quantity}" for one in known.inverters
            )
            if known
            else "",
            "site_id": known.site_id if known else ask.query.get("site", "").strip()[:200],
            "typed": typed,
        },
        status=422 if typed else 200,
    )


@VIEWS.post(HERE, PROJECTS)
def put(ask: Ask) -> Answer:
    """Put a project on record, or change one whose plan does not stand yet (P-83)."""
    typed, said = Typed(ask.form), said_in(ask.form)
    changes = ask.form["changes"]
    facts = _facts(ask, typed, said)
    if facts is not None and not changes and _is_another(ask, facts):
        typed.is_wrong(
            "project_id", "There is a project of that number already, and it is another."
        )
    if facts is None or typed.as_typed:
        return _form(ask, typed.as_typed)
    try:
        answer = portfolio.put_project(ask.records, facts, **ask.acting())
    except BadInput as no:
        return _form(ask, typed.refused(f"{str(no)[:1].upper()}{str(no)[1:]}."))
    if isinstance(answer, Refused):
        return _form(ask, typed.refused(told(answer)))
    does = "is corrected" if changes else "is on record"
    return Go(f"{HERE}/{answer.id}", said=f"It {does}, and pays {answer.value} in all.")


def _facts(ask: Ask, typed: Typed, said: Mapping[str, str]) -> ProjectFacts | None:
    """Read what is told of a project, None where a part that it cannot do without is missing."""
    project_id = ask.form["changes"] or typed.text("project_id", "Write its number.", most=200)
    site_id = typed.text("site_id", "Write the home's number.", most=200)
    partners = partner_names(ask)
    partner_id = typed.one_of("partner_id", partners, "Choose whose project it is.")
    value = typed.amount("value", "Write what it pays in all.")
    if site_id and ask.records.load(Site, site_id) is None:
        typed.is_wrong("site_id", "There is no home of that number: look it up under Homes.")
    if value is not None and not Money(0) < value <= Money(_MOST_CENTS):
        typed.is_wrong(
            "value", f"A project pays more than nothing, and at most {Money(_MOST_CENTS)}."
        )
    basis = typed.one_of("m1_basis", {"": "", **BASES}, "Choose one of the two.")
    programmes = {"", *PROGRAMMES.on(eastern_day(ask.at))}
    programme = typed.one_of("programme", frozenset(programmes), "Choose one of the programmes.")
    plan = plan_in(typed, said)
    inverters = _inverters(typed, said.get("inverters", ""))
    market = typed.text("market", most=200)
    salesperson = typed.text("salesperson", most=200)
    if value is None or not project_id or typed.as_typed:
        return None
    return ProjectFacts(
        id=project_id,
        site_id=site_id,
        partner_id=partner_id,
        value=value,
        plan=plan,
        m1_basis=Milestone(basis) if basis else None,
        programme=programme,
        market=market,
        salesperson=salesperson,
        inverters=inverters,
    )


def _inverters(typed: Typed, text: str) -> tuple[SoldInverter, ...]:
    """Read the inverters that a project was sold with, one a line: make, model, how many."""
    lines = [one.strip() for one in text.splitlines() if one.strip()]
    found: list[SoldInverter] = []
    for line in lines:
        met = _INVERTER.fullmatch(line)
        number = int(met[3] or "1") if met else 0
        if met is None or not 1 <= number <= 1000 or not met[1].strip() or not met[2].strip():
            typed.is_wrong("inverters", f"This line is none: {line[:60]}. Write: make, model, 2")
            continue
        found.append(SoldInverter(met[1].strip(), met[2].strip(), number))
    if len(lines) > MOST_INVERTERS:
        typed.is_wrong(
            "inverters", f"Write at most {MOST_INVERTERS} lines; these are {len(lines)}."
        )
    return tuple(found)


def _is_another(ask: Ask, facts: ProjectFacts) -> bool:
    """Tell whether the number is taken; the same form sent twice is the same project."""
    found = ask.records.load(Project, facts.id)
    if found is None:
        return False
    known = found.record
    return (known.site_id, known.partner_id, known.value) != (
        facts.site_id,
        facts.partner_id,
        facts.value,
    )
