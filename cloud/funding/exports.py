"""What is known of an export that was asked for, and the letter that announces it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from cloud.funding.policy import D35, D36
from cloud.kernel.calendar import eastern_day
from cloud.kernel.change import Letter
from cloud.kernel.ids import derived

WANTED = "export_wanted"
"""Topic of the message on which an export is written."""


class ExportState(StrEnum):
    """Whether the file of an export can be downloaded."""

    WANTED = "wanted"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """An export that is too large for one answer (F29).

    Attributes:
        partner_id: the organisation that asked; nobody else sees the export.
        about: whose rows they are, that organisation or a part of it.
        filters: what was asked for, name and value.
        row_count: as it was counted when it was asked for, and then as it was written.
        reference: the file, once it is there.
    """

    id: str
    partner_id: str
    about: str
    report: str
    filters: tuple[tuple[str, str], ...]
    row_count: int
    by: str
    asked_at: datetime
    state: ExportState = ExportState.WANTED
    reference: str = ""
    ready_at: datetime | None = None

    @property
    def kept_until(self) -> date | None:
        """The last day on which it can be downloaded (D35)."""
        if self.ready_at is None:
            return None
        day = eastern_day(self.ready_at)
        return day + timedelta(D35.on(day))

    @property
    def document(self) -> str:
        """The reference under which the file is kept."""
        return f"exports/{self.partner_id}/{self.id}.csv"


def link_minutes(on: date) -> int:
    """Give how long an address works that shows an advice or an export (D36)."""
    return D36.on(on)


def letter_of(order: ExportOrder, to: str, *, at: datetime) -> Letter:
    """Give the mail that says that an export is ready; the same export writes one mail."""
    asked = ", ".join(f"{name} {value}" for name, value in order.filters) or "everything"
    text = (
        f"The export {order.id} of {order.report} ({asked}) has {order.row_count} rows.\n\n"
        f"A program of your Accounting Admin downloads it until {order.kept_until}: "
        f"GET /v1/exports/{order.id}/file gives an address that works for some minutes."
    )
    return Letter(
        id=derived("MAIL", order.id, "ready"),
        to=to,
        subject=f"Your export of {order.report} is ready ({order.id})",
        text=text,
        thread=order.id,
        at=at,
    )
