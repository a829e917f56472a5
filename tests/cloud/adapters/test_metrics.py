"""The lines that CloudWatch reads numbers from, and what is counted for them."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

import cloud
from cloud.adapters.metrics import FACTS, NAMES, Metrics
from cloud.kernel.change import Event
from cloud.kernel.errors import BrokenInvariant

AT = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)
MOST_METRICS = 100
"""Of one line (Amazon CloudWatch user guide, "Specification: Embedded metric format")."""
OF_STAGES = ("detection", "service", "invoicing", "funding", "reporting", "portfolio")
SOURCES = "".join(
    path.read_text(encoding="utf-8")
    for stage in OF_STAGES
    for path in sorted((Path(cloud.__file__).parent / stage).rglob("*.py"))
)


class Still:
    def now(self):
        return AT


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def told(out):
    return Metrics("staging", out)


def lines(out):
    return [json.loads(one) for one in out.getvalue().splitlines()]


def test_a_line_is_as_cloudwatch_reads_it(told, out):
    told.tell("TimerLagSeconds", 1.5)
    told.tell("SweepPartsMissing", 2)
    told.write(AT)
    assert out.getvalue().endswith("}\n")
    assert lines(out) == [
        {
            "_aws": {
                "Timestamp": 1780930800000,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "Sunreeve",
                        "Dimensions": [["Stage"]],
                        "Metrics": [
                            {"Name": "TimerLagSeconds", "Unit": "Seconds"},
                            {"Name": "SweepPartsMissing", "Unit": "Count"},
                        ],
                    }
                ],
            },
            "Stage": "staging",
            "TimerLagSeconds": 1.5,
            "SweepPartsMissing": 2,
        }
    ]


def test_nothing_noted_writes_nothing_and_nothing_is_written_twice(told, out):
    told.write(AT)
    told.tell("DeadLetters", 0)
    told.write(AT)
    told.write(AT)
    assert len(lines(out)) == 1


@pytest.mark.parametrize(
    ("name", "numbers", "becomes"),
    [
        pytest.param("TimerLagSeconds", (3, 70, 0), 70, id="of lags the longest"),
        pytest.param("CertificateDaysLeft", (30, -1, 8), -1, id="of days the fewest"),
        pytest.param("SweepPartsMissing", (2, 0, 3), 5, id="of parts all"),
    ],
)
def test_numbers_of_one_call_become_one(told, out, name, numbers, becomes):
    for number in numbers:
        told.tell(name, number)
    told.write(AT)
    assert lines(out)[0][name] == becomes


def test_a_name_that_no_alarm_can_know_is_refused(told):
    with pytest.raises(BrokenInvariant, match="telling of TimerLag: there is no such metric"):
        told.tell("TimerLag", 1)


def test_all_metrics_fit_into_one_line(told, out):
    for name in NAMES:
        told.tell(name, 1)
    told.write(AT)
    assert len(NAMES) <= MOST_METRICS
    assert lines(out)[0].keys() - {"_aws", "Stage"} == set(NAMES)


def test_a_call_writes_one_line_also_when_it_fails(told, out):
    @told.after_each_call(Still())
    def handle(event, _context):
        told.hear([Event("C-1", what, AT, "test") for what in event["heard"]])
        return {"answer": 1 / event["by"]}

    assert handle({"heard": ["case_opened", "offered", "case_opened"], "by": 1}, None) == {
        "answer": 1
    }
    with pytest.raises(ZeroDivisionError):
        handle({"heard": ["case_resolved", "nothing_we_count"], "by": 0}, None)
    handle({"heard": [], "by": 1}, None)
    first, second = lines(out)
    assert (first["CasesOpened"], first["OffersMade"]) == (2, 1)
    assert second["CasesResolved"] == 1


def test_what_is_counted_is_written_by_a_stage():
    assert set(FACTS.values()) <= set(NAMES)
    missing = [
        what
        for what in FACTS
        if f'"{what}"' not in SOURCES and f'{{milestone}}_{what.partition("_")[2]}"' not in SOURCES
    ]
    assert not missing


def test_the_page_has_a_row_for_each():
    page = (Path(cloud.__file__).parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = page.partition("| metric | unit | what it counts |\n|---|---|---|\n")[2]
    told = rows.partition("\n\n")[0].splitlines()
    assert told == [
        f"| `{name}` | {one.unit.name.lower()} | {one.counts} |" for name, one in NAMES.items()
    ]
