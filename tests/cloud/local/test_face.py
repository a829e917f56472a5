"""The face: its pages with nothing and with much to show, who may change what, and the JSON."""

import json
import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.kernel.errors import BadInput
from cloud.local.face import deeds
from cloud.local.face.face import SECURITY, Face
from cloud.local.face.shown import PAGES
from tests.cloud.local.face_stand import NOW, Controls, Stand, ask

LARGEST_PAGE = 40 * 1024
PAGES_THERE = (
    "/_local/",
    "/_local/functions/WorkFunction",
    "/_local/queues/Work",
    "/_local/queues/WorkDead",
    "/_local/queues/Work/purge",
    "/_local/tables/Things",
    "/_local/mail/",
    "/_local/mail/?box=arrived",
    "/_local/documents/",
    "/_local/documents/Papers",
    "/_local/logs",
    "/_local/clock",
)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def stand(tmp_path):
    made = Stand(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def face(stand):
    return Face(stand, Controls(stand), tokens)


def tokens(name):
    if name != "client-alder":
        msg = f"nobody here is called {name}"
        raise BadInput(msg)
    return "a.b.c"


def text_of(response):
    return response.body.decode()


class Elements(HTMLParser):
    """The elements of a page, and the ids in it."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *one) for one in attrs]


def put(stand, key, **attributes):
    item = {"pk": {"S": key}, "sk": {"S": "-"}, **attributes}
    stand.engine.call("PutItem", {"TableName": "Things", "Item": item})


def fill(stand, text, *, times):
    """Put a text everywhere that a stranger's text comes to."""
    for n in range(times):
        put(stand, f"{text[:60]}{n}", body={"S": json.dumps({"says": text})})
        stand.queues.send("Lonely", text)
        stand.buckets.objects[f"{text[:60]}/{n}"] = b"x"
        mail = f"From: {text[:200]}\nTo: {text[:200]}\nSubject: {text[:200]}\n\n{text}"
        stand.mailbox.put(f"20260701T000000Z-{n:04d}.eml", mail.encode())
        stand.arrived.put(f"20260701T000000Z-{n:04d}.eml", mail.encode())
        stand.log(json.dumps({"level": "ERROR", "function": "WorkFunction", "message": text}))
        stand.log(f"\n{text}\n")
    stand.busy(invocations=3, errors=2, last_at=NOW, last_ms=2.5, total_ms=9.0, last_error=text)
    stand.awaits(*([text[:80]] * 8))


ALL_PAGES = (
    *PAGES_THERE,
    "/_local/queues/Lonely",
    "/_local/mail/sent/20260701T000000Z-0000.eml",
    "/_local/mail/arrived/20260701T000000Z-0000.eml",
    "/_local/nothing",
)


# ---- what is where --------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/", "/v1/x", "/_localx", "/_loca", "/x/_local/"])
def test_other_paths_are_for_somebody_else(face, path):
    assert ask(face, path) is None


def test_the_name_alone_leads_to_the_overview(face):
    assert (ask(face, "/_local").status, ask(face, "/_local").headers["location"]) == (
        308,
        "/_local/",
    )


@pytest.mark.parametrize("path", PAGES_THERE)
def test_a_stack_in_which_nothing_happened_yet_says_what_will_appear(face, path):
    response = ask(face, path)
    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    is_full = path in {"/_local/queues/Work/purge", "/_local/documents/", "/_local/clock"}
    assert is_full or 'class="empty"' in text_of(response)


@pytest.mark.parametrize(
    "path",
    [
        "/_local/nothing",
        "/_local/functions/None",
        "/_local/functions/",
        "/_local/queues/..%2f..%2fetc",
        "/_local/queues/None/purge",
        "/_local/tables/None",
        "/_local/tables/Things/item/x",
        "/_local/mail/sent/..%2F..%2Fclock.sqlite",
        "/_local/mail/sent/clock.sqlite",
        "/_local/mail/other/x",
        "/_local/documents/..",
        "/_local/documents/Papers/file?key=none",
        "/_local/pages/style.css",
        "/_local/..%2fface.py",
        "/_local/frame.html",
        "/_local/api/nothing",
        "/_local/api",
    ],
)
def test_what_is_not_there_is_not_found(face, path):
    response = ask(face, path)
    assert response.status == 404
    kind = "application/json" if "/api" in path else "text/html; charset=utf-8"
    assert response.headers["content-type"] == kind


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_only_get_head_and_post_are_known(face, method):
    assert ask(face, "/_local/", method).status == 405


def test_head_is_answered_as_get(face):
    assert ask(face, "/_local/", "HEAD").status == 200


@pytest.mark.parametrize(("name", "kind"), [("style.css", "text/css"), ("fresh.js", "javascript")])
def test_the_static_files_are_linked_by_their_content_and_kept(face, name, kind):
    address = re.search(rf'"(/_local/{name}\?v=\w+)"', text_of(ask(face, "/_local/")))[1]
    response = ask(face, address)
    assert kind in response.headers["content-type"]
    assert "immutable" in response.headers["cache-control"]
    assert response.body == (PAGES / name).read_bytes()


# ---- safety ---------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [*ALL_PAGES, "/_local", "/_local/api/state", "/_local/style.css"])
def test_every_answer_tells_the_browser_what_it_may_do(face, path):
    headers = ask(face, path).headers
    for name, value in SECURITY.items():
        if name != "cache-control":
            assert headers[name] == value
    assert "'unsafe" not in headers["content-security-policy"]


def test_templates_hold_nothing_that_the_policy_would_stop():
    for path in PAGES.glob("*.html"):
        page = path.read_text()
        assert not re.search(r"\sstyle=|\son\w+=|javascript:|<style|\|\s*safe\b", page), path.name
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", page)), path.name


@pytest.mark.parametrize("times", [1, 30])
@pytest.mark.parametrize("path", ALL_PAGES)
def test_what_a_stranger_wrote_is_text_and_a_page_stays_small(stand, face, path, times):
    fill(stand, HOSTILE if times == 1 else HOSTILE * 300, times=times)
    response = ask(face, path)
    elements = Elements(text_of(response))
    assert elements.tags.count("script") == 1
    assert "img" not in elements.tags
    assert not [one for one in elements.attributes if one[1].startswith("on")]
    ids = [value for _, name, value in elements.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert len(response.body) <= LARGEST_PAGE


OWN = "http://127.0.0.1:8787"


@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        pytest.param({"origin": OWN}, True, id="a page of ours"),
        pytest.param({"origin": OWN, "referer": "http://evil.example/"}, True, id="origin wins"),
        pytest.param({"referer": f"{OWN}/_local/"}, True, id="a page of ours, by referer"),
        pytest.param({"x-sunreeve": "1"}, True, id="our command"),
        pytest.param({}, False, id="nothing said"),
        pytest.param({"origin": "null"}, False, id="a sandboxed page"),
        pytest.param({"origin": ""}, False, id="an empty origin"),
        pytest.param({"origin": "http://evil.example"}, False, id="another site"),
        pytest.param({"origin": "https://127.0.0.1:8787"}, False, id="another scheme"),
        pytest.param({"origin": "http://127.0.0.1:9999"}, False, id="another port"),
        pytest.param({"origin": "http://localhost:8787"}, False, id="another name for the host"),
        pytest.param({"origin": f"{OWN}.evil.example"}, False, id="a name that begins so"),
        pytest.param({"origin": "null", "x-sunreeve": "1"}, False, id="our header, other origin"),
        pytest.param({"referer": "http://evil.example/"}, False, id="another site's referer"),
        pytest.param({"referer": f"http://evil.example/{OWN}/"}, False, id="ours within its path"),
        pytest.param({"referer": "http://[::"}, False, id="a referer that is none"),
        pytest.param(
            {"referer": "http://evil.example/", "x-sunreeve": "1"}, False, id="header and referer"
        ),
        pytest.param({"x-sunreeve": "0"}, False, id="our header with another value"),
        pytest.param({"origin": OWN, "host": "127.0.0.1:1"}, False, id="sent to another port"),
    ],
)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_local/queues/Lonely/purge", b""),
        ("/_local/clock/jump", b"days=1"),
        ("/_local/api/clock/jump", b'{"days": 1}'),
        ("/_local/api/token", b'{"name": "client-alder"}'),
    ],
    ids=["purge", "jump", "jump by api", "token"],
)
def test_only_our_pages_and_our_command_change_something(stand, path, body, headers, is_let_in):
    controls = Controls(stand)
    face = Face(stand, controls, tokens)
    stand.queues.send("Lonely", "kept")
    request = {"origin": None, **headers}
    own = {name: value for name, value in request.items() if value is not None}
    response = _post(face, path, body, own)
    is_changed = stand.queues.depth("Lonely").visible == 0 or controls.state().target is not None
    assert (response.status != 403) is is_let_in
    assert is_changed is (is_let_in and "token" not in path)
    assert (b"a.b.c" in response.body) is (is_let_in and "token" in path)


