"""Secrets never reach a page, in whatever shape they come; everything else is shown as it is."""

import json
from html import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloud.local.face.masks import MASK, cut, is_secret, laid_out, masked, plain_item

SECRET = "98761234"
NAMES = ("account_number", "accountNumber", "Account-Number", "access_token", "TOKEN", "secret")
NAMES += ("client_secret", "password", "private_key", "apiKey", "Authorization", "credentials")


@pytest.mark.parametrize("name", NAMES)
def test_names_of_secrets_are_known(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", ["account", "routing_number", "number", "key", "pk", "status", ""])
def test_other_names_are_not(name):
    assert not is_secret(name)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"account_number": "{SECRET}"}}',
        f'{{"account_number": {SECRET}}}',
        f'{{"account_number": {{"value": "{SECRET}"}}}}',
        f'{{"account_number": ["{SECRET}"]}}',
        json.dumps({"body": json.dumps({"body": json.dumps({"token": SECRET})})}),
        json.dumps({"message": f"Bearer token={SECRET} was used"}),
        f'{{"account_number": {{"value": "{SECRET}"',
        f'{{"account_number":\n {{"value":\n "{SECRET}"}}}} trailing',
        rf"[{{\"account_number\": \"{SECRET}\"}}",
        f"raise Wrong(account_number={SECRET!r})",
        f"account number: {SECRET}",
        f"  authorization: Basic {SECRET}",
        json.dumps([[[{"x": {"api_key": SECRET}}]]]),
        f'{{"token": "{SECRET}", "token": "{SECRET}"}}',
    ],
)
def test_a_secret_is_masked_wherever_it_stands(text):
    shown = laid_out(text)
    assert SECRET not in shown
    assert MASK in shown


def test_a_json_web_token_is_masked_without_a_name():
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzYW0ifQ.c2lnbmF0dXJl"
    assert laid_out(json.dumps({"said": f"Bearer {token}"})).count("eyJ") == 0


SHAPES = [SECRET, int(SECRET), {"value": SECRET}, [SECRET], {"a": [{"b": SECRET}]}]
leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    secret=st.sampled_from(
        [SECRET, int(SECRET), {"value": SECRET}, [SECRET], {"a": [{"b": SECRET}]}]
    ),
    name=st.sampled_from(NAMES),
    beside=trees,
    wraps=st.lists(st.sampled_from(["list", "object", "text"]), max_size=4),
    keep=st.floats(0, 1),
)
@example(secret=SECRET, name="secret", beside=None, wraps=["text"] * 4, keep=0.99)
def test_no_nesting_and_no_tearing_shows_a_secret(secret, name, beside, wraps, keep):
    value = {"beside": beside, name: secret}
    for wrap in wraps:
        if wrap == "text":
            value = {"body": json.dumps(value)}
        else:
            value = [beside, value] if wrap == "list" else {"x": value, "y": beside}
    whole = json.dumps(value)
    assert SECRET not in laid_out(whole)
    assert SECRET not in laid_out(whole[: int(len(whole) * keep)])


@given(trees)
def test_what_is_no_secret_is_shown_unchanged(tree):
    def has_json_in_text(value):
        if isinstance(value, str):
            return value.lstrip()[:1] in {"{", "["}
        inner = (
            value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        )
        return any(map(has_json_in_text, inner))

    if not has_json_in_text(tree):
        assert masked(tree) == tree


@pytest.mark.parametrize(
    "text",
    ["[" * 5000, '{"a":' * 3000 + "1" + "}" * 3000, "[" + "9" * 5000 + "]", "NaN", "", "\x00", "{"],
    ids=["open lists", "deep objects", "a huge number", "not a number", "empty", "nul", "torn"],
)
def test_what_cannot_be_laid_out_is_shown_as_text(text):
    assert isinstance(laid_out(text), str)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ({"N": "12"}, 12),
        ({"N": "-1.5"}, -1.5),
        ({"N": "1E+30"}, 1e30),
        ({"N": "1.2345678901234567890123"}, "1.2345678901234567890123"),
        ({"B": "AAEC"}, "<3 bytes>"),
        ({"B": "AA=="}, "<1 bytes>"),
        ({"BOOL": False}, False),
        ({"NULL": True}, None),
        ({"SS": ["a"]}, ["a"]),
        ({"NS": ["1"]}, [1]),
        ({"BS": ["AAEC"]}, ["<3 bytes>"]),
        ({"L": [{"N": "1"}, {"M": {"a": {"S": "b"}}}]}, [1, {"a": "b"}]),
    ],
)
def test_items_become_plain_without_losing_a_digit(typed, plain):
    assert plain_item({"x": typed}) == {"x": plain}


@given(st.text(max_size=200), st.integers(0, 100))
def test_what_is_cut_fits_and_says_so(text, characters):
    shown = cut(text, characters=characters)
    kept, _, rest = shown.partition("\n… ")
    if shown == text:
        assert len(escape(text).encode()) <= characters + 5 * len(text)
    else:
        assert text.startswith(kept)
        assert len(escape(kept).encode()) <= characters + len(kept)
        assert rest.endswith("more characters")
