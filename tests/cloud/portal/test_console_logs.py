"""Logs on pages of the console: nobody reads there what they may not read through /ops."""

import ast
import pathlib

import pytest
from money_office import Office

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Event
from cloud.portal.console_views import menu
from cloud.portal.visitors import STAFF
from cloud.reporting.story_readers import _TOLD_IN, LOG_KINDS, READERS, readers_of
from tests.cloud.portal.pages_world import NOW

SOURCES = [
    *sorted(pathlib.Path("cloud/portal/console_views").glob("*.py")),
    *sorted(pathlib.Path("cloud/functions/operations_api").glob("*.py")),
]
ONE_WAY = {"desk.py"}
"""Where the operations API reads a log for all its routes (`logged`)."""
PAGES = {
    "/console/partners/P-A": "partner",
    "/console/projects/PRJ-1": "project",
    "/console/direct_pay/PRJ-1": "project",
}
"""Pages of things whose logs many desks write into."""


class Talkative(MemoryRecords):
    """Records whose logs of partners and projects tell of everything that there is."""

    def history(self, subject):
        of = {"P-A": "partner", "PRJ-1": "project"}.get(subject)
        if of is None:
            return super().history(subject)
        return tuple(
            Event(subject, f"{start}told", NOW, "x", says=f"telling of a {kind} in {start}!")
            for start, kind in {**_TOLD_IN[of], "unheard_of": "other"}.items()
        )


@pytest.fixture(scope="module")
def office():
    world = Office(records=Talkative())
    world.earns_m1("PRJ-1")
    for role in STAFF:
        world.owner_person(f"a_{role}", role)
    return world


@pytest.mark.parametrize("role", sorted(STAFF))
@pytest.mark.parametrize("path", PAGES)
def test_a_page_tells_of_nothing_that_its_reader_may_not_read(office, path, role):
    route = menu.views().find("GET", path).route
    seen = office.page(f"a_{role}", path)
    if role not in route.roles:
        assert seen.status == 403
        return
    assert seen.status == 200, seen.plain[:300]
    told = {**_TOLD_IN[PAGES[path]], "unheard_of": "other"}
    shown = {start for start, kind in told.items() if f"a {kind} in {start}!" in seen.plain}
    assert shown == {start for start, kind in told.items() if role in readers_of(kind)}
    assert shown


def test_no_page_and_no_route_reads_a_log_by_itself():
    reading = [
        f"{source.name}: {node.lineno}"
        for source in SOURCES
        if source.name not in ONE_WAY
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "history"
    ]
    assert reading == []


def kinds_of_logs():
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call):
                named = {one.arg: one.value for one in node.keywords}
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in {"log", "logged"} and isinstance(named.get("of"), ast.Constant):
                    yield named["of"].value


@pytest.mark.parametrize("kind", sorted(set(kinds_of_logs())))
def test_each_log_that_is_shown_is_of_a_kind_with_readers(kind):
    money = {"run", "bank_line", "bank_file", "deduction", "proposal"}
    assert kind in {*READERS, *LOG_KINDS, *money}