def _post(face, path, body, headers):
    from cloud.local.web import Request

    return face.answer(Request("POST", path, "", {"host": "127.0.0.1:8787", **headers}, body))


@pytest.mark.parametrize(
    "path",
    ["/_local/queues/Lonely/redrive", "/_local/clock/jump?days=1", "/_local/api/token"],
)
def test_getting_changes_nothing(stand, face, path):
    stand.queues.send("Lonely", "kept")
    assert ask(face, path).status == 404
    assert ask(face, "/_local/queues/Lonely/purge").status == 200
    assert stand.queues.depth("Lonely").visible == 1
    assert stand.clock.now() == NOW


WORDS = ["api", "queues", "tables", "Things", "item", "mail", "sent", "documents", "Papers"]
WORDS += ["file", "logs", "clock", "jump", "Work", "redrive", "purge", "functions", "state"]
WORDS += ["token", "html", "attachments", "0"]
QUERIES = ["key=e30", "key=x", "after=e30", "after=-1", "after=W10", "partition=x", "box="]


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST"]),
    segments=st.lists(
        st.one_of(
            st.sampled_from(WORDS),
            st.text(max_size=6),
            st.sampled_from(["%ff", "%00", "..", "%2e%2e", "%"]),
        ),
        max_size=5,
    ),
    query=st.one_of(
        st.text(max_size=20),
        st.sampled_from(QUERIES),
    ),
    body=st.binary(max_size=20),
)
def test_no_request_makes_it_fail(tmp_path_factory, method, segments, query, body):
    stand = _shared(tmp_path_factory)
    path = "/".join(["/_local", *segments])
    face = Face(stand, Controls(stand), tokens)
    headers = {"host": "h", "origin": "http://h"}
    from cloud.local.web import Request

    response = face.answer(Request(method, path, query, headers, body))
    assert response.status < 500
    assert all("\n" not in value and "\r" not in value for value in response.headers.values())


