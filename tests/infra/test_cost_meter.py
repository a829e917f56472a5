"""The meter itself: prices, what AWS does around what was counted, and the run that is kept."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from bench.cost_meter import expected, shown
from bench.cost_meter.bill import billed, gathered
from bench.cost_meter.fleet import Habits
from bench.cost_meter.measuring import Measured, Stored, connected, measured
from bench.cost_meter.prices import Price, load
from bench.cost_meter.rivals import STANDING_OF_A1, a1
from bench.cost_meter.standing import Polled, Standing, standing
from bench.cost_meter.units import GATEWAYS, Units
from bench.cost_meter.watching import PLATFORM_LOG, chunks_of
from cloud.local.dynamodb import hook

# At collection, before a test of another folder can make boto3's default session.
hook.prepare()

ROOT = Path(__file__).parents[2]
PRICES = load()
GOAL = 0.006


# ---------------------------------------------------------------------- prices
def test_every_price_is_dated_and_says_where_it_is_from():
    assert len(PRICES.by) >= 25
    for price in PRICES.by.values():
        assert date(2024, 1, 1) <= price.seen <= date(2026, 12, 31), price.meter
        assert len(price.source) > 10, price.meter
        assert price.tiers[-1][0] == 0, f"the last tier of {price.meter} ends"


@pytest.mark.parametrize(
    ("units", "before", "dollars"),
    [
        pytest.param(0, 0, 0, id="nothing"),
        pytest.param(50, 0, 5.00, id="within the first tier: 50 at .10"),
        pytest.param(100, 0, 10.00, id="just to its end"),
        pytest.param(150, 0, 14.00, id="beyond: 100 at .10 and 50 at .08"),
        pytest.param(600, 0, 47.00, id="in the last: 100 at .10, 400 at .08, 100 at .05"),
        pytest.param(10, 95, 0.90, id="behind what was used before: 5 at .10 and 5 at .08"),
    ],
)
def test_tiers(units, before, dollars):
    tiers = ((100.0, 1.0), (500.0, 0.8), (0.0, 0.5))
    price = Price("m", "p", 10, tiers, date(2026, 1, 1), "by hand", "seen")
    assert price.dollars(units, before=before) == pytest.approx(dollars)


@pytest.mark.parametrize(
    "wrong", [{"confidence": "sure"}, {"source": ""}, {"per": 0}, {"tiers": ()}], ids=str
)
def test_a_price_that_is_none_is_refused(wrong):
    good = {
        "meter": "m",
        "part": "p",
        "per": 1,
        "tiers": ((0.0, 1.0),),
        "seen": date(2026, 1, 1),
        "source": "by hand",
        "confidence": "seen",
    }
    assert Price(**good).dollars(2) == 2
    with pytest.raises(ValueError, match="price of m"):
        Price(**{**good, **wrong})


def test_a_meter_with_two_prices_is_refused(tmp_path):
    text = (ROOT / "bench/cost_meter/prices.toml").read_text()
    first = text[text.index("[[price]]") : text.index("[[price]]", text.index("[[price]]") + 1)]
    (tmp_path / "prices.toml").write_text(text + "\n" + first)
    with pytest.raises(ValueError, match="a meter has two"):
        load(tmp_path / "prices.toml")


# ---------------------------------------------------------------------- what AWS does around it
@pytest.mark.parametrize(
    ("size", "requests"),
    [
        pytest.param(0, 1, id="nothing is a request all the same"),
        pytest.param(65_536, 1, id="just 64 KB"),
        pytest.param(65_537, 2, id="a byte more"),
    ],
)
def test_a_payload_of_a_queue_is_billed_by_64_kb(size, requests):
    assert chunks_of(size) == requests


ARRIVALS = Polled("ArrivalsQueue", "IngestFunction", at_once=100, gathers_s=5, most=50)


@pytest.mark.parametrize(
    ("sites", "batch", "receives"),
    [
        # One chunk of each home in an hour, spread over 300 s: 100 homes are a third a second.
        pytest.param(100, 1, 1, id="a third of a message a second: one at a time"),
        pytest.param(3_000, 10, 1, id="10 a second: 10 in a call, one at a time"),
        pytest.param(30_000, 100, 1, id="100 a second: a full call, 0.4 in a round trip"),
        pytest.param(150_000, 100, 1 / 2, id="500 a second: 2 in a round trip of a poller"),
        pytest.param(3_000_000, 100, 1 / 10, id="10,000 a second: no answer holds more than 10"),
    ],
)  # fmt: skip
def test_pollers_take_what_is_there(sites, batch, receives):
    found = gathered(ARRIVALS, 24.0, by_hand(), PRICES.work, sites)
    assert found == (pytest.approx(batch), pytest.approx(receives))


def test_a_queue_that_gathers_nothing_is_received_and_called_for_each_message():
    shards = Polled("ShardsQueue", "MeasureFunction", at_once=1, gathers_s=0, most=50)
    assert gathered(shards, 0.03, by_hand(), PRICES.work, 1_000_000) == (1, 1)


@pytest.mark.parametrize(
    ("habits", "minutes", "messages"),
    [
        pytest.param(Habits(), 1440, 2, id="all day: connect and subscribe, once"),
        pytest.param(Habits(is_persistent=False), 24, 48, id="24 times a minute"),
        pytest.param(Habits(window_s=900, is_persistent=False), 96, 192, id="96 times a minute"),
    ],
)
def test_connections(habits, minutes, messages):
    units = connected(habits)
    assert units.of("iot.connection_minutes", GATEWAYS) == minutes
    assert units.of("iot.messages", GATEWAYS) == messages


TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Key: {Type: AWS::KMS::Key, Properties: {KeyPolicy: {}}}
  One: {Type: AWS::CloudWatch::Alarm, Properties: {MetricName: a}}
  Two:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Metrics:
        - {Id: a, MetricStat: {}}
        - {Id: b, MetricStat: {}}
        - {Id: c, Expression: a + b}
  Kept: {Type: AWS::DynamoDB::Table, Properties: {PointInTimeRecoverySpecification: {}}}
  Backed:
    Type: AWS::DynamoDB::Table
    Properties: {PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}}
  WorkQueue: {Type: AWS::SQS::Queue}
  Loud:
    Type: AWS::Serverless::Function
    Properties:
      {Handler: a.b, Runtime: python3.11, CodeUri: ., MemorySize: 512, Tracing: Active}
  Quiet:
    Type: AWS::Serverless::Function
    Properties:
      Handler: a.b
      Runtime: python3.11
      CodeUri: .
      LoggingConfig: {LogFormat: JSON, SystemLogLevel: WARN}
      Events:
        Work:
          Type: SQS
          Properties:
            Queue: !GetAtt WorkQueue.Arn
            BatchSize: 7
            MaximumBatchingWindowInSeconds: 3
            ScalingConfig: {MaximumConcurrency: 2}
"""


