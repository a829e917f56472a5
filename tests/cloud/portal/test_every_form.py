"""Every form of both doors: a refusal loses nothing that was typed, and no choice is made unasked.

Both faults are looked for where they are made, in the views and the templates, so that a form of
tomorrow is looked at too.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from cloud.portal import asking

PORTAL = Path(asking.__file__).parent
PAGES = PORTAL / "pages"

# ---- what was typed ------------------------------------------------------------------------------

READS = {"text", "amount", "whole", "day", "moment", "past"}
"""Methods of `Typed` that read what a person wrote."""
CHOSEN = {
    *("pause_reason", "outcome", "to_level", "site_id", "holder", "event", "to", "rotations"),
    *("plans_hash", "vendor_id", "digest", "shown", "deed", "compared", "drawn", "state", "seen"),
}
"""Fields that hold what a button or a list said: nothing of a person's words is in them."""


def deeds() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Give each view of a form, by its module and name."""
    for path in sorted(PORTAL.glob("*_views/*.py")):
        for one in ast.parse(path.read_text("utf-8")).body:
            if isinstance(one, ast.FunctionDef) and any(
                "VIEWS.post" in ast.unparse(mark) for mark in one.decorator_list
            ):
                yield f"{path.parent.name}.{path.stem}.{one.name}", one


def words_of(view: ast.FunctionDef) -> set[str]:
    """Give the fields that a view reads a person's words from."""
    found = set()
    for one in ast.walk(view):
        is_read = isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
        if is_read and one.func.attr in READS and one.args:
            found.add(ast.unparse(one.args[0]).strip("'\""))
        if isinstance(one, ast.Subscript) and ast.unparse(one.value) == "ask.form":
            name = ast.unparse(one.slice).strip("'\"")
            found |= {name} - CHOSEN
    return found


def drops(view: ast.FunctionDef) -> list[str]:
    """Give the answers of a view that lead away from its form although nothing was done."""
    checked = {
        ast.unparse(one.args[0])
        for one in ast.walk(view)
        if isinstance(one, ast.Call)
        and ast.unparse(one.func) == "isinstance"
        and "Refused" in ast.unparse(one.args[1])
    }
    found = []
    for one in ast.walk(view):
        if not isinstance(one, ast.Call):
            continue
        name = ast.unparse(one.func)
        if name == "done" and ast.unparse(one.args[0]) not in checked:
            found.append(ast.unparse(one))
        if name == "Go" and any(given.arg == "refused" for given in one.keywords):
            found.append(ast.unparse(one))
    return found


@pytest.mark.parametrize("view", [pytest.param(view, id=name) for name, view in deeds()])
def test_what_was_typed_is_shown_again_when_it_is_refused(view):
    if words_of(view):
        assert drops(view) == [], "show the form again, with what was typed: typed.refused(...)"


def test_the_looking_finds_what_it_looks_for():
    (view,) = ast.parse(
        "def one(ask):\n"
        "    typed = Typed(ask.form)\n"
        "    because = typed.text('because')\n"
        "    return done(process.stop(because), to='/', said='Done.')\n"
    ).body
    assert isinstance(view, ast.FunctionDef)
    assert words_of(view) == {"because"}
    assert drops(view) == ["done(process.stop(because), to='/', said='Done.')"]


# ---- what is chosen ------------------------------------------------------------------------------