_STANDS = []


def _shared(tmp_path_factory):
    if not _STANDS:
        _STANDS.append(Stand(tmp_path_factory.mktemp("fuzz")))
    return _STANDS[0]


@pytest.fixture(scope="module", autouse=True)
def _closed():
    yield
    while _STANDS:
        _STANDS.pop().close()


# ---- the overview and the clock -------------------------------------------------------------
def test_the_overview_shows_what_the_stack_did(stand, face):
    stand.busy(invocations=1234, errors=2, throttles=1, last_at=NOW, last_ms=12.5, total_ms=2468.0)
    stand.dead_letter("x")
    stand.awaits("schedule Nightly")
    page = text_of(ask(face, "/_local/"))
    for shown in ("1,234", "▲ 2", "◆ 1", "12.5 ms", "2.0 ms", "▲ 1 dead", "2026-07-01 03:31:01"):
        assert shown in page
    for shown in ("Tue 30 Jun 2026, 23:31 EDT", "cron(0 5 * * ? *)", "queue Work", "in 59 min"):
        assert shown in page
    assert 'action="/_local/queues/WorkDead/redrive"' in page


def test_a_jump_shows_how_far_it_is(stand):
    controls = Controls(stand)
    face = Face(stand, controls)
    assert ask(face, "/_local/clock/jump", "POST", b"days=10").headers["location"] == (
        "/_local/clock?done=jump"
    )
    controls.state()
    controls.is_held = True
    page = text_of(ask(face, "/_local/clock?done=jump"))
    assert "▶▶ jumping" in page
    assert "20% done" in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert "The jump has begun." in page


def test_a_jump_to_an_instant_of_the_form_is_in_utc(stand, face):
    assert ask(face, "/_local/clock/jump", "POST", b"to=2026-07-05T10:00").status == 303
    state = json.loads(ask(face, "/_local/api/clock").body)
    assert state["target"] == "2026-07-05T10:00:00Z"


