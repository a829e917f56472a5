"""Rights: nothing for everything, nobody unnamed, and no service that works for strangers."""

import re

from infra.rules.stack import ROLE, Stack, listed, plain, substituted

MANAGED = {
    "AWSLambdaBasicExecutionRole": "writes logs",
    "AWSLambdaDynamoDBExecutionRole": "reads streams",
    "AWSLambdaSQSQueueExecutionRole": "takes messages from queues",
    "AWSXrayWriteOnlyAccess": "writes traces, which belong to no resource that could be named",
}
"""What SAM attaches by the sources of a function; rights of our own stand in the template."""
EVERYTHING = {
    "xray:PutTraceSegments": "traces belong to no resource",
    "xray:PutTelemetryRecords": "traces belong to no resource",
    "iot:CreateCertificateFromCsr": "the certificate is not there yet",
}
"""Actions that have no resource, and so must say `*`, after the Service Authorization Reference."""
OF_A_KIND = {
    "thing": "a gateway's name comes with the gateway",
    "cert": "a certificate's id is made by AWS",
}
"""Kinds of things that a right may be for as a whole, since their names are not of the stack."""
_ALL_OF_A_KIND = re.compile(r"arn:.*:(\*|[a-z-]+[:/]\*)")
TRUSTED_BY_FUNCTIONS = "lambda.amazonaws.com"
"""Lambda takes a role from whoever may pass it, and from nobody else; it sends no source."""


def no_action_is_for_everything(stack: Stack) -> list[str]:
    """Every right that is given names its action to the end.

    Source: IAM user guide, "Security best practices in IAM", Apply least-privilege permissions.
    """
    given = [*stack.grants(), *stack.resource_policies()]
    return [
        f"{name}: it may do {action}"
        for name, statement in given
        if statement["Effect"] == "Allow"
        for action in listed(statement.get("Action"))
        if "*" in action
    ]


def no_resource_is_everything(stack: Stack) -> list[str]:
    """Every right names what it is for; a star stands for an id within it, never for all of a kind.

    Source: IAM user guide, "Security best practices in IAM", Apply least-privilege permissions. A
    key's own policy says `*` and means that key: AWS KMS developer guide, "Key policies".
    """
    faults = []
    for name, statement in stack.grants():
        if set(listed(statement.get("Action"))) <= set(EVERYTHING) or statement["Effect"] == "Deny":
            continue
        for resource in listed(statement.get("Resource")):
            text = substituted(resource)
            kind = _ALL_OF_A_KIND.fullmatch(text)
            is_known = statement.get("Condition") or (kind and kind[1].strip(":/*") in OF_A_KIND)
            if text == "*" or (kind and not is_known):
                faults.append(f"{name}: {plain(statement.get('Action'))} is for {text}")
    return faults


def nothing_is_given_by_exclusion(stack: Stack) -> list[str]:
    """No right is all but something: what AWS adds later would be given too.

    Source: IAM user guide, "IAM JSON policy elements: NotAction", and NotResource, NotPrincipal.
    """
    turned = {"NotAction", "NotResource", "NotPrincipal"}
    return [
        f"{name}: a statement has {found}"
        for name, statement in (*stack.grants(), *stack.resource_policies())
        if statement["Effect"] == "Allow"
        for found in sorted(turned & set(statement))
    ]


def managed_policies_are_known(stack: Stack) -> list[str]:
    """Of AWS's own policies a role has those only that SAM attaches for logs, traces and sources.

    Source: AWS SAM developer guide, "AWS::Serverless::Function", Role and Tracing.
    """
    return [
        f"{name}: it has {plain(policy)}"
        for name, role in stack.of(ROLE).items()
        for policy in role.get("ManagedPolicyArns", [])
        if plain(policy).strip('"').rpartition("/")[2].rstrip('"}') not in MANAGED
    ]


def nobody_unnamed_may_anything(stack: Stack) -> list[str]:
    """No policy lets everybody do something; to deny everybody is another thing.

    Source: IAM user guide, "AWS JSON policy elements: Principal".
    """
    given = list(stack.resource_policies())
    for name, role in stack.of(ROLE).items():
        trust = role.get("AssumeRolePolicyDocument", {})
        given += [(name, statement) for statement in listed(trust.get("Statement"))]
    return [
        f"{name}: {plain(statement.get('Action'))} is allowed to everybody"
        for name, statement in given
        if statement["Effect"] == "Allow" and '"*"' in plain([statement.get("Principal")])
    ]


def services_work_for_this_account_only(stack: Stack) -> list[str]:
    """A service may use a role or a resource of ours for this account's things only.

    Source: IAM user guide, "The confused deputy problem", Cross-service confused deputy prevention.
    """
    given = [
        (name, statement)
        for name, role in stack.of(ROLE).items()
        for statement in listed(role.get("AssumeRolePolicyDocument", {}).get("Statement"))
    ]
    faults = []
    for name, statement in (*given, *stack.resource_policies()):
        principal = statement.get("Principal")
        services = listed(principal.get("Service")) if isinstance(principal, dict) else []
        if statement["Effect"] != "Allow" or not services or services == [TRUSTED_BY_FUNCTIONS]:
            continue
        keys = {key.lower() for part in statement.get("Condition", {}).values() for key in part}
        if not keys & {"aws:sourceaccount", "aws:sourcearn"}:
            faults.append(f"{name}: {services} is not held to this account")
    return faults


def callers_of_functions_are_named(stack: Stack) -> list[str]:
    """A permission to call a function says by which resource.

    Source: AWS Lambda developer guide, "Granting Lambda function access to AWS services".
    """
    return [
        f"{name}: {permission.get('Principal')} may call with any resource of anybody"
        for name, permission in stack.of("AWS::Lambda::Permission").items()
        if not ({"SourceArn", "SourceAccount"} & set(permission))
    ]


def what_is_sealed_is_opened_for_a_purpose(stack: Stack) -> list[str]:
    """Who may open or make sealed values may do so for their purpose only.

    Source: AWS KMS developer guide, "kms:EncryptionContext:context-key".
    """
    sealing = {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"}
    return [
        f"{name}: {plain(statement['Action'])} is bound to no encryption context"
        for name, statement in stack.grants()
        if sealing & set(listed(statement.get("Action")))
        and "kms:EncryptionContext:" not in plain(statement.get("Condition", {}))
    ]


RULES = (
    no_action_is_for_everything,
    no_resource_is_everything,
    nothing_is_given_by_exclusion,
    managed_policies_are_known,
    nobody_unnamed_may_anything,
    services_work_for_this_account_only,
    callers_of_functions_are_named,
    what_is_sealed_is_opened_for_a_purpose,
)
