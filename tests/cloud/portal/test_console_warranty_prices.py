"""Warranty prices in the console: what waits for one, bringing a table, and who may."""

from datetime import date

import pytest
from money_office import Office
from money_street import RUN

from cloud.funding.models import Payable
from cloud.funding.warranty import WarrantyPrices
from cloud.portfolio.models import SoldInverter
from cloud.reporting.roles import ROLES

HERE = "/console/reductions/warranty_prices"
TABLE = b"model,price\nSE7600H-US,155.25\nSE3800,99.00\n"


def waiting() -> Office:
    """A project of which the inverter has no price: its M1 waits."""
    world = Office()
    world.earns_m1("PRJ-1", inverters=(SoldInverter("SolarEdge", "SE7600H-US", 2),))
    return world


def brought(world, content=TABLE, *, day="2026-06-01", who="alan"):
    return world.send_files(
        who, HERE, {"file": ("prices.csv", "text/csv", content)}, effective_from=day
    )


def hold_of(world) -> str:
    (held,) = world.records.find(Payable, by="project_id", value="PRJ-1")
    return held.record.hold


def test_before_the_first_table_the_page_says_where_one_comes_from():
    page = Office().page("otto", HERE).plain
    assert "No table was imported yet" in page
    assert "No payment waits for one" in page
    assert "Import a table" not in page


@pytest.mark.rule("F24")
def test_a_table_frees_what_waited_and_stands_on_the_page():
    world = waiting()
    assert hold_of(world) == "unpriced_inverter"
    assert "PRJ-1" in world.page("alan", HERE).plain
    page = world.after("alan", brought(world))
    said = "Prices of 2 models are on record, and what waited for one of them is freed"
    assert said in page.plain
    assert "No payment waits for one" in page.plain
    assert "Holds now" in page.plain
    assert "SE7600H-US $155.25" in page.plain
    assert hold_of(world) == ""
    again = world.after("alan", brought(world))
    assert "Prices of 2 models are on record" in again.plain
    (table,) = world.records.find(WarrantyPrices, by="programme", value="comfort")
    assert (table.record.effective_from, table.record.imported_by) == (date(2026, 6, 1), "alan")


@pytest.mark.rule("F24")
@pytest.mark.parametrize(
    ("content", "day", "says"),
    [
        pytest.param(b"", "2026-06-01", "Choose the table", id="no file"),
        pytest.param(TABLE, "", "Choose its first day", id="no day"),
        pytest.param(TABLE, "soon", "This is no day", id="a day that is none"),
        pytest.param(b"a,b\n", "2026-06-01", "line 1, column model", id="another heading"),
        pytest.param(b"\xff\xfe", "2026-06-01", "no CSV text in UTF-8", id="no text"),
        pytest.param(b"model,price\nSE1,1\n", "2026-06-01", "line 2, column price", id="no cents"),
        pytest.param(b"9" * 250_001, "2026-06-01", "at most 250,000", id="too large"),
    ],
)
def test_what_is_no_table_is_told_at_its_field(content, day, says):
    world = waiting()
    page = brought(world, content, day=day)
    assert page.status == 422
    assert says in page.plain
    if day:
        assert f'value="{day}"' in page.text
    assert world.records.find(WarrantyPrices, by="programme", value="comfort") == ()
    assert hold_of(world) == "unpriced_inverter"


@pytest.mark.rule("F24")
def test_a_table_that_does_not_begin_later_is_refused_with_its_rule():
    world = Office()
    assert brought(world).status == 303
    page = brought(world, TABLE.replace(b"99.00", b"98.00"), day="2026-05-01")
    assert page.status == 422
    assert "a new one begins later. Rule F24." in page.plain
    assert brought(world, TABLE.replace(b"99.00", b"98.00")).status == 422
    later = world.after("alan", brought(world, TABLE, day="2027-01-01"))
    assert "Not begun" in later.plain


def test_the_reason_of_a_hold_leads_to_the_prices():
    world = waiting()
    world.planned()
    for path in (f"/console/runs/{RUN}", f"/console/runs/{RUN}/partners/P-A"):
        assert f'href="{HERE}"' in world.page("alan", path).text
        assert f'href="{HERE}"' not in world.page("tess", path).text
    assert f'href="{HERE}"' in world.page("alan", "/console/projects/PRJ-1").text
    assert f'href="{HERE}"' not in world.page("pat", "/console/projects/PRJ-1").text
    assert f'href="{HERE}"' in world.page("otto", "/console/reductions").text


@pytest.mark.parametrize("role", sorted(ROLES))
def test_who_may_look_and_who_may_import(role):
    world = Office()
    world.owner_person("one", role)
    looks = role in {"accounting", "accounting_admin", "auditor"}
    assert world.page("one", HERE).status == (200 if looks else 403)
    assert brought(world, who="one").status == (303 if role == "accounting" else 403)
