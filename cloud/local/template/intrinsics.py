"""CloudFormation's intrinsic functions, as far as the template uses them."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from cloud.kernel.errors import BadInput
from cloud.local.template.stack import ACCOUNT, QUEUE_URL, REGION, Resource

_PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::StackName": "sunreeve-local",
    "AWS::URLSuffix": "amazonaws.com",
}
_ARNS = {
    "AWS::DynamoDB::Table": ("dynamodb", "table/"),
    "AWS::Events::Rule": ("events", "rule/"),
    "AWS::IAM::Role": ("iam", "role/"),
    "AWS::KMS::Key": ("kms", "key/"),
    "AWS::Lambda::Function": ("lambda", "function:"),
    "AWS::S3::Bucket": ("s3", ""),
    "AWS::SQS::Queue": ("sqs", ""),
}
_OTHERS: Mapping[tuple[str, str], str] = {
    ("AWS::ApiGatewayV2::DomainName", "RegionalDomainName"): "127.0.0.1",
    ("AWS::Cognito::UserPool", "ProviderURL"): "{address}/{name}",
    ("AWS::DynamoDB::Table", "StreamArn"): (
        f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{{name}}/stream/local"
    ),
    ("AWS::KMS::Key", "KeyId"): "{name}",
    ("AWS::SQS::Queue", "QueueName"): "{name}",
    ("AWS::SQS::Queue", "QueueUrl"): QUEUE_URL + "{name}",
}
"""Type and attribute -> what it is here, beside the ARNs."""
_NO_VALUE = object()
"""What AWS::NoValue stands for: the property or the part of a list is not there."""


class Resolver:
    """Turns a document's values into plain ones."""

    def __init__(
        self,
        template: str,
        resources: Mapping[str, Resource],
        parameters: Mapping[str, str],
        *,
        address: str,
        conditions: Mapping[str, bool],
    ) -> None:
        """Know what there is to refer to.

        Args:
            template: name of the template's file, for messages.
            resources: as the translator left them.
            parameters: their values.
            address: where the runtime answers HTTP; a user pool's URL begins with it.
            conditions: what each condition of the template comes to.
        """
        self._template = template
        self._resources = resources
        self._parameters = parameters
        self._address = address
        self._conditions = conditions
        self._functions: Mapping[str, Callable[[Any, str], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::If": self._if,
        }

    def resolve(self, value: Any, where: str) -> Any:
        """Give a value without intrinsic functions.

        Args:
            value: any part of the document.
            where: its place, for messages.

        Raises:
            BadInput: a function is not known here, or what it refers to does not exist.
        """
        if isinstance(value, list):
            parts = [self.resolve(part, where) for part in value]
            return [part for part in parts if part is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name in self._functions:
                return self._functions[name](argument, where)
            if name.startswith("Fn::") or name == "Condition":
                self._refuse(f"{where}: the intrinsic function {name} is not known here")
        made = {key: self.resolve(part, f"{where}.{key}") for key, part in value.items()}
        return {key: part for key, part in made.items() if part is not _NO_VALUE}

    def _refuse(self, why: str) -> None:
        msg = f"booting from {self._template}: {why}"
        raise BadInput(msg)

    def _ref(self, name: str, where: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self._parameters:
            return self._parameters[name]
        if name not in self._resources:
            self._refuse(f"{where}: Ref {name} names neither a parameter nor a resource")
        if self._resources[name]["Type"] == "AWS::SQS::Queue":
            return QUEUE_URL + self._queue(name)
        if self._resources[name]["Type"] == "AWS::IoT::Policy":
            return self._iot_policy(name)
        return name

    def _iot_policy(self, name: str) -> str:
        """Give an IoT policy's name, which is its own here as on AWS: certificates are given it."""
        given = self._resources[name].get("Properties", {}).get("PolicyName", name)
        return str(self.resolve(given, name))

    def _queue(self, name: str) -> str:
        """Give a queue's name: its own where it says one, as a FIFO queue must."""
        given = self._resources[name].get("Properties", {}).get("QueueName")
        return str(self.resolve(given, name)) if given is not None else name

    def _get_att(self, argument: Any, where: str) -> str:
        name, _, attribute = (
            argument.partition(".") if isinstance(argument, str) else (argument[0], "", argument[1])
        )
        if name not in self._resources:
            self._refuse(f"{where}: GetAtt {name}.{attribute} names no resource")
        of_type = self._resources[name]["Type"]
        shown = self._queue(name) if of_type == "AWS::SQS::Queue" else name
        if attribute == "Arn" and of_type in _ARNS:
            service, kind = _ARNS[of_type]
            return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}{shown}"
        if (of_type, attribute) == ("AWS::DynamoDB::Table", "StreamArn"):
            properties = self._resources[name].get("Properties", {})
            if "StreamSpecification" not in properties:
                self._refuse(f"{where}: GetAtt {name}.StreamArn: the table has no stream")
        if (of_type, attribute) not in _OTHERS:
            self._refuse(f"{where}: GetAtt {name}.{attribute} is not known here, of a {of_type}")
        return _OTHERS[of_type, attribute].format(name=shown, address=self._address)

    def _sub(self, argument: Any, where: str) -> str:
        text, extra = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])

        def value(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in extra:
                return str(self.resolve(extra[name], where))
            return self._get_att(name, where) if "." in name else str(self._ref(name, where))

        return re.sub(r"\$\{([^}]+)\}", value, text)

    def _join(self, argument: Any, where: str) -> str:
        separator, parts = argument
        return str(separator).join(str(self.resolve(part, where)) for part in parts)

    def _if(self, argument: Any, where: str) -> Any:
        name, then, otherwise = argument
        if name not in self._conditions:
            self._refuse(f"{where}: Fn::If asks for {name}, which is no condition")
        return self.resolve(then if self._conditions[name] else otherwise, where)
