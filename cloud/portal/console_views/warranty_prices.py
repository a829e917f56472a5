"""Prices of extended warranties: the tables on record, and bringing a new one (F24)."""

from cloud.funding import process as funding
from cloud.funding.gates import Blocked
from cloud.funding.models import Payable, PayableState
from cloud.funding.warranty import MOST_MODELS, WarrantyPrices
from cloud.kernel.calendar import eastern_day
from cloud.kernel.decision import Refused
from cloud.kernel.errors import BadInput
from cloud.kernel.policy import COMFORT
from cloud.portal.asking import Answer, Ask, Go, Page
from cloud.portal.console_views.money_desk import OWED_READERS, everywhere, told
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.reporting.roles import ACCOUNTANT

VIEWS = Views()
HERE = "/console/reductions/warranty_prices"
MOST_BYTES = 250_000
"""As many as the operations API takes of one table."""


@VIEWS.get(HERE, *OWED_READERS)
def warranty_prices(ask: Ask) -> Page:
    """Show the price tables, the newest first, and which payments wait for a price (F24)."""
    return _page(ask)


def _page(ask: Ask, typed: AsTyped | None = None) -> Page:
    found = ask.records.find(WarrantyPrices, by="programme", value=COMFORT)
    tables = sorted((one.record for one in found), key=lambda one: one.effective_from, reverse=True)
    open_ = ask.records.find(Payable, by="state", value=PayableState.OPEN)
    waits = [one.record for one in open_ if one.record.hold == Blocked.UNPRICED_INVERTER]
    today = eastern_day(ask.at)
    return Page(
        "console/warranty_prices.html",
        "Warranty prices",
        {
            **everywhere(ask),
            "tables": tables,
            "holds_now": next((one.id for one in tables if one.effective_from <= today), ""),
            "waits": sorted(waits, key=lambda one: (one.accrued_at, one.id)),
            "today": today,
            "most": MOST_MODELS,
            "here": HERE,
            "typed": typed,
        },
        status=422 if typed else 200,
    )


@VIEWS.post(HERE, ACCOUNTANT)
def import_warranty_prices(ask: Ask) -> Answer:
    """Import a price table; each M1 that waited for one of its prices is freed (F24)."""
    typed, sent = Typed(ask.form), ask.form.files.get("file", ())
    content = sent[-1].content if sent else b""
    effective_from = typed.day("effective_from", "Choose its first day.")
    if not content:
        typed.is_wrong("file", "Choose the table, as CSV.")
    elif len(content) > MOST_BYTES:
        wrong = f"It has {len(content):,} bytes; a table has at most {MOST_BYTES:,}."
        typed.is_wrong("file", wrong)
    if effective_from is None or typed.as_typed:
        return _page(ask, typed.as_typed)
    try:
        answer = funding.import_prices(
            ask.records, content, effective_from=effective_from, **ask.acting()
        )
    except BadInput as wrong:
        typed.is_wrong("file", f"{str(wrong)[:1].upper()}{str(wrong)[1:]}.")
        return _page(ask, typed.as_typed)
    if isinstance(answer, Refused):
        return _page(ask, typed.refused(told(answer), "effective_from"))
    models = "1 model" if len(answer.prices) == 1 else f"{len(answer.prices)} models"
    said = f"Prices of {models} are on record, and what waited for one of them is freed."
    return Go(HERE, said=said)
