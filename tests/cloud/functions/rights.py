"""What functions asked of AWS while a stack ran, beside what the template allows each of them.

The local stack asks nobody for permission: here it is looked at afterwards.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from cloud.local.dynamodb import hook
from cloud.local.runtime import Runtime
from cloud.local.template import translate

_IN_TRANSACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
"""A transaction needs the right of each of its items (DynamoDB developer guide, transactions)."""


@dataclass
class Asked:
    """What was asked: function, action and the thing that it was done to.

    Attributes:
        who: the function that runs now.
    """

    done: set[tuple[str, str, str]] = field(default_factory=set)
    who: str = ""

    def note(self, action: str, thing: str) -> None:
        """Note what the running function does; what a test does itself is left out."""
        if self.who:
            self.done.add((self.who, action, thing))


class _Functions:
    """The functions of a runtime, which tell who is running."""

    def __init__(self, functions: Any, asked: Asked) -> None:
        self._functions, self._asked = functions, asked

    def invoke(self, name: str, event: Any) -> Any:
        before, self._asked.who = self._asked.who, name
        try:
            return self._functions.invoke(name, event)
        finally:
            self._asked.who = before

    def __getattr__(self, name: str) -> Any:
        return getattr(self._functions, name)


class _Engine:
    """The tables, which tell what is asked of them."""

    def __init__(self, engine: Any, asked: Asked) -> None:
        self._engine, self._asked = engine, asked

    def call(self, operation: str, request: Mapping[str, Any]) -> Any:
        for action, thing in _of_tables(operation, request):
            self._asked.note(f"dynamodb:{action}", thing)
        return self._engine.call(operation, request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def _of_tables(operation: str, request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if operation == "TransactWriteItems":
        for item in request["TransactItems"]:
            for kind, one in item.items():
                yield _IN_TRANSACTIONS[kind], one["TableName"]
    elif operation in {"BatchGetItem", "BatchWriteItem"}:
        for table in request["RequestItems"]:
            yield operation, table
    elif "IndexName" in request:
        yield operation, f"{request['TableName']}/index/{request['IndexName']}"
    else:
        yield operation, request["TableName"]


def watched(runtime: Runtime) -> Asked:
    """Note from now on what the functions of a runtime ask for."""
    asked = Asked()
    runtime.functions = _Functions(runtime.functions, asked)
    hook.install(_Engine(runtime.engine, asked))

    def s3(operation: str, parameters: Mapping[str, Any]) -> Any:
        action = {"HeadObject": "GetObject"}.get(operation, operation)
        asked.note(f"s3:{action}", f"{parameters['Bucket']}/{parameters.get('Key', '')}")
        return runtime.buckets.call(operation, parameters)

    hook.register("s3", s3)
    return asked


def not_allowed(asked: Asked, template: bytes) -> list[tuple[str, str, str]]:
    """Give what was done of tables and buckets that the function's role does not allow."""
    resources = translate(template, name="template.yaml")["Resources"]
    rights = {
        name: list(_rights(resources[_name(part["Properties"]["Role"])]))
        for name, part in resources.items()
        if part["Type"] == "AWS::Lambda::Function"
    }
    return sorted(
        (who, action, thing)
        for who, action, thing in asked.done
        if not any(action == one and fnmatchcase(thing, where) for one, where in rights[who])
    )


def _rights(role: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for policy in role["Properties"].get("Policies", ()):
        for statement in policy["PolicyDocument"]["Statement"]:
            actions, things = statement["Action"], statement["Resource"]
            for action in actions if isinstance(actions, list) else [actions]:
                for thing in things if isinstance(things, list) else [things]:
                    yield action, _pattern(thing)


def _pattern(resource: Any) -> str:
    """Give a resource as the name that it has here: ``${Table.Arn}/index/*`` is Table/index/*."""
    if "Fn::Sub" in resource:
        text = resource["Fn::Sub"]
        return str(text).replace("${", "").replace(".Arn}", "")
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    return json.dumps(resource)


def _name(value: Any) -> str:
    return str(value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0])
