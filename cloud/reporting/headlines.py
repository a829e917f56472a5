"""What of a report is seen at a glance: a few of its figures, one beside the other."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cloud.reporting.models import ALL, Cell, Report

MOST = 12
"""Figures that stand beside one another; a report with more of them shows the first."""


@dataclass(frozen=True, slots=True)
class Headline:
    """Some figures of one report.

    Attributes:
        title: what they are.
        unit: what they count: ``cents``, ``%`` or words.
        most: what a figure can be at most; None where nothing bounds it.
        figures: what each is of, and how much.
    """

    title: str
    unit: str
    figures: tuple[tuple[str, float], ...]
    most: float | None = None


Line = Mapping[str, Cell]
Made = Callable[[Sequence[Line]], Headline]


def headline(report: Report) -> Headline | None:
    """Give what to see first of a report; None where it has no row to take it from."""
    made = _HEADLINES.get(report.name)
    names = [column.name for column in report.columns]
    lines = [dict(zip(names, row.cells, strict=True)) for row in report.rows]
    found = made(lines) if made is not None and lines else None
    return found if found is not None and found.figures else None


def _counted(title: str, by: str, unit: str) -> Made:
    """Give what counts lines by one of their cells, the most first."""

    def made(lines: Sequence[Line]) -> Headline:
        counts = Counter(str(line[by] or "none") for line in lines)
        shown = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        return Headline(title, unit, tuple((name, float(count)) for name, count in shown[:MOST]))

    return made


def _buckets(lines: Sequence[Line]) -> Headline:
    """Count what stands open by its age, the youngest first."""
    counts = Counter(str(line["bucket"]) for line in lines if line["bucket"])
    shown = sorted(counts.items(), key=lambda one: int(one[0].partition("-")[0].rstrip("+ d")))
    return Headline("By age", "", tuple((name, float(count)) for name, count in shown))


def _stages(lines: Sequence[Line]) -> Headline:
    """Sum the invoices of each stage."""
    sums: Counter[str] = Counter()
    for line in lines:
        total = line["total"]
        sums[str(line["stage"])] += total if isinstance(total, int) else 0
    figures = tuple((name, float(cents)) for name, cents in sorted(sums.items()))
    return Headline("Waiting, by stage", "cents", figures)


def _exposure(lines: Sequence[Line]) -> Headline:
    """Give the standings of all back-bills together: the line for all stands first."""
    told = lines[0]
    amounts = [(name, cell) for name, cell in told.items() if name not in {"partner", "bills"}]
    figures = tuple((name, float(cell)) for name, cell in amounts if isinstance(cell, int))
    return Headline("By how far the claim has come", "cents", figures)


def _of(title: str, by: Sequence[str], cell: str, unit: str, *, most: float | None = None) -> Made:
    """Give what takes a figure of each line; what is not known is left out.

    Lines for all of a kind stand first in a report, and so do they here.
    """

    def made(lines: Sequence[Line]) -> Headline:
        figures = [
            (_named(line, by), float(value))
            for line in lines
            if isinstance(value := line[cell], int | float)
        ]
        return Headline(title, unit, tuple(figures[:MOST]), most)

    return made


def _named(line: Line, by: Sequence[str]) -> str:
    parts = [str(line[name]) for name in by]
    kept = [one for one in parts if one != ALL]
    return " ".join(kept) or ALL


def _milestones(lines: Sequence[Line]) -> Headline:
    """Give the share of deadlines kept, of all partners together."""
    of_all = [line for line in lines if line["partner"] == ALL and line["region"] == ALL]
    made = _of("Deadlines kept", ("milestone",), "kept", "%", most=100)
    return made(of_all)


_HEADLINES: Mapping[str, Made] = {
    "ageing": _buckets,
    "back_bill_exposure": _exposure,
    "compliance_expiry": _counted("By what ends", "what", ""),
    "customer_clock": _of("Median wait", ("owner", "family"), "days_p50", "days"),
    "detection_precision": _of("Precision by rule", ("rule",), "precision", "%", most=100),
    "due_soon": _counted("By what is due", "what", ""),
    "invoice_pipeline": _stages,
    "omnidian": _buckets,
    "partner_scorecard": _of("Performance", ("partner",), "performance", "of 100", most=100),
    "pause_audit": _counted("By reason", "reason", "pauses"),
    "replay": _counted("By what would change", "change", "verdicts"),
    "routing_audit": _counted("How the partner was found", "routed_by", "work orders"),
    "sla_compliance": _milestones,
    "spend_control": _of("Within the limit", ("partner",), "within_limit", "%", most=100),
    "verification": _counted("What the readings said", "outcome", "work orders"),
}