def test_what_stands_is_read_from_the_template(tmp_path):
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    assert standing(tmp_path / "template.yaml") == Standing(
        things={"kms.keys": 1, "cloudwatch.alarms": 3},
        memory_mb={"Loud": 512, "Quiet": 128},
        traced=frozenset({"Loud"}),
        told=frozenset({"Loud"}),
        backed_up=frozenset({"Backed"}),
        polled=(Polled("WorkQueue", "Quiet", at_once=7, gathers_s=3, most=2),),
    )


def test_our_own_template_names_what_is_polled_kept_and_paid_for():
    built = standing(ROOT / "template.yaml")
    assert {"ArrivalsQueue", "ShardsQueue", "RegionsQueue"} <= {one.queue for one in built.polled}
    assert {one.function for one in built.polled} <= built.memory_mb.keys()
    assert built.things["kms.keys"] >= 3
    assert "MoneyTable" in built.backed_up


# ---------------------------------------------------------------------- a bill by hand
def by_hand(**more):
    """A home that sends 24 messages a day to a function that writes each."""
    units = Units(
        {
            ("publishes", GATEWAYS): 24,
            ("iot.rules", GATEWAYS): 24,
            ("iot.actions", GATEWAYS): 24,
            ("sqs.requests", "IngestFunction"): 24,
            ("dynamodb.write", "IngestFunction"): 24,
            ("dynamodb.read", "IngestFunction"): 8,
            ("lambda.requests", "IngestFunction"): 0.24,
            ("lambda.calls", "IngestFunction"): 10_000,
            ("waits.dynamodb", "IngestFunction"): 0.96,
            ("logs.bytes", "IngestFunction"): 30,
        }
    )
    whole = {
        "sites": 100,
        "days": 1,
        "habits": Habits(),
        "per_site": units.plus(connected(Habits())),
        "fixed": Units({("schedule.invocations", "IngestFunction"): 1440}),
        "messages": {"ArrivalsQueue": 24.0},
        "capacity": {},
        "stored": Stored(chunk=1000, records=20_000, growth=100),
        "largest": 800,
        "metrics": 2,
    }
    return Measured(**{**whole, **more})


