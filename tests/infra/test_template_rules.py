"""What must hold of the template as AWS gets it: rights, retries, names that agree with code."""

import ast
import importlib.util
import json
import re
from datetime import date
from pathlib import Path

import pytest

import cloud
from cloud.adapters.wiring import TOPICS
from cloud.local.template import load, translate
from cloud.portfolio.policy import SERVED_OFFSETS

ROOT = Path(cloud.__file__).parents[1]
TEMPLATE = ROOT / "template.yaml"
DOCUMENT = translate(TEMPLATE.read_bytes(), name="template.yaml")
RESOURCES = DOCUMENT["Resources"]
OURS = {"STAGE", "POWERTOOLS_SERVICE_NAME"}
"""Variables that every function has, for its logs."""


def of(kind: str) -> dict[str, dict]:
    return {
        name: part.get("Properties", {}) for name, part in RESOURCES.items() if part["Type"] == kind
    }


FUNCTIONS = of("AWS::Lambda::Function")
QUEUES = of("AWS::SQS::Queue")
MAPPINGS = of("AWS::Lambda::EventSourceMapping")
STREAMS = {n: m for n, m in MAPPINGS.items() if m["EventSourceArn"]["Fn::GetAtt"][1] == "StreamArn"}


def target(value) -> str:
    """Give the logical name that a Ref or GetAtt leads to."""
    return value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]


def statements():
    for name, role in of("AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement
    for name, policy in of("AWS::IoT::Policy").items():
        for statement in policy["PolicyDocument"]["Statement"]:
            yield name, statement


def listed(value):
    return value if isinstance(value, list) else [value]


def test_every_function_has_a_role_of_its_own():
    roles = [target(function["Role"]) for function in FUNCTIONS.values()]
    assert len(set(roles)) == len(roles)
    assert set(roles) <= set(of("AWS::IAM::Role"))


def test_no_right_is_for_everything():
    for name, statement in statements():
        for right in listed(statement["Action"]):
            assert "*" not in right, name
        for resource in listed(statement["Resource"]):
            text = json.dumps(resource)
            assert resource != "*", name
            assert not re.search(r':\*"', text), (name, text)


def test_managed_policies_only_write_logs_and_take_from_queues_and_streams():
    known = (
        "AWSLambdaBasicExecutionRole",
        "AWSLambdaDynamoDBExecutionRole",
        "AWSLambdaSQSQueueExecutionRole",
    )
    for name, role in of("AWS::IAM::Role").items():
        for policy in role.get("ManagedPolicyArns", []):
            assert json.dumps(policy).strip('"').endswith(known), (name, policy)


def test_who_tells_of_failures_may_write_to_their_queue():
    found = 0
    for config in of("AWS::Lambda::EventInvokeConfig").values():
        to = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if to is None:
            continue
        found += 1
        role = target(FUNCTIONS[target(config["FunctionName"])]["Role"])
        allowed = [
            statement
            for name, statement in statements()
            if name == role and "sqs:SendMessage" in listed(statement["Action"])
        ]
        assert any(to in listed(statement["Resource"]) for statement in allowed), role
    assert found == 3


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_fails_stops_nobody_for_long_and_a_sweep_stands_behind_it(name):
    mapping = STREAMS[name]
    assert 0 <= mapping["MaximumRetryAttempts"] <= 10
    assert mapping["FilterCriteria"]["Filters"]
    table = RESOURCES[target(mapping["EventSourceArn"])]
    assert "StreamSpecification" in table["Properties"]
    function = target(mapping["FunctionName"])
    minutes = [s for s in of("AWS::Scheduler::Schedule").values() if function in str(s["Target"])]
    assert [one["ScheduleExpression"] for one in minutes] == ["rate(1 minute)"]


@pytest.mark.parametrize("name", sorted(set(MAPPINGS) - set(STREAMS)))
def test_a_source_waits_long_enough_and_buries_its_dead(name):
    mapping = MAPPINGS[name]
    queue = QUEUES[target(mapping["EventSourceArn"])]
    function = FUNCTIONS[target(mapping["FunctionName"])]
    window = mapping.get("MaximumBatchingWindowInSeconds", 0)
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert queue["VisibilityTimeout"] >= function["Timeout"] + window
    assert target(queue["RedrivePolicy"]["deadLetterTargetArn"]) in QUEUES
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] <= 10 or window > 0


