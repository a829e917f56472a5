"""Every page of both doors: it opens, it can be read aloud, and nothing on it leads nowhere."""

from collections import deque
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from cloud.kernel.change import NEW, Change, Save
from cloud.portal.asking import Visitor
from cloud.portal.console_views import menu as console
from cloud.portal.partner_views import menu as portal
from cloud.portal.routes import EVERYBODY, Map, Route
from cloud.portal.visitors import STAFF
from tests.cloud.portal.orders_world import ALDER, OrdersWorld
from tests.cloud.portal.pages_world import Seen, World
from tests.cloud.portal.partners_world import a_partner

DOORS = {"/portal": portal, "/console": console}
MAPS: dict[str, Map] = {prefix: one.views() for prefix, one in DOORS.items()}
ALLOWED = {"/portal": "ines", "/console": "otto"}
"""Who asks: an Accounting Admin, and an auditor, who reads everything."""
OWN_PATHS = frozenset({"sign_in", "sign_out", "signed_in", "goodbye"})
"""What the door itself answers."""
LARGEST = 60 * 1024
MOST_PAGES = 120
"""Pages that one walk looks at."""
HIDDEN = {"hidden", "submit", "button"}
OTHER_DOORS = ("/calendar/",)
"""Paths of the same host that another function answers, whoever asks."""
SCHEMES = {"mailto", "tel", "geo"}
OF_SOMETHING = {
    "/portal/invoices/new": 404,
    "/portal/back_bills/disputes/new": 404,
    "/portal/exports/download": 400,
}
"""Pages that are asked for with what they are about, and what they answer without it."""
FILES_OF_OTHERS = frozenset({"/console/papers/{document_id}/file"})
"""What an auditor does not open: the file of a partner's paper, as in the operations API."""


