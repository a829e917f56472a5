"""Pages over a work order that is done and reported, with a key for webhooks that anybody sees."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cloud.adapters.memory import MemoryRecords
from cloud.invoicing import process as invoicing
from cloud.invoicing.completeness import DraftLine, InvoiceDraft
from cloud.invoicing.models import Invoice
from cloud.portal.shown import MINUS
from cloud.service.uploads import Scan
from tests.cloud.portal.orders_world import ALDER, HOME, OrdersWorld, at
from tests.cloud.portal.pages_world import Seen


class SealsNothing:
    """A vault whose seal anybody can break."""

    def seal(self, plain: str, *, context: Any) -> str:
        return f"{context['record']}:{plain[::-1]}"


class SignsAlike:
    """A key that signs the same text alike, as that of KMS does."""

    def of(self, text: bytes) -> bytes:
        return hashlib.sha256(b"key of the test" + text).digest()


class Waiting(dict[str, Scan]):
    """What a scan says that has not come to an end for any file."""

    def get(self, key: str, default: Any = None) -> Any:
        return Scan.PENDING


class BillingWorld(OrdersWorld):
    """One work order of Alder's, completed; ines is its Accounting Admin, bo is not."""

    def __init__(self, records: MemoryRecords | None = None, *, state: str = "completed") -> None:
        super().__init__(records)
        house = replace(self.doors["/portal"]._house, seals=SealsNothing(), signatures=SignsAlike())
        for door in self.doors.values():
            door._house = house
        self.until(state)

    def much_later(self, span: timedelta) -> None:
        """Let days go by; everybody signs in anew."""
        self.wait(span)
        self._jars.clear()

    def draft(self, cents: int = 20_000, number: str = "A-1", **differs: Any) -> InvoiceDraft:
        left = self.order.departed_at
        usual: dict[str, Any] = {
            "invoice_number": number,
            "customer_name": HOME.customer_name,
            "site_address": HOME.address,
            "work_order_number": self.number,
            "service_dates": (left.date(),),
            "description": "Mended it.",
            "photo_count": 2,
            "lines": (DraftLine("labor", "Two hours", cents, left),),
            "total_cents": cents,
        }
        return InvoiceDraft(**{**usual, **differs})

    def submitted(self, cents: int = 20_000, number: str = "A-1", **differs: Any) -> Invoice:
        made = invoicing.submit(
            self.records,
            partner_id=ALDER,
            draft=self.draft(cents, number, **differs),
            at=self.now,
            by="bo",
        )
        assert isinstance(made, Invoice), made
        return made

    def invoice(self, invoice_id: str) -> Invoice:
        return self.records.load(Invoice, invoice_id).record

    def fields(self, **differs: Any) -> dict[str, Any]:
        """Give a form of an invoice that nothing is wrong with."""
        return {
            "number": "A-1",
            "customer": HOME.customer_name,
            "address": HOME.address,
            "description": "Mended it.",
            "kind_0": "labor",
            "words_0": "Work on site",
            "many_0": "2",
            "amount_0": "180.50",
            "at_0": at(self, -1),
            "deed": "send",
            **differs,
        }


def said(page: Seen) -> str:
    """Give what can be read, with the minus sign of a keyboard."""
    return page.plain.replace(MINUS, "-")
