"""`sunreeve reindex` against a stack that runs: what is looked at, put right, and how it ends."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from cloud.adapters import wiring
from cloud.adapters.tables import OperationsRow
from cloud.cli import main
from cloud.kernel.change import Change, Save
from cloud.local.address import announced
from cloud.local.demo.people import token_for
from cloud.local.dynamodb import hook
from cloud.local.face.face import Face
from cloud.local.http import Door
from cloud.local.runtime import Runtime
from cloud.service.models import Mail, MailState
from tests.cloud.adapters.record_examples import example

# At collection, before a test of another folder can make boto3's default session.
hook.prepare()

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
NOW = datetime(2026, 6, 8, 15, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack with a mail that waits, written before the queue found it by that."""
    folder = tmp_path_factory.mktemp("up")
    runtime = Runtime(folder / "data", TEMPLATE, starts_at=NOW)
    door = Door(runtime, face=Face(runtime, None, partial(token_for, runtime.issuer)))
    door.start()
    with announced(folder, runtime):
        yield folder
    door.stop()
    runtime.close()


def test_old_records_are_found_again_and_the_second_time_nothing_is_left(stack, capsys):
    records = wiring.records(
        {"OPERATIONS_TABLE": "OperationsTable", "SITES_TABLE": "SitesTable",
         "MONEY_TABLE": "MoneyTable"}
    )  # fmt: skip
    mail = replace(example(Mail), id="MAIL-1", state=MailState.FOR_A_PERSON)
    records.commit(Change(saves=(Save(mail),)))
    lost = [OperationsRow.due_shard.remove(), OperationsRow.due_at.remove()]
    OperationsRow.get("Mail#MAIL-1", "-").update(actions=lost)
    assert records.waiting((Mail,)) == ()
    assert main(["reindex", "--folder", str(stack)]) == 0
    said = capsys.readouterr().out
    assert "operations: 1 rows looked at, 1 of them put right" in said
    assert [one.record for one in records.waiting((Mail,))] == [mail]
    assert main(["reindex", "--table", "operations", "--folder", str(stack)]) == 0
    assert capsys.readouterr().out == "operations: 1 rows looked at, 0 of them put right\n"


def test_a_table_that_there_is_not_is_told(stack, capsys):
    with pytest.raises(SystemExit):
        main(["reindex", "--table", "telemetry", "--folder", str(stack)])
    assert "telemetry" in capsys.readouterr().err


def test_where_no_stack_runs_it_says_so(tmp_path, capsys):
    assert main(["reindex", "--folder", str(tmp_path)]) != 0
    assert "reindex" in capsys.readouterr().err or str(tmp_path)