def test_a_clock_that_nobody_runs_says_so_and_has_no_buttons(stand):
    face = Face(stand)
    page = text_of(ask(face, "/_local/clock"))
    assert "Nobody runs this clock" in page
    assert "<form" not in page
    refused = ask(face, "/_local/clock/jump", "POST", b"days=1")
    assert refused.status == 400
    assert "nobody runs it here" in text_of(refused)


@pytest.mark.parametrize(
    ("deed", "body"),
    [
        ("jump", b"days=0"),
        ("jump", b"days=-1"),
        ("jump", b"days=nan"),
        ("jump", b"days=inf"),
        ("jump", b"days=3661"),
        ("jump", b"days="),
        ("jump", b"to=soon"),
        ("jump", b"days=1&to=2026-08-01T00:00"),
        ("jump", b"\xff\xfe"),
        ("speed", b"speed=0"),
        ("speed", b""),
        ("speed", b"speed=1e999"),
    ],
)
def test_a_form_that_cannot_be_used_changes_nothing(stand, face, deed, body):
    before = json.loads(ask(face, "/_local/api/clock").body)
    assert ask(face, f"/_local/clock/{deed}", "POST", body).status == 400
    assert json.loads(ask(face, "/_local/api/clock").body) == before


def test_pause_and_resume(stand, face):
    ask(face, "/_local/clock/pause", "POST")
    assert "❚❚ paused" in text_of(ask(face, "/_local/clock"))
    ask(face, "/_local/clock/resume", "POST")
    assert "▶ running" in text_of(ask(face, "/_local/clock"))


# ---- queues ---------------------------------------------------------------------------------
def test_looking_at_a_queue_receives_nothing(stand, face):
    stand.queues.send("Work", '{"kind":"chunk","body":"{\\"n\\":1}"}')
    for _ in range(6):
        page = text_of(ask(face, "/_local/queues/Work"))
    assert "received 0 times" in page
    assert "● visible" in page
    assert "  &#34;body&#34;: {\n    &#34;n&#34;: 1\n" in page
    stand.queues.receive("Work", limit=1)
    assert "▶ in flight" in text_of(ask(face, "/_local/queues/Work"))


def test_dead_letters_are_sent_back_once(stand, face):
    stand.dead_letter("x")
    first = ask(face, "/_local/queues/WorkDead/redrive", "POST")
    assert (first.status, first.headers["location"]) == (
        303,
        "/_local/queues/WorkDead?done=redriven",
    )
    assert stand.queues.depth("Work").visible == 1
    again = ask(face, "/_local/queues/WorkDead/redrive", "POST")
    assert again.headers["location"].endswith("done=nothing")
    assert ask(face, "/_local/queues/Lonely/redrive", "POST").status == 400


def test_a_dead_letter_of_no_queue_stays_and_is_told(stand):
    stand.queues.send("WorkDead", "of an error action")
    stand.dead_letter("x")
    stand.dead_letter("y")
    done = deeds.redrive(stand, "Work")
    assert done == deeds.SentBack("WorkDead", 2, 1, "no source queue is known of them")
    assert done.says == "2 sent back from WorkDead, 1 stays: no source queue is known of them"
    assert [stand.queues.depth(name).visible for name in ("Work", "WorkDead")] == [2, 1]
    stand.queues.send("WorkDead", "another")
    assert deeds.redrive(stand, "WorkDead").says == (
        "0 sent back from WorkDead, 2 stay: no source queue is known of them"
    )


def test_a_dead_letter_that_somebody_reads_stays_and_is_told(stand):
    stand.dead_letter("x")
    stand.queues.receive("WorkDead", visibility_s=60)
    done = deeds.redrive(stand, "Work")
    assert (done.moved, done.left) == (0, 1)
    assert "out of sight" in done.why
    stand.clock.move_to(stand.clock.now() + timedelta(minutes=1))
    assert deeds.redrive(stand, "Work") == deeds.SentBack("WorkDead", 1, 0, "")
    assert deeds.redrive(stand, "Work").says == "0 sent back from WorkDead"


