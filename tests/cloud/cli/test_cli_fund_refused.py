"""`sunreeve fund` and `sunreeve replay` where nothing changes: what is listed, and what is refused.

One stack serves all of these: each test sees to it that the run is as it was.
"""

import pytest

from cloud.local.address import announced
from tests.cloud.cli.fund_stand import RUN, Stack, refused, replay, shown, told


@pytest.fixture(scope="module")
def standing(tmp_path_factory):
    """A stack in which a run is prepared, and that goes on."""
    folder = tmp_path_factory.mktemp("up")
    made = Stack(folder, tmp_path_factory.mktemp("template"))
    made.door.start()
    made.prepare()
    with announced(folder, made.runtime), made.going_on():
        yield made
    made.door.stop()
    made.runtime.close()


@pytest.fixture
def stack(standing):
    before = standing.load()
    yield standing
    assert standing.load() == before


def test_runs_are_listed(stack, capsys):
    lines = told(capsys, stack, "preview")
    assert lines[0].split() == ["run", "paid", "on", "state", "gross", "net"]
    assert lines[1].split() == [RUN, "2026-06-11", "preview", "$12,452.50", "$362.50"]
    assert [one["id"] for one in shown(capsys, stack, "preview")] == [RUN]


def test_a_preview_tells_what_each_partner_is_paid_and_why_not_more(stack, capsys):
    lines = told(capsys, stack, "preview", RUN)
    plans_hash = stack.load().record.plans_hash
    assert lines[:3] == [
        f"{RUN}: $362.50 of $12,452.50",
        "  paid on 2026-06-11 (regular)",
        "  preview, prepared by funding_run",
    ]
    assert [line.split() for line in lines[4:6]] == [
        ["P-ALDER", "$412.50", "$50.00", "$362.50", "$0.00", "$0.00", "preview"],
        ["P-BRIGHT", "$12,040.00", "$12,040.00", "$0.00", "$7,960.00", "$0.00", "preview"],
    ]
    assert lines[6:] == [
        "  P-ALDER: $50.00 taken, offset OFF-1 [red]",
        "  P-BRIGHT: $12,040.00 taken, offset OFF-2 [red]",
        "approve exactly this with",
        f"  sunreeve fund approve {RUN} --hash {plans_hash}",
    ]


# ------------------------------------------------------------------------------- what is not done
@pytest.mark.parametrize(
    ("words", "because"),
    [
        (("approve", "--hash", "0" * 64), "is not any more what was shown"),
        (("approve", "--hash", "short"), "/body/plans_hash"),
        (("commit",), "is not approved yet"),
        (("file",), "is not approved yet"),
        (("send",), "there is no file to send"),
        (("sent",), "there is no file that could be sent"),
        (("not-sent", "--because", "x"), "it is not doubted"),
        (("settle", "--statement", "1.00"), ""),
        (("release", "--hash", "0" * 64, "--because", "x"), "is not held"),
    ],
    ids=lambda words: words[0] if isinstance(words, tuple) else "",
)
def test_a_step_before_its_time_is_refused_in_one_line(stack, capsys, words, because):
    before = stack.load()
    assert because in refused(capsys, stack, words[0], RUN, *words[1:])
    assert stack.load() == before


@pytest.mark.parametrize("run", ["comfort-2026-06-16", "a/b", "../partners", "ü ?#%"])
def test_a_run_that_nobody_prepared_is_named(stack, capsys, run):
    assert "is not known here" in refused(capsys, stack, "preview", run)


def test_a_bank_file_that_nobody_brought_is_named(stack, capsys):
    assert "BF-NONE" in refused(capsys, stack, "agree", "BF-NONE")


def test_bank_files_that_are_none_are_refused(stack, capsys, tmp_path):
    path = tmp_path / "answer"
    assert "No such file" in refused(capsys, stack, "return", str(path))
    path.write_bytes(b"\xff" * 94)
    assert "it is not ASCII" in refused(capsys, stack, "return", str(path))
    path.write_bytes(b"x" * 95)
    assert "Record Size" in refused(capsys, stack, "return", str(path))


# ----------------------------------------------------------------------------------------- replay
@pytest.mark.parametrize(
    ("words", "because"),
    [
        (("--programme", "nonesuch"), "use one of comfort, standard"),
        (("--programme", "standard", "--as-of", "yesterday"), "/query/as_of"),
    ],
)
def test_a_replay_of_what_is_not_there_is_refused(stack, capsys, words, because):
    assert replay(stack, *words) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert because in err
