"""What every page that people open carries, whoever answers it, as one table."""

import json
import re
from collections.abc import Mapping

import pytest

from cloud.functions.help import page
from cloud.kernel.change import NEW, Change, Save
from tests.cloud.portal.pages_world import World
from tests.cloud.portal.partners_world import a_partner

YEAR_S = 31_536_000
NEEDED = {
    "content-security-policy": r"default-src 'none'; .*frame-ancestors 'none'$",
    "strict-transport-security": rf"max-age={YEAR_S}",
    "x-content-type-options": r"nosniff",
    "x-frame-options": r"DENY",
    "referrer-policy": r"same-origin|no-referrer",
    "cache-control": r"no-store",
    "content-type": r"text/html; charset=utf-8",
}
"""Source: OWASP, HTTP Security Response Headers Cheat Sheet."""
FORBIDDEN = re.compile(r"unsafe-|\*|http:|server|x-powered-by")
FLAWS = {
    "content-security-policy": "default-src *; frame-ancestors 'none'",
    "strict-transport-security": "max-age=0",
    "x-content-type-options": "sniff",
    "x-frame-options": "ALLOWALL",
    "referrer-policy": "unsafe-url",
    "cache-control": "public",
    "content-type": "text/html",
}


def lacking(headers: Mapping[str, str]) -> set[str]:
    """Give the headers that are not as they must be."""
    return {
        name
        for name, pattern in NEEDED.items()
        if not re.fullmatch(pattern, headers.get(name, "")) or FORBIDDEN.search(headers[name])
    }


@pytest.fixture(scope="module")
def answers() -> dict[str, Mapping[str, str]]:
    world = World()
    world.records.commit(Change(saves=(Save(a_partner("P-ALDER"), NEW),)))
    world.partner_person("ines", "P-ALDER", is_admin=True)
    world.owner_person("sam", "spc")
    partner, owner = world.signed_in("ines", "/portal"), world.signed_in("sam", "/console")
    return {
        "help": page.HEADERS,
        "portal": world.ask("GET", "/portal", partner).headers,
        "portal, no such page": world.ask("GET", "/portal/nothing", partner).headers,
        "portal, another method": world.ask("PUT", "/portal", partner).headers,
        "console": world.ask("GET", "/console", owner).headers,
        "console, no such page": world.ask("GET", "/console/nothing", owner).headers,
        "signed out": world.ask("GET", "/portal/goodbye", {}).headers,
    }


@pytest.mark.parametrize(
    "door",
    [
        "help",
        "portal",
        "portal, no such page",
        "portal, another method",
        "console",
        "console, no such page",
        "signed out",
    ],
)
def test_a_page_carries_each_header(answers, door):
    assert lacking(answers[door]) == set(), json.dumps(dict(answers[door]))


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("how", ["left out", "made weak"])
def test_one_that_is_missing_or_weak_is_found(answers, name, how):
    headers = {**answers["portal"]}
    if how == "left out":
        del headers[name]
    else:
        headers[name] = FLAWS[name]
    assert lacking(headers) == {name}
