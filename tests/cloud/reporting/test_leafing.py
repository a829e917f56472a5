"""A page of a long list costs the same however long the list is."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from reporting_world import MONDAY
from test_reporting_reads import Counted

from cloud.adapters.memory import MemoryRecords
from cloud.kernel.change import Change, Save
from cloud.reporting.leafing import READS, SOUGHT_AT_ONCE, rows_like, rows_of
from cloud.service.models import Mail, MailState

MAIL = Mail("M", MailState.FILED, "WO-1", False, "a@b.example", "c@d.example", "Hello", MONDAY)


class Weighed(Counted):
    """Records that also count what they give."""

    def latest(self, kind, **asked):
        self.calls["latest"] += 1
        leaf = self._records.latest(kind, **asked)
        self.calls["given"] += len(leaf.found)
        return leaf

    def some(self, kind, **asked):
        self.calls["some"] += 1
        leaf = self._records.some(kind, **asked)
        self.calls["given"] += len(leaf.found)
        return leaf


def pile(count):
    kept = MemoryRecords()
    for n in range(count):
        mail = replace(MAIL, id=f"M-{n}", at=MONDAY + timedelta(minutes=n), subject=f"no {n}")
        kept.commit(Change(saves=(Save(mail),)))
    counted = Weighed(kept)
    return counted, partial(counted.latest, Mail, value=MailState.FILED)


def whole(page):
    """Follow a list to its end; give what each page showed."""
    shown, after = [], ""
    while True:
        rows = page(after=after)
        shown.append([one.id for one in rows.found])
        after = rows.after
        if not after:
            return shown


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        pytest.param(0, [0], id="an empty list is one empty page"),
        pytest.param(50, [50], id="a full page that is the only one"),
        pytest.param(51, [50, 1], id="one row more is another page"),
        pytest.param(120, [50, 50, 20], id="every row once, the latest first"),
    ],
)
def test_pages_hold_each_row_once(count, sizes):
    _, read = pile(count)
    shown = whole(partial(rows_of, read, most=50))
    assert [len(one) for one in shown] == sizes
    assert [one for page in shown for one in page] == [f"M-{n}" for n in reversed(range(count))]


def test_ten_times_the_rows_cost_a_page_no_more():
    costs = []
    for count in (60, 600):
        counted, read = pile(count)
        rows_of(read, most=50)
        costs.append(dict(counted.calls))
    assert costs[0] == costs[1] == {"latest": 1, "given": 50}


def test_what_somebody_seeks_is_found_over_pages_each_of_so_many_reads():
    counted, read = pile(2 * READS * SOUGHT_AT_ONCE)

    def keeps(mail):
        return mail.subject in {"no 3", "no 4", "no 1500"}

    first = rows_like(read, keeps, most=50)
    assert [one.id for one in first.found] == ["M-1500"]
    assert counted.calls["latest"] == READS
    second = rows_like(read, keeps, most=50, after=first.after)
    assert ([one.id for one in second.found], second.after) == (["M-4", "M-3"], "")


@pytest.mark.parametrize("most", [1, 7, 50])
def test_sought_pages_hold_each_row_once(most):
    _, read = pile(230)
    shown = whole(partial(rows_like, read, lambda one: one.id.endswith("7"), most=most))
    assert [one for page in shown for one in page] == [
        f"M-{n}" for n in reversed(range(230)) if n % 10 == 7
    ]
    assert all(len(page) <= most for page in shown)
