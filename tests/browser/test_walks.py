"""Every page, reached from page to page as a person would, held to what all pages must be."""

import pytest
from walking import DESK, PHONE

from cloud.local.people import BY_NAME
from cloud.portal.console_views import menu as console
from cloud.portal.partner_views import menu as portal

VIEWS = {"/portal": portal.views(), "/console": console.views()}
SAMPLES = 1
"""Things of each kind that are opened: the first that a list leads to."""
ROLES = {"ines.alder": {"accounting_admin"}}
ALL_OF_A_DOOR = {"ines.alder", "otto.audit"}
"""Who may see all pages of a door."""
NOT_WALKED = {
    "/console/ledger/find",
    "/portal/calendar.ics",
    "/portal/exports/progress",
    "/portal/invoices/new",
    "/portal/papers/bank",
}
"""What a search leads to; files; a piece while something is made; ways on from buttons."""


def routes(door, roles):
    """Give the paths of pages that somebody with these roles may ask for."""
    return {one.path for one in VIEWS[door] if one.method == "GET" and one.is_for(roles)}


def walk(window, door, roles):
    """Open a page of each route, by the links of the pages; give the routes that were met."""
    opened, waiting, seen = {}, [door], set()
    while waiting:
        path = waiting.pop(0)
        met = VIEWS[door].find("GET", path.partition("?")[0])
        if met is None or path in seen or opened.get(met.route.path, 0) >= SAMPLES:
            continue
        if met.route.path in NOT_WALKED or not met.route.is_for(roles):
            continue
        seen.add(path)
        if window.is_file(path):
            opened[met.route.path] = SAMPLES
            continue
        window.go(path)
        opened[met.route.path] = opened.get(met.route.path, 0) + 1
        waiting += [one for one in window.links() if one not in seen]
    return set(opened)


@pytest.mark.parametrize(
    ("person", "size", "dark"),
    [
        pytest.param("ines.alder", DESK, False, id="who sees a partner's money"),
        pytest.param("ines.alder", PHONE, True, id="the same on a small phone in the dark"),
        pytest.param("bo.alder", PHONE, False, id="a technician's phone"),
        pytest.param("otto.audit", DESK, True, id="the auditor, in the dark"),
        pytest.param("otto.audit", PHONE, False, id="the auditor on a phone"),
        pytest.param("sam.spc", DESK, False, id="a coordinator"),
        pytest.param("ada.accounting", DESK, False, id="who approves money"),
        pytest.param("pat.projects", DESK, False, id="who keeps projects"),
    ],
)
def test_every_page_that_links_lead_to_is_in_order(walker, person, size, dark):
    window = walker.window(person, size=size, dark=dark)
    door = "/portal" if person.endswith(".alder") else "/console"
    roles = ROLES.get(person) or BY_NAME[person].roles
    met = walk(window, door, roles)
    assert len(met) >= 6, sorted(met)
    assert max(one.bytes for one in window.seen) > 500
    if person in ALL_OF_A_DOOR:
        missed = {one for one in routes(door, roles) - met - NOT_WALKED if "{" not in one}
        assert not missed, "no link leads there"
