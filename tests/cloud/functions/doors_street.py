"""The street of detection's tests, behind the doors of the stack: nothing is called directly."""

import base64
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from rights import Asked

from cloud.kernel.change import Change, Save
from cloud.local.demo import cast
from cloud.portfolio.models import Site
from cloud.service import process as service
from cloud.service.models import Case, WorkOrder
from cloud.telemetry.ports import StoredChunk
from edge_agent.reading import Event, event_text
from tests.cloud.detection.detection_street import Street, at, next_sweep, running

__all__ = ["BehindDoors", "Street", "at", "behind_doors", "running"]

MOST_AT_ONCE = 100


class BehindDoors(Street):
    """A street whose chunks come in by ingest, and which the template's schedules sweep.

    Attributes:
        world: the stack; its clock is moved from evaluation to evaluation.
        asked: what the functions asked for, where somebody watches them.
        builder_mail: where the partner who built the roofs gets its offers.
    """

    world: Any
    asked: Asked
    builder_mail: str

    def arrive(self, chunks: list[StoredChunk]) -> None:
        """Hand chunks to ingest, as their queue would."""
        for start in range(0, len(chunks), MOST_AT_ONCE):
            some = chunks[start : start + MOST_AT_ONCE]
            answer = self.world.deliver("IngestFunction", *map(arrival_of, some))
            assert answer == {"batchItemFailures": []}

    def live(self, until: datetime) -> None:
        """Let days pass: gateways send, and whatever is due happens."""
        while (following := next_sweep(self.now)) <= until:
            self.now = following
            gathered: list[StoredChunk] = []
            self.gather(gathered, following)
            self.arrive(gathered)
            self.move_to(following)
        self.move_to(until)

    def gather(self, into: list[StoredChunk], until: datetime) -> None:
        """Give what is sent until an instant, all at once."""
        while self._sent + timedelta(hours=2) <= until:
            for home in range(self.homes):
                into += self._chunks_of(home, self._sent)
            self._sent += timedelta(hours=2)

    def move_to(self, instant: datetime) -> None:
        """Move the clock on, and let everything that is due on the way happen in order."""
        runtime = self.world.runtime
        while (due := runtime.next_due()) is not None and due <= instant:
            if due > runtime.clock.now():
                runtime.clock.move_to(due)
            runtime.run_due()
        if instant > runtime.clock.now():
            runtime.clock.move_to(instant)
        runtime.run_due()

    def sent_late(self, home: int, start: datetime) -> list[StoredChunk]:
        """Give the chunk of a window as it comes in now."""
        return [replace(one, received_at=self.world.now) for one in self._chunks_of(home, start)]

    def alarm(
        self,
        home: int,
        column: str,
        after: int,
        *,
        at: datetime,
        before: int = 0,
        came_at: datetime | None = None,
    ) -> Any:
        """Have a gateway tell at once that bits of a device changed, by its own clock."""
        told = Event(int(at.timestamp()), f"SN-{home}", "alarm", before, after, column)
        text = event_text(told, gateway=f"gw-{home}", boot="5f")
        return an_arrival(text.encode(), "event", f"gw-{home}", came_at or at)

    def cases(self, home: int | None = None) -> list[Case]:
        """Give the cases of a home, or of all."""
        homes = range(self.homes) if home is None else [home]
        return [
            stored.record
            for one in homes
            for stored in self.world.records.find(Case, by="site_id", value=f"site-{one}")
        ]

    def orders(self, home: int) -> list[WorkOrder]:
        """Give the work orders of a home."""
        return [
            stored.record
            for case in self.cases(home)
            for stored in self.world.records.find(WorkOrder, by="case_id", value=case.id)
        ]


def an_arrival(payload: bytes, kind: str, gateway: str, received_at: datetime) -> dict[str, Any]:
    """Give a payload as the topic rule hands it on."""
    return {
        "kind": kind,
        "gateway_id": gateway,
        "payload": base64.b64encode(payload).decode(),
        "received_ms": int(received_at.timestamp() * 1000),
    }


def arrival_of(chunk: StoredChunk) -> dict[str, Any]:
    """Give a chunk as the topic rule hands it on."""
    return an_arrival(chunk.payload, "chunk", chunk.gateway_id, chunk.received_at)


def behind_doors(world: Any, **facts: Any) -> BehindDoors:
    """Build a street in a stack, with the partner who built its roofs."""
    street = BehindDoors(records=world.records, **facts)
    street.world, street.builder_mail = world, cast.PARTNERS[0].service_email
    builder = replace(
        cast.PARTNERS[0],
        id="builder",
        states=frozenset({"NC"}),
        latitude=35.7,
        longitude=-78.6,
    )
    world.records.commit(Change(saves=(Save(builder),)))
    service.enlist(world.records, partner_id="builder", at=world.now, by="test")
    assert world.records.load(Site, "site-0") is not None
    return street
