"""Every acceptance vector that is here is answered by the product's own rules as it expects."""

import json
from pathlib import Path

import pytest

from tests.acceptance.run import KINDS, SHARED, failure_of, main

OWN = Path(__file__).parent / "vectors"
VECTORS = [
    pytest.param(kind, path, id=f"{folder.name}-{kind}-{path.stem}")
    for folder in (OWN, SHARED)
    for kind in KINDS
    for path in sorted((folder / kind).glob("*.json"))
]


@pytest.mark.parametrize(("kind", "path"), VECTORS)
def test_vector(kind: str, path: Path) -> None:
    assert failure_of(json.loads(path.read_text()), KINDS[kind]) is None


def test_there_are_vectors_of_both_kinds() -> None:
    assert {len(list((OWN / kind).glob("*.json"))) > 40 for kind in KINDS} == {True}


def test_an_op_that_nobody_answers_fails() -> None:
    assert failure_of({"op": "unheard_of", "given": {}, "expect": {}}, KINDS["service"])


def test_what_differs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vector = json.loads((OWN / "service" / "d42_business_day.json").read_text())
    vector["expect"] = {"business_day": True}
    (tmp_path / "wrong.json").write_text(json.dumps(vector))
    assert main(["service", str(tmp_path)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        "FAIL wrong.json business_day business_day: expected True, got False",
        "0 passed, 1 failed",
    ]


def test_an_empty_folder_is_wrong_use(tmp_path: Path) -> None:
    assert main(["funding", str(tmp_path)]) == 2


def test_an_unknown_kind_is_wrong_use() -> None:
    assert main(["finance"]) == 2
