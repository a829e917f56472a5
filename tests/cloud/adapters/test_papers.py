"""Which PDF papers from outside are kept: those that can do nothing but be read."""

import zlib
from io import BytesIO

import pytest
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText, Link
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    StreamObject,
    TextStringObject,
)

from cloud.adapters import papers
from cloud.adapters.inspection import FileInspector
from cloud.service.uploads import PDF, Fault, Inspected, Limits

LIMITS = Limits(most_pixels=1, most_pages=200)


def name(text):
    return NameObject(f"/{text}")


def entries(**named):
    return DictionaryObject({name(key): value for key, value in named.items()})


def a_writer(pages=1):
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(200, 200)
    return writer


def written(writer):
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def drawn(text="Inverter exchanged."):
    page = FPDF()
    page.add_page()
    page.set_font("Helvetica", size=12)
    page.cell(text=text)
    return bytes(page.output())


def with_root(**named):
    writer = a_writer()
    for key, value in named.items():
        writer.root_object[name(key)] = value
    return written(writer)


def inspect(content):
    return papers.inspect(content, LIMITS)


def test_an_honest_paper_is_kept_as_it_came():
    content = drawn()
    kept = FileInspector().inspect(content, PDF, LIMITS)
    assert kept == Inspected(content=content, content_type=PDF, pages=1)


def test_links_notes_and_an_opening_view_are_read_only():
    writer = a_writer(2)
    writer.add_annotation(0, Link(rect=(0, 0, 9, 9), url="https://example.com"))
    writer.add_annotation(0, FreeText(text="see the inverter", rect=(0, 0, 90, 90)))
    first = writer.pages[0].indirect_reference
    view = ArrayObject([first, name("Fit")])
    writer.root_object[name("OpenAction")] = view
    assert isinstance(inspect(written(writer)), Inspected)
    jump = writer._add_object(entries(S=name("GoTo"), D=view))
    writer.root_object[name("OpenAction")] = jump
    assert isinstance(inspect(written(writer)), Inspected)


# ---------------------------------------------------------------------- what acts
def action(kind, **named):
    return entries(S=name(kind), **named)


SCRIPT = action("JavaScript", JS=TextStringObject("1"))


def with_script():
    writer = a_writer()
    script = writer._add_object(SCRIPT)
    listed = entries(Names=ArrayObject([TextStringObject("hello"), script]))
    writer.root_object[name("Names")] = entries(JavaScript=listed)
    return written(writer)


def with_file():
    writer = a_writer()
    writer.add_attachment("run.exe", b"MZ")
    return written(writer)


def with_annotation(**named):
    writer = a_writer()
    rect = ArrayObject()
    annotation = entries(Type=name("Annot"), Rect=rect, **named)
    writer.pages[0][name("Annots")] = ArrayObject([writer._add_object(annotation)])
    return written(writer)


def with_hidden_name():
    """A script whose names are written in code, as readers allow."""
    return with_script().replace(b"/JavaScript", b"/J#61vaScript").replace(b"/JS ", b"/#4aS ")


def with_referred_name():
    """An action that says what it is only in another object."""
    writer = a_writer()
    kind = writer._add_object(name("SubmitForm"))
    action = writer._add_object(DictionaryObject({name("S"): kind}))
    writer.root_object[name("OpenAction")] = action
    return written(writer)


def with_packed_objects():
    """A script inside of a packed stream of objects, where no byte of the file shows it."""
    inner = b"5 0 << /S /JavaScript /JS (app.alert\\(1\\)) >>"
    packed = zlib.compress(inner)
    parts = [
        b"1 0 obj << /Type /Catalog /Pages 2 0 R /Names 5 0 R >> endobj\n",
        b"2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> endobj\n",
        b"3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >> endobj\n",
        b"4 0 obj << /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d >>\nstream\n"
        % len(packed)
        + packed
        + b"\nendstream endobj\n",
    ]
    out, places = b"%PDF-1.7\n", []
    for part in parts:
        places.append(len(out))
        out += part
    rows = [(0, 0, 255), *((1, place, 0) for place in places), (2, 4, 0), (1, len(out), 0)]
    table = b"".join(bytes([kind]) + at.to_bytes(4) + bytes([extra]) for kind, at, extra in rows)
    head = b"<< /Type /XRef /Size 7 /W [1 4 1] /Root 1 0 R /Length %d >>" % len(table)
    start = len(out)
    out += b"6 0 obj " + head + b"\nstream\n" + table + b"\nendstream endobj\n"
    return out + b"startxref\n%d\n%%%%EOF\n" % start


ACTIVE = {
    "a script in the names": with_script(),
    "a script at the opening": with_root(OpenAction=SCRIPT),
    "a launch at the opening": with_root(OpenAction=action("Launch", F=TextStringObject("cmd"))),
    "another file at the opening": with_root(OpenAction=action("GoToR")),
    "an address at the opening": with_root(OpenAction=action("URI")),
    "a script behind the names": with_root(
        OpenAction=action("GoTo", Next=SCRIPT),
    ),
    "a form that acts when it is closed": with_root(AA=entries(WC=SCRIPT)),
    "a form of its own kind": with_root(AcroForm=entries(XFA=ArrayObject())),
    "a form that is sent": with_annotation(Subtype=name("Widget"), A=action("SubmitForm")),
    "a file within": with_file(),
    "a file pinned to a page": with_annotation(Subtype=name("FileAttachment")),
    "a film": with_annotation(Subtype=name("RichMedia")),
    "a screen": with_annotation(Subtype=name("Screen"), A=action("Rendition")),
    "a scene": with_annotation(Subtype=name("3D")),
    "files beside a page": with_root(AF=ArrayObject()),
    "names in code": with_hidden_name(),
    "a name in another object": with_referred_name(),
    "a packed script": with_packed_objects(),
    "a script that no table lists": drawn() + b"\n9 0 obj << /S /JavaScript /JS (1) >> endobj\n",
}


