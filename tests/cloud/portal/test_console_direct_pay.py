"""Direct Pay in the console: clocks at risk, what came from vendors by mail, vendors."""

from dataclasses import replace
from datetime import timedelta

import pytest
from money_street import NOW, Street

from cloud.funding.direct_pay import DirectPay, Vendor
from cloud.funding.process import direct_pay
from cloud.kernel.money import Money
from cloud.portfolio.models import Milestone, Partner

PATH = "/console/direct_pay"
VENDORS = f"{PATH}/vendors"
CED = Vendor("V-CED", "Cable & Electric", "office@vendor.example", "orders@vendor.example")


class Desk(Street):
    """One project of Alder's orders from Cable & Electric, whose bills the owner pays."""

    def __init__(self) -> None:
        super().__init__(now=NOW, direct_pay_vendor_id=CED.id)
        direct_pay.put_vendor(self.records, vendor=CED, at=NOW, by="ann")
        self.project("J-1", customer="Ada Home", reached=())
        direct_pay.enrol_new_project(self.records, project_id="J-1", at=NOW)
        for who, group in {
            "alan": "accounting",
            "ada": "accounting_admin",
            "ron": "relationship_manager",
            "otto": "auditor",
            "ann": "admin",
            "sam": "spc",
        }.items():
            self.owner_person(who, group)

    @property
    def direct(self) -> DirectPay:
        return self.get(DirectPay, "J-1")

    def shipped(self, days_ago: int = 1) -> None:
        answer = direct_pay.record_shipment(
            self.records,
            vendor_id=CED.id,
            project_id="J-1",
            shipped_at=NOW - timedelta(days=days_ago),
            at=NOW,
            by="ced",
        )
        assert isinstance(answer, DirectPay), answer

    def billed(self, number: str = "I-1", *, is_final: bool = True) -> None:
        answer = direct_pay.receive_vendor_invoice(
            self.records,
            vendor_id=CED.id,
            project_id="J-1",
            number=number,
            amount=Money(900_000),
            is_final=is_final,
            at=NOW,
            by="ced",
        )
        assert answer is not None


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        pytest.param("", False, id="no clock runs yet"),
        pytest.param("?show=ordered", True, id="not shipped"),
        pytest.param("?show=needed", False, id="nothing to bill yet"),
        pytest.param("?show=all", True, id="all"),
        pytest.param("?show=all&partner=P-Z", False, id="another partner's"),
        pytest.param("?show=rain", False, id="no such list"),
    ],
)
def test_each_list_holds_its_own(desk, query, is_there):
    page = desk.page("otto", PATH + query)
    assert (f"{PATH}/J-1" in page.text) is is_there
    assert ("Ada Home" in page.plain) is is_there
    assert ("No project stands so" in page.plain) is not is_there


@pytest.mark.rule("F19")
@pytest.mark.parametrize(
    ("days_ago", "says", "is_red"),
    [
        pytest.param(1, "in 13 days", False, id="just shipped"),
        pytest.param(13, "tomorrow", True, id="the last but one day"),
        pytest.param(16, "2 days late", True, id="over"),
    ],
)
def test_material_whose_time_runs_out_is_on_top(desk, days_ago, says, is_red):
    desk.shipped(days_ago)
    page = desk.page("ada", PATH)
    assert "Install submitted due" in page.plain
    assert says in page.plain
    assert ("At risk" in page.plain) is is_red
    assert "Final one missing" in page.plain
    one = desk.page("ada", f"{PATH}/J-1")
    assert ("Rule F19" in one.plain) is is_red


def test_a_project_shows_its_order_its_invoices_and_what_was_taken(desk):
    desk.shipped()
    desk.billed(is_final=False)
    page = desk.page("ron", f"{PATH}/J-1")
    for words in ("Direct Pay of Ada Home", "Cable & Electric", "I-1", "$9,000.00", "Shipped"):
        assert words in page.plain
    assert "waits for the vendor's final invoice" in page.plain


