"""Mails on a page: taken apart, decoded, handed out, and harmless whoever wrote them."""

import base64
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.local.face import mails
from cloud.local.face.face import Face
from tests.cloud.local.face_stand import Stand, ask

NAME = "20260608T120000Z-LTR-1.eml"


@pytest.fixture
def stand(tmp_path):
    made = Stand(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def face(stand):
    return Face(stand)


def mail(**headers):
    made = EmailMessage()
    given = {"From": "a@sun.example", "To": "b@home.example", "Subject": "Grüße ☀", **headers}
    for name, value in given.items():
        made[name] = value
    made.set_content("Hello,\nyour <b>system</b> works.\n")
    return made


def full():
    made = mail()
    made.add_alternative("<p>Hello<script>alert(1)</script></p>", subtype="html")
    made.add_attachment(b"\x00pdf\xff", maintype="application", subtype="pdf", filename="für.pdf")
    made.add_attachment("second", filename='../"x".txt')
    return made.as_bytes()


def test_the_list_shows_who_and_what_newest_first(stand, face):
    for n in range(25):
        stand.mailbox.put(f"202606{n + 1:02d}T000000Z-L.eml", mail(Subject=f"No. {n}").as_bytes())
    page = ask(face, "/_local/mail/").body.decode()
    assert page.index("No. 24") < page.index("No. 23")
    assert "No. 4<" not in page
    assert "1 to 20 of 25" in page
    older = ask(face, "/_local/mail/?box=sent&from=20").body.decode()
    assert "No. 4<" in older
    assert "No. 5<" not in older
    assert "to b@home.example" in page


def test_both_boxes_are_shown(stand, face):
    stand.arrived.put(NAME, mail(Subject="a reply").as_bytes())
    page = ask(face, "/_local/mail/?box=arrived").body.decode()
    assert "a reply" in page
    assert "from a@sun.example" in page
    assert "a reply" not in ask(face, "/_local/mail/").body.decode()
    assert ask(face, f"/_local/mail/arrived/{NAME}").status == 200
    assert ask(face, f"/_local/mail/sent/{NAME}").status == 404


def test_a_mail_is_taken_apart(stand, face):
    stand.mailbox.put(NAME, full())
    page = ask(face, f"/_local/mail/sent/{NAME}").body.decode()
    assert "Grüße ☀" in page
    assert "your &lt;b&gt;system&lt;/b&gt; works." in page
    assert f'<iframe sandbox title="The mail\'s HTML" src="/_local/mail/sent/{NAME}/html">' in page
    assert "alert(1)" not in page
    attachment = ask(face, f"/_local/mail/sent/{NAME}/attachments/0")
    assert attachment.body == b"\x00pdf\xff"
    disposition = attachment.headers["content-disposition"]
    assert disposition == "attachment; filename=\"f_r.pdf\"; filename*=UTF-8''f%C3%BCr.pdf"
    second = ask(face, f"/_local/mail/sent/{NAME}/attachments/1")
    assert second.body.strip() == b"second"
    assert not set("\r\n") & set(second.headers["content-disposition"])
    assert (
        ask(face, f"/_local/mail/sent/{NAME}/source").body
        == (stand.mailbox.folder / NAME).read_bytes()
    )


def test_the_html_of_a_mail_can_do_nothing(stand, face):
    stand.mailbox.put(NAME, full())
    response = ask(face, f"/_local/mail/sent/{NAME}/html")
    assert b"<p>Hello" in response.body
    policy = response.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "sandbox", "frame-ancestors 'self'"} <= set(policy)
    assert not [part for part in policy if part.startswith("script-src")]
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("part", ["attachments/9", "attachments/x", "attachments/-1", "none", "²"])
def test_parts_that_are_not_there_are_not_found(stand, face, part):
    stand.mailbox.put(NAME, full())
    assert ask(face, f"/_local/mail/sent/{NAME}/{part}").status == 404


def deep(depth):
    head = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth)
    )
    return b"Subject: deep\n" + head + b"Content-Type: text/plain\n\nx\n"


