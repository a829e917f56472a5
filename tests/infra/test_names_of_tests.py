"""Modules of tests have no packages: of two with one name, a whole run imports the first twice."""

from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_no_two_modules_share_a_name():
    names = Counter(path.name for path in TESTS.rglob("*.py") if path.name != "conftest.py")
    assert len(names) > 400
    assert [name for name, times in names.items() if times > 1] == []