class Tags(HTMLParser):
    """The tags of a page, templates left out."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._in_template = 0
        self._labels = 0
        self.wrapped: list[int] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self._in_template += tag == "template"
        self._labels += tag == "label"
        if not self._in_template:
            if self._labels:
                self.wrapped.append(len(self.found))
            self.found.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        if not self._in_template:
            self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        self._in_template -= tag == "template"
        self._labels -= tag == "label"

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.found if name in tags]


def faults_of(world: World, who: str, seen: Seen) -> list[str]:
    """Say what is wrong with a page or a piece of one."""
    tags = Tags(seen.text)
    is_page = "<!doctype html>" in seen.text[:40]
    found = []
    if is_page and len(tags.of("h1")) != 1:
        found.append(f"{len(tags.of('h1'))} headings of the first order")
    if tags.of("style") or [one for one in tags.of("script") if not one.get("src")]:
        found.append("style or script inside the page")
    for name, one in tags.found:
        found += [f"<{name} {at}>" for at in one if at == "style" or at.startswith("on")]
    found += unlabelled(tags)
    ids = [str(one["id"]) for _, one in tags.found if one.get("id")]
    found += [f"two things called {one}" for one in sorted({*ids}) if ids.count(one) > 1]
    found += [
        f"a link to {one.get('href')}"
        for one in tags.of("a")
        if leads_nowhere("GET", one.get("href") or "", ids, visitor(world, who))
    ]
    found += [
        f"a piece from {to}"
        for _, one in tags.found
        if (to := one.get("data-load")) and not route_of("GET", to)
    ]
    for one in tags.of("form"):
        method, to = (one.get("method") or "get").upper(), one.get("action") or ""
        if leads_nowhere(method, to, ids, visitor(world, who)):
            found.append(f"a form that is sent to {method} {to}")
    if len(seen.text) > LARGEST:
        found.append(f"{len(seen.text)} bytes")
    return found


def unlabelled(tags: Tags) -> list[str]:
    """Give the fields that nothing says the name of."""
    labelled = {one.get("for") for one in tags.of("label")}
    return [
        f"an unlabelled field {one.get('name')}"
        for place, (name, one) in enumerate(tags.found)
        if name in {"input", "select", "textarea"}
        and one.get("type") not in HIDDEN
        and one.get("id") not in labelled
        and place not in tags.wrapped
        and not one.get("aria-label")
        and not one.get("aria-labelledby")
    ]


def visitor(world: World, who: str) -> Visitor:
    roles = frozenset(world.people.groups.get(who, "accounting_admin").split())
    return Visitor(who, who, roles)


def route_of(method: str, to: str) -> Route | None:
    """Give the route that a path of ours leads to."""
    path = urlsplit(to).path
    for prefix, known in MAPS.items():
        if path == prefix or path.startswith(f"{prefix}/"):
            found = known.find(method, path)
            return found.route if found else None
    return None


def leads_nowhere(method: str, to: str, ids: list[str], asks: Visitor) -> bool:
    """Tell whether something is a way to no page, or to one that this person may not see."""
    parts = urlsplit(to)
    if parts.scheme or parts.netloc:
        return parts.scheme not in SCHEMES and not (parts.scheme == "https" and parts.netloc)
    if not parts.path:
        is_there = not parts.fragment or parts.fragment in ids
        return not is_there if to else True
    if parts.path.rpartition("/")[2] in OWN_PATHS or parts.path.startswith(OTHER_DOORS):
        return False
    found = route_of(method, to)
    return found is None or not found.is_for(asks.roles)


def plain_routes(prefix: str) -> list[Route]:
    """Give the pages that are asked for without any id."""
    return [one for one in MAPS[prefix] if one.method == "GET" and "{" not in one.path]


EVERY = [pytest.param(prefix, one, id=one.path) for prefix in DOORS for one in plain_routes(prefix)]


@pytest.fixture(scope="module")
def empty() -> World:
    """Nothing is on record but the partner whose person asks."""
    world = World()
    world.records.commit(Change(saves=(Save(a_partner(ALDER), NEW),)))
    world.partner_person("ines", ALDER, is_admin=True)
    world.owner_person("otto", "auditor")
    for role in STAFF:
        world.owner_person(f"a_{role}", role)
    return world


def asker(prefix: str, route: Route) -> str:
    """Give who asks for a page: for what an auditor does not see, somebody who does."""
    if prefix == "/portal" or EVERYBODY in route.roles or "auditor" in route.roles:
        return ALLOWED[prefix]
    return f"a_{min(route.roles)}"


@pytest.mark.parametrize(("prefix", "route"), EVERY)
def test_a_page_of_an_empty_house_opens_and_leads_somewhere(empty, prefix, route):
    who = asker(prefix, route)
    seen = empty.page(who, route.path)
    if seen.status == 303:  # a search that was asked nothing goes back to where it is asked
        assert route_of("GET", seen.to) is not None
        return
    assert seen.status == OF_SOMETHING.get(route.path, 200), seen.plain[-400:]
    if seen.headers["content-type"].startswith("text/html"):
        assert faults_of(empty, who, seen) == []


@pytest.mark.parametrize("prefix", DOORS)
def test_every_line_of_the_menu_is_a_page(prefix):
    for entry in DOORS[prefix].MENU:
        assert MAPS[prefix].find("GET", entry.path), entry.path


def test_auditors_read_every_page_of_the_console_but_the_forms_of_deeds_and_change_nothing():
    """A page that is closed to them is the form of a deed: of the roles of that deed, no more."""
    known = list(MAPS["/console"])
    deeds = {(subject_of(one), one.roles) for one in known if one.method == "POST"}
    closed = [
        one.path
        for one in known
        if one.method == "GET"
        and not one.roles & {EVERYBODY, "auditor"}
        and (subject_of(one), one.roles) not in deeds
    ]
    changed = [
        one.path for one in known if one.method == "POST" and one.roles & {EVERYBODY, "auditor"}
    ]
    assert {*closed} <= FILES_OF_OTHERS
    assert changed == []


def subject_of(route: Route) -> str:
    return route.path.split("/")[2] if route.path.count("/") > 1 else ""


def walked(world: World, who: str, start: str) -> dict[str, list[str]]:
    """Go to every page that links lead to, and say what is wrong with each."""
    todo, known, found = deque([start]), {start}, {}
    while todo and len(found) < MOST_PAGES:
        path = todo.popleft()
        seen = world.page(who, path)
        if seen.status == 303 and not seen.to.startswith(tuple(DOORS)):
            continue  # to the store, where the file is
        if seen.status != 200:
            found[path] = [f"it answers {seen.status}"]
            continue
        if not seen.headers["content-type"].startswith("text/html"):
            continue
        found[path] = faults_of(world, who, seen)
        for one in Tags(seen.text).of("a"):
            to = (one.get("href") or "").partition("#")[0]
            # One question of each list is enough.
            if to.startswith(start) and to not in known and "?" not in to:
                known.add(to)
                todo.append(to)
    return found


@pytest.mark.parametrize(
    ("prefix", "state"),
    [
        pytest.param("/portal", "offered", id="partner, an offer"),
        pytest.param("/portal", "completed", id="partner, work that is done"),
        pytest.param("/console", "offered", id="auditor, an offer"),
        pytest.param("/console", "completed", id="auditor, work that is done"),
    ],
)
def test_every_link_of_a_house_with_work_leads_to_a_page(prefix, state):
    world = OrdersWorld().until(state)
    world.owner_person("otto", "auditor")
    world.partner_person("ivo", ALDER, is_admin=True)
    who = {"/portal": "ivo", "/console": "otto"}[prefix]
    found = walked(world, who, prefix)
    assert len(found) > 15
    assert {path: faults for path, faults in found.items() if faults} == {}


@pytest.mark.parametrize("role", sorted(STAFF))
def test_no_role_is_led_to_a_page_that_it_may_not_see(role):
    world = OrdersWorld()
    world.owner_person("olga", role)
    found = walked(world, "olga", "/console")
    assert {path: faults for path, faults in found.items() if faults} == {}


def test_a_partner_s_person_without_the_role_is_led_to_no_money():
    world = OrdersWorld().until("completed")
    world.partner_person("bea", ALDER)
    world.people.groups["bea"] = "none"
    found = walked(world, "bea", "/portal")
    assert {path: faults for path, faults in found.items() if faults} == {}