def test_what_is_still_to_be_taken_is_listed(desk):
    assert "Nothing is to be taken" in desk.page("ada", f"{PATH}?show=settle").plain
    desk.shipped()
    desk.billed()
    project = replace(desk.project("J-1"), reached=((Milestone.M1, NOW),))
    desk.save(project)
    direct_pay.net_equipment(desk.records, project=project, at=NOW)
    page = desk.page("ada", f"{PATH}?show=settle")
    assert f"{PATH}/J-1" in page.text
    assert "Direct Pay equipment" in page.plain
    assert "Still to take for vendors $9,000.00" in page.plain
    assert "Still to take $9,000.00" in desk.page("ada", f"{PATH}/J-1").plain


def test_what_came_by_mail_is_entered_once(desk):
    to = f"{PATH}/J-1"
    desk.send("alan", f"{to}/order", order_number="O-7", ordered_at="2026-12-01T09:00")
    desk.send("alan", f"{to}/shipment", shipped_at="2026-12-02T09:00")
    told = {"number": "I-7", "amount": "9,000.50", "is_final": "yes"}
    for _ in range(2):
        desk.send("alan", f"{to}/invoices", **told)
    assert (desk.direct.order_number, desk.direct.shipped_at is not None) == ("O-7", True)
    (made,) = desk.direct.invoices
    assert (made.amount, made.is_final) == (Money(900_050), True)
    page = desk.after(
        "alan", desk.send("alan", f"{to}/invoices/void", void_number="I-7", void_reason="twice")
    )
    assert "It is void" in page.plain
    assert "Voided" in page.plain
    assert desk.direct.standing_invoices == ()


@pytest.mark.parametrize(
    ("deed", "fields", "says"),
    [
        pytest.param("order", {"order_number": "O"}, "Say when it was ordered", id="no moment"),
        pytest.param(
            "order", {"order_number": "", "ordered_at": "2026-12-01T09:00"}, "number", id="no order"
        ),
        pytest.param("shipment", {"shipped_at": "soon"}, "no day and time", id="no time"),
        pytest.param(
            "shipment", {"shipped_at": "2027-01-01T09:00"}, "still to come. Rule F19", id="ahead"
        ),
        pytest.param("invoices", {"number": "I", "amount": "-5"}, "no amount", id="below zero"),
        pytest.param("invoices", {"number": "I", "amount": "0"}, "above zero", id="zero"),
        pytest.param("invoices", {"number": "I", "amount": "100000000.01"}, "at most", id="huge"),
        pytest.param("invoices", {"number": "", "amount": "5"}, "number", id="no number"),
        pytest.param("invoices/void", {"void_number": "I-9"}, "Choose the invoice", id="unknown"),
    ],
)
def test_a_wrong_entry_keeps_the_form(desk, deed, fields, says):
    page = desk.send("alan", f"{PATH}/J-1/{deed}", **fields)
    assert page.status == 422
    assert says in page.plain
    for typed in fields.values():
        assert typed in page.text
    assert (desk.direct.ordered_at, desk.direct.shipped_at, desk.direct.invoices) == (
        None,
        None,
        (),
    )


@pytest.mark.rule("F33")
def test_a_project_leaves_until_the_vendor_ships(desk):
    desk.send("alan", f"{PATH}/J-1/opt_out")
    assert not desk.direct.is_enrolled
    assert "Let it take part" in desk.page("alan", f"{PATH}/J-1").plain
    desk.send("alan", f"{PATH}/J-1/opt_in")
    assert desk.direct.is_enrolled
    desk.shipped()
    page = desk.page("alan", f"{PATH}/J-1")
    assert "It was shipped to: it stays as it is." in page.plain
    assert "/opt_out" not in page.text
    refused = desk.after("alan", desk.send("alan", f"{PATH}/J-1/opt_out"))
    assert "the vendor shipped to project J-1" in refused.plain
    assert desk.direct.is_enrolled


@pytest.mark.parametrize(
    ("who", "reads"),
    [
        pytest.param("ada", 200, id="accounting admin"),
        pytest.param("ron", 200, id="relationship manager"),
        pytest.param("otto", 200, id="auditor"),
        pytest.param("ann", 403, id="administrator"),
        pytest.param("sam", 403, id="coordinator"),
    ],
)
def test_only_accounting_enters(desk, who, reads):
    page = desk.page(who, f"{PATH}/J-1")
    assert (page.status, desk.page(who, PATH).status) == (reads, reads)
    assert "<form" not in page.text.split("<main", 1)[1]
    for deed in ("opt_in", "opt_out", "order", "shipment", "invoices", "invoices/void"):
        assert desk.send(who, f"{PATH}/J-1/{deed}").status == 403


