"""Direct Pay: the organisation's vendor, each project's choice, and the bills that are missing."""

import re
from datetime import timedelta

import pytest
from money_street import DAY, NOW, Street

from cloud.funding.direct_pay import DirectPay, EquipmentInvoice, Vendor
from cloud.funding.process import direct_pay
from cloud.kernel.money import Money
from cloud.portfolio.models import Milestone, Partner

CABLE = Vendor("V-1", "Cable & Electric", "office@vendor.example", "orders@vendor.example")
GONE = Vendor("V-9", "Gone Supply", "office@gone.example", is_active=False)
SUBMITTED = Milestone.INSTALL_SUBMITTED


def street_with(*, vendor="V-1", **differs):
    street = Street(direct_pay_vendor_id=vendor, **differs)
    street.save(CABLE, GONE)
    return street


def enrolled(street, name="PRJ-1", *, customer="Ada Home", reached=(), **differs):
    street.project(name, customer=customer, reached=reached)
    made = DirectPay(name, "P-A", "V-1", is_enrolled=True, enrolled_at=NOW - 40 * DAY)
    street.save(DirectPay(**{**_fields(made), **differs}))


def _fields(made):
    return {name: getattr(made, name) for name in made.__slots__}


def test_the_organisation_sees_its_vendor_and_each_project():
    street = street_with()
    enrolled(street, order_number="O-77", ordered_at=NOW - 9 * DAY)
    street.project("PRJ-2", customer="Ben Home")
    page = street.page("ines", "/portal/direct_pay")
    assert "New projects order from Cable & Electric" in page.plain
    assert "Ada Home PRJ-1 ✔ In Cable & Electric O-77 ordered" in page.plain
    assert "Ben Home PRJ-2 • Outside" in page.plain
    assert "Gone Supply" not in page.plain


def test_where_nobody_takes_part_the_page_says_what_would_stand_there():
    street = street_with(vendor="")
    street.project("PRJ-2", customer="Ben Home")
    page = street.page("ines", "/portal/direct_pay")
    assert "No project is in Direct Pay" in page.plain
    assert "Ben Home" not in page.plain
    assert "Ben Home" in street.page("ines", "/portal/direct_pay?show=out").plain


@pytest.mark.rule("F30")
@pytest.mark.parametrize(
    ("vendor", "after", "says"),
    [
        pytest.param("V-1", "V-1", "it is told by mail", id="a vendor is chosen"),
        pytest.param("-", "", "outside of Direct Pay from now on", id="none is"),
        pytest.param("", "", "choose a vendor, or nobody", id="nothing is"),
        pytest.param("V-9", "", "does not take part in Direct Pay any more", id="one that left"),
    ],
)
def test_new_projects_order_from_the_vendor_that_was_chosen(vendor, after, says):
    street = street_with(vendor="")
    seen = street.after("ines", street.send("ines", "/portal/direct_pay", vendor_id=vendor))
    assert says in seen.plain
    assert street.get(Partner, "P-A").direct_pay_vendor_id == after


@pytest.mark.parametrize("vendor", ["V-1", "V-9", ""], ids=["active", "it left", "none"])
def test_the_form_begins_with_the_vendor_that_stands(vendor):
    street = street_with(vendor=vendor)
    page = street.page("ines", "/portal/direct_pay")
    (form,) = re.findall(r'<select id="vendor_id".*?</select>', page.text, re.DOTALL)
    (stands,) = re.findall(r'<option value="([^"]*)" selected>', form)
    assert stands == (vendor or "-")
    street.send("ines", "/portal/direct_pay", vendor_id=stands)
    assert street.get(Partner, "P-A").direct_pay_vendor_id == vendor


def test_a_form_without_a_choice_leaves_no_vendor():
    street = street_with()
    street.send("ines", "/portal/direct_pay")
    assert street.get(Partner, "P-A").direct_pay_vendor_id == "V-1"


def test_a_part_chooses_for_itself():
    street = street_with(vendor="")
    sent = street.send("ines", "/portal/direct_pay", vendor_id="V-1", organisation="P-S")
    assert sent.to == "/portal/direct_pay?organisation=P-S"
    assert street.get(Partner, "P-S").direct_pay_vendor_id == "V-1"
    assert street.get(Partner, "P-A").direct_pay_vendor_id == ""


def test_a_vendor_that_nobody_knows_is_not_found():
    street = street_with()
    assert street.send("ines", "/portal/direct_pay", vendor_id="V-7").status == 404


@pytest.mark.rule("F33")
@pytest.mark.parametrize(
    ("what", "shipped", "is_enrolled", "says"),
    [
        pytest.param("opt_out", False, False, "is out of Direct Pay", id="out, not shipped"),
        pytest.param("opt_in", False, True, "is in Direct Pay", id="in, as it is already"),
        pytest.param("opt_out", True, True, "it stays as it is Rule F33", id="out, shipped"),
    ],
)
def test_a_project_joins_and_leaves_until_the_vendor_ships(what, shipped, is_enrolled, says):
    street = street_with()
    enrolled(street, shipped_at=NOW - DAY if shipped else None)
    path = f"/portal/projects/PRJ-1/direct_pay/{what}"
    seen = street.after("ines", street.send("ines", path))
    assert says in seen.plain
    assert street.get(DirectPay, "PRJ-1").is_enrolled == is_enrolled


