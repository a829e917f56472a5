"""IoT Core's control plane for boto3: the few calls by which people make and end certificates."""

from collections.abc import Mapping
from typing import Any

from cloud.kernel.errors import BadInput, NotFound
from cloud.local.dynamodb.hook import ServiceError
from cloud.local.iot.provisioning import Sign
from cloud.local.iot.registry import ACTIVE, INACTIVE, Registry
from cloud.local.template import ACCOUNT, REGION

_ARN = f"arn:aws:iot:{REGION}:{ACCOUNT}:"


class ControlPlane:
    """Answers boto3's client of the service `iot` (AWS IoT API reference)."""

    def __init__(self, registry: Registry, sign: Sign) -> None:
        """Take the registry, and what signs requests."""
        self._registry, self._sign = registry, sign

    def call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one call.

        Raises:
            ServiceError: Another operation, or what AWS would refuse.
        """
        act = {
            "AttachPolicy": self._attach_policy,
            "CreateCertificateFromCsr": self._create,
            "DescribeCertificate": self._describe_certificate,
            "DescribeThing": self._describe_thing,
            "ListThingPrincipals": self._list_principals,
            "UpdateCertificate": self._update_certificate,
            "UpdateThing": self._update_thing,
        }.get(operation)
        if act is None:
            message = f"IoT {operation} is not supported here"
            raise ServiceError("InvalidRequestException", message)
        try:
            return act(parameters)
        except NotFound as missing:
            raise ServiceError("ResourceNotFoundException", str(missing), 404) from missing
        except BadInput as wrong:
            raise ServiceError("InvalidRequestException", str(wrong)) from wrong

    def _create(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        certificate_id, pem = self._sign(asked["certificateSigningRequest"])
        status = ACTIVE if asked.get("setAsActive") else INACTIVE
        self._registry.add_certificate(certificate_id, pem, status=status)
        return {
            "certificateArn": f"{_ARN}cert/{certificate_id}",
            "certificateId": certificate_id,
            "certificatePem": pem,
        }

    def _attach_policy(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        self._registry.attach_policy(asked["policyName"], asked["target"].rpartition("/")[2])
        return {}

    def _update_certificate(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if asked["newStatus"] not in {ACTIVE, INACTIVE}:
            msg = f"newStatus {asked['newStatus']} is not supported here"
            raise BadInput(msg)
        self._registry.set_status(asked["certificateId"], asked["newStatus"])
        return {}

    def _describe_certificate(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        certificate_id = asked["certificateId"]
        status = self._registry.status(certificate_id)
        if status is None:
            msg = f"certificate {certificate_id} does not exist"
            raise NotFound(msg)
        return {"certificateDescription": {"certificateId": certificate_id, "status": status}}

    def _update_thing(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        name, payload = asked["thingName"], asked.get("attributePayload", {})
        if self._registry.thing(name) is None:
            msg = f"thing {name} does not exist"
            raise NotFound(msg)
        self._registry.keep_thing(
            name, payload.get("attributes", {}), merge=bool(payload.get("merge"))
        )
        return {}

    def _describe_thing(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        name = asked["thingName"]
        attributes = self._registry.thing(name)
        if attributes is None:
            msg = f"thing {name} does not exist"
            raise NotFound(msg)
        return {"thingName": name, "attributes": attributes}

    def _list_principals(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        found = self._registry.principals(asked["thingName"])
        return {"principals": [f"{_ARN}cert/{one}" for one in found]}
