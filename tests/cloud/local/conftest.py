"""A whole stack on a folder, which can be closed and opened again."""

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud.local.dynamodb import hook
from cloud.local.runtime import Runtime

# At collection, before a test of another folder can make boto3's default session.
hook.prepare()

TEMPLATE = Path(__file__).parents[3] / "template.yaml"
START = datetime(2026, 6, 1, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def template_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("template")


@pytest.fixture
def opened(tmp_path, template_cache):
    """Open the stack over this test's folder; leaving the block closes it."""

    @contextmanager
    def block():
        runtime = Runtime(tmp_path / "data", TEMPLATE, starts_at=START, cache=template_cache)
        try:
            yield runtime
        finally:
            runtime.close()

    return block


@pytest.fixture
def runtime(opened):
    with opened() as made:
        yield made