def test_the_dead_are_kept_the_longest_and_read_by_nobody():
    dead = {
        target(queue["RedrivePolicy"]["deadLetterTargetArn"])
        for queue in QUEUES.values()
        if "RedrivePolicy" in queue
    }
    assert dead
    for name in dead:
        assert QUEUES[name]["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert dead.isdisjoint(target(mapping["EventSourceArn"]) for mapping in MAPPINGS.values())


@pytest.mark.parametrize("name", of("AWS::IoT::TopicRule"))
def test_a_topic_rule_says_what_becomes_of_what_it_cannot_send(name):
    payload = of("AWS::IoT::TopicRule")[name]["TopicRulePayload"]
    assert target(payload["ErrorAction"]["Sqs"]["QueueUrl"]) in QUEUES


@pytest.mark.parametrize("kind", ["AWS::DynamoDB::Table", "AWS::S3::Bucket"])
def test_what_is_kept_outlives_the_stack_and_is_encrypted(kind):
    for name, properties in of(kind).items():
        assert {"SSESpecification", "BucketEncryption"} & set(properties), name
        if name != "IdempotencyTable":
            assert RESOURCES[name]["DeletionPolicy"] == "Retain"
            assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


# ---------------------------------------------------------------------- agreement with the code
def module_of(function) -> Path:
    found = importlib.util.find_spec(function["Handler"].rpartition(".")[0])
    assert found is not None
    assert found.origin is not None
    return Path(found.origin)


def wired(module: str, name: str) -> set[str]:
    """Give the variables that a function of the wiring reads, and those that it calls read."""
    tree = ast.parse((ROOT / f"cloud/adapters/{module}.py").read_text())
    made = {part.name: part for part in tree.body if isinstance(part, ast.FunctionDef)}
    found = set()
    for node in ast.walk(made[name]):
        if isinstance(node, ast.Constant) and re.fullmatch(r"[A-Z]+(_[A-Z]+)+", str(node.value)):
            found.add(str(node.value))
        if isinstance(node, ast.Name) and node.id == "TOPICS":
            found |= set(TOPICS.values())
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in made:
            found |= wired(module, node.func.id)
    return found


def read_by(path: Path) -> set[str]:
    """Give the variables that a handler and the modules beside it read when they are imported."""
    found = set()
    trees = [ast.parse(one.read_text()) for one in sorted(path.parent.glob("*.py"))]
    if "from cloud.portal.opening import house" in path.read_text():  # what both doors' pages read
        trees.append(ast.parse((ROOT / "cloud/portal/opening.py").read_text()))
    for node in (node for tree in trees for node in ast.walk(tree)):
        text = ast.unparse(node)
        if isinstance(node, ast.Subscript) and text.startswith(("os.environ[", "environment[")):
            found.add(ast.literal_eval(node.slice))
        if isinstance(node, ast.Call) and text.startswith("environment.get("):
            found.add(ast.literal_eval(node.args[0]))
        if isinstance(node, ast.Call) and text.startswith(("wiring.", "bank.")):
            found |= wired(text.partition(".")[0], node.func.attr)
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_environment_is_what_the_module_reads(name):
    function = FUNCTIONS[name]
    given = set(function["Environment"]["Variables"]) - OURS
    # Of the records: which tables are in reach, and whether secrets can be opened or sealed.
    optional = {"SITES_TABLE", "MONEY_TABLE", "SECRETS_KEY", "SEALING_KEY"}
    # Of the pages: whether readings are in reach, and the pool's stand-in of a stack without AWS.
    optional |= {"TELEMETRY_TABLE", "SIGN_IN_ENDPOINT"}
    read = read_by(module_of(function))
    assert read - optional <= given, "the module would not be imported"
    assert given - read <= {"DOCUMENTS_BUCKET"}, "a variable that nobody reads"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_allowed_the_tables_that_it_is_given(name):
    role = of("AWS::IAM::Role")[target(FUNCTIONS[name]["Role"])]
    allowed = json.dumps(role.get("Policies", []))
    for variable, value in FUNCTIONS[name]["Environment"]["Variables"].items():
        if variable.endswith(("_TABLE", "_BUCKET")):
            assert f'"{value["Ref"]}"' in allowed or f"${{{value['Ref']}.Arn}}" in allowed, variable


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_handler_is_there(name):
    module, _, function = FUNCTIONS[name]["Handler"].rpartition(".")
    assert module.startswith("cloud.functions.")
    tree = ast.parse(module_of(FUNCTIONS[name]).read_text())
    made = [part for part in tree.body if isinstance(part, ast.FunctionDef)]
    (handler,) = (part for part in made if part.name == function)
    assert len(handler.args.args) == 2


def test_every_folder_of_functions_is_deployed():
    folders = {path.parent.name for path in (ROOT / "cloud/functions").glob("*/handler.py")}
    deployed = {function["Handler"].split(".")[2] for function in FUNCTIONS.values()}
    assert folders == deployed


def test_the_due_index_of_a_sweeper_is_an_index_of_its_table(tmp_path):
    stack = load(TEMPLATE, cache=tmp_path)
    sweepers = [function for function in stack.functions.values() if function.due_index]
    assert {sweeper.name for sweeper in sweepers} == {
        "TimersFunction",
        "SendOutboxFunction",
        "TellPartnersFunction",
    }
    for sweeper in sweepers:
        table = stack.tables[sweeper.due_index["Table"]]
        index = next(
            one
            for one in table["GlobalSecondaryIndexes"]
            if one["IndexName"] == sweeper.due_index["Index"]
        )
        assert index["KeySchema"][1]["AttributeName"] == sweeper.due_index["Key"]


@pytest.mark.rule("P-02")
def test_every_clock_on_which_homes_are_served_is_swept():
    swept = [
        json.loads(schedule["Properties"]["Target"]["Input"])["utc_offset_hours"]
        for name, schedule in RESOURCES.items()
        if schedule["Type"] == "AWS::Scheduler::Schedule" and name.startswith("SweepFunction")
    ]
    assert sorted(swept) == sorted(SERVED_OFFSETS.on(date(2026, 6, 1)))
