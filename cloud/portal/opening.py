"""Makes what the pages work with, from a function's environment."""

from collections.abc import Mapping

from cloud.adapters import wiring
from cloud.adapters.metrics import Metrics
from cloud.portal.asking import House
from cloud.service.cases import Desks


def house(environment: Mapping[str, str], counted_by: Metrics) -> House:
    """Give everything outside that pages read and change; what they change is counted."""
    return House(
        records=wiring.records(environment, counted_by),
        documents=wiring.documents(environment),
        outside=wiring.uploads(environment),
        desks=Desks(
            coordinator_id=environment["COORDINATOR_ID"],
            support_center=environment["SUPPORT_CENTER_MAIL"],
            aftermarket=environment["OPERATIONS_MAIL"],
        ),
        chunks=wiring.chunks(environment) if "TELEMETRY_TABLE" in environment else None,
        downlink=wiring.downlink() if "TELEMETRY_TABLE" in environment else None,
        signatures=wiring.signatures(environment),
        files_from=environment.get("FILES_FROM", ""),
    )
