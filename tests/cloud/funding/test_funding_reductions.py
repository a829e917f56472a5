"""Warranty prices, compliance amounts, and money for a milestone: each raised once."""

from dataclasses import replace
from datetime import date

import pytest
from funding_world import Killed, site
from hypothesis import given
from hypothesis import strategies as st
from life_world import DAY, HOUR, M1, M2, NTP, TESLA, Life, et

from cloud.funding import process, warranty
from cloud.funding.models import Deduction, Payable
from cloud.funding.process.opening import payable_id
from cloud.funding.warranty import WarrantyPrices, read_prices
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput, NotFound
from cloud.kernel.money import Money
from cloud.portfolio import process as portfolio
from cloud.portfolio.models import SoldInverter
from cloud.portfolio.proposals import Proposal

SOLAREDGE = (SoldInverter("SolarEdge", "SE7600H-US", 2),)
TABLE = b"model,price\r\nSE7600H-US,155.25\r\nse3800h-us,90.00\r\n"


def imported(life: Life, content: bytes = TABLE, since: date = date(2026, 9, 1)):
    return process.import_prices(life.records, content, effective_from=since, at=life.now, by="ana")


# --- the price table as text -------------------------------------------------------------------


@pytest.mark.rule("F24")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TABLE, id="lines end with CRLF"),
        pytest.param(TABLE.replace(b"\r\n", b"\n"), id="lines end with LF"),
        pytest.param(b"\xef\xbb\xbf" + TABLE, id="byte order mark of a spreadsheet"),
        pytest.param(b'model,price\n"SE7600H-US","155.25"\nSE3800H-US,90.00', id="quoted"),
    ],
)
def test_a_price_table_is_read(content):
    assert read_prices(content) == (
        ("SE3800H-US", Money(90_00)),
        ("SE7600H-US", Money(155_25)),
    )


@pytest.mark.rule("F24")
@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "line 1, column model", id="empty"),
        pytest.param(b"model,price\n", "line 1, column model: a table has 1 to", id="no rows"),
        pytest.param(b"price,model\n1.00,A\n", "line 1, column model", id="columns swapped"),
        pytest.param(b"model;price\nA;1.00\n", "line 1, column model", id="semicolons"),
        pytest.param(b"model,price\nA\n", "line 2, column price: it has 1", id="too short"),
        pytest.param(b"model,price\nA,1.00,2\n", "line 2, column price: it has 3", id="long"),
        pytest.param(b"model,price\nA,1.00\n\n", "line 3, column price", id="blank line"),
        pytest.param(b"model,price\n,1.00\n", "line 2, column model", id="no model"),
        pytest.param(b"model,price\n A,1.00\n", "line 2, column model", id="leading space"),
        pytest.param("model,price\nÅ,1.00\n".encode(), "line 2, column model", id="letter"),
        pytest.param(b"model,price\nA,1.00\nB,2.00\na,1.00\n", "line 4, column model", id="twice"),
        pytest.param(b"model,price\nA,-1.00\n", "line 2, column price", id="negative"),
        pytest.param(b"model,price\nA,0.00\n", "line 2, column price", id="nothing"),
        pytest.param(b"model,price\nA,1\n", "line 2, column price", id="no cents"),
        pytest.param(b"model,price\nA,1.0\n", "line 2, column price", id="one decimal"),
        pytest.param(b"model,price\nA,1e2\n", "line 2, column price", id="exponent"),
        pytest.param(b'model,price\nA,"1,000.00"\n', "line 2, column price", id="thousands"),
        pytest.param(
            "model,price\nA,\u0661.\u0660\u0660\n".encode(),
            "line 2, column price",
            id="other digits",
        ),
        pytest.param("model,price\nA,1\uff0e00\n".encode(), "line 2, column price", id="wide dot"),
        pytest.param(b"model,price\nA,\xff\n", "no CSV text in UTF-8", id="not UTF-8"),
        pytest.param(b'model,price\n"A,1.00\n', "no CSV text", id="open quote"),
        pytest.param(b"model,price\n" + b"A" * 200 + b",1.00\n", "column model", id="long model"),
    ],
)
def test_what_is_wrong_with_a_price_table_is_one_line(content, says):
    with pytest.raises(BadInput) as wrong:
        read_prices(content)
    assert says in str(wrong.value)
    assert "\n" not in str(wrong.value)
    assert len(str(wrong.value)) < 300


def test_a_table_of_too_many_models():
    rows = b"".join(b"M%d,1.00\n" % n for n in range(warranty.MOST_MODELS + 1))
    with pytest.raises(BadInput, match="1 to 2000 models"):
        read_prices(b"model,price\n" + rows)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_bad_input(content):
    try:
        found = read_prices(b"model,price\n" + content)
    except BadInput:
        return
    assert found
    assert all(price > Money(0) for _, price in found)


