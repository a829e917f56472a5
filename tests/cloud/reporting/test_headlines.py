"""What of a report is seen at a glance."""

from datetime import UTC, date, datetime

import pytest
from reporting_world import asked, told

from cloud.reporting.headlines import MOST, headline
from cloud.reporting.models import Asked, Column, Report, Row
from cloud.reporting.process import REPORTS, report

ASKED = Asked(datetime(2026, 6, 30, tzinfo=UTC), date(2026, 6, 1), date(2026, 7, 1))


def a_report(name: str, names: str, *rows: tuple[object, ...]) -> Report:
    columns = tuple(Column(one) for one in names.split())
    return Report(name, "says", ASKED, columns, tuple(Row(one) for one in rows))


@pytest.mark.parametrize(
    ("made", "unit", "figures"),
    [
        pytest.param(
            a_report("ageing", "bucket", ("30+ d",), ("2-5 d",), ("10-14 d",), ("2-5 d",)),
            "",
            (("2-5 d", 2), ("10-14 d", 1), ("30+ d", 1)),
            id="ages stand in order, not by their letters",
        ),
        pytest.param(
            a_report(
                "invoice_pipeline", "stage total", ("submitted", 100), ("returned", 7),
                ("submitted", 20),
            ),
            "cents",
            (("returned", 7), ("submitted", 120)),
            id="amounts are summed by stage",
        ),
        pytest.param(
            a_report("back_bill_exposure", "partner bills posted", ("all", 2, 50), ("P-A", 2, 50)),
            "cents",
            (("posted", 50),),
            id="of back-bills only the line for all",
        ),
        pytest.param(
            a_report(
                "sla_compliance", "milestone partner region kept", ("accept", "all", "all", 98.9),
                ("accept", "P-A", "CO", 50.0), ("complete", "all", "all", None),
            ),
            "%",
            (("accept", 98.9),),
            id="of deadlines all partners together; what nobody was judged by is left out",
        ),
        pytest.param(
            a_report("customer_clock", "owner family days_p50", ("all", "all", 4.0)),
            "days",
            (("all", 4.0),),
            id="a line for all is called so",
        ),
        pytest.param(
            a_report("pause_audit", "reason", ("weather",), ("parts",), ("parts",)),
            "pauses",
            (("parts", 2), ("weather", 1)),
            id="the most first",
        ),
    ],
)  # fmt: skip
def test_figures_of_a_report(made, unit, figures):
    found = headline(made)
    assert (found.unit, found.figures) == (unit, figures)


def test_a_report_without_rows_or_of_another_name_has_none():
    assert headline(a_report("ageing", "bucket")) is None
    assert headline(a_report("another", "x", ("y",))) is None
    assert headline(a_report("sla_compliance", "milestone partner region kept",
                             ("accept", "P-A", "CO", 1.0))) is None  # fmt: skip


def test_a_long_one_is_cut():
    rows = [(f"P-{number:02d}", number) for number in range(40)]
    made = headline(a_report("partner_scorecard", "partner performance", *rows))
    assert len(made.figures) == MOST


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_that_has_rows_has_a_headline_of_numbers(name):
    house = told()
    found = report(house.records, name, asked())
    seen = headline(found)
    if found.rows:
        assert seen is None or all(value >= 0 for _, value in seen.figures)
    else:
        assert seen is None