# ---- vendors -------------------------------------------------------------------------------------


def test_vendors_are_listed_with_who_orders_from_them(desk):
    page = desk.page("ron", VENDORS)
    for words in ("Cable & Electric", "orders@vendor.example", "Alder Solar"):
        assert words in page.plain
    assert "Put a vendor on record" not in page.plain


def test_an_administrator_puts_a_vendor_on_record_and_changes_it(desk):
    told = {"vendor_id": "V-2", "name": "Sun Supply", "email": "a@sun.example", "is_active": "yes"}
    desk.send("ann", VENDORS, **told)
    assert desk.get(Vendor, "V-2").name == "Sun Supply"
    assert 'value="Sun Supply"' in desk.page("ann", f"{VENDORS}?vendor=V-2").text
    desk.send("ann", VENDORS, **{**told, "is_active": ""})
    assert not desk.get(Vendor, "V-2").is_active
    assert "Not any more" in desk.page("otto", VENDORS).plain


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({"name": "A", "email": "a@b.example"}, "short name", id="no id"),
        pytest.param({"vendor_id": "V", "email": "a@b.example"}, "its name", id="no name"),
        pytest.param({"vendor_id": "V", "name": "A", "email": "x"}, "no mail address", id="mail"),
        pytest.param(
            {"vendor_id": "V", "name": "A", "email": "a@b.example", "orders_email": "@"},
            "no mail address",
            id="the other mail",
        ),
    ],
)
def test_a_wrong_vendor_keeps_the_form(desk, fields, says):
    page = desk.send("ann", VENDORS, **fields)
    assert page.status == 422
    assert says in page.plain
    assert desk.get(Vendor, "V") is None


@pytest.mark.rule("F30")
def test_an_organisation_chooses_its_vendor_or_none(desk):
    desk.send("ron", f"{VENDORS}/choice", partner_id="P-Z", chosen_vendor=CED.id)
    assert desk.get(Partner, "P-Z").direct_pay_vendor_id == CED.id
    desk.send("alan", f"{VENDORS}/choice", partner_id="P-Z", chosen_vendor="-")
    assert desk.get(Partner, "P-Z").direct_pay_vendor_id == ""
    assert desk.send("alan", f"{VENDORS}/choice", partner_id="P-NONE").status == 422


@pytest.mark.parametrize(
    ("vendor", "says"),
    [
        pytest.param("", "Choose a vendor, or that it stays out", id="nobody chose"),
        pytest.param("V-OLD", "does not take part in Direct Pay any more", id="one that left"),
    ],
)
def test_what_is_no_choice_of_a_vendor_changes_nothing_and_is_shown_again(desk, vendor, says):
    desk.save(Vendor("V-OLD", "Old Supply", "office@old.example", is_active=False))
    desk.send("ron", f"{VENDORS}/choice", partner_id="P-Z", chosen_vendor=CED.id)
    page = desk.send("ron", f"{VENDORS}/choice", partner_id="P-Z", chosen_vendor=vendor)
    assert (page.status, says in page.plain) == (422, True)
    assert 'value="P-Z" selected' in page.text
    assert desk.get(Partner, "P-Z").direct_pay_vendor_id == CED.id


@pytest.mark.parametrize(
    ("who", "reads", "puts", "chooses"),
    [
        pytest.param("alan", 200, 403, 422, id="accounting"),
        pytest.param("ron", 200, 403, 422, id="relationship manager"),
        pytest.param("ada", 200, 403, 403, id="accounting admin"),
        pytest.param("otto", 200, 403, 403, id="auditor"),
        pytest.param("ann", 200, 422, 403, id="administrator"),
        pytest.param("sam", 403, 403, 403, id="coordinator"),
    ],
)
def test_who_deals_with_vendors(desk, who, reads, puts, chooses):
    assert desk.page(who, VENDORS).status == reads
    assert desk.send(who, VENDORS).status == puts
    assert desk.send(who, f"{VENDORS}/choice").status == chooses


def test_a_project_that_is_not_there_is_not_found(desk):
    assert desk.page("otto", f"{PATH}/J-NONE").status == 404
