"""Coordinators: who is there, who stands in for whom, and what waits for each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cloud.invoicing.models import Invoice, InvoiceState
from cloud.invoicing.process import delegate
from cloud.portal.asking import Absent, Answer, Ask, Go, Page
from cloud.portal.routes import Views
from cloud.portal.shown import AsTyped
from cloud.portal.typed import Typed
from cloud.reporting.dispatch_board import orders_at_work
from cloud.reporting.roles import ADMIN, AUDITOR, SPC
from cloud.service.models import Coordinator

VIEWS = Views()
HERE: Final = "/console/coordinators"
_AWAY: Final = {"here": True, "away": False}


@dataclass(frozen=True, slots=True)
class Row:
    """One coordinator, with how much is open: work orders, and invoices to decide on."""

    one: Coordinator
    stand_in: str
    orders: int
    invoices: int


@VIEWS.get(HERE, SPC, ADMIN, AUDITOR)
def coordinators(ask: Ask) -> Page:
    """List who has open work, who gets it by default, and who stands in (I-66)."""
    orders = Counter(one.spc_id for one in orders_at_work(ask.records) if one.is_open)
    waiting = Counter(
        stored.record.routed_to
        for state in (InvoiceState.SUBMITTED, InvoiceState.RETURNED)
        for stored in ask.records.find(Invoice, by="state", value=state)
    )
    said = ask.query.get("q", "").strip()[:200]
    asked = {said, ask.by, ask.house.desks.coordinator_id} - {""}
    known = _known(ask, sorted({*orders, *waiting, *asked} - {""}))
    names = {one.id: one.name for one in known}
    return Page(
        "console/coordinators.html",
        "Coordinators",
        {
            "rows": [
                Row(
                    one,
                    names.get(one.delegate_id, one.delegate_id),
                    orders[one.id],
                    waiting[one.id],
                )
                for one in known
            ],
            "by_default": ask.house.desks.coordinator_id,
            "said": said,
            "is_unknown": bool(said) and said not in names,
        },
    )


def _known(ask: Ask, ids: Sequence[str]) -> list[Coordinator]:
    """Give the coordinators of these ids and who stands in for them, by name."""
    found = {name: one.record for name, one in ask.records.load_all(Coordinator, ids).items()}
    others = sorted({one.delegate_id for one in found.values()} - {"", *found})
    if others:
        more = ask.records.load_all(Coordinator, others)
        found |= {name: one.record for name, one in more.items()}
    return sorted(found.values(), key=lambda one: (one.name.casefold(), one.id))


@VIEWS.get(HERE + "/{coordinator_id}", SPC, ADMIN, AUDITOR)
def one_coordinator(ask: Ask) -> Page:
    """Show whether a coordinator is there, and the form that says otherwise."""
    return _one(ask)


def _one(ask: Ask, typed: AsTyped | None = None) -> Page:
    found = ask.records.load(Coordinator, ask.names["coordinator_id"])
    if found is None:
        raise Absent
    one = found.record
    stand_in = ask.records.load(Coordinator, one.delegate_id) if one.delegate_id else None
    return Page(
        "console/coordinator.html",
        one.name,
        {
            "one": one,
            "stand_in": stand_in.record.name if stand_in else one.delegate_id,
            "may_say": ADMIN in ask.visitor.roles,
            "typed": typed,
            "here": f"{HERE}/{one.id}",
        },
        status=422 if typed else 200,
    )


@VIEWS.post(HERE + "/{coordinator_id}/presence", ADMIN)
def presence(ask: Ask) -> Answer:
    """Say whether a coordinator is there and who stands in; open invoices follow (I-66)."""
    coordinator_id, typed = ask.names["coordinator_id"], Typed(ask.form)
    if ask.records.load(Coordinator, coordinator_id) is None:
        raise Absent
    chosen = typed.one_of("presence", _AWAY, "Say whether the coordinator is there.")
    stand_in = typed.text("delegate_id", most=200)
    if stand_in == coordinator_id:
        typed.is_wrong("delegate_id", "Nobody stands in for themselves.")
    elif stand_in and ask.records.load(Coordinator, stand_in) is None:
        typed.is_wrong("delegate_id", "There is no coordinator of that name of sign-in.")
    if typed.as_typed:
        return _one(ask, typed.as_typed)
    made = delegate(
        ask.records,
        coordinator_id=coordinator_id,
        is_active=_AWAY[chosen],
        delegate_id=stand_in,
        **ask.acting(),
    )
    says = "there" if made.is_active else "away"
    return Go(HERE, said=f"{made.name} is {says}; the invoices to decide on follow.")
