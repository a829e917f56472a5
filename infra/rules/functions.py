"""Functions: what they run as, what they are told, how long they may take, where they write."""

import re

from infra.rules.stack import FUNCTION, QUEUE, ROLE, SCHEDULE, Stack, listed, named, names_in, plain

OF_EVERY_FUNCTION = frozenset({"STAGE", "POWERTOOLS_SERVICE_NAME"})
"""Variables for the logs, which no handler reads by itself."""
OPTIONAL = frozenset(
    {
        # Of the records: which tables are in reach, and whether secrets can be opened or sealed.
        "SITES_TABLE", "MONEY_TABLE", "SECRETS_KEY", "SEALING_KEY",
        # Of the pages: whether readings are in reach, and the pool's stand-in without AWS.
        "TELEMETRY_TABLE", "SIGN_IN_ENDPOINT",
    }
)  # fmt: skip
"""What a module reads when it is there, and does without when it is not."""
UNREAD = frozenset({"DOCUMENTS_BUCKET"})
"""What may be given without being read: for the rights that go with it."""
API_TIMEOUT_S = 30
"""What an HTTP API waits for a function at most."""
_SECRET = re.compile(r"SECRET$|PASSWORD|PRIVATE|API_KEY$|ACCESS_KEY$|CREDENTIAL")
_LOOKS_SECRET = re.compile(r"AKIA[A-Z0-9]{16}|-----BEGIN|\{\{resolve:(secretsmanager|ssm-secure)")


def function_has_a_role_of_its_own(stack: Stack) -> list[str]:
    """No two functions share a role, and each role is of this stack.

    Source: AWS Lambda developer guide, "Defining Lambda function permissions with an execution
    role".
    """
    faults, seen = [], dict[str, str]()
    for name in stack.of(FUNCTION):
        role = stack.role_of(name)
        if role not in stack.of(ROLE):
            faults.append(f"{name}: its role is none of this stack")
        elif role in seen:
            faults.append(f"{name}: it shares the role of {seen[role]}")
        seen[role] = name
    return faults


def function_is_traced(stack: Stack) -> list[str]:
    """Every function is traced; HTTP APIs cannot be, so functions begin the trace.

    Source: AWS Lambda developer guide, "Visualize Lambda function invocations using AWS X-Ray".
    """
    return [
        f"{name}: TracingConfig is not Active"
        for name, function in stack.of(FUNCTION).items()
        if function.get("TracingConfig", {}).get("Mode") != "Active"
    ]


def function_runs_on_arm(stack: Stack) -> list[str]:
    """Every function runs on the cheaper processor, for which the layer's wheels were chosen.

    Source: AWS Lambda developer guide, "Selecting and configuring an instruction set architecture".
    """
    return [
        f"{name}: Architectures is not [arm64]"
        for name, function in stack.of(FUNCTION).items()
        if function.get("Architectures") != ["arm64"]
    ]


def logs_end(stack: Stack) -> list[str]:
    """A function writes JSON into a log group of this stack, and every group forgets.

    Source: AWS Lambda developer guide, "Configuring CloudWatch log groups": a group that Lambda
    makes by itself keeps everything for ever, and outlives the stack.
    """
    groups = stack.of("AWS::Logs::LogGroup")
    faults = [
        f"{name}: RetentionInDays is not set"
        for name, group in groups.items()
        if "RetentionInDays" not in group
    ]
    for name, function in stack.of(FUNCTION).items():
        config = function.get("LoggingConfig", {})
        if named(config.get("LogGroup")) not in groups:
            faults.append(f"{name}: LoggingConfig names no log group of this stack")
        if config.get("LogFormat") != "JSON":
            faults.append(f"{name}: LogFormat is not JSON")
    return faults


def answers_come_in_time(stack: Stack) -> list[str]:
    """A function that answers requests ends before the API stops waiting for it.

    Source: Amazon API Gateway developer guide, "Quotas for configuring and running an HTTP API".
    """
    behind = {
        name
        for api in stack.of("AWS::ApiGatewayV2::Api").values()
        for name in names_in(api.get("Body"))
    }
    return [
        f"{name}: Timeout {function.get('Timeout')} is not below {API_TIMEOUT_S}"
        for name, function in stack.of(FUNCTION).items()
        if name in behind and int(function.get("Timeout", 3)) >= API_TIMEOUT_S
    ]


def no_secret_stands_in_the_environment(stack: Stack) -> list[str]:
    """A function is told where a secret lies, never the secret.

    Source: AWS Lambda developer guide, "Working with Lambda environment variables": whoever may see
    a function's configuration reads them, and so does whoever gets a copy of the template.
    """
    hidden = {
        name for name, one in stack.document.get("Parameters", {}).items() if one.get("NoEcho")
    }
    faults = []
    for name, function in stack.of(FUNCTION).items():
        for variable, value in function.get("Environment", {}).get("Variables", {}).items():
            is_literal = isinstance(value, str) and value
            if (_SECRET.search(variable) and is_literal) or _LOOKS_SECRET.search(plain(value)):
                faults.append(f"{name}: {variable} holds a secret")
            if names_in(value) & hidden:
                faults.append(f"{name}: {variable} holds a parameter that must not be shown")
    return faults


