"""Fleet provisioning over MQTT: a request becomes a certificate, a certificate becomes a thing.

After "Device provisioning MQTT API", "Provisioning templates" and "Pre-provisioning hooks", AWS IoT
Core developer guide. Of the two formats JSON is spoken here, of the topics those for a device's own
key (`create-from-csr`); of a template's body what ours use, and anything else is refused at boot.
"""

import json
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cloud.kernel.errors import BadInput, SunreeveError
from cloud.local.iot.registry import ACTIVE, INACTIVE, Registry
from cloud.local.template import ACCOUNT, REGION

CREATE = "$aws/certificates/create-from-csr/json"
_PROVISION = re.compile(r"\$aws/provisioning-templates/([0-9A-Za-z_-]{1,36})/provision/json")
_ANSWERS = ("/accepted", "/rejected")
_THING_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
PENDING = "PENDING_ACTIVATION"
"""What a certificate is between its signature and a yes."""

Sign = Callable[[str], tuple[str, str]]
"""Makes a certificate of a request; gives its id and its text, or raises BadInput."""
Invoke = Callable[[str, Any], Any]

logger = logging.getLogger(__name__)


class _RejectedError(Exception):
    """What a device asked for is refused; it is told the code and a sentence, and no more."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True)
class ProvisioningTemplate:
    """A template that is understood.

    Attributes:
        name: in the topic, and in the ARN that the hook is told.
        hook: the function that says yes or no.
        parameters: name -> default, None where there is none.
        thing_name: the parameter that names the thing.
        attributes: of the thing: a text, or the parameter that it is taken from (`{"Ref": ..}`).
        policy: name of the policy that the certificate gets.
    """

    name: str
    hook: str
    parameters: Mapping[str, str | None]
    thing_name: str
    attributes: Mapping[str, Any]
    policy: str

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> "ProvisioningTemplate":
        """Read the properties of an `AWS::IoT::ProvisioningTemplate`.

        Raises:
            BadInput: Something in it is not known here; the message names the template.
        """
        name = str(properties.get("TemplateName"))
        try:
            hook = properties["PreProvisioningHook"]
            _must_be("PayloadVersion", hook["PayloadVersion"], "2020-04-01")
            _must_be("TemplateType", properties["TemplateType"], "FLEET_PROVISIONING")
            _must_be("Enabled", str(properties["Enabled"]).lower(), "true")
            parameters, thing, policy = _read_body(json.loads(properties["TemplateBody"]))
            return cls(
                name=name,
                hook=str(hook["TargetArn"]).rpartition(":")[2],
                parameters=parameters,
                thing_name=thing["ThingName"]["Ref"],
                attributes=thing.get("AttributePayload", {}),
                policy=policy,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as wrong:
            msg = f"provisioning template {name} is not understood here: {wrong!r}"
            raise BadInput(msg) from wrong


def _read_body(
    body: Mapping[str, Any],
) -> tuple[dict[str, str | None], Mapping[str, Any], str]:
    """Give parameters, properties of the thing, and the policy of a template's body."""
    _only(body, {"Parameters", "Resources"})
    parameters = {}
    for name, one in body["Parameters"].items():
        _only(one, {"Type", "Default"})
        parameters[name] = one.get("Default")
    found = {one["Type"]: one for one in body["Resources"].values()}
    thing, certificate, policy = (
        found.pop(f"AWS::IoT::{kind}") for kind in ("Thing", "Certificate", "Policy")
    )
    _only(found, set())
    _only(thing, {"Type", "Properties", "OverrideSettings"})
    _only(thing["Properties"], {"ThingName", "AttributePayload"})
    if thing.get("OverrideSettings") != {"AttributePayload": "REPLACE"}:
        raise ValueError("OverrideSettings of the thing are not AttributePayload REPLACE")
    if certificate["Properties"] != {
        "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
        "Status": "Active",
    }:
        raise ValueError("the certificate is not the new one, made active")
    _only(policy["Properties"], {"PolicyName"})
    return parameters, thing["Properties"], policy["Properties"]["PolicyName"]


def _must_be(name: str, value: object, wanted: str) -> None:
    if value != wanted:
        msg = f"{name} is not {wanted}"
        raise ValueError(msg)


def _only(part: Mapping[str, Any], known: set[str]) -> None:
    if set(part) - known:
        msg = f"{sorted(set(part) - known)} is not known"
        raise ValueError(msg)


