"""Signing in and out in a real browser, at both doors."""

import pytest


@pytest.mark.parametrize(
    ("person", "says"),
    [
        pytest.param("ines.alder", "Partner portal", id="a partner's"),
        pytest.param("sam.spc", "Operations console", id="one of the owner's"),
    ],
)
def test_a_person_signs_in_looks_around_and_leaves(walker, person, says):
    window = walker.window(person)
    assert says in window.page.title()
    window.press("Sign out", within="header")
    assert "You are signed out" in window.text
    door = "/portal" if person == "ines.alder" else "/console"
    window.page.goto(f"{window._stack}{door}")
    assert "Who are you?" in window.text