BY_HAND = Standing(
    things={"kms.keys": 3, "cloudwatch.alarms": 10},
    memory_mb={"IngestFunction": 1024},
    traced=frozenset(),
    told=frozenset({"IngestFunction"}),
    backed_up=frozenset({"SitesTable"}),
    polled=(ARRIVALS,),
)
MONTH = 365 / 12


@pytest.mark.parametrize(
    ("part", "dollars"),
    [
        pytest.param("gateways: connected", 1440 * MONTH * 0.08e-6, id="minutes"),
        pytest.param("gateways: connecting, commands", 2 * MONTH * 1e-6, id="messages"),
        pytest.param("gateways: topic rules", 24 * MONTH * 0.30e-6, id="a rule and an action each"),
        # 150,000 homes: two of a message's answers in one, ten in one deletion.
        pytest.param("queues", 24 * (1 + 0.5 + 0.1) * MONTH * 0.40e-6, id="to, fro and away"),
        pytest.param("tables: written", 24 * MONTH * 0.625e-6, id="write units"),
        pytest.param("tables: read", 8 * MONTH * 0.125e-6, id="read units"),
        # 60 days of 24 chunks, the records, and a year of growth; the records are backed up.
        pytest.param(
            "tables: stored",
            ((60 * 24 * 1000 + 20_000 + 36_500) * 0.25 + 20_000 * 0.20) / 1e9,
            id="chunks, records, growth, and what is backed up of it",
        ),
        # 24 messages are 0.24 calls of a hundred, each with the lines that Lambda writes.
        pytest.param(
            "logs, metrics, traces", (30 + 0.24 * PLATFORM_LOG) * MONTH * 0.5e-9, id="lines"
        ),
        # 10,000 calls at 1.2 us are 12 ms of a processor; 1024 MB are 0.58 of one; 0.96 waits.
        pytest.param(
            "functions",
            MONTH * (0.24 * 0.20e-6 + (12 * 1769 / 1024 + 0.96 * 5) / 1000 * 0.0000133334),
            id="calls, work on its share of a processor, and waiting",
        ),
    ],
)  # fmt: skip
def test_a_bill_by_hand(part, dollars):
    bill = billed(by_hand(), BY_HAND, PRICES, 150_000)
    assert bill.by_part()[part] == pytest.approx(dollars, rel=1e-9)


def test_what_is_fixed_is_no_homes():
    bill = billed(by_hand(), BY_HAND, PRICES, 150_000)
    polls = 5 * 86_400 / 20 * MONTH * 0.40e-6
    assert bill.fixed_by_part() == pytest.approx(
        {
            "queues": polls,
            "schedules, events": 1440 * MONTH * 1e-6,
            "files, letters, keys": 3.0,
            "logs, metrics, traces": 2 * 0.30 + 10 * 0.10,
        }
    )
    assert bill.total == pytest.approx(bill.variable + bill.fixed / 150_000)


def test_doubtful_prices_are_doubled_and_no_others():
    bill = billed(by_hand(), BY_HAND, PRICES, 150_000)
    assert bill.doubtful - bill.variable == pytest.approx(24 * MONTH * 0.30e-6)


