"""What docs/operations.md lets an account prove is spelt as AWS, template and commands spell it."""

import json
import re
import shlex
from pathlib import Path

import botocore.session
import jmespath
import pytest
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

from cloud.cli.parsing import read
from cloud.local.template import translate

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def under(heading):
    after = TEXT.partition(f"\n{heading}\n")[2]
    return re.split(r"^##+ ", after, maxsplit=1, flags=re.MULTILINE)[0]


SECTION = under("### What only an account can prove")
SERIOUS = under("## When it is serious")
ON_CALL = under("## On call")
RESOURCES = translate((ROOT / "template.yaml").read_bytes(), name="template.yaml")["Resources"]

SESSION = botocore.session.get_session()

SHOWN_AS = {"s3api": "s3"}
"""Name in the command line -> the service's own, where they differ (AWS CLI reference)."""

OF_THE_COMMAND_LINE = {"query": "", "output": "text", "max_items": ""}
"""Options that every command of the AWS CLI takes, or every one that pages."""

OURS = {"of", "queue", "sums"}
"""Functions of the shell that the section makes before it uses them."""

SHOWN_BY = {
    "AWS::Lambda::EventInvokeConfig": "aws lambda get-function-event-invoke-config",
    "AWS::Lambda::LayerVersion": "aws lambda get-layer-version-by-arn",
    "AWS::Lambda::Permission": "aws lambda get-policy",
    "AWS::S3::BucketPolicy": "aws s3api delete-object",
    "AWS::SES::ConfigurationSetEventDestination": "get-configuration-set-event-destinations",
    "AWS::SNS::Subscription": "aws sns list-subscriptions-by-topic",
    "AWS::SNS::TopicPolicy": "aws cloudwatch set-alarm-state",
    "AWS::SQS::QueuePolicy": "sums AWS/Events FailedInvocations",
    "AWS::IoT::Logging": "aws iot get-v2-logging-options",
    "AWS::ApiGatewayV2::ApiMapping": "aws apigatewayv2 get-api-mappings",
}
"""Type whose own name nobody asks by -> the line that shows it."""


def lines_of(text):
    return re.findall(r"^ *\$ (.+)$", text, re.MULTILINE)


def commands_of(line):
    """Give each command of a line as its words: those within others come first."""
    line = re.sub(r"^\w+\(\) \{ (.*); \}$", r"\1", line)
    found = []
    while inner := re.search(r"\$\(([^()]*)\)", line):
        found.append(inner[1])
        line = f"{line[: inner.start()]}ANSWER{line[inner.end() :]}"
    return [shlex.split(one) for one in (*found, line)]


COMMANDS = [
    pytest.param(words, id=" ".join(words)[:70])
    for one in lines_of(SECTION + SERIOUS + ON_CALL)
    for words in commands_of(one)
]


def called(words):
    return [one for one in COMMANDS if one.values[0][0] == words]


def options_of(words):
    """Give option -> its words; what stands before the first belongs to none."""
    given, name = {}, ""
    for word in words:
        if word.startswith("--"):
            name = word.removeprefix("--").replace("-", "_")
            given[name] = []
        else:
            given.setdefault(name, []).append(word)
    return {name: said for name, said in given.items() if name}


def model_of(service, operation):
    model = SESSION.get_service_model(SHOWN_AS.get(service, service))
    names = {xform_name(one, "-"): one for one in model.operation_names}
    return model.operation_model(names[operation])


def wrong_in(words):
    """Tell what AWS would not know of one of its commands; nothing where all is well."""
    service, operation = words[1:3]
    try:
        model = model_of(service, operation)
    except (UnknownServiceError, KeyError):
        return f"there is no {service} {operation}"
    given = options_of(words[3:])
    members = model.input_shape.members if model.input_shape else {}
    known = {xform_name(one): one for one in members}
    known |= {
        f"no_{one}": known[one] for one in known if members[known[one]].type_name == "boolean"
    }
    if unknown := set(given) - set(known) - set(OF_THE_COMMAND_LINE):
        return f"{operation} has no {sorted(unknown)}"
    needed = {xform_name(one) for one in (model.input_shape.required_members if members else ())}
    if missing := needed - set(given):
        return f"{operation} needs {sorted(missing)}"
    for option, values in given.items():
        allowed = getattr(members.get(known.get(option)), "enum", None)
        if allowed and not set(values) <= set(allowed):
            return f"{option} of {operation} is one of {allowed}"
    return _wrong_query(given.get("query"), model)