def test_leaving_twice_tells_the_vendor_once():
    street = street_with()
    enrolled(street)
    for _ in range(2):
        street.send("ines", "/portal/projects/PRJ-1/direct_pay/opt_out")
    assert street.get(DirectPay, "PRJ-1").told == 1


@pytest.mark.rule("F33")
def test_after_the_shipment_there_is_no_choice_and_a_clock():
    street = street_with()
    invoice = EquipmentInvoice("I-1", Money(9_000_00), NOW - 11 * DAY, number="77-1")
    enrolled(street, shipped_at=NOW - 12 * DAY, invoices=(invoice,))
    page = street.page("ines", "/portal/direct_pay?show=shipped")
    assert "Closed: the vendor has shipped (F33)" in page.plain
    assert "77-1 $9,000.00" in page.plain
    assert "▲ 3 days left Shipment to Install submitted" in page.plain
    assert "opt_out" not in page.text


def test_a_vendor_that_left_keeps_its_name_in_the_list():
    street = street_with()
    enrolled(street, vendor_id="V-9")
    assert "Gone Supply" in street.page("ines", "/portal/direct_pay").plain


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        pytest.param("?show=in", {"Ada Home"}, id="in"),
        pytest.param("?show=out", {"Ben Home"}, id="out"),
        pytest.param("?show=shipped", set(), id="shipped"),
        pytest.param("?project=PRJ-2", {"Ben Home"}, id="one project"),
        pytest.param("?project=PRJ-404", set(), id="none of that id"),
    ],
)
def test_the_list_is_filtered(query, shown):
    street = street_with()
    enrolled(street)
    street.project("PRJ-2", customer="Ben Home")
    plain = street.page("ines", f"/portal/direct_pay{query}").plain
    assert {one for one in ("Ada Home", "Ben Home") if one in plain} == shown


@pytest.mark.rule("F27")
@pytest.mark.parametrize(
    ("who", "status"),
    [pytest.param("bo", 403, id="no admin"), pytest.param("zoe", 404, id="another organisation")],
)
def test_others_choose_nothing(who, status):
    street = street_with()
    enrolled(street)
    for what in ("opt_in", "opt_out"):
        sent = street.send(who, f"/portal/projects/PRJ-1/direct_pay/{what}")
        assert sent.status == status
    sent = street.send(who, "/portal/direct_pay", vendor_id="-", organisation="P-A")
    assert sent.status == status
    assert street.get(DirectPay, "PRJ-1").told == 0
    assert street.get(Partner, "P-A").direct_pay_vendor_id == "V-1"


# ---------------------------------------------------------------------- Invoice Needed
@pytest.mark.rule("F32")
def test_a_project_without_the_vendors_bill_is_listed_with_what_waits():
    street = street_with()
    street.earns_m1("PRJ-1", customer="Ada Home", reached=(SUBMITTED, Milestone.M1))
    street.save(
        DirectPay("PRJ-1", "P-A", "V-1", True, NOW - 40 * DAY, order_number="O-77"),
    )
    page = street.page("ines", "/portal/invoice_needed")
    assert "Ada Home PRJ-1 Tue, Dec 1, 2026 3 days Cable & Electric orders@vendor.example" in (
        page.plain
    )
    assert "O-77 — $24,000.00" in page.plain
    assert "Sum of 1 $24,000.00" in page.plain


@pytest.mark.rule("F31")
def test_opting_out_there_frees_the_money_at_once():
    street = street_with()
    street.earns_m1("PRJ-1", customer="Ada Home", reached=(SUBMITTED, Milestone.M1))
    street.save(DirectPay("PRJ-1", "P-A", "V-1", True, NOW - 40 * DAY))
    sent = street.send(
        "ines", "/portal/projects/PRJ-1/direct_pay/opt_out", back="invoice_needed", organisation=""
    )
    assert sent.to == "/portal/invoice_needed"
    page = street.after("ines", sent)
    assert "No invoice is missing" in page.plain


@pytest.mark.rule("F31")
def test_the_final_invoice_clears_the_list_by_itself():
    street = street_with()
    enrolled(street, reached=(SUBMITTED,))
    assert "Ada Home" in street.page("ines", "/portal/invoice_needed").plain
    direct_pay.receive_vendor_invoice(
        street.records,
        vendor_id="V-1",
        project_id="PRJ-1",
        number="77-1",
        amount=Money(9_000_00),
        is_final=True,
        at=NOW - timedelta(hours=1),
        by="vendor",
    )
    assert "Ada Home" not in street.page("ines", "/portal/invoice_needed").plain


def test_who_is_no_admin_sees_no_missing_invoices():
    assert street_with().page("bo", "/portal/invoice_needed").status == 403
    assert street_with().page("bo", "/portal/direct_pay").status == 403
