"""The log as a page and as a stream of lines: torn, foreign, long and growing."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.local.face.face import Face
from cloud.local.face.logs import FURTHEST_BACK, MOST_AT_ONCE, Wanted, after, tail
from tests.cloud.local.face_stand import Stand, ask


@pytest.fixture
def stand(tmp_path):
    made = Stand(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def face(stand):
    return Face(stand)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "functions.jsonl"


def line(message, level="INFO", function="A", **more):
    return json.dumps({"level": level, "function": function, "message": message, **more}) + "\n"


def messages(read):
    return [one.message for one in read.lines]


def test_no_file_is_no_lines(path):
    assert tail(path, Wanted(), limit=5).lines == ()
    assert after(path, Wanted(), 10).cursor == 0


def test_the_tail_is_the_newest_last(path):
    path.write_text("".join(line(f"m{n}") for n in range(10)))
    assert messages(tail(path, Wanted(), limit=3)) == ["m7", "m8", "m9"]


def test_a_torn_last_line_is_left_until_it_is_whole(path):
    text = line("whole") + line("torn")
    path.write_text(text[:-5])
    read = tail(path, Wanted(), limit=9)
    assert messages(read) == ["whole"]
    path.write_text(text)
    assert messages(after(path, Wanted(), read.cursor)) == ["torn"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), ["a", "b", "c", "Traceback (most recent call last):"]),
        (Wanted(function="A"), ["a"]),
        (Wanted(function="sunreeve"), ["c"]),
        (Wanted(level="WARNING"), ["b", "Traceback (most recent call last):"]),
        (Wanted(level="CRITICAL"), []),
        (Wanted(text="TRACEBACK"), ["Traceback (most recent call last):"]),
        (Wanted(text="site-9"), ["c"]),
        (Wanted(function="A", text="nothing"), []),
    ],
    ids=["all", "function", "service", "level", "highest", "text", "in a field", "both"],
)
def test_filters(path, wanted, found):
    path.write_text(
        line("a")
        + line("b", "WARNING", "B")
        + json.dumps({"message": "c", "service": "sunreeve", "site": "SITE-9"})
        + "\nTraceback (most recent call last):\n\n"
    )
    assert messages(tail(path, wanted, limit=9)) == found
    assert messages(after(path, wanted, 0)) == found


@pytest.mark.parametrize(
    "raw",
    [b"\xff\xfe\n", b"[1]\n", b"null\n", b"{" * 5000 + b"\n", b'{"level": 3}\n', b"\x00\x1b[2J\n"],
    ids=["no text", "a list", "null", "nested", "a strange level", "control characters"],
)
def test_a_line_that_is_no_log_line_is_shown(path, raw, face, stand):
    path.write_bytes(raw)
    assert len(tail(path, Wanted(), limit=9).lines) == 1
    stand.log(raw)
    for page in ("/_local/logs", "/_local/logs?level=error", "/_local/api/logs"):
        assert ask(face, page).status == 200


def test_a_line_longer_than_what_is_read_at_once_does_not_stop_the_reader(path):
    path.write_text(line("x" * (2 * MOST_AT_ONCE)) + line("next"))
    cursor, seen = 0, []
    for _ in range(5):
        read = after(path, Wanted(), cursor)
        cursor, seen = read.cursor, seen + messages(read)
    assert seen[-1] == "next"
    assert cursor == path.stat().st_size


def test_a_file_larger_than_what_is_searched_gives_whole_lines(path):
    with path.open("w") as file:
        for n in range(FURTHEST_BACK // 1000 + 1000):
            file.write(line(f"m{n}", more="x" * 1000))
    found = messages(tail(path, Wanted(), limit=100_000))
    assert 5000 < len(found) < FURTHEST_BACK // 1000 + 1000
    assert found[-1] == f"m{FURTHEST_BACK // 1000 + 999}"
    assert all(one.startswith("m") for one in found)


def test_a_new_file_is_read_from_its_start(path):
    path.write_text(line("new"))
    assert messages(after(path, Wanted(), 10**9)) == ["new"]


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(max_size=8), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 600), max_size=8),
)
def test_following_gives_each_line_once_however_it_is_written(tmp_path_factory, texts, cuts):
    path = Path(tmp_path_factory.mktemp("log")) / "functions.jsonl"
    content = "".join(line(f"{n}:{text}") for n, text in enumerate(texts)).encode()
    places = sorted({min(cut, len(content)) for cut in cuts} | {len(content)})
    seen, cursor, begin = [], 0, 0
    for place in places:
        with path.open("ab") as file:
            file.write(content[begin:place])
        begin = place
        read = after(path, Wanted(), cursor)
        cursor, seen = read.cursor, seen + messages(read)
    assert [one.partition(":")[0] for one in seen] == [str(n) for n in range(len(texts))]


# ---- over the face --------------------------------------------------------------------------
def test_the_interface_gives_lines_and_a_cursor(stand, face):
    stand.log(line("one", token="abc123") + line("two", "ERROR", "B"))
    response = ask(face, "/_local/api/logs")
    first, second = map(json.loads, response.body.splitlines())
    assert (first["message"], second["level"], second["function"]) == ("one", "ERROR", "B")
    assert b"abc123" not in response.body
    cursor = response.headers["x-sunreeve-cursor"]
    assert ask(face, f"/_local/api/logs?after={cursor}").body == b""
    stand.log(line("three") + line("other", function="C"))
    more = ask(face, f"/_local/api/logs?after={cursor}&function=A")
    assert [json.loads(one)["message"] for one in more.body.splitlines()] == ["three"]
    assert int(more.headers["x-sunreeve-cursor"]) > int(cursor)


@pytest.mark.parametrize("query", ["after=-1", "after=1.5", "after=x", "limit=x", "level=loud"])
def test_a_query_that_cannot_be_read_is_bad_input(face, query):
    assert ask(face, f"/_local/api/logs?{query}").status == 400


def test_the_page_keeps_its_filter_and_its_place(stand, face):
    stand.log(line("shown") + line("elsewhere", function="B"))
    page = ask(face, "/_local/logs?function=A&level=INFO&text=sh").body.decode()
    assert "shown" in page
    assert "elsewhere" not in page
    assert 'data-from="/_local/api/logs?function=A&amp;level=INFO&amp;text=sh"' in page
    size = (stand.folder / "functions.jsonl").stat().st_size
    assert f'data-cursor="{size}"' in page
    assert '<option value="INFO" selected>' in page


def test_the_page_shows_the_newest_that_fit(stand, face):
    for n in range(400):
        stand.log(line(f"m{n} " + "<&>" * 100))
    page = ask(face, "/_local/logs").body
    assert len(page) <= 40 * 1024
    assert b"m399 " in page
