"""A scheduled report is given up when the queue gives it up (OR-15)."""

from datetime import date
from pathlib import Path

import pytest

from cloud.reporting.policy import SCHEDULE_TRIES

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


@pytest.mark.rule("OR-15")
def test_the_queue_tries_a_report_as_often_as_the_rule_says():
    lines = TEMPLATE.read_text().splitlines()
    of_reports = lines[lines.index("  ReportsQueue:") : lines.index("  ReportsDeadLetters:")]
    (redrive,) = (line for line in of_reports if "RedrivePolicy" in line)
    assert f"maxReceiveCount: {SCHEDULE_TRIES.on(date(2026, 6, 1))}}}" in redrive