@pytest.mark.parametrize("content", ACTIVE.values(), ids=list(ACTIVE))
def test_what_does_more_than_be_read_is_refused(content):
    fault = inspect(content)
    assert isinstance(fault, Fault)
    assert fault.code == "paper_active"
    assert "new PDF" in fault.because


def test_the_packed_script_shows_in_no_byte_and_is_a_pdf_but_for_it():
    content = with_packed_objects()
    assert b"JavaScript" not in content
    assert len(PdfReader(BytesIO(content)).pages) == 1


# ---------------------------------------------------------------------- what cannot be read
@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_what_is_encrypted_is_refused_even_without_a_password(algorithm):
    writer = a_writer()
    writer.encrypt("", "owner", algorithm=algorithm)
    assert inspect(written(writer)).code == "paper_encrypted"


@pytest.mark.rule("U-07")
@pytest.mark.parametrize(
    ("pages", "is_kept"), [(1, True), (200, True), (201, False)], ids=["one", "the most", "more"]
)
def test_a_paper_has_so_many_pages(pages, is_kept):
    found = inspect(written(a_writer(pages)))
    assert isinstance(found, Inspected) is is_kept
    assert is_kept or found.code == "paper_pages"


def test_a_paper_without_pages_is_refused():
    assert inspect(written(PdfWriter())).code == "paper_pages"


@pytest.mark.parametrize(
    "content",
    [b"", b"%PDF-1.7", b"%PDF-1.7\n%%EOF", drawn()[:200], b"%PDF-1.7\n" + b"<<" * 50_000],
    ids=["empty", "a head", "a head and an end", "torn off", "nested without end"],
)
def test_what_is_no_whole_paper_is_refused(content):
    assert inspect(content).code in {"paper_unreadable", "paper_pages"}


def test_pages_that_lead_in_a_circle_are_refused():
    writer = a_writer()
    pages = writer.root_object["/Pages"]
    pages["/Kids"].append(IndirectObject(pages.indirect_reference.idnum, 0, writer))
    assert isinstance(inspect(written(writer)), Fault | Inspected)


# ---------------------------------------------------------------------- what unpacks to too much
def with_stream(data, filters):
    writer = a_writer()
    stream = StreamObject()
    stream._data = data
    stream[name("Filter")] = filters
    writer.root_object[name("Thing")] = writer._add_object(stream)
    return written(writer)


def zeros(size):
    packer = zlib.compressobj(9)
    step = bytes(1024 * 1024)
    return b"".join(packer.compress(step) for _ in range(size // len(step))) + packer.flush()


def test_a_stream_that_unpacks_to_too_much_is_refused():
    content = with_stream(zeros(300 * 1024 * 1024), name("FlateDecode"))
    assert len(content) < 400_000
    assert inspect(content).code == "paper_unpacks_too_large"


def test_many_streams_count_together():
    writer = a_writer()
    packed = zeros(40 * 1024 * 1024)
    for place in range(7):
        stream = StreamObject()
        stream._data = packed
        stream[name("Filter")] = name("FlateDecode")
        writer.root_object[name(f"Thing{place}")] = writer._add_object(stream)
    assert inspect(written(writer)).code == "paper_unpacks_too_large"


def test_a_stream_packed_in_itself_counts_as_it_unpacks():
    packed = zlib.compress(zeros(300 * 1024 * 1024), 9)
    both = ArrayObject([name("FlateDecode"), name("FlateDecode")])
    content = with_stream(packed, both)
    assert len(content) < 20_000
    assert inspect(content).code == "paper_unpacks_too_large"


def test_a_stream_without_an_end_is_counted_as_far_as_it_goes():
    content = with_stream(zeros(100 * 1024 * 1024), name("FlateDecode"))
    assert inspect(content[: len(content) // 2]).code == "paper_unreadable"


def test_more_objects_than_a_paper_can_have_are_not_all_looked_at():
    writer = a_writer()
    writer._objects += [name("x")] * papers.MOST_OBJECTS
    assert "too many objects" in inspect(written(writer)).because


def test_a_large_picture_is_no_bomb():
    content = with_stream(zeros(100 * 1024 * 1024), name("FlateDecode"))
    assert isinstance(inspect(content), Inspected)


SAMPLES = [drawn(), with_packed_objects(), with_file()]


@given(
    sample=st.sampled_from(SAMPLES),
    flips=st.lists(st.tuples(st.floats(0, 0.9999), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_broken_bytes_are_a_paper_or_a_fault_and_nothing_else(sample, flips):
    broken = bytearray(sample)
    for place, value in flips:
        broken[int(place * len(broken))] = value
    assert isinstance(inspect(bytes(broken)), Inspected | Fault)