def test_that_nothing_could_be_sent_back_is_no_success(stand, face):
    stand.queues.send("WorkDead", "of an error action")
    response = ask(face, "/_local/queues/WorkDead/redrive", "POST")
    page = text_of(ask(face, response.headers["location"]))
    assert "0 sent back, 1 stay: no source queue is known of them." in page
    content = json.loads(ask(face, "/_local/api/queues/WorkDead/redrive", "POST").body)
    assert content == {
        "queue": "WorkDead",
        "moved": 0,
        "left": 1,
        "why": "no source queue is known of them",
    }
    assert "win" not in text_of(
        ask(face, "/_local/queues/Lonely?done=stay&moved=9&left=1&why=you+win")
    )
    assert stand.queues.depth("WorkDead").visible == 1


def test_purging_asks_first_and_empties_one_queue(stand, face):
    stand.queues.send("Lonely", "x")
    stand.queues.send("Work", "y")
    page = text_of(ask(face, "/_local/queues/Lonely/purge"))
    assert "1 message will be thrown away" in page
    response = ask(face, "/_local/queues/Lonely/purge", "POST")
    assert "is empty now" in text_of(ask(face, response.headers["location"]))
    assert [stand.queues.depth(name).visible for name in ("Lonely", "Work")] == [0, 1]


# ---- tables ---------------------------------------------------------------------------------
def links(page, path):
    return [one.replace("&amp;", "&") for one in re.findall(rf'href="({path}[^"]*)"', page)]


def test_paging_shows_every_item_once(stand, face):
    for n in range(45):
        put(stand, f"Site#S-{n:02d}")
    seen, path, pages = [], "/_local/tables/Things", 0
    while path:
        page = text_of(ask(face, path))
        pages += 1
        assert pages < 9
        seen += re.findall(r"<summary><code>([^<]+)</code>", page)
        path = next(iter(links(page, "/_local/tables/Things\\?partition=")), "")
    assert sorted(seen) == [f"Site#S-{n:02d}" for n in range(45)]
    assert pages == 3


def test_a_partition_is_found_and_its_secrets_are_not_shown(stand, face):
    bank = {"id": "P-1", "account_number": {"value": "000987654321"}, "note": "a&b"}
    put(stand, "Partner#P-1", body={"S": json.dumps(bank)}, api_token={"S": "tok-5566"})
    put(stand, "Partner#P-2", size={"N": "1.25"}, payload={"B": "AAEC"}, set={"NS": ["1", "2"]})
    page = text_of(ask(face, "/_local/tables/Things?partition=Partner%23P-1"))
    assert "Partner#P-1" in page
    assert "Partner#P-2" not in page
    assert "••• masked" in page
    assert "a&amp;b" in page
    other = text_of(ask(face, "/_local/tables/Things?partition=Partner%23P-2"))
    assert "1.25" in other
    assert "&lt;3 bytes&gt;" in other
    for path in ("/_local/tables/Things", *links(page, "/_local/tables/Things/item")):
        shown = text_of(ask(face, path))
        assert "Partner#P-1" in shown
        assert "000987654321" not in shown
        assert "tok-5566" not in shown


def test_a_partition_that_is_not_there_says_so(face):
    page = text_of(ask(face, "/_local/tables/Things?partition=none"))
    assert "No item has this partition key" in page


@pytest.mark.parametrize("after", ["x", "e30", "W10", "bnVsbA", "eyJwayI6eyJOIjoiMSJ9fQ"])
@pytest.mark.parametrize("page", ["?after={}", "/item?key={}", "?partition=x&after={}"])
def test_a_key_of_an_address_that_was_damaged_is_bad_input(face, after, page):
    assert ask(face, "/_local/tables/Things" + page.format(after)).status == 400


def test_an_item_that_was_deleted_is_not_found(stand, face):
    put(stand, "Site#S-1")
    (address,) = links(text_of(ask(face, "/_local/tables/Things")), "/_local/tables/Things/item")
    assert ask(face, address).status == 200
    key = {"pk": {"S": "Site#S-1"}, "sk": {"S": "-"}}
    stand.engine.call("DeleteItem", {"TableName": "Things", "Key": key})
    assert ask(face, address).status == 404


