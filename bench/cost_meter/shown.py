"""Writes a bill for people: tables that fit a terminal, a picture, or JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.cost_meter.bill import STORED, Bill
from bench.cost_meter.measuring import Measured
from bench.cost_meter.prices import Prices

MICRO = 1_000_000
_WIDE = 34
_COLUMN = 12


@dataclass(frozen=True, slots=True)
class Goal:
    """What a home may use in a day, and what it does."""

    what: str
    most: float
    found: float

    @property
    def is_met(self) -> bool:
        """Tell whether it uses no more."""
        return self.found <= self.most


def goals(measured: Measured, bill: Bill, hourly: float | None) -> list[Goal]:
    """Give the goals for a home, as they were set before anything was measured."""
    units = bill.site_day
    full = measured.messages.get("ArrivalsQueue", 0.0) * 0.2 + units.of("publishes")
    found = [
        Goal("dollars a month, variable, 100k homes", 0.006, bill.variable),
        Goal("publishes a day, chunks and events", 24.5, units.of("publishes")),
        Goal("bytes of the largest chunk", 900, measured.largest),
        Goal("write units a day", 30, units.of("dynamodb.write")),
        Goal("read units a day", 10, units.of("dynamodb.read")),
        Goal("requests of queues a day, answers full", 32, full),
        Goal("requests of queues a day, as billed", 32, units.of("sqs.requests")),
        Goal("bytes of log a day", 200, units.of("logs.bytes")),
    ]
    if hourly is not None:
        found.append(Goal("dollars a month, a connection an hour", 0.003, hourly))
    return found


def bill_table(bills: Sequence[Bill], prices: Prices) -> Iterator[str]:
    """Give the bill by part, a column for each size of the fleet, in millionths of a dollar."""
    yield _row("millionths of a dollar, home and month", [_size(one.sites) for one in bills])
    for part in prices.parts:
        amounts = [one.by_part().get(part, 0.0) for one in bills]
        if any(amounts):
            yield _row(f"  {part}", [_micro(amount) for amount in amounts])
    yield _row("variable", [_micro(one.variable) for one in bills])
    yield _row("  were the doubtful prices double", [_micro(one.doubtful) for one in bills])
    yield _row("fixed, its share", [_micro(one.fixed / one.sites) for one in bills])
    yield _row("together", [_micro(one.total) for one in bills])
    yield _row("fixed, dollars of the fleet", [f"{one.fixed:.2f}" for one in bills])


def fixed_table(bill: Bill, prices: Prices) -> Iterator[str]:
    """Give what is fixed, by part, in dollars a month."""
    yield _row("fixed, dollars a month", [""])
    for part in prices.parts:
        if amount := bill.fixed_by_part().get(part, 0.0):
            yield _row(f"  {part}", [f"{amount:.2f}"])


def function_table(bill: Bill) -> Iterator[str]:
    """Give the variable part by function, and what each of them uses in a home's day."""
    units = bill.site_day
    heads = ["u$/month", "writes", "reads", "calls", "queue", "log B"]
    yield _row(f"by function, {_size(bill.sites)} homes; a day", heads, width=10)
    meters = ("dynamodb.write", "dynamodb.read", "lambda.requests", "sqs.requests", "logs.bytes")
    costs = {whose: sum(parts.values()) for whose, parts in bill.by_function().items()}
    for whose, cost in sorted(costs.items(), key=lambda one: -one[1]):
        if cost * MICRO < 0.05:
            continue
        name = "what lies there" if whose == STORED else whose
        used = [units.of(meter, whose) for meter in meters]
        yield _row(f"  {name}", [_micro(cost), *(f"{one:.3g}" for one in used)], width=10)


def goal_table(found: Sequence[Goal]) -> Iterator[str]:
    """Give each goal beside what was found."""
    yield _row("goals", ["at most", "found", ""])
    for one in found:
        mark = "" if one.is_met else "over"
        yield _row(f"  {one.what}", [f"{one.most:g}", f"{one.found:.4g}", mark])


def rival_table(ours: Bill, others: Mapping[str, Bill]) -> Iterator[str]:
    """Give other ways beside ours."""
    yield _row(f"other ways, {_size(ours.sites)} homes", ["u$/month", "x ours"])
    yield _row("  ours", [_micro(ours.variable), "1"])
    for name, bill in others.items():
        yield _row(f"  {name}", [_micro(bill.variable), f"{bill.variable / ours.variable:.2f}"])


def as_json(
    measured: Measured, bills: Sequence[Bill], found: Sequence[Goal], others: Mapping[str, Bill]
) -> dict[str, Any]:
    """Give all of it as plain values."""
    return {
        "sites": measured.sites,
        "days": measured.days,
        "bills": {
            str(one.sites): {
                "variable": one.variable,
                "doubtful": one.doubtful,
                "fixed": one.fixed,
                "parts": dict(one.by_part()),
                "functions": {name: dict(parts) for name, parts in one.by_function().items()},
            }
            for one in bills
        },
        "goals": [
            {"what": one.what, "most": one.most, "found": one.found, "met": one.is_met}
            for one in found
        ],
        "units": [[meter, whose, amount] for (meter, whose), amount in bills[-1].site_day],
        "others": {name: one.variable for name, one in others.items()},
    }


def picture(bills: Sequence[Bill], prices: Prices) -> str:
    """Give the bill as an SVG of bars, in colours that can be read on light and on dark."""
    parts = [one for one in prices.parts if any(bill.by_part().get(one) for bill in bills)]
    colours = ("#4c78a8", "#f58518", "#54a24b", "#b79a20", "#e45756", "#72b7b2", "#b279a2",
               "#9d755d", "#8a8a8a", "#d67195", "#439894", "#79706e")  # fmt: skip
    left, top, bar, wide = 60, 26, 24, 520
    most = max(bill.variable for bill in bills)
    height = top + (bar + 14) * len(bills) + 18 * len(parts) + 24
    shapes = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {height}" role="img" '
        'font-family="sans-serif" font-size="12">',
        "<title>Variable cost of a home and month, by part and size of the fleet</title>",
        "<style>text{fill:#222}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>",
        f'<text x="{left}" y="16">dollars a home and month, without what is fixed</text>',
    ]
    for row, bill in enumerate(bills):
        y, x = top + row * (bar + 14), float(left)
        shapes.append(f'<text x="4" y="{y + 17}">{_size(bill.sites)}</text>')
        for number, part in enumerate(parts):
            width = wide * bill.by_part().get(part, 0.0) / most
            shapes.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{bar}" '
                f'fill="{colours[number % len(colours)]}"/>'
            )
            x += width
        shapes.append(f'<text x="{x + 6:.1f}" y="{y + 17}">{bill.variable:.4f}</text>')
    for number, part in enumerate(parts):
        y = top + (bar + 14) * len(bills) + 18 * number + 8
        colour = colours[number % len(colours)]
        shapes.append(f'<rect x="{left}" y="{y}" width="12" height="12" fill="{colour}"/>')
        shapes.append(f'<text x="{left + 20}" y="{y + 11}">{part}</text>')
    return "\n".join([*shapes, "</svg>", ""])


def _row(what: str, cells: Sequence[str], width: int = _COLUMN) -> str:
    return (f"{what:{_WIDE + 6}}" + "".join(f"{cell:>{width}}" for cell in cells)).rstrip()


def _micro(dollars: float) -> str:
    return f"{dollars * MICRO:,.1f}"


def _size(sites: int) -> str:
    return f"{sites // MICRO:,}M" if sites >= MICRO else f"{sites // 1000}k"