def environment_is_what_the_code_reads(stack: Stack) -> list[str]:
    """A function is given each variable that its modules read, and none that nobody reads.

    Source: AWS Lambda developer guide, "Working with Lambda environment variables". One that lacks
    is found by the first call on AWS otherwise.
    """
    faults = []
    for name, function in stack.of(FUNCTION).items():
        read = stack.code.reads(str(function.get("Handler")))
        if read is None:
            continue
        given = set(function.get("Environment", {}).get("Variables", {})) - OF_EVERY_FUNCTION
        lacking = set(read) - OPTIONAL - OF_EVERY_FUNCTION - given
        faults += [f"{name}: its module reads {one}, which it is not given" for one in lacking]
        unread = given - set(read) - UNREAD
        faults += [f"{name}: it is given {one}, which nobody reads" for one in unread]
    return faults


def handler_is_there(stack: Stack) -> list[str]:
    """Each Handler names a function of two arguments of ours, and each of ours is deployed.

    Source: AWS Lambda developer guide, "Define Lambda function handler in Python".
    """
    handlers = {name: str(f.get("Handler")) for name, f in stack.of(FUNCTION).items()}
    faults = [
        f"{name}: there is no handler {handler}"
        for name, handler in handlers.items()
        if stack.code.reads(handler) is None
    ]
    deployed = {(*handler.split("."), "", "")[2] for handler in handlers.values()}
    return faults + [
        f"{folder}: no function of the template runs it"
        for folder in sorted(set(stack.code.folders) - deployed)
    ]


def rights_reach_what_is_given(stack: Stack) -> list[str]:
    """A function may do something with each table, bucket, key and pool that it is given.

    Source: AWS Lambda developer guide, "Defining Lambda function permissions with an execution
    role".
    """
    faults = []
    for name, function in stack.of(FUNCTION).items():
        role = stack.of(ROLE).get(stack.role_of(name), {})
        reached = names_in(role.get("Policies", []))
        for variable, value in function.get("Environment", {}).get("Variables", {}).items():
            if variable.endswith(("_TABLE", "_BUCKET", "_KEY")) and named(value) not in reached:
                faults.append(f"{name}: it is given {variable}, and may do nothing with it")
    return faults


def failed_calls_are_kept(stack: Stack) -> list[str]:
    """A call that nobody waits for ends in a queue when it failed for good.

    Source: AWS Lambda developer guide, "Capturing records of Lambda asynchronous invocations". What
    is called every minute is the exception: the next minute does what this one could not, and the
    alarm on late clocks tells.
    """
    expressions = dict[str, set[str]]()
    for schedule in stack.of(SCHEDULE).values():
        function = named(schedule["Target"]["Arn"])
        expressions.setdefault(function, set()).add(schedule["ScheduleExpression"])
    for rule in stack.of("AWS::Events::Rule").values():
        for target in listed(rule.get("Targets")):
            if (called := named(target.get("Arn"))) in stack.of(FUNCTION):
                expressions.setdefault(called, set()).add("event")
    configs = {
        named(config["FunctionName"]): config
        for config in stack.of("AWS::Lambda::EventInvokeConfig").values()
    }
    faults = []
    for function, when in expressions.items():
        if when == {"rate(1 minute)"}:
            continue
        end = configs.get(function, {}).get("DestinationConfig", {}).get("OnFailure", {})
        if named(end.get("Destination")) not in stack.of(QUEUE):
            faults.append(f"{function}: EventInvokeConfig names no queue for failed calls")
    return faults


def who_tells_of_failures_may(stack: Stack) -> list[str]:
    """The role of a function may write to the queue that its failed calls and batches go to.

    Source: AWS Lambda developer guide, "Capturing records of Lambda asynchronous invocations":
    the record is written with the function's own rights, and is lost without them.
    """
    faults = []
    configs = [*stack.of("AWS::Lambda::EventInvokeConfig").items(), *stack.streams.items()]
    for name, config in configs:
        end = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        role = stack.role_of(named(config["FunctionName"]))
        if end is not None and not stack.may(role, "sqs:SendMessage", named(end)):
            faults.append(f"{name}: {role} may not send to {named(end)}")
    return faults


RULES = (
    function_has_a_role_of_its_own,
    function_is_traced,
    function_runs_on_arm,
    logs_end,
    answers_come_in_time,
    no_secret_stands_in_the_environment,
    environment_is_what_the_code_reads,
    handler_is_there,
    rights_reach_what_is_given,
    failed_calls_are_kept,
    who_tells_of_failures_may,
)