# ---- functions and documents ----------------------------------------------------------------
def test_a_function_shows_its_environment_without_its_secrets(stand, face):
    stand.log('{"level": "INFO", "function": "WorkFunction", "message": "mine"}\n')
    stand.log('{"level": "INFO", "function": "WebFunction", "message": "not-mine"}\n')
    page = text_of(ask(face, "/_local/functions/WorkFunction"))
    assert "API_TOKEN" in page
    assert "Things" in page
    for secret in ("tok-112233", "99887766", "not-mine"):
        assert secret not in page
    assert ">mine" in page


def test_a_document_is_handed_out_as_a_download(stand, face):
    key = 'ach/über "x"\r\nset-cookie: a=b;.ach'
    stand.buckets.objects[key] = b"\x00bank\xff"
    page = text_of(ask(face, "/_local/documents/Papers"))
    (address,) = links(page, "/_local/documents/Papers/file")
    response = ask(face, address)
    assert response.body == b"\x00bank\xff"
    assert response.headers["content-type"] == "application/octet-stream"
    disposition = response.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="_ber__x___set-cookie__a_b_.ach"')
    assert "\r" not in disposition


def test_documents_are_paged_and_filtered(stand, face):
    for n in range(230):
        stand.buckets.objects[f"remittances/{n:03d}.pdf"] = b"x"
    stand.buckets.objects["ach/one.ach"] = b"x"
    seen, path = [], "/_local/documents/Papers"
    while path:
        page = text_of(ask(face, path))
        seen += links(page, "/_local/documents/Papers/file")
        path = next(iter(links(page, "/_local/documents/Papers\\?prefix=")), "")
    assert len(seen) == len(set(seen)) == 231
    page = text_of(ask(face, "/_local/documents/Papers?prefix=ach%2F"))
    assert len(links(page, "/_local/documents/Papers/file")) == 1


# ---- JSON -----------------------------------------------------------------------------------
def test_the_state_holds_what_the_overview_shows(stand, face):
    stand.dead_letter("x")
    stand.awaits("schedule Nightly")
    state = json.loads(ask(face, "/_local/api/state").body)
    assert state["clock"]["status"] == "running"
    assert state["upcoming"] == [{"at": "2026-07-01T04:30:00Z", "what": "schedule Nightly"}]
    work = next(one for one in state["queues"] if one["name"] == "Work")
    assert (work["dead_letters"], work["dead"], work["feeds"]) == ("WorkDead", 1, ["WorkFunction"])
    assert state["functions"][0]["causes"] == [
        {"kind": "queue", "name": "Work"},
        {"kind": "schedule", "name": "Nightly"},
    ]
    assert state["topic_rules"][0]["actions"] == ["queue Work"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("clock/jump", b'{"days": 2}', 200),
        ("clock/jump", b'{"to": "2026-07-09T00:00:00+02:00"}', 200),
        ("clock/speed", b'{"speed": 10}', 200),
        ("clock/pause", b"", 200),
        ("clock/resume", b"{}", 200),
        ("clock/jump", b"{}", 400),
        ("clock/jump", b'{"days": true}', 400),
        ("clock/jump", b'{"days": NaN}', 400),
        ("clock/jump", b'{"days": [1]}', 400),
        ("clock/jump", b"[1]", 400),
        ("clock/jump", b"[" * 100_000, 400),
        ("clock/speed", b'{"speed": 1' + b"0" * 400 + b"}", 400),
        ("queues/None/redrive", b"", 404),
        ("queues/Lonely/redrive", b"", 400),
        ("token", b'{"name": "mallory"}', 400),
        ("token", b'{"name": 7}', 400),
        ("state", b"", 404),
    ],
)
def test_the_json_interface_answers_in_json(face, path, body, status):
    response = ask(face, f"/_local/api/{path}", "POST", body)
    assert (response.status, response.headers["content-type"]) == (status, "application/json")
    content = json.loads(response.body)
    assert ("message" in content) is (status != 200)


def test_a_stack_without_people_gives_no_token(stand):
    response = ask(Face(stand), "/_local/api/token", "POST", b'{"name": "x"}')
    assert response.status == 400
    assert "knows no clients" in json.loads(response.body)["message"]


def test_the_clock_moves_on_between_two_looks(stand, face):
    stand.clock.move_to(NOW + timedelta(days=1))
    assert "2026-07-02 03:30:00" in text_of(ask(face, "/_local/"))
