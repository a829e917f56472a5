"""Lists that only grow: a page of them reads what it shows, not all there ever was."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloud.adapters.memory import MemoryRecords
from cloud.invoicing.models import (
    ChargeState,
    CustomerCharge,
    Invoice,
    InvoiceContent,
    InvoiceState,
)
from cloud.kernel.change import Change, Save
from cloud.kernel.money import Money
from cloud.service.models import Mail, MailState
from tests.cloud.portal.orders_world import OrdersWorld

FIRST = datetime(2026, 1, 5, 9, tzinfo=UTC)
MAIL = Mail("M", MailState.FILED, "", False, "a@b.example", "c@d.example", "Hello", FIRST)
CONTENT = InvoiceContent("A-1", "Sample", "1 Example St", (), "mended it", 2, (), Money(100))
INVOICE = Invoice(
    "INV", "WO-1", "alder", "S-1", CONTENT, InvoiceState.PAID, FIRST, "jo", "spc", decided_at=FIRST
)
CHARGE = CustomerCharge(
    "CC", "INV", "WO-1", "S-1", (), Money(100), "photo 1", ChargeState.EXPORTED, FIRST, "sam"
)
ROWS = 50
NUMBER = re.compile(r"/(?:MAIL|INV|CC)-(\d{4})\"")


def mail(number: int, at: datetime) -> Mail:
    return replace(MAIL, id=f"MAIL-{number:04}", at=at)


def invoice(number: int, at: datetime) -> Invoice:
    content = replace(CONTENT, number=f"A-{number:04}")
    return replace(INVOICE, id=f"INV-{number:04}", content=content, decided_at=at)


def charge(number: int, at: datetime) -> CustomerCharge:
    return replace(CHARGE, id=f"CC-{number:04}", proposed_at=at)


LISTS = [
    pytest.param(mail, "/console/mails?state=filed", id="mail that was filed"),
    pytest.param(invoice, "/console/invoices?state=paid", id="invoices that were paid"),
    pytest.param(charge, "/console/charges?state=exported", id="charges that left"),
]


class Weighed(MemoryRecords):
    """Records that count what they give, by kind."""

    def __init__(self) -> None:
        super().__init__()
        self.given: Counter[str] = Counter()

    def find(self, kind: Any, **asked: Any) -> Any:
        found = super().find(kind, **asked)
        self.given[kind.__name__] += len(found)
        return found

    def latest(self, kind: Any, **asked: Any) -> Any:
        leaf = super().latest(kind, **asked)
        self.given[kind.__name__] += len(leaf.found)
        return leaf


def a_world(made: Callable[[int, datetime], Any], count: int) -> tuple[OrdersWorld, Weighed]:
    """Give a house with so many of a kind, each an hour later than the one before."""
    records = Weighed()
    world = OrdersWorld(records)
    world.owner_person("otto", "auditor")
    for number in range(count):
        records.commit(Change(saves=(Save(made(number, FIRST + timedelta(hours=number))),)))
    return world, records


@pytest.mark.parametrize(("made", "path"), LISTS)
def test_ten_times_the_rows_cost_a_page_no_more(made, path):
    costs = []
    for count in (60, 600):
        world, records = a_world(made, count)
        world.page("otto", path)  # the session is begun
        records.given.clear()
        assert world.page("otto", path).status == 200
        costs.append(dict(records.given))
    assert costs[0] == costs[1]


@pytest.mark.parametrize(("made", "path"), LISTS)
def test_pages_show_each_row_once_the_latest_first(made, path):
    world, _ = a_world(made, 120)
    seen: list[list[str]] = []
    following = path
    while following:
        page = world.page("otto", following).text
        seen.append(list(dict.fromkeys(NUMBER.findall(page))))
        links = re.findall(r'rel="next" href="([^"]+)"', page)
        following = links[0].replace("&amp;", "&") if links else ""
    assert [len(one) for one in seen] == [ROWS, ROWS, 20]
    assert [one for page in seen for one in page] == [f"{n:04}" for n in reversed(range(120))]
    assert "From the beginning" in page


@pytest.mark.parametrize(("made", "path"), LISTS)
@pytest.mark.parametrize("place", ["0", "x", "9999-01-01", "%F0%9F%A6%8A", "a" * 3_000])
def test_a_place_that_somebody_wrote_is_a_page_too(made, path, place):
    world, _ = a_world(made, 3)
    for name in ("after", "from"):
        assert world.page("otto", f"{path}&{name}={place}").status == 200


def test_an_invoice_is_sought_among_as_many_as_one_page_looks_through():
    world, _ = a_world(invoice, 900)
    first = world.page("otto", "/console/invoices?state=paid&q=A-0003")
    assert "None of those that were looked through so far" in first.plain
    (following,) = re.findall(r'rel="next" href="([^"]+)"', first.text)
    second = world.page("otto", following.replace("&amp;", "&"))
    assert NUMBER.findall(second.text) == ["0003"]
