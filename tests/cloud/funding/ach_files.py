"""Bank files for tests: an originator, entries, and files of each kind."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from cloud.funding import ach
from cloud.kernel.money import Money

DATA = Path(__file__).parents[2] / "data" / "nacha"
CREATED = datetime(2026, 12, 2, 14, 5, tzinfo=UTC)
CREATED_THURSDAY = datetime(2026, 12, 3, 14, 5, tzinfo=UTC)
THURSDAY = date(2026, 12, 3)
FRIDAY = date(2026, 12, 4)
ROUTING = ("011401533", "091000019", "021000021")
BANK = ach.Originator(
    bank_routing_number="021000021",
    bank_name="First Bank of Testing",
    origin="1234567890",
    name="The Owner, Inc.",
    company_identification="1234567890",
)


def entry(place: int = 1, /, **changes) -> ach.Credit:
    made = ach.Credit(
        routing_number=ROUTING[place % 3],
        account_number=f"{place:09d}",
        amount=Money(1_250_000 + place),
        identification=f"P-{place}",
        name=f"Partner {place}",
        account_kind=ach.AccountKind.SAVINGS if place % 2 else ach.AccountKind.CHECKING,
    )
    return replace(made, **changes)


def noted(place: int = 1, /, **changes) -> ach.Credit:
    return entry(place, note=f"RMR*IV*COMFORT-2026-12-03**{place}.00\\", **changes)


def payments(entries=None, **changes) -> bytes:
    facts = {"created_at": CREATED, "effective_on": THURSDAY, "run": "comfort-2026-12-03"}
    entries = [entry(1), noted(2), entry(3)] if entries is None else entries
    return ach.build(BANK, entries, **facts | {"sequence": 201} | changes)


def same_day(entries=None, **changes) -> bytes:
    return payments(entries, **{"is_same_day": True, "created_at": CREATED_THURSDAY} | changes)


def prenotes(entries=None, **changes) -> bytes:
    facts = {"created_at": CREATED, "effective_on": THURSDAY, "run": "prenotes"}
    if entries is None:
        entries = [entry(n, amount=Money(0)) for n in (1, 2, 3)]
    return ach.build_prenotes(BANK, entries, **facts | {"sequence": 201} | changes)


def reversal(original: bytes | None = None, traces=("021000022010002",), **changes) -> bytes:
    facts = {
        "reason": "wrong_amount",
        "settled_on": THURSDAY,
        "created_at": CREATED,
        "effective_on": FRIDAY,
        "sequence": 201,
    }
    return ach.build_reversal(BANK, ach.read(original or payments()), traces, **facts | changes)


def texts(content: bytes) -> list[str]:
    return content.decode("latin-1").splitlines()


def put(content: bytes, line: int, start: int, text: str) -> bytes:
    """Write a text over a place of a file, line and column counted from one."""
    lines = texts(content)
    old = lines[line - 1]
    lines[line - 1] = old[: start - 1] + text + old[start - 1 + len(text) :]
    return "".join(f"{one}\n" for one in lines).encode("latin-1")


def without(content: bytes, *numbers: int) -> bytes:
    kept = [one for number, one in enumerate(texts(content), start=1) if number not in numbers]
    return "".join(f"{one}\n" for one in kept).encode("latin-1")
