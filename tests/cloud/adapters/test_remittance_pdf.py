"""The remittance advice: what stands on it, what must not, and that it is always the same."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from pypdf import PdfReader

from cloud.adapters import remittance_pdf
from cloud.funding.ports import RemittanceRenderer
from cloud.funding.remittance import PaidLine, RemittanceAdvice, TakenLine
from cloud.kernel.money import Money, total

ACCOUNT = "123456789012"
SIX = Money(600_00)


def advice(paid: int = 2, taken: int = 1, **changes) -> RemittanceAdvice:
    earned = tuple(
        PaidLine(f"PAY-{n}", f"PRJ-{n}", "M1", f"M1 of project PRJ-{n}", Money(2_400_000 + n))
        for n in range(paid)
    )
    lost = tuple(
        TakenLine(
            f"DED-{n}", "Net Fund/Offset", "F23", f"Tesla warranty {n}", Money(600_00), Money(n)
        )
        for n in range(taken)
    )
    gross = total(line.amount for line in earned)
    made = RemittanceAdvice(
        run_id="comfort-2026-12-03",
        payer="The Owner, Inc.",
        partner_id="P-A",
        partner_name="Bright Roofs & Sons LLC",
        funding_date=date(2026, 12, 3),
        trace_number="021000022010001",
        account_last4=ACCOUNT[-4:],
        paid=earned,
        taken=lost,
        gross=gross,
        net=gross - total(line.amount for line in lost),
        carried=Money(0),
        questions_to="funding@owner.example",
        created_at=datetime(2026, 12, 2, 14, 5, tzinfo=UTC),
    )
    return replace(made, **changes)


def texts(content: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]


def test_the_advice_says_who_gets_what_when_and_why():
    (page,) = texts(remittance_pdf.render(advice()))
    for words in (
        "The Owner, Inc.",
        "Bright Roofs & Sons LLC",
        "comfort-2026-12-03",
        "Thursday, December 3, 2026",
        "021000022010001",
        "account ending in 9012",
        "M1 of project PRJ-1",
        "$24,000.01",
        "Tesla warranty 0",
        "Net Fund/Offset",
        "F23",
        "-$600.00",
        "$48,000.01",
        "$47,400.01",
        "funding@owner.example",
        "page 1 of 1",
    ):
        assert words in page
    assert "still open" not in page
    assert ACCOUNT not in page


def test_the_same_advice_is_the_same_bytes():
    assert remittance_pdf.render(advice()) == remittance_pdf.render(advice())
    assert remittance_pdf.render(advice(1)) != remittance_pdf.render(advice(2))


def test_the_module_is_a_renderer():
    renderer: RemittanceRenderer = remittance_pdf
    assert renderer.render(advice()).startswith(b"%PDF-")


@pytest.mark.parametrize(("paid", "taken"), [(40, 4), (41, 30), (22, 0), (23, 1), (1, 0)])
def test_long_tables_go_on_with_their_headings(paid, taken):
    pages = texts(remittance_pdf.render(advice(paid, taken)))
    whole = "\n".join(pages)
    assert all(str(Money(2_400_000 + n)) in whole for n in range(paid))
    assert whole.count("M1 of project") == paid
    assert whole.count("Tesla warranty") == taken
    assert ("What was taken from it" in whole) is bool(taken)
    assert f"page {len(pages)} of {len(pages)}" in pages[-1]
    assert "Net payment" in whole
    if paid >= 40:
        assert len(pages) >= 2
        assert "Amount" in pages[1]


def test_what_is_left_open_is_said():
    (page,) = texts(remittance_pdf.render(advice(carried=Money(123_400))))
    assert "$1,234.00 of deductions is still open" in page


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Łódź Größe", "Lódz Größe"),
        ("太陽", "??"),
        ("A" * 300, "AAA"),
        (" ".join(["Sonnenkraft"] * 20), "..."),
    ],
    ids=["accents", "no letters of ours", "no place to break", "too long for two lines"],
)
def test_names_that_do_not_fit(name, shown):
    (page,) = texts(remittance_pdf.render(advice(partner_name=name, payer=name)))
    assert shown in page