def test_parts_and_functions_add_up_to_the_same():
    bill = billed(by_hand(), BY_HAND, PRICES, 150_000)
    of_functions = sum(sum(parts.values()) for parts in bill.by_function().values())
    assert (
        of_functions == pytest.approx(bill.variable) == pytest.approx(sum(bill.by_part().values()))
    )


def test_what_is_shown_names_every_part_and_goal():
    bills = [billed(by_hand(), BY_HAND, PRICES, size) for size in (1_000, 1_000_000)]
    tables = (
        shown.bill_table(bills, PRICES),
        shown.fixed_table(bills[0], PRICES),
        shown.function_table(bills[0]),
        shown.rival_table(bills[0], {"dearer": bills[1]}),
    )
    lines = "\n".join(line for table in tables for line in table)
    assert all(part in lines for part in bills[0].by_part())
    assert max(map(len, lines.splitlines())) <= 100
    goals = shown.goals(by_hand(largest=901), bills[1], None)
    assert [one.what for one in goals if not one.is_met] == ["bytes of the largest chunk"]
    assert shown.picture(bills, PRICES).count("<rect") == 3 * len(bills[0].by_part())


@pytest.mark.parametrize("days", [0, 8])
def test_more_days_than_a_week_are_refused(days):
    with pytest.raises(ValueError, match="1 to 7"):
        measured(1, days)


# ---------------------------------------------------------------------- a rival
def test_a_message_a_minute_costs_fifteen_times_the_goal():
    rival = billed(a1(1, minutes=240), STANDING_OF_A1, PRICES, 100_000)
    assert rival.site_day.of("publishes") == pytest.approx(1440)
    assert rival.site_day.of("dynamodb.write") == pytest.approx(1440)
    assert rival.variable >= 15 * GOAL


# ---------------------------------------------------------------------- the run that is kept
NOTED = {
    "largest chunk": {"gateways": 1000},
    "of a home and day": {"dynamodb.write": {"IngestFunction": 25.0, "SweepFunction": 0.1}},
    "of a day without homes": {"lambda.requests": {"TimersFunction": 1440.0}},
}


def now(largest=1000, **writes):
    writes = {"IngestFunction": 25.0, "SweepFunction": 0.1, **writes}
    return {
        **NOTED,
        "largest chunk": {"gateways": largest},
        "of a home and day": {"dynamodb.write": {who: n for who, n in writes.items() if n}},
    }


@pytest.mark.parametrize(
    ("found", "begins"),
    [
        pytest.param(now(), None, id="the same"),
        pytest.param(now(IngestFunction=25.49), None, id="just below two per cent more"),
        pytest.param(
            now(IngestFunction=25.51),
            "dearer: dynamodb.write of IngestFunction, of a home and day: 25 -> 25.51",
            id="just above",
        ),
        pytest.param(now(SweepFunction=0.14), None, id="a great part of very little"),
        pytest.param(now(IngestFunction=22.6), None, id="not quite ten per cent less"),
        pytest.param(now(IngestFunction=22.4), "cheaper: dynamodb.write of I", id="far less"),
        pytest.param(now(NewFunction=1.0), "dearer: dynamodb.write of NewFunction", id="a new one"),
        pytest.param(now(SweepFunction=0), "cheaper: dynamodb.write of S", id="one that is gone"),
        pytest.param(now(largest=1021), "dearer: largest chunk of gateways", id="a larger chunk"),
    ],
)  # fmt: skip
def test_complaints(found, begins):
    told = expected.complaints(NOTED, found)
    if begins is None:
        assert told == []
    else:
        (sentence,) = told
        assert sentence.startswith(begins)
        assert expected.AGAIN in sentence


def test_a_meter_that_only_one_side_has_is_told_of():
    more = {**now(), "of a day without homes": {"s3.put": {"SweepFunction": 3.0}}}
    assert [one.split(" of ")[0] for one in expected.complaints(NOTED, more)] == [
        "cheaper: lambda.requests",
        "dearer: s3.put",
    ]


@pytest.mark.slow
def test_a_home_uses_no_more_than_when_somebody_last_looked():
    """In a process of its own: what other tests left in caches would be work that is not done."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.cost_meter", "--check"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
