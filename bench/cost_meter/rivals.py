"""Other ways to do it, through the same meter: a message a minute, shorter windows, no line.

The message a minute is built for real, as small as it can be: the same readings as JSON, an
ordinary topic of the broker, a rule, a call of a function for each message, and an item for each.
"""

import cProfile
import json
import tempfile
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import boto3

from bench.cost_meter.fleet import BEGINS, Habits, shaken_readings
from bench.cost_meter.measuring import MINUTES, Measured, Stored, Told, connected, measured
from bench.cost_meter.standing import Standing
from bench.cost_meter.units import GATEWAYS, Units
from bench.cost_meter.watching import MESSAGE_UNIT
from cloud.local.dynamodb import hook
from cloud.local.dynamodb.capacity import Consumed
from cloud.local.dynamodb.engine import Engine
from cloud.local.iot import Arrival, parse_sql
from edge_agent.reading import Reading

A1 = "a message a minute, an item each"
NARROW = {
    "windows of 15 minutes": Habits(window_s=900),
    "windows of 5 minutes": Habits(window_s=300),
    "a connection for each window": Habits(is_persistent=False),
}
_FUNCTION, _TABLE = "MinuteFunction", "MinuteTable"
_SQL = "SELECT *, topic(2) AS gateway_id FROM 'sunreeve/+/reading'"
STANDING_OF_A1 = Standing(
    things={},
    memory_mb={_FUNCTION: 256},
    traced=frozenset(),
    told=frozenset({_FUNCTION}),
    backed_up=frozenset(),
    polled=(),
)
_DEFINITION = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "at", "AttributeType": "N"},
    ],
    "KeySchema": [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ],
}


def rivals(sites: int, told: Told) -> Iterator[tuple[str, Measured]]:
    """Give the other ways that are ours but for one habit, each run for a day."""
    for name, habits in NARROW.items():
        yield name, measured(sites, 1, habits=habits, told=partial(_told_of, told, name))


def _told_of(told: Told, name: str, what: str) -> None:
    told(f"{name}: {what}")


def a1(sites: int, *, minutes: int = MINUTES) -> Measured:
    """Run a message a minute for a day, or for a part of one that stands for all of it."""
    units = connected(Habits())
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Engine(Path(folder) / "a1.sqlite", clock=lambda: BEGINS)) as engine,
    ):
        engine.create_table({"TableName": _TABLE, **_DEFINITION})
        hook.install(engine)
        try:
            _run(engine, sites, minutes, units)
        finally:
            hook.uninstall()
        stored = engine.stored_bytes(_TABLE) / (sites * minutes)
    return Measured(
        sites=sites,
        days=1,
        habits=Habits(window_s=60),
        per_site=units,
        fixed=Units(),
        messages={},
        capacity={},
        stored=Stored(chunk=stored, records=0.0, growth=0.0),
        largest=0,
        metrics=0,
    )


def _run(engine: Engine, sites: int, minutes: int, units: Units) -> None:
    client = boto3.session.Session().client("dynamodb", region_name="us-east-1")
    query, part = parse_sql(_SQL), MINUTES / minutes / sites

    def consumed(one: Consumed) -> None:
        meter = "dynamodb.write" if one.is_write else "dynamodb.read"
        units.add(meter, _FUNCTION, one.units * part)

    engine.watch(consumed)
    for number in range(sites):
        gateway = f"gw-{number:06d}"
        topic = f"sunreeve/{gateway}/reading"
        for reading in shaken_readings(number, int(BEGINS.timestamp()), minutes):
            payload = _message(gateway, reading)
            size = -(-(len(topic) + len(payload)) // MESSAGE_UNIT)
            for meter in ("iot.messages", "iot.rules", "iot.actions"):
                units.add(meter, GATEWAYS, size * part)
            units.add("publishes", GATEWAYS, part)
            units.add("payload.bytes", GATEWAYS, len(payload) * part)
            arrival = Arrival(
                topic=topic,
                payload=payload,
                document=json.loads(payload),
                now_ms=reading.at * 1000,
                principal=gateway,
                client_id=gateway,
            )
            event = query.result(arrival)
            profiler = cProfile.Profile(subcalls=False, builtins=False)
            profiler.enable()
            _handle(client, event)
            profiler.disable()
            calls = sum(one.callcount for one in profiler.getstats())
            units.add("lambda.calls", _FUNCTION, calls * part)
            units.add("lambda.requests", _FUNCTION, part)
            units.add("waits.dynamodb", _FUNCTION, part)


def _message(gateway: str, reading: Reading) -> bytes:
    told = {"gw": gateway, "sn": reading.serial, "ts": reading.at, "q": reading.quality}
    return json.dumps({**told, **reading.values}, separators=(",", ":")).encode()


def _handle(client: object, event: dict[str, object]) -> None:
    """Keep a reading as an item of its own: the whole function of this rival."""
    item = {
        name: {"N": str(value)} if isinstance(value, int) else {"S": str(value)}
        for name, value in event.items()
        if value is not None and name not in {"gateway_id", "ts"}
    }
    item |= {"pk": {"S": str(event["gateway_id"])}, "at": {"N": str(event["ts"])}}
    item["ttl"] = {"N": str(int(str(event["ts"])) + 60 * 86_400)}
    client.put_item(TableName=_TABLE, Item=item)  # type: ignore[attr-defined] # boto3 has no types
