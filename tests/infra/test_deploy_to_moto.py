"""The template is made by moto, and what moto lacks of it is what we say that it lacks."""

from pathlib import Path

import pytest

import cloud
from infra.deploy_to_moto import deploy

PAGE = Path(cloud.__file__).parents[1] / "docs" / "operations.md"


@pytest.fixture(scope="module")
def deployment():
    return deploy()


def test_what_it_lacks_is_what_the_page_says(deployment):
    """A type that is new, or an emulator that learned, is a row to be read and put there."""
    text = PAGE.read_text()
    begin = "| type | made | what those lack |\n"
    told = begin + text.partition(begin)[2].partition("\n\n")[0] + "\n"
    assert deployment.table() == told


def test_it_is_refused_for_nothing_but_the_pool_of_people(deployment):
    assert deployment.refused == ("People",)


def test_what_holds_the_business_is_made(deployment):
    for kind in ("DynamoDB::Table", "SQS::Queue", "S3::Bucket", "KMS::Key", "IAM::Role"):
        assert deployment.kinds[f"AWS::{kind}"].made == "all", kind
    for kind in ("Lambda::Function", "Lambda::EventSourceMapping"):
        assert deployment.kinds[f"AWS::{kind}"].made == "all", kind