def _wrong_query(query, model):
    if not query:
        return ""
    first = re.match(r"\[?(\w+)", jmespath.compile(query[0]).expression)[1]
    if model.output_shape is None or first not in model.output_shape.members:
        return f"what {model.name} answers has no {first}"
    return ""


@pytest.mark.parametrize("words", called("aws"))
def test_aws_knows_each_command_and_its_options(words):
    assert not wrong_in(words)


@pytest.mark.parametrize("words", called("sunreeve"))
def test_our_commands_take_these_options(words, monkeypatch, tmp_path):
    profiles = tmp_path / "profiles.toml"
    stacks = (f'[{one}]\naddress = "https://api.owner.example"\n' for one in ("staging", "prod"))
    profiles.write_text("".join(stacks), encoding="utf-8")
    monkeypatch.setenv("SUNREEVE_PROFILES", str(profiles))
    command, options = read(words[1:])
    assert command.name == " ".join(words[1 : 1 + len(command.name.split())])
    assert options.profile.name in {"staging", "prod"}


def test_nothing_else_is_called():
    own = {"aws", "sunreeve", "date", ".venv-sam/bin/sam", *OURS}
    first = {one.values[0][0] for one in COMMANDS}
    assert {one for one in first if "=" not in one} == own
    made = {name for line in lines_of(SECTION) for name in re.findall(r"^(\w+)\(\) \{", line)}
    assert made == OURS


def test_all_that_is_named_stands_in_the_template():
    named = set(re.findall(r"\$\((?:of|queue) (\w+)\)", SECTION + SERIOUS + ON_CALL))
    assert named <= set(RESOURCES)


def test_every_type_of_the_template_is_asked_after():
    named = re.findall(r"\$\((?:of|queue) (\w+)\)", SECTION)
    asked = {RESOURCES[one]["Type"] for one in named}
    assert {one["Type"] for one in RESOURCES.values()} - asked == set(SHOWN_BY)
    assert [one for one in SHOWN_BY.values() if one not in SECTION] == []


def test_every_alarm_says_what_to_do():
    table = ON_CALL.partition("| alarm | ")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| .+ \| .+ \|$", table, re.MULTILINE)
    told = [name for row in rows for name in re.findall(r"\w+", row)]
    alarms = [one for one in RESOURCES if RESOURCES[one]["Type"] == "AWS::CloudWatch::Alarm"]
    assert sorted(told) == sorted(alarms)


def test_the_policies_and_filters_are_json():
    told = re.findall(r"--(?:policy-document|message-body|filter) '([^']+)'", SECTION)
    assert all(isinstance(json.loads(one), dict) for one in told)
    assert len(told) == 3


def test_the_steps_are_numbered_and_each_has_its_lines():
    steps = re.split(r"^(\d+)\. \*\*", SECTION, flags=re.MULTILINE)[1:]
    assert [int(one) for one in steps[::2]] == list(range(1, len(steps) // 2 + 1))
    assert all(lines_of(one) for one in steps[1::2])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("aws sqs purge-queue --queue-url x", "", id="nothing is wrong"),
        pytest.param("aws sqs purge-queues --queue-url x", "there is no", id="no such command"),
        pytest.param("aws sqz purge-queue --queue-url x", "there is no", id="no such service"),
        pytest.param("aws sqs purge-queue --queue x", "has no", id="no such option"),
        pytest.param("aws sqs purge-queue", "needs", id="an option is missing"),
        pytest.param("aws sqs purge-queue --queue-url x --query A", "has no", id="no answer"),
        pytest.param("aws sesv2 get-account --query Gone", "answers has no", id="no such answer"),
        pytest.param(
            "aws cloudwatch set-alarm-state --alarm-name x --state-reason y --state-value RED",
            "is one of",
            id="no such value",
        ),
    ],
)
def test_what_is_misspelt_is_found(line, said):
    found = wrong_in(shlex.split(line))
    assert said in found
    assert bool(said) == bool(found)
