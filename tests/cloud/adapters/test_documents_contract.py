"""What every store of documents must do: in memory, in our folder of buckets and on moto's S3."""

import pytest

from cloud.kernel.errors import Conflict, NotFound

PDF = "application/pdf"


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param("reports/WO-1/report.pdf", id="a usual one"),
        pytest.param("reports/Zoë & Co/50% ümlaut.pdf", id="signs that need quoting"),
        pytest.param("../../outside", id="a way out of the bucket"),
        pytest.param("a/./b//c/..", id="dots and an empty part"),
        pytest.param("/rooted", id="it begins with a slash"),
    ],
)
@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff%PDF", b"a" * 100_000], ids=["empty", "bytes", "large"]
)
def test_what_was_put_comes_back(documents, reference, content):
    assert documents.put(reference, content, PDF) == reference
    assert documents.get(reference) == content


def test_the_same_content_again_changes_nothing(documents):
    for _ in range(2):
        assert documents.put("ach/run.ach", b"101 ", PDF) == "ach/run.ach"
    assert documents.get("ach/run.ach") == b"101 "


def test_other_content_under_a_reference_conflicts_and_is_not_kept(documents):
    documents.put("ach/run.ach", b"101 ", PDF)
    with pytest.raises(Conflict, match=r"ach/run\.ach"):
        documents.put("ach/run.ach", b"102 ", PDF)
    assert documents.get("ach/run.ach") == b"101 "


def test_what_is_not_kept_is_not_found(documents):
    documents.put("reports/a", b"a", PDF)
    for reference in ("reports/b", "reports", "reports/a/c"):
        with pytest.raises(NotFound, match=reference):
            documents.get(reference)
