"""What every way to the bank must do: in memory, in S3, on its SFTP server."""

import pytest

from cloud.funding.ports import Bank
from cloud.kernel.errors import Conflict

NAME = "comfort-2026-12-03.ach"
FILES = {
    "empty": b"",
    "a block": b"101 " + b" " * 90 + b"\n" + b"9" * 94 + b"\n",
    "bytes": bytes(range(256)),
    "large": b"6" * 300_001,
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_what_was_handed_over_lies_there(bank: Bank, content):
    assert not bank.holds(NAME, content)
    bank.deliver(NAME, content)
    assert bank.holds(NAME, content)


@pytest.mark.parametrize(
    "other",
    [b"101 ", b"101 a\n", b"101 b", b"", b"101 a" * 9000],
    ids=["shorter", "longer", "of the same size", "empty", "much longer"],
)
def test_only_exactly_this_file_counts(bank: Bank, other):
    bank.deliver(NAME, b"101 a")
    assert not bank.holds(NAME, other)
    assert not bank.holds("comfort-2026-12-08.ach", b"101 a")


def test_the_same_file_again_changes_nothing(bank: Bank):
    for _ in range(2):
        bank.deliver(NAME, b"101 a")
    assert bank.holds(NAME, b"101 a")


@pytest.mark.parametrize("other", [b"101 b", b"101 abc", b""], ids=["other", "longer", "empty"])
def test_another_file_of_that_name_is_left_alone(bank: Bank, other):
    bank.deliver(NAME, b"101 a")
    with pytest.raises(Conflict, match=NAME):
        bank.deliver(NAME, other)
    assert bank.holds(NAME, b"101 a")


def test_files_lie_side_by_side(bank: Bank):
    for name in (NAME, f"prenotes-{NAME}"):
        bank.deliver(name, name.encode())
    assert bank.holds(NAME, NAME.encode())
    assert bank.holds(f"prenotes-{NAME}", b"prenotes-" + NAME.encode())
