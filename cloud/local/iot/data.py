"""IoT Core's data plane for boto3: a message down to the devices that subscribed to its topic."""

from collections.abc import Callable, Mapping
from typing import Any

from cloud.kernel.errors import BadInput, Unavailable
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.mqtt.message import MAX_PAYLOAD_BYTES
from cloud.local.mqtt.topics import fault_of_topic, has_wildcard

_KNOWN = {"topic", "payload", "qos", "retain"}


class DataPlane:
    """Answers Publish ("Publish", AWS IoT data plane API reference).

    The topic rules do not see what is published here, and so Basic Ingest is refused; retained
    messages can be published, but not asked for.
    """

    def __init__(self, listener_publish: Callable[..., None]) -> None:
        """Take the listener's `publish`, called with topic, payload, qos and `retain=`."""
        self._publish = listener_publish

    def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call of boto3's iot-data client; at QoS 1 the message is on disk then.

        Raises:
            ServiceError: Another operation, or a message that IoT Core would not take.
        """
        if operation != "Publish":
            message = f"IoT data plane {operation} is not supported here"
            raise ServiceError("MethodNotAllowedException", message, 405)
        if unknown := sorted(set(parameters) - _KNOWN):
            raise _invalid(f"{unknown[0]} needs MQTT 5; the devices here speak MQTT 3.1.1")
        topic, qos = parameters.get("topic") or "", parameters.get("qos", 0)
        payload = _bytes(parameters.get("payload"))
        fault = fault_of_topic(topic)
        if not topic or fault or topic.startswith("$") or has_wildcard(topic) or "\x00" in topic:
            raise _invalid(f"topic {topic!r}: {fault or 'it is no topic to publish to'}")
        if qos not in (0, 1):
            raise _invalid(f"qos {qos} is neither 0 nor 1")
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise _invalid(f"the payload has {len(payload)} bytes; {MAX_PAYLOAD_BYTES} are allowed")
        try:
            self._publish(topic, payload, qos, retain=bool(parameters.get("retain", False)))
        except BadInput as refused:
            raise _invalid(str(refused)) from refused
        except Unavailable as away:
            raise ServiceError("ServiceUnavailableException", str(away), 503) from away
        return {}


def _bytes(payload: Any) -> bytes:
    """Read a payload as boto3 takes one: text, bytes or a file."""
    if payload is None:
        return b""
    content = payload.read() if hasattr(payload, "read") else payload
    return content.encode() if isinstance(content, str) else bytes(content)


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidRequestException", message)
