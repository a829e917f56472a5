"""Instants from outside: which are taken."""

import pytest
from pydantic import TypeAdapter, ValidationError

from cloud.adapters.instants import Instant

TAKEN = TypeAdapter(Instant)


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        pytest.param("2026-06-08T09:00:00-06:00", True, id="with its zone"),
        pytest.param("2026-06-08T09:00:00", False, id="without a zone"),
        pytest.param("1970-01-01T00:00:00Z", True, id="the first"),
        pytest.param("1969-12-31T23:59:59Z", False, id="before the first"),
        pytest.param("2200-12-31T23:59:59Z", True, id="the last"),
        pytest.param("2201-01-01T00:00:00Z", False, id="after the last"),
        pytest.param("9999-12-31T23:59:59-23:00", False, id="the end of the calendar"),
        pytest.param("0001-01-01T00:00:00+23:00", False, id="its beginning"),
    ],
)
def test_an_instant_has_a_zone_and_lies_in_a_year_of_ours(text, is_taken):
    if is_taken:
        assert TAKEN.validate_python(text).tzinfo is not None
        return
    with pytest.raises(ValidationError):
        TAKEN.validate_python(text)
