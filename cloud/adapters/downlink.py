"""Commands to gateways, through the data plane of AWS IoT Core."""

from typing import Any

from cloud.adapters.outside import reaching
from cloud.kernel.errors import BrokenInvariant
from cloud.telemetry.chunk import GATEWAY_NAME


class IotDownlink:
    """Publishes each command on the topic of its gateway alone."""

    def __init__(self, client: Any) -> None:
        """Take boto3's client of the service `iot-data`."""
        self._client = client

    def command(self, gateway_id: str, payload: bytes) -> None:
        """See `Downlink.command`; at QoS 1 the broker keeps it for a gateway that is away.

        Raises:
            BrokenInvariant: the name is no thing's, and would be part of another topic.
            Unavailable: IoT Core did not take it.
        """
        if not GATEWAY_NAME.fullmatch(gateway_id):
            msg = f"sending a command to {gateway_id!r}: no gateway is named like that"
            raise BrokenInvariant(msg)
        with reaching(f"sending a command to gateway {gateway_id}"):
            self._client.publish(topic=f"sunreeve/{gateway_id}/command", qos=1, payload=payload)
