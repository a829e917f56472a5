"""What the owner's people come for, from the queue to the deed, as they would do it.

The tests of this module go through one stack in turn. Each leaves a picture of its last page in
var/browser, to be looked at.
"""

import re

import pytest
from walking import DESK

RUN = "/console/runs/comfort-2026-06-09"


def opened(window, summary):
    """Open what is folded away behind a word."""
    window.page.locator("summary", has_text=summary).first.click()


def some(window, name):
    """Give a choice of a select: the first that stands for something."""
    values = window.page.locator(f"main select[name={name}] option").evaluate_all(
        "all => all.map(one => one.value).filter(Boolean)"
    )
    return values[0]


def test_a_case_is_understood_by_its_evidence(walker):
    window = walker.window("amy.aftermarket")
    window.go("/console/homes?q=SITE-GOL-004")
    window.go("/console/homes/SITE-GOL-004")
    window.follow("Inverter or its strings")
    assert "85%" in window.text
    charts = window.page.locator("main svg[role=img]")
    assert charts.count() >= 2
    opened(window, "The same figures as a table")
    window.look()
    window.picture("journey-07-case-with-its-evidence")


def test_somebody_is_sent_to_a_home_that_needs_it(walker):
    window = walker.window("amy.aftermarket")
    window.go("/console")
    window.follow("Decide whether somebody has to go")
    opened(window, "Have somebody go")
    window.fill(visit_instructions="Look at input 2 and its connectors.")
    window.page.locator("main [name=visit_scope][value=electrical]").check()
    window.page.locator("main [name=visit_workmanship]").select_option("no")
    window.press("Issue the work order")
    assert "WO-" in window.text
    window.picture("journey-08-somebody-is-sent")


def test_a_request_for_help_finds_its_home(walker):
    window = walker.window("amy.aftermarket")
    window.go("/console/help")
    window.page.locator("main table a").first.click()
    window.page.wait_for_url("**/console/help/HR-*")
    window.look()
    window.press("It is this home")
    assert "CASE-" in window.text
    window.picture("journey-09-request-for-help")


def test_a_run_is_approved_made_and_handed_over_by_three_people(walker):
    accounting = walker.window("ada.accounting")
    accounting.go(RUN)
    accounting.follow("What has changed since it was prepared")
    accounting.go(RUN)
    with accounting.page.expect_navigation():
        accounting.page.get_by_role("button", name=re.compile("Approve")).click()
    accounting.look()
    until_met(accounting, "File is made")
    treasury = walker.window("tess.treasury")
    treasury.go(RUN)
    with treasury.page.expect_navigation():
        treasury.page.get_by_role("button", name=re.compile("Send the file")).click()
    treasury.look()
    until_met(treasury, "With the bank")
    treasury.picture("journey-10-run-with-the-bank")


def until_met(window, step):
    """Look again until a step of the run is done; what works behind it takes a moment."""
    for _ in range(60):
        window.go(RUN)
        if window.page.locator("li.met", has_text=step).count():
            return
        window.page.wait_for_timeout(500)
    pytest.fail(f"{step} was never reached: {window.text[:800]}")


@pytest.mark.parametrize("dark", [False, True], ids=["by day", "by night"])
def test_a_cent_is_walked_back_to_the_reading_that_caused_it(walker, dark):
    window = walker.window("otto.audit", size=DESK, dark=dark)
    window.go("/console/runs/comfort-2026-06-04")
    line = next(one for one in window.links() if "/payments/" in one)
    window.go(f"/console/trace?id={line.rpartition('/')[2]}")
    assert "$" in window.text
    assert window.page.locator("main .tree li").count() > 5
    window.picture(f"journey-11-trace-{'dark' if dark else 'light'}")


def test_an_auditor_finds_nothing_that_could_be_changed(walker):
    window = walker.window("otto.audit")
    books = "/console/ledger/of/P-BRIGHT"
    for path in ("/console", "/console/runs", RUN, "/console/cases", "/console/ledger", books):
        window.go(path)
        posts = window.page.locator("main form[method=post]")
        assert posts.count() == 0, path
    assert "$" in window.text
    window.picture("journey-12-ledger-of-the-auditor")