# --- tables in force ---------------------------------------------------------------------------


@pytest.mark.rule("F24")
@pytest.mark.parametrize(
    ("sold_on", "price"),
    [
        pytest.param(date(2026, 8, 31), None, id="before the first table"),
        pytest.param(date(2026, 9, 1), 100, id="first day"),
        pytest.param(date(2026, 9, 30), 100, id="last day of the first"),
        pytest.param(date(2026, 10, 1), 200, id="first day of the second"),
    ],
)
def test_the_newest_table_of_the_day_counts(sold_on, price):
    tables = [
        WarrantyPrices("b", date(2026, 10, 1), (("A", Money(200)),), "ana", et("2026-10-01")),
        WarrantyPrices("a", date(2026, 9, 1), (("A", Money(100)),), "ana", et("2026-09-01")),
    ]
    found = warranty.table_on(tables, sold_on).get("A")
    assert found == (None if price is None else Money(price))


@pytest.mark.rule("F24")
def test_importing_frees_what_waited_for_a_price():
    life = Life(inverters=SOLAREDGE)
    held = life.reach(M1)
    assert held.hold == "unpriced_inverter"
    imported(life, b"model,price\nSE3800H-US,90.00\n", date(2026, 8, 1))
    assert life.payables("M1")[0].hold == "unpriced_inverter"
    imported(life)
    assert life.payables("M1")[0].hold == ""
    assert life.open() == {"M1": 21_000, "project_net_fund": -310}
    assert life.deductions()[0].raised == Money(310_50)
    imported(life)
    assert len(life.deductions()) == 1
    life.check()


@pytest.mark.rule("F24")
@pytest.mark.parametrize("writes", range(1, 4))
def test_killed_while_freeing_the_same_import_goes_on(writes):
    life = Life(inverters=SOLAREDGE)
    life.reach(M1)
    life.fuse(writes)
    with pytest.raises(Killed):
        imported(life)
    life.fuse(-1)
    imported(life)
    assert life.open() == {"M1": 21_000, "project_net_fund": -310}
    assert life.payables("M1")[0].hold == ""


@pytest.mark.rule("F24")
@pytest.mark.parametrize(
    ("content", "since", "code"),
    [
        pytest.param(TABLE, date(2026, 8, 31), "table_not_later", id="earlier day"),
        pytest.param(b"model,price\nA,1.00\n", date(2026, 9, 1), "table_differs", id="same day"),
    ],
)
def test_a_table_that_is_not_later_is_refused(content, since, code):
    life = Life()
    imported(life)
    refused = imported(life, content, since)
    assert isinstance(refused, Refused)
    assert (refused.rule, refused.code) == ("F24", code)
    assert len(life.records.find(WarrantyPrices, by="programme", value="comfort")) == 1


@pytest.mark.rule("F24")
def test_a_price_of_a_later_day_frees_nothing_sold_before():
    life = Life(inverters=SOLAREDGE)
    life.reach(M1)  # on 1 October 2026
    imported(life, since=date(2026, 10, 2))
    assert life.payables("M1")[0].hold == "unpriced_inverter"


@pytest.mark.rule("F24")
def test_a_price_that_comes_while_m1_is_opened_is_found():
    life = Life(inverters=SOLAREDGE)
    life.overtake(lambda one: isinstance(one, Payable), lambda: imported(life))
    paid = life.reach(M1)
    assert paid.hold == ""
    assert life.open() == {"M1": 21_000, "project_net_fund": -310}


@pytest.mark.rule("F23")
@pytest.mark.rule("F24")
def test_what_was_sold_counts_before_what_the_site_has():
    life = Life(inverters=(*TESLA, SoldInverter("SE", "se7600h-us"), *SOLAREDGE))
    life.put(replace(site("J-1", make="SolarEdge", model="UNKNOWN"), id="S-J-1"))
    imported(life)
    assert life.reach(M1).hold == ""
    assert sorted(one.raised.cents for one in life.deductions()) == [3 * 155_25, 600_00]


# --- milestones --------------------------------------------------------------------------------


def test_steps_that_pay_nothing_set_clocks_only():
    life = Life()
    assert life.reach(M1.INSTALL_SUBMITTED) is None
    assert life.open() == {}


@pytest.mark.parametrize("writes", range(1, 6))
def test_killed_while_opening_m1_and_told_again(writes):
    life = Life(inverters=TESLA)
    life.record(M1)
    life.fuse(writes)
    try:
        life.tell(M1)
    except Killed:
        life.fuse(-1)
        life.tell(M1)
    assert life.open() == {"M1": 21_000, "project_net_fund": -600}
    life.check()


def test_money_is_of_the_projects_programme():
    life = Life(programme="other", inverters=TESLA)
    paid = life.reach(M1)
    assert paid.programme == "other"
    assert {one.programme for one in life.deductions()} == {"other"}