NOTHING_CHOSEN = {
    "All",
    "All accounts",
    "All partners",
    "Any task",
    "Any tier",
    "Any level",
    "Both",
    "Please choose",
    "What came of it",
    "By the list of the agreement",
    "As it is",
    "As the payment plan says",
    "Leave it as it is",
}
"""Words of an empty first choice that change nothing, and look for everything."""
BEGINS = {
    "console/gateway.html log": "what is set stands; else the gateway's own file counts",
    "console/partner.html parent_id": "the whole that the partner is a part of stands",
    "partner/report.html started_by": "an exchange that was written stands",
    "partner/order_arrival.html came": "who is booked stands",
    "partner/report.html form": "the form that was written stands",
    "console/report_schedule_parts.html cadence": "what the plan has stands, else weekly",
    "console/report_schedule_parts.html time_zone": "what the plan has stands, else Eastern",
    "console/report_schedule_parts.html weekday": "what the plan has stands, else Monday",
    "console/report_schedule_new.html format": "any form holds the same figures",
    "console/report.html source": "who reads it knows that it was told; it decides nothing",
    "partner/bank.html authorization": "the first says that one is added below, which is asked for",
    "console/money_parts.html name": "a filter: the first shows all",
    "partner/money_parts.html name": "a filter: the first shows all",
    "partner/money_parts.html organisation": "the organisation that is looked at stands",
    "partner/invoice_form.html kind_{{ n }}": "a line's kind as it was written; most are labor",
    "partner/report.html part_kind_{{ n }}": "a part's kind as it was written",
    "partner/direct_pay.html vendor_id": "the vendor that stands, or that there is none",
    "console/runs.html programme": "where there is one programme it stands, else an empty choice",
    "console/coordinator.html presence": "whether the coordinator is there stands",
    "console/payment_plans.html programme": "the plan's stands; there is one programme",
    "partner/tickets.html about": "what the link names stands, else that it is something else",
    "console/ledger_of.html account": "a filter: the first shows all",
}
"""Choices that do not begin with an empty one, and what they begin with."""
_SELECT = re.compile(
    r'<select[^>]*?\bname="(?P<name>(?:\{\{.*?\}\}|[^"])+)".*?>(?P<first>(?:\{%.*?%\}|<).*?)</select>',
    re.DOTALL,
)


def templates() -> list[Path]:
    return sorted(PAGES.glob("*/*.html"))


def asked_of(path: Path) -> Iterator[tuple[str, str]]:
    """Give each choice of a template that is made by the macro, and the words it begins with."""
    page = Environment(autoescape=True).parse(path.read_text("utf-8"))
    for call in page.find_all(nodes.Call):
        is_choice = isinstance(call.node, nodes.Getattr) and call.node.attr == "choice"
        if (
            not is_choice
            or not call.args
            or ast.literal_eval(repr(_text(call.node.node))) != "part"
        ):
            continue
        given = {one.key: one.value for one in call.kwargs}
        begins = (
            [_text(one) for one in given["ask"].find_all(nodes.Const)] if "ask" in given else []
        )
        ask = given.get("ask")
        if isinstance(ask, nodes.Const):
            begins = [str(ask.value)]
        name = _text(call.args[0])
        for words in begins or ["Please choose"]:
            yield name, words


def _text(node: nodes.Node) -> str:
    match node:
        case nodes.Const(value=value):
            return str(value)
        case nodes.Name(name=name):
            return name
        case nodes.Add(left=left, right=right) | nodes.Concat(nodes=[left, right]):
            return _text(left) + _text(right)
    return ""


def written_in(path: Path) -> Iterator[tuple[str, bool]]:
    """Give each choice that a template writes itself, and whether an empty one comes first."""
    for met in _SELECT.finditer(path.read_text("utf-8")):
        yield met["name"], met["first"].startswith('<option value="">')


@pytest.mark.parametrize("path", templates(), ids=lambda one: f"{one.parent.name}/{one.name}")
def test_a_choice_begins_with_nothing_or_with_what_stands(path):
    place = f"{path.parent.name}/{path.name}"
    bold = {
        f"{place} {name}"
        for name, words in asked_of(path)
        if words not in NOTHING_CHOSEN and f"{place} {name}" not in BEGINS
    } | {
        f"{place} {name}"
        for name, is_empty in written_in(path)
        if not is_empty and f"{place} {name}" not in BEGINS
    }
    assert bold == set(), "begin with an empty choice, or say in BEGINS what stands"


def test_the_table_names_no_choice_that_is_gone():
    there = {
        f"{path.parent.name}/{path.name} {name}"
        for path in templates()
        for name, _ in (*asked_of(path), *written_in(path))
    } | {"console/money_parts.html name", "partner/money_parts.html name"}
    assert set(BEGINS) - there == set()


def test_the_looking_finds_both_ways_of_writing_a_choice():
    found = [one for path in templates() for one in asked_of(path)]
    own = [one for path in templates() for one in written_in(path)]
    assert len(found) > 40
    assert len(own) > 8
