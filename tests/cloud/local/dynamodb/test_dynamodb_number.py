"""Numbers keep their value and their order."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.local.dynamodb import number
from cloud.local.dynamodb.errors import EngineError

numerals = st.builds(
    lambda sign, digits, exponent: f"{sign}{digits}E{exponent}",
    st.sampled_from(["", "-"]),
    st.integers(min_value=0, max_value=10**38 - 1),
    st.integers(min_value=-130, max_value=87),
)


@given(numerals, numerals)
def test_bytes_sort_as_the_numbers_do(one, two):
    left, right = number.sortable(number.normalise(one)), number.sortable(number.normalise(two))

    assert (left < right) == (Decimal(one) < Decimal(two))
    assert (left == right) == (Decimal(one) == Decimal(two))


@given(numerals)
def test_a_number_has_one_spelling_of_the_same_value(text):
    spelled = number.normalise(text)

    assert Decimal(spelled) == Decimal(text)
    assert number.normalise(spelled) == spelled
    assert "E" not in spelled


@given(st.integers(-(10**18), 10**18), st.integers(-(10**18), 10**18), st.integers(-9, 9))
def test_sums_are_exact(one, two, exponent):
    left, right = f"{one}E{exponent}", f"{two}E{exponent}"

    assert Decimal(number.add(left, right)) == Decimal(left) + Decimal(right)
    assert Decimal(number.subtract(left, right)) == Decimal(left) - Decimal(right)


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        pytest.param("1.500", "1.5", id="trailing zeros"),
        pytest.param("007", "7", id="leading zeros"),
        pytest.param("-0", "0", id="no negative zero"),
        pytest.param("+3", "3", id="no plus"),
        pytest.param("1e3", "1000", id="no exponent"),
        pytest.param("12E-4", "0.0012", id="small"),
        pytest.param(".5", "0.5", id="no leading zero"),
        pytest.param("5.", "5", id="no lone point"),
        pytest.param("0e999", "0", id="zero has no exponent"),
        pytest.param("9" * 38, "9" * 38, id="38 digits"),
        pytest.param("1" + "0" * 38, "1" + "0" * 38, id="39 places, one significant"),
        pytest.param("1E125", "1" + "0" * 125, id="largest exponent"),
        pytest.param("1E-130", "0." + "0" * 129 + "1", id="smallest exponent"),
    ],
)
def test_spelling(text, spelled):
    assert number.normalise(text) == spelled


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1" * 39, "more than 38 significant digits"),
        ("1E126", "overflow"),
        ("1E-131", "underflow"),
        ("1E999999999999", "cannot be converted"),
        ("-1E999999999", "overflow"),
        ("", "cannot be converted"),
        ("abc", "cannot be converted"),
        ("NaN", "cannot be converted"),
        ("Infinity", "cannot be converted"),
        ("1_000", "cannot be converted"),
        (" 1", "cannot be converted"),
        ("\u0661", "cannot be converted"),
    ],
)
def test_refused(text, words):
    with pytest.raises(EngineError, match=words) as caught:
        number.normalise(text)
    assert caught.value.code == "ValidationException"


def test_a_sum_of_too_many_digits_is_refused_and_not_rounded():
    with pytest.raises(EngineError, match="38 significant digits"):
        number.add("1E30", "1E-30")


@pytest.mark.parametrize(
    ("text", "size"), [("0", 1), ("7", 2), ("42", 2), ("-1.505", 3), ("100", 2)]
)
def test_size(text, size):
    assert number.size(text) == size