HOSTILE = {
    "empty": b"",
    "nul": b"\x00" * 100,
    "no header": b"\n\njust text",
    "unknown charset": b"Content-Type: text/plain; charset=klingon\n\nhello",
    "charset that is no text": b"Content-Type: text/plain; charset=base64\n\nhello",
    "charset with nul": b'Content-Type: text/plain; charset="a\x00b"\n\nhello',
    "broken base64": b"Content-Transfer-Encoding: base64\n\n!!!=",
    "unknown word": b"Subject: =?klingon?Q?x?= =?utf-8?B?!?=\n\nx",
    "broken word": b"Subject: =?utf-8?B?a?=\nFrom: =?utf-8?Q?=FF=FE?=\n\nx",
    "raw bytes": b"Subject: \xff\xfe\xfd\nTo: \xe4\n\n\xff",
    "deep": deep(2000),
    "no boundary": b"Content-Type: multipart/mixed\n\nx",
    "message in message": b"Content-Type: message/rfc822\n\n" * 200 + b"\nx",
    "a name in parts": b"Content-Disposition: attachment; filename*0*=klingon''%41; "
    b'filename*1="\x00../x"\n\nx',
    "uuencode": b"Content-Transfer-Encoding: x-uuencode\n\nbegin 666 x\n!!!\nend\n",
    "long": b"Subject: " + b"x" * 100_000 + b"\n\n" + b"y" * 200_000,
    "many parts": b"Content-Type: multipart/mixed; boundary=b\n\n"
    + b"--b\n\nx\n" * 5000
    + b"--b--\n",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_mails_are_shown(stand, face, content):
    stand.arrived.put("x.eml", content)
    assert ask(face, "/_local/mail/?box=arrived").status == 200
    response = ask(face, "/_local/mail/arrived/x.eml")
    assert response.status == 200
    assert len(response.body) <= 40 * 1024
    for part in ("html", "source", "attachments/0"):
        assert ask(face, f"/_local/mail/arrived/x.eml/{part}").status in {200, 404}


words = st.sampled_from(
    [
        b"Subject: ",
        b"Content-Type: ",
        b"multipart/mixed; boundary=b",
        b"text/html; charset=",
        b"\n",
        b"\n\n",
        b"--b",
        b"--b--",
        b"=?utf-8?Q?",
        b"?=",
        b"Content-Disposition: attachment; filename=",
        b"Content-Transfer-Encoding: base64",
        b"message/rfc822",
        b'"',
        b"utf-8",
        b"\xff",
        b"\x00",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(words, st.binary(max_size=6)), max_size=30).map(b"".join))
def test_no_bytes_make_it_fail(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.eml"
    path.write_bytes(content)
    head, read = mails.head(path), mails.read(path)
    for text in (head.subject, head.to, head.sender, head.date, read.text):
        assert isinstance(text.encode(), bytes)
    for one in read.attachments:
        assert one.name.encode()


def test_a_subject_of_several_encodings_is_decoded(tmp_path):
    path = tmp_path / "x.eml"
    word = base64.b64encode("für".encode()).decode()
    path.write_bytes(f"Subject: =?utf-8?B?{word}?= =?iso-8859-1?Q?_dich=FC?=\n\nx".encode())
    assert mails.head(path).subject == "für dichü"


@pytest.mark.parametrize(
    ("date", "shown"),
    [
        ("Tue, 16 Jun 2026 19:00:00 +0000", "2026-06-16 19:00"),
        ("Tue, 16 Jun 2026 19:00:00 -0600", "2026-06-17 01:00"),
        ("Tue, 16 Jun 2026 19:00:00", "2026-06-16 19:00"),
        ("soon", "soon"),
        ("Tue, 99 Jun 2026 99:00:00 +0000", "Tue, 99 Jun 2026 99:00:00 +0000"),
        ("Fri, 31 Dec 9999 23:59:59 -2359", "Fri, 31 Dec 9999 23:59:59 -2359"),
    ],
)
def test_the_list_shows_when_in_utc(tmp_path, date, shown):
    path = tmp_path / "one.eml"
    path.write_bytes(f"Date: {date}\r\nSubject: x\r\n\r\n".encode())
    assert mails.head(path).date == shown
