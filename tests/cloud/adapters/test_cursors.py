"""A list in pages: everything once, whatever comes between two pages, and nobody else's."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.adapters.cursors import Cursors
from cloud.kernel.errors import BadInput


class Signer:
    """Signs in memory, as KMS does."""

    def __init__(self, key: bytes = b"k") -> None:
        self._key = key

    def of(self, text: bytes) -> bytes:
        return hmac.new(self._key, text, hashlib.sha256).digest()

    def is_of(self, text: bytes, signature: bytes) -> bool:
        return len(signature) >= 5 and self.of(text).startswith(signature)


def page(found, cursor="", *, about="P-1 orders", limit=3, key=b"k"):
    return Cursors(Signer(key)).page(
        found, about=about, place=lambda one: [one], limit=limit, cursor=cursor
    )


@given(st.sets(st.text(min_size=1, max_size=5), max_size=30), st.integers(1, 10))
def test_all_pages_together_are_the_list(found, limit):
    given_out, cursor = page(list(found), limit=limit)
    pages = 1
    while cursor:
        more, cursor = page(list(found), cursor, limit=limit)
        given_out += more
        pages += 1
    assert given_out == sorted(found)
    assert pages == max(1, -(-len(found) // limit))


def test_what_comes_and_goes_between_pages_moves_nothing():
    first, cursor = page(["a", "c", "e", "g"], limit=2)
    assert first == ["a", "c"]
    assert page(["a", "b", "d", "e", "g"], cursor) == (["d", "e", "g"], "")


def test_a_cursor_of_another_list_or_key_is_refused():
    _, cursor = page(["a", "b", "c", "d"])
    for about, key in (("P-2 orders", b"k"), ("P-1 orders ", b"k"), ("P-1 orders", b"other")):
        with pytest.raises(BadInput, match="not one of this list"):
            page(["a"], cursor, about=about, key=key)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda b: base64.b64encode(b).decode()))
def test_no_made_up_cursor_is_taken(text):
    if not text:
        return
    with pytest.raises(BadInput):
        page(["a"], text)


@given(st.integers(0, 200), st.sampled_from("AB-_x"))
def test_a_changed_cursor_is_refused(place, letter):
    _, cursor = page(["a", "b", "c", "d"])
    at = place % len(cursor)
    changed = cursor[:at] + letter + cursor[at + 1 :]
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    same = base64.urlsafe_b64decode(changed + "=" * (-len(changed) % 4)) == raw
    if same:
        return
    with pytest.raises(BadInput):
        page(["a"], changed)
