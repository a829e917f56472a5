"""Third-party code runs by the runtime's clock: the list of places is whole, and each is used."""

import ast
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from cloud.local import borrowed_time
from cloud.local.borrowed_time import OVERRIDES

IDEMPOTENCY = "aws_lambda_powertools.utilities.idempotency"
LEFT_ALONE = {f"{IDEMPOTENCY}.persistence.redis"}  # never imported here: we keep keys in a table


class At:
    def __init__(self, now: datetime) -> None:
        self.instant = now

    def now(self) -> datetime:
        return self.instant


def reads(path: Path) -> list[str]:
    """The dotted names of all calls in a module that read the wall clock."""
    wall = ("datetime.now", "datetime.utcnow", "time.time", "get_current_datetime")
    called = [ast.unparse(n.func) for n in ast.walk(ast.parse(path.read_text()))
              if isinstance(n, ast.Call)]  # fmt: skip
    return [name for name in called if name.endswith(wall)]


def modules_of(package: str) -> dict[str, Path]:
    root = Path(import_module(package).__file__).parent
    found = {}
    for path in root.rglob("*.py"):
        name = ".".join((package, *path.relative_to(root).with_suffix("").parts))
        found[name.removesuffix(".__init__")] = path
    return found


def test_the_list_names_every_place_of_powertools_idempotency():
    listed = {o.module: o.reads for o in OVERRIDES if o.module.startswith(IDEMPOTENCY)}
    found = {name: len(r) for name, path in modules_of(IDEMPOTENCY).items() if (r := reads(path))}
    assert {n: c for n, c in found.items() if n not in LEFT_ALONE} == listed


@pytest.mark.parametrize("module", ["botocore.auth", "botocore.signers"])
def test_the_list_names_every_place_of_botocores_signing(module):
    (listed,) = [o.reads for o in OVERRIDES if o.module == module]
    found = reads(Path(import_module(module).__file__))
    # The one other read signs in version 2, which S3 no longer takes.
    assert [n for n in found if n != "time.time"] == ["get_current_datetime"] * listed


@pytest.mark.parametrize("override", OVERRIDES, ids=lambda o: o.module)
def test_each_place_asks_our_clock_and_gets_its_own_back(override):
    module = import_module(override.module)
    before = getattr(module, override.name)
    instant = datetime(2031, 5, 1, 12, tzinfo=UTC)
    with borrowed_time.install(At(instant)):
        stands = getattr(module, override.name)
        told = stands.datetime.now() if override.name == "dt" else stands()
        assert told.replace(tzinfo=UTC) == instant
    assert getattr(module, override.name) is before


def test_a_presigned_url_is_of_the_simulated_instant():
    clock = At(datetime(2031, 5, 1, 12, tzinfo=UTC))
    with borrowed_time.install(clock):
        session = boto3.session.Session("local", "local", region_name="us-east-1")
        s3 = session.client("s3", config=Config(signature_version="s3v4"))
        url = s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
        assert "X-Amz-Date=20310501T120000Z" in url
        clock.instant += timedelta(days=160)
        url = s3.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
        assert "X-Amz-Date=20311008T120000Z" in url


def test_an_answer_is_kept_for_its_time_of_the_simulation(runtime, tmp_path):
    """The whole way: powertools, its table, our clock; the wall clock stands still."""
    from types import SimpleNamespace

    from cloud.adapters.api import REMEMBERED_S, Once

    answered = []

    def resolve(event, _context):
        answered.append(event["rawPath"])
        return {"statusCode": 201, "headers": {}, "body": str(len(answered))}

    once = Once("IdempotencyTable", resolve)
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 20_000)

    def post():
        event = {
            "requestContext": {"http": {"method": "POST"}},
            "rawPath": "/v1/x",
            "headers": {"idempotency-key": "k"},
            "body": "{}",
        }
        return once.answer(event, context, caller="c")["body"]

    assert post() == post() == "1"
    runtime.clock.move_to(runtime.clock.now() + timedelta(seconds=REMEMBERED_S - 1))
    assert post() == "1"
    runtime.clock.move_to(runtime.clock.now() + timedelta(seconds=2))
    assert post() == "2"
