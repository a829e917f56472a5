"""Text from outside: which is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cloud.functions.partner_api.shapes import InvoiceIn, ScheduleIn, Short, Text

SOME = [
    pytest.param("Ünal Söğüt, 7½ kW — 東京 🌞", True, id="any script"),
    pytest.param("one\ntwo\tthree", True, id="ends of lines and tabs"),
    pytest.param("one\r\ntwo", True, id="ends of lines as some programs write them"),
    pytest.param("שלום\u200f", True, id="a mark of a script that runs to the left"),
    pytest.param("", True, id="nothing"),
    pytest.param("one\rtwo", False, id="a carriage return alone, which writes over a line"),
    pytest.param("\x1b]0;owned\x07", False, id="a new title of the window"),
    pytest.param("\x1b[2J", False, id="an empty screen"),
    pytest.param("\x9b31m", False, id="a C1 control"),
    pytest.param("a\x7f", False, id="DEL"),
    pytest.param("a\x00", False, id="NUL"),
    pytest.param("a\x0b\x0c", False, id="tabs that go down, and pages"),
    pytest.param("a\x85", False, id="the end of a line of C1"),
]


@pytest.mark.parametrize("kind", [Short, Text], ids=["short", "long"])
@pytest.mark.parametrize(("text", "is_taken"), SOME)
def test_a_text_holds_nothing_that_steers_what_shows_it(kind, text, is_taken):
    taken = TypeAdapter(kind)
    if is_taken:
        assert taken.validate_python(text) == text
        return
    with pytest.raises(ValidationError, match="there is a control character") as refused:
        taken.validate_python(text)
    assert str(refused.value.errors()[0]["msg"]).isprintable()


@given(st.text(max_size=60))
def test_any_text_is_taken_as_it_is_or_refused(text):
    try:
        assert TypeAdapter(Short).validate_python(text) == text
    except ValidationError:
        assert not text.isprintable()


@pytest.mark.parametrize(
    ("shape", "name"),
    [(InvoiceIn, "invoice_number"), (InvoiceIn, "customer_name"), (ScheduleIn, "technician")],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_numbers_and_names_are_such_texts_and_the_place_is_told(shape, name):
    with pytest.raises(ValidationError) as refused:
        shape.model_validate({name: "INV-1\x1b]0;owned\x07"})
    (told,) = (one for one in refused.value.errors() if one["loc"] == (name,))
    assert "control character, \\x1b, at place 5" in told["msg"]