class Provisioning:
    """Answers the reserved topics on which devices ask for certificates."""

    def __init__(
        self, registry: Registry, templates: Mapping[str, ProvisioningTemplate], *,
        sign: Sign, invoke: Invoke,
    ) -> None:  # fmt: skip
        self._registry, self._templates = registry, templates
        self._sign, self._invoke = sign, invoke

    def takes(self, topic: str) -> bool:
        """Tell whether a device may publish to a reserved topic, its policy permitting."""
        found = _PROVISION.fullmatch(topic)
        return topic == CREATE or (found is not None and found[1] in self._templates)

    def hears(self, topic_filter: str) -> bool:
        """Tell whether a device may subscribe to a reserved topic, its policy permitting."""
        return topic_filter.endswith(_ANSWERS) and self.takes(topic_filter[: -len(_ANSWERS[0])])

    def answer(
        self, topic: str, payload: bytes, *, certificate_id: str, client_id: str
    ) -> tuple[str, bytes]:
        """Give topic and payload of the answer, which goes to who asked and to nobody else."""
        try:
            request = _object(payload)
            if topic == CREATE:
                answer = self._create(request)
            else:
                name = topic.split("/")[2]
                answer = self._provision(
                    self._templates[name], request, claim=certificate_id, client_id=client_id
                )
        except _RejectedError as no:
            logger.warning("%s: %s rejected: %s", client_id, topic, no)
            told = {"statusCode": no.status, "errorCode": no.code, "errorMessage": no.message}
            return f"{topic}/rejected", json.dumps(told).encode()
        return f"{topic}/accepted", json.dumps(answer).encode()

    def _create(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Sign a request; the certificate does nothing until the template made a thing of it."""
        wanted = request.get("certificateSigningRequest")
        try:
            certificate_id, pem = self._sign(wanted if isinstance(wanted, str) else "")
        except BadInput as wrong:
            raise _RejectedError(400, "InvalidCertificateSigningRequest", str(wrong)) from wrong
        token = secrets.token_hex(32)
        self._registry.add_certificate(certificate_id, pem, status=PENDING, ownership_token=token)
        return {
            "certificateId": certificate_id,
            "certificatePem": pem,
            "certificateOwnershipToken": token,
        }

    def _provision(
        self, template: ProvisioningTemplate, request: Mapping[str, Any], *,
        claim: str, client_id: str,
    ) -> dict[str, Any]:  # fmt: skip
        owned = self._registry.owned(str(request.get("certificateOwnershipToken", "")))
        if owned is None:
            raise _RejectedError(400, "InvalidCertificateOwnershipToken", "no such token")
        certificate_id, pem = owned
        if self._registry.status(certificate_id) == INACTIVE:
            raise _RejectedError(400, "InvalidCertificateOwnershipToken", "it was made inactive")
        parameters = self._parameters(template, request)
        event = {
            "claimCertificateId": claim,
            "certificateId": certificate_id,
            "certificatePem": pem,
            "templateArn": f"arn:aws:iot:{REGION}:{ACCOUNT}:provisioningtemplate/{template.name}",
            "clientId": client_id,
            "parameters": parameters,
        }
        answer = self._invoke(template.hook, event)
        if not isinstance(answer, Mapping) or answer.get("allowProvisioning") is not True:
            raise _RejectedError(403, "AccessDenied", "Access denied by the pre-provisioning hook")
        parameters |= answer.get("parameterOverrides", {})
        return self._make(template, certificate_id, parameters)

    def _parameters(
        self, template: ProvisioningTemplate, request: Mapping[str, Any]
    ) -> dict[str, str]:
        given = request.get("parameters", {})
        if not isinstance(given, dict) or not all(
            isinstance(value, str) for value in given.values()
        ):
            raise _RejectedError(400, "InvalidParameters", "parameters are texts by name")
        own = {name for name in template.parameters if not name.startswith("AWS::")}
        if set(given) - own:
            raise _RejectedError(400, "InvalidParameters", "a parameter is not in the template")
        defaults = {name: text for name, text in template.parameters.items() if text is not None}
        return defaults | given

    def _make(
        self, template: ProvisioningTemplate, certificate_id: str, parameters: Mapping[str, str]
    ) -> dict[str, Any]:
        """Apply the body: thing, active certificate, policy; a second time changes nothing."""
        try:
            thing = parameters[template.thing_name]
            attributes = {
                name: value if isinstance(value, str) else parameters[value["Ref"]]
                for name, value in template.attributes.items()
            }
        except KeyError as missing:
            raise _RejectedError(400, "InvalidParameters", f"{missing} is missing") from missing
        if not _THING_NAME.fullmatch(thing):
            raise _RejectedError(400, "InvalidParameters", "no thing can be called so")
        try:
            self._registry.keep_thing(thing, attributes)
            self._registry.attach_thing(thing, certificate_id)
            self._registry.attach_policy(template.policy, certificate_id)
            self._registry.set_status(certificate_id, ACTIVE)
        except SunreeveError as failed:
            raise _RejectedError(500, "InternalFailure", "the thing was not made") from failed
        return {"deviceConfiguration": {}, "thingName": thing}


def _object(payload: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(payload.decode())
    except (ValueError, RecursionError) as wrong:
        raise _RejectedError(400, "InvalidPayload", "the payload is not JSON") from wrong
    if not isinstance(found, dict):
        raise _RejectedError(400, "InvalidPayload", "the payload is no object")
    return found
