"""A chunk that is lost behind its acknowledgement: missed, asked for, and there again."""

import logging
import time
from datetime import timedelta

import boto3
import pytest

from cloud.adapters import wiring
from cloud.adapters.downlink import IotDownlink
from cloud.kernel.errors import BrokenInvariant, Unavailable
from cloud.local.dynamodb import hook
from cloud.telemetry.asking import ask_again
from cloud.telemetry.chunk import decode
from edge_agent.agent import Agent
from edge_agent.reading import Reading
from edge_agent.settings import BrokerSettings, DeviceSettings, Settings

NAMES = {
    "OPERATIONS_TABLE": "OperationsTable",
    "SITES_TABLE": "SitesTable",
    "TELEMETRY_TABLE": "TelemetryTable",
}
HOUR = timedelta(hours=1)


class Seconds:
    """The stack's clock as the agent wants it; it is put forward by hand, and never jumps."""

    def __init__(self, clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now().timestamp()

    def monotonic(self) -> float:
        return self.now()

    def is_synced(self) -> bool:
        return True


class Field:
    """A stack and a gateway that speaks to it over TLS, and what the table holds of it."""

    def __init__(self, runtime, folder) -> None:
        wiring.forget()
        self.runtime, self.folder = runtime, folder
        self.runtime.start()
        self.plane = boto3.client("iot-data")
        self.agent = self.new_agent()

    def new_agent(self) -> Agent:
        files = self.runtime.authority.device_certificate("gw-1")
        broker = BrokerSettings(
            "127.0.0.1",
            self.runtime.mqtt_port,
            str(files.ca_path),
            str(files.cert_path),
            str(files.key_path),
        )
        settings = Settings(
            "gw-1",
            self.folder / "gw-1.sqlite",
            broker,
            (DeviceSettings("roof", "127.0.0.1"),),
            poll_s=900,
            window_s=3600,
            chunk_rule="sunreeve_dev_chunks",
            event_rule="sunreeve_dev_events",
        )
        agent = Agent(settings, clock=Seconds(self.runtime.clock), boot_id="5f")
        assert agent.connect()
        deadline = time.monotonic() + 10
        while not agent._uplink.is_listening():
            assert time.monotonic() < deadline, "the broker does not let the agent listen"
            time.sleep(0.005)
        return agent

    def hours(self, count: int) -> None:
        """Let hours pass in which the gateway reads, sends, and all that it sent is taken in."""
        first = int(self.runtime.clock.now().timestamp())
        self.runtime.clock.move_to(self.runtime.clock.now() + count * HOUR)
        last = int(self.runtime.clock.now().timestamp())
        rows = [Reading("SN-1", at, 0, "1.103", {"WH": at}) for at in range(first, last, 900)]
        self.agent.absorb("roof", rows)
        self.take_in()

    def take_in(self) -> None:
        for _ in range(3):
            self.agent.publish(5.0)
        self.runtime.run_due()

    def chunks(self):
        now = self.runtime.clock.now()
        return list(wiring.chunks(NAMES).between("gw-1", now - 200 * HOUR, now))

    def lose(self, *seqs: int) -> None:
        """Take chunks out of the table, as if they had never come in."""
        client = boto3.client("dynamodb")
        for item in client.scan(TableName="TelemetryTable")["Items"]:
            if int(item["sk"]["S"].split("#")[1]) in seqs:
                key = {"pk": item["pk"], "sk": item["sk"]}
                client.delete_item(TableName="TelemetryTable", Key=key)

    def ask(self) -> int:
        return ask_again(
            ["gw-1"],
            chunks=wiring.chunks(NAMES),
            records=wiring.records(NAMES),
            downlink=IotDownlink(self.plane),
            at=self.runtime.clock.now(),
        )


@pytest.fixture
def field(runtime, tmp_path):
    made = Field(runtime, tmp_path)
    yield made
    made.agent.close()


def until_back(field, seqs):
    for _ in range(200):
        field.take_in()
        if {one.sequence for one in field.chunks()} >= set(seqs):
            return
    raise AssertionError(f"only {[one.sequence for one in field.chunks()]} came back")


def payloads(field):
    return [(one.sequence, one.payload) for one in field.chunks()]


def test_a_chunk_lost_behind_its_acknowledgement_comes_back(field):
    field.hours(30)
    field.hours(2)
    whole = payloads(field)
    assert [seq for seq, _ in whole] == list(range(1, 33))
    assert field.ask() == 0, "nothing is missing"
    field.lose(5, 11, 12)
    assert len(field.chunks()) == 29
    assert field.ask() == 3
    until_back(field, {5, 11, 12})
    assert payloads(field) == whole
    assert field.ask() == 0


def test_a_gateway_that_is_away_gets_the_request_when_it_comes_back(field):
    field.hours(30)
    field.hours(2)
    whole = payloads(field)
    field.lose(7)
    field.agent.close()
    assert field.ask() == 1
    field.agent = field.new_agent()
    until_back(field, {7})
    assert payloads(field) == whole


def test_a_stack_that_was_stopped_forgets_no_request(opened, tmp_path):
    """The request waited on the disk of the stack for a gateway that was away."""
    with opened() as runtime:
        field = Field(runtime, tmp_path)
        field.hours(30)
        field.hours(2)
        whole = payloads(field)
        field.lose(7, 8)
        field.agent.close()
        assert field.ask() == 2
    with opened() as runtime:
        again = Field(runtime, tmp_path)
        until_back(again, {7, 8})
        assert payloads(again) == whole
        again.agent.close()


@pytest.mark.rule("T-26")
def test_what_is_gone_from_the_gateway_is_asked_for_three_times_and_no_more(field):
    """Two days pass, of which each would allow three requests; the gateway is heard after each."""
    field.hours(30)
    field.hours(2)
    field.lose(7)
    field.agent.outbox._db.execute("DELETE FROM chunks WHERE seq = 7")
    asked = []
    for _ in range(10):
        asked.append(field.ask())
        field.hours(4)
    assert asked == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert decode(field.chunks()[-1].payload).health["gone"] == 3
    field.lose(40, 41)
    assert field.ask() == 2, "what is missing now is asked for all the same"
    until_back(field, {40, 41})


@pytest.mark.rule("T-26")
def test_requests_to_a_gateway_that_is_away_give_up_nothing(field):
    """They wait for it together; what is found when it comes back is asked for no more."""
    field.hours(30)
    field.hours(2)
    whole = payloads(field)
    field.lose(7)
    field.agent.close()
    for _ in range(4):
        assert field.ask() == 1
        field.runtime.clock.move_to(field.runtime.clock.now() + 9 * HOUR)
    field.agent = field.new_agent()
    until_back(field, {7})
    assert payloads(field)[: len(whole)] == whole
    assert field.ask() == 0


@pytest.mark.parametrize("name", ["gw-1/chunk", "+", "#", "", "gw 1", "$aws", "a" * 129])
def test_a_name_that_leads_to_another_topic_is_refused(runtime, name):
    with pytest.raises(BrokenInvariant, match="no gateway is named"):
        IotDownlink(boto3.client("iot-data")).command(name, b"{}")


def test_a_data_plane_that_is_away_is_unavailable(runtime, caplog):
    caplog.set_level(logging.CRITICAL)

    def refuse(operation, _parameters):
        raise hook.ServiceError("ServiceUnavailableException", "try later", 503)

    hook.register("iot-data-plane", refuse)
    with pytest.raises(Unavailable, match="sending a command to gateway gw-1"):
        IotDownlink(boto3.client("iot-data")).command("gw-1", b"{}")
