"""A region comes back after hours: who connects when, what is refused, and when all is sent.

The fleets of the goals, 100,000 gateways at a broker with its default quotas and 1,000,000 at the
same one. They are compared to the goals, and every second to its mean. A fleet may be played by one
gateway of so many, against as large a share of the quotas: its counts are small, so chance makes
its busiest second busier than that of the whole fleet.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from bench.storm_fleet import HOUR, Ingest, Quotas, Storm, everyday, storm

QUOTAS, INGEST = Quotas(), Ingest()
MOST_TIMES_THE_MEAN = 3.0
MOST_DRAIN_S = 2 * HOUR
LONG_H, MOST_REFUSED = 24, 0.1
"""Days of chunks may meet the quota of publishes, if what is refused is little and comes again."""
KEEP_ARRIVALS_S = 4 * 24 * HOUR
"""How long the queue of arrivals keeps a message that ingest does not come to."""


@dataclass(frozen=True, slots=True)
class Case:
    """An outage, a fleet, and how many of its gateways one stands for."""

    hours: float
    fleet: int
    one_of: int = 1

    @property
    def quotas(self) -> Quotas:
        """Return the share of the quotas that those played may use."""
        return QUOTAS.over(self.one_of)

    def play(self, seed: str) -> Storm:
        """Let it happen."""
        return storm(
            self.fleet // self.one_of,
            int(self.hours * HOUR),
            quotas=self.quotas,
            ingest=INGEST.over(self.one_of),
            seed=seed,
            tell=lambda line: print(f"    {line}", file=sys.stderr, flush=True),
        )


CASES = (
    Case(8, 100_000),
    Case(8, 1_000_000, 10),
    Case(14.5, 100_000, 5),
    Case(14.5, 1_000_000, 50),
    Case(72, 100_000, 10),
    Case(72, 1_000_000, 100),
)


def failures(case: Case, found: Storm) -> list[str]:
    """Say which goals an outage missed; none is as it should be."""
    quotas = case.quotas
    checks = {
        f"busiest second {found.jitter():.1f}x the mean": found.jitter() > MOST_TIMES_THE_MEAN,
        "not drained within two hours": found.drained_s is None or found.drained_s > MOST_DRAIN_S,
        f"{found.lost} chunks lost": found.lost > 0,
        f"{found.ended} connections ended for publishing too fast": found.ended > 0,
        f"{found.refused_publishes} publishes above the quota": (
            found.refused_publishes > MOST_REFUSED * sum(found.published) * (case.hours > LONG_H)
        ),
        "more connects accepted than the quota": max(found.accepted) > quotas.connects_per_s,
        f"a gateway tried {found.most_tries} times": found.most_tries > _most_tries(case),
        f"a message waited {found.ingest_age_s:.0f} s": found.ingest_age_s > KEEP_ARRIVALS_S,
    }
    return [what for what, is_missed in checks.items() if is_missed]


def _most_tries(case: Case) -> float:
    """Return how many connects a gateway may need: the fleet at the quota, at the shortest pause.

    Twice that and ten, for those that are unlucky last.
    """
    return 10 + 2 * (case.fleet / QUOTAS.connects_per_s) / 150


def shown(case: Case, found: Storm) -> str:
    """Return a line of figures, in those of the whole fleet."""
    drained = "never" if found.drained_s is None else f"{found.drained_s / 60:.0f} min"
    times = case.one_of
    return (
        f"{case.hours:4g} h, {case.fleet:9,}: connects {max(found.asked) * times:6,}/s at most "
        f"({found.jitter():.1f}x the mean, {found.most_tries:2} tries, refused "
        f"{(sum(found.asked) - sum(found.accepted)) * times:9,}), "
        f"publishes {max(found.published) * times:6,}/s, "
        f"refused {found.refused_publishes * times:,}; drained {drained:>7}, "
        f"lost {found.lost}, ingest behind {found.ingest_age_s:.0f} s"
    )


def chart(case: Case, found: Storm) -> str:
    """Draw what came in each second as SVG: connects above, publishes below."""
    times, width, height = case.one_of, 860, 150
    rows = (
        ("connects asked for, a second", found.asked, QUOTAS.connects_per_s, "#b45309"),
        ("publishes, a second", found.published, QUOTAS.publishes_per_s, "#1d4ed8"),
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + 80} {2 * height + 120}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="60" y="18" font-size="14">{case.fleet:,} gateways after {case.hours:g} h</text>',
    ]
    for row, (name, seconds, quota, color) in enumerate(rows):
        top = 40 + row * (height + 40)
        highest = max(*seconds, 1) * times
        points = " ".join(
            f"{60 + width * at / max(1, len(seconds) - 1):.1f},"
            f"{top + height * (1 - count * times / highest):.1f}"
            for at, count in enumerate(seconds)
        )
        base = top + height
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{color}"/>',
            f'<path d="M60 {top}V{base}H{60 + width}" fill="none" stroke="#333"/>',
            f'<text x="54" y="{top + 10}" text-anchor="end">{highest:,}</text>',
            f'<text x="54" y="{base}" text-anchor="end">0</text>',
            f'<text x="66" y="{top - 4}">{name} (quota {quota:,})</text>',
            f'<text x="{60 + width}" y="{base + 14}" text-anchor="end">'
            f"{(len(seconds) - 1) / 60:.0f} minutes after the broker is back</text>",
        ]
        if quota <= highest:
            line = top + height * (1 - quota / highest)
            parts.append(f'<path d="M60 {line:.1f}h{width}" stroke="#999" stroke-dasharray="4 3"/>')
    return "\n".join([*parts, "</svg>", ""])


def hourly() -> list[str]:
    """Print how the chunks of every hour leave; return what is wrong with it."""
    fleet = 1_000_000
    seconds = everyday(fleet)
    used = [count for count in seconds if count]
    flat = max(used) * len(used) / fleet
    half = next(at for at, sent in enumerate(accumulate(seconds)) if 2 * sent >= fleet)
    print(
        f"every hour, {fleet:,}: publishes {max(used):,}/s at most, over {len(used)} s of the hour "
        f"({flat:.2f}x the mean of these, half after {half} s; all at once: {fleet:,}/s)"
    )
    is_wrong = flat > MOST_TIMES_THE_MEAN or max(used) > QUOTAS.publishes_per_s
    return ["the chunks of an hour leave too close together"] * is_wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the outages; give 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.storm", description=__doc__)
    parser.add_argument("--chart", type=Path, help="folder for a picture of each outage")
    parser.add_argument("--seed", default="1", help="of the random numbers of all gateways")
    given = parser.parse_args(arguments)
    missed = hourly()
    for case in CASES:
        found = case.play(given.seed)
        print(shown(case, found), flush=True)
        missed += [f"{case.hours:g} h, {case.fleet:,}: {one}" for one in failures(case, found)]
        if given.chart is not None:
            path = given.chart / f"storm_{case.hours:g}h_{case.fleet}.svg"
            path.write_text(chart(case, found), encoding="utf-8")
    for one in missed:
        print(f"missed: {one}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