def test_each_time_of_a_milestone_has_a_payable_of_its_own():
    names = {payable_id("J-1", one, number) for one in (NTP, M1, M2) for number in range(3)}
    assert len(names) == 9


# --- compliance --------------------------------------------------------------------------------


def proposed(life: Life, cents: int, by: str = "ana"):
    return process.propose_compliance_offset(
        life.records,
        project_id="J-1",
        amount=Money(cents),
        because="panels of another project",
        at=life.now,
        by=by,
    )


def agreed(life: Life, proposal: Proposal, by: str = "bob"):
    return process.agree_compliance_offset(
        life.records, proposal_id=proposal.id, at=life.now, by=by
    )


@pytest.mark.rule("F18")
@pytest.mark.rule("D09")
def test_two_people_take_money_for_a_compliance_case_once():
    life = Life()
    life.reach(M1)
    life.pay()
    made = proposed(life, 700_00)
    alone = agreed(life, made, by="ana")
    assert isinstance(alone, Refused)
    assert alone.code == "maker_is_checker"
    for _ in range(2):
        assert agreed(life, made).raised == Money(700_00)
    assert life.open() == {"compliance": -700}
    again = agreed(life, made, by="cleo")
    assert again == life.deductions("compliance")[0]
    life.check()


@pytest.mark.rule("F18")
@pytest.mark.rule("D14")
@pytest.mark.parametrize(
    ("cents", "is_allowed"), [(21_000_00, True), (21_000_01, False)], ids=["all paid", "above"]
)
def test_no_more_is_taken_than_was_paid(cents, is_allowed):
    life = Life()
    life.reach(M1)
    life.pay()
    found = proposed(life, cents)
    assert isinstance(found, Proposal) is is_allowed
    if not is_allowed:
        assert found.code == "more_than_paid"


@pytest.mark.rule("D14")
def test_the_limit_is_looked_at_again_when_it_is_agreed_to():
    life = Life()
    life.reach(M1)
    life.pay()
    first, second = proposed(life, 15_000_00), proposed(life, 15_000_00, by="dora")
    agreed(life, first)
    refused = agreed(life, second)
    assert isinstance(refused, Refused)
    assert refused.code == "more_than_paid"
    assert portfolio.proposal(life.records, second.id).record.state == "pending"
    assert life.open() == {"compliance": -15_000}


@pytest.mark.rule("D14")
def test_of_two_that_are_agreed_to_at_once_the_second_sees_the_first():
    life = Life()
    life.reach(M1)
    life.pay()
    first, second = proposed(life, 15_000_00), proposed(life, 15_000_00, by="dora")
    life.overtake(lambda one: getattr(one, "id", "") == second.id, lambda: agreed(life, first))
    refused = agreed(life, second)
    assert isinstance(refused, Refused)
    assert life.open() == {"compliance": -15_000}
    life.check()


@pytest.mark.rule("D14")
def test_books_that_move_while_it_is_decided_make_it_decide_anew():
    life = Life()
    life.reach(M1)
    life.pay()
    first, second = proposed(life, 15_000_00), proposed(life, 15_000_00, by="dora")
    waiting = [first]

    class Slow(type(life.records)):
        def load_all(self, kind, record_ids):
            found = super().load_all(kind, record_ids)
            if kind is Deduction and waiting:
                agreed(life, waiting.pop())  # the facts were looked at, and no entry is made yet
            return found

    life.records.__class__ = Slow
    refused = agreed(life, second)
    assert isinstance(refused, Refused)
    assert life.open() == {"compliance": -15_000}
    life.check()


@pytest.mark.rule("F18")
def test_a_clawback_takes_what_a_compliance_amount_left():
    life = Life()
    life.reach(M1)
    life.pay()
    agreed(life, proposed(life, 700_00))
    life.pass_(121 * DAY).wake()
    assert life.open() == {"clawback_m1": -20_300, "compliance": -700}
    life.pass_(HOUR).cancel()
    assert life.open() == {"cancellation": -21_000}
    refused = proposed(life, 1)
    assert isinstance(refused, Refused)
    assert refused.code == "project_cancelled"


def test_what_is_no_amount_or_no_proposal_of_ours_is_refused():
    life = Life()
    life.reach(M1)
    life.pay()
    with pytest.raises(BadInput, match="above zero"):
        proposed(life, 0)
    with pytest.raises(NotFound):
        process.agree_compliance_offset(life.records, proposal_id="PRO-1", at=life.now, by="bob")
    other = portfolio.propose(
        life.records,
        kind="cancel_project",
        subject="J-1",
        facts={},
        because="x",
        at=life.now,
        by="ana",
    )
    with pytest.raises(BadInput, match="cancel_project"):
        agreed(life, other)
