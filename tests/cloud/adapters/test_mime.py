"""Mails as bytes: whatever they are, reading them gives an answer, soon, and believes nothing."""

import time
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.adapters import mime, mime_papers
from cloud.adapters.mime_text import file_name, header_text, plain, text_of_page
from cloud.service.mail import PaperKind

MAILS = sorted((Path(__file__).parents[2] / "data" / "mails").glob("*.eml"))
TOP = b"Return-Path: <a@sun.example>\nReceived: from x by inbound-smtp.us-east-1.amazonaws.com\n"


def mail(results=b"", sender=b"a@sun.example", rest=b"\nhello\n", more=b""):
    return (
        TOP
        + b"Authentication-Results: "
        + results
        + b"\n"
        + more
        + b"From: "
        + sender
        + b"\n"
        + rest
    )


# ---------------------------------------------------------------------- whatever the bytes are
@given(st.binary(max_size=4000))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read(raw):
    read = mime.read(raw)
    assert not read.is_authenticated
    assert read.bounced is None


@given(st.sampled_from(MAILS), st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_broken_mail_of_the_corpus_is_read(path, data):
    raw = bytearray(path.read_bytes()[:20_000])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(raw)))
        kind = data.draw(st.sampled_from(["cut", "put", "twice", "flip"]))
        if kind == "cut":
            del raw[at : at + data.draw(st.integers(1, 200))]
        elif kind == "put":
            raw[at:at] = data.draw(st.binary(max_size=30))
        elif kind == "twice":
            raw[at:at] = raw[at : at + data.draw(st.integers(1, 400))]
        elif at < len(raw):
            raw[at] ^= 1 << data.draw(st.integers(0, 7))
    read = mime.read(bytes(raw))
    mime_papers.texts_of(read)
    for one in read.attachments:
        assert one.name
        assert not set(one.name) & set('/\\\x00\n\r<>:"|?*')
        assert len(one.name) <= 120
    assert "\x00" not in read.text + read.subject
    assert "\n" not in read.subject


SLOW = {
    "a page of brackets": b"Content-Type: text/html\n\n" + b"<" * 400_000,
    "a page of comments": b"Content-Type: text/html\n\n" + b"<!--" * 100_000,
    "a page of declarations": b"Content-Type: text/html\n\n" + b"<![" * 100_000,
    "a page of open tags": b"Content-Type: text/html\n\n" + b"<div>" * 80_000,
    "a page of numbers": b"Content-Type: text/html\n\n&#" + b"9" * 390_000 + b";",
    "a page of scripts": b"Content-Type: text/html\n\n" + b"<script>" * 40_000,
    "a page of entities": b"Content-Type: text/html\n\n" + b"&#x" * 130_000,
    "quotes in the sender": b"X: y\n\n",
    "many references": b"References: " + b"<a@b> " * 40_000 + b"\n\nx",
    "many headers": b"X: y\n" * 50_000 + b"\nx",
    "one long header": b"Subject: " + b"=?utf-8?q?a?= " * 18_000 + b"\n\nx",
    "many boundaries": b'Content-Type: multipart/mixed; boundary="a"\n\n' + b"--a\n\n" * 100_000,
    "deep parts": b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(5000)
    ),
    "mails in mails": b"Content-Type: message/rfc822\n\n" * 5000,
    "parameters": b"Content-Type: text/plain" + b"; a*0=b" * 30_000 + b"\n\nx",
    "a megabyte of one line": b"Content-Type: text/plain\n\n" + b"x" * 1_000_000,
}


@pytest.mark.parametrize("name", sorted(SLOW))
def test_a_mail_made_to_be_slow_is_read_in_time(name):
    sender = b'"\\' * 20_000 if name == "quotes in the sender" else b"a@sun.example"
    began = time.process_time()
    mime.read(mail(sender=sender, rest=SLOW[name]))
    assert time.process_time() - began < 5


def test_a_mail_larger_than_any_is_not_taken_apart():
    read = mime.read(mail(rest=b"\n" + b"x" * (mime.MAX_MAIL_BYTES + 1)))
    assert read.text == ""
    assert "40 MiB" in read.unread[0]


def test_attachments_after_the_sixtieth_are_told_of():
    parts = b"".join(
        b"--b\nContent-Type: text/x\nContent-Disposition: attachment; filename=a%d.txt\n\nx\n" % n
        for n in range(65)
    )
    read = mime.read(
        mail(rest=b'Content-Type: multipart/mixed; boundary="b"\n\n' + parts + b"--b--")
    )
    assert len(read.attachments) == 60
    assert "more than 60" in read.unread[0]


# ---------------------------------------------------------------------- who vouches
PASS = b"amazonses.com; spf=pass client-ip=1.2.3.4; envelope-from=a@sun.example; helo=x"


@pytest.mark.parametrize(
    ("results", "sender", "vouched"),
    [
        pytest.param(PASS, b"a@sun.example", True, id="SPF of the sender's domain"),
        pytest.param(PASS, b"a@mail.sun.example", True, id="of the domain above"),
        pytest.param(PASS, b"a@moon.example", False, id="of another domain"),
        pytest.param(PASS, b"a@notsun.example", False, id="that ends alike"),
        pytest.param(PASS + b"; dmarc=fail header.from=sun.example", b"a@sun.example", False,
                     id="DMARC failed"),
        pytest.param(PASS.replace(b"pass", b"softfail"), b"a@sun.example", False, id="soft fail"),
        pytest.param(PASS.replace(b"amazonses.com", b"mx.sun.example"), b"a@sun.example", False,
                     id="another service says so"),
        pytest.param(b"amazonses.com; spf=fail; dkim=fail header.i=@sun.example;"
                     b" dkim=pass header.i=@sun.example", b"a@sun.example", True,
                     id="the second signature is good"),
        pytest.param(b"amazonses.com; dkim=pass header.i=@example", b"a@sun.example", False,
                     id="a domain of one word"),
        pytest.param(PASS + b"; spf=pass smtp.mailfrom=a@sun.example", b"a@sun.example", False,
                     id="two verdicts of SPF"),
        pytest.param(b"amazonses.com; spf=pass (dkim=pass header.i=@moon.example) envelope-from="
                     b"a@sun.example", b"a@moon.example", False, id="in a comment"),
        pytest.param(b"amazonses.com; dmarc=pass header.from=sun.example", b"a@sun.example", True,
                     id="DMARC"),
        pytest.param(b"amazonses.com", b"a@sun.example", False, id="nothing was found out"),
        pytest.param(PASS, b"", False, id="no sender"),
    ],
)  # fmt: skip
def test_who_vouches_for_a_sender(results, sender, vouched):
    assert mime.read(mail(results, sender)).is_authenticated is vouched


def test_only_the_findings_of_our_own_service_count():
    forged = b"Authentication-Results: " + PASS + b"\n"
    assert not mime.read(mail(b"amazonses.com; spf=none", more=forged)).is_authenticated
    below = TOP + b"Received: from y\n" + forged + b"From: a@sun.example\n\nx"
    assert not mime.read(below).is_authenticated


@pytest.mark.parametrize(
    ("value", "sender"),
    [
        (b"Ann <Ann@Sun.example>", "ann@sun.example"),
        (b'"b@moon.example" <a@sun.example>', "a@sun.example"),
        (b"a@sun.example", "a@sun.example"),
        (b"a@sun.example, b@sun.example", ""),
        (b"a@sun.example <b@sun.example> <c@sun.example>", ""),
        (b"group: a@sun.example;", ""),
        (b"a@sun.example (b)", ""),
        ("a@sün.example".encode(), ""),
        ("\u212a@sun.example".encode(), ""),
        (b"a@sun", ""),
    ],
)
def test_the_sender_is_one_address_or_none(value, sender):
    assert mime.read(mail(sender=value)).sender == sender


# ---------------------------------------------------------------------- what it says
def test_a_mail_tells_its_threads_and_its_day():
    rest = (
        b"References: <1@a>\n <2@b>\nIn-Reply-To: <2@b> (a word)\nMessage-ID: <3@c>\n"
        b"Date: Tue, 09 Jun 2026 10:00:00 -0400\nTo: X <x+wo-1.abcdefgh@sun.example>,"
        b" y@b.example\n\nx"
    )
    read = mime.read(mail(rest=rest))
    assert (read.references, read.in_reply_to, read.message_id) == (
        ("<1@a>", "<2@b>"),
        "<2@b>",
        "<3@c>",
    )
    assert read.sent_at == datetime(2026, 6, 9, 14, 0, tzinfo=UTC)
    assert read.recipients == ("x+wo-1.abcdefgh@sun.example", "y@b.example")


def test_the_same_body_has_the_same_digest_whatever_stands_above_it():
    one, another = mail(more=b"X: 1\n"), mail(more=b"X: 2\n")
    assert mime.read(one).digest == mime.read(another).digest
    assert mime.read(one).digest != mime.read(mail(rest=b"\nhello!\n")).digest


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\y.pdf", "y.pdf"),
        ("\x00\x1b[2Ja.pdf", "[2Ja.pdf"),
        ("..", "file"),
        ("", "file"),
        ("a" * 300 + ".jpeg", "a" * 95 + ".jpeg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("x\n.pdf", "x_.pdf"),
    ],
)
def test_names_of_files_are_harmless(given_name, name):
    assert file_name(given_name, otherwise="file") == name


@pytest.mark.parametrize(
    ("start", "declared", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "text/plain", PaperKind.JPEG),
        (b"%PDF-1.7", "image/jpeg", PaperKind.PDF),
        (b"\x00\x00\x00\x18ftypheic", "image/heic", PaperKind.HEIC),
        (b"PK\x03\x04", "image/png", PaperKind.ARCHIVE),
        (b"x", "text/plain", PaperKind.TEXT),
        (b"x", "image/jpeg", PaperKind.OTHER),
        (b"x", "application/pgp-encrypted", PaperKind.ENCRYPTED),
    ],
)
def test_a_file_is_what_its_first_bytes_say(start, declared, kind):
    assert mime.kind_of(start, declared) is kind


def test_a_page_becomes_lines_and_its_quotes_are_marked():
    page = (
        "<p>one<br>two &amp; three<script>alert(1)</script></p><blockquote>old<p>older</p>"
        "</blockquote><div id=divRplyFwdMsg>From: x</div></div></blockquote>end"
    )
    assert text_of_page(page).split("\n") == [
        "one", "two & three", "> old", "> older", "> From: x", "end",
    ]  # fmt: skip


def test_what_cannot_be_seen_is_taken_out():
    assert plain("a\u200bb\u202ec\u00a0d\r\ne\rf\x07") == "abc d\ne\nf"
    assert header_text("=?x-none?q?a=FF?=") != ""
    assert "\n" not in header_text("=?utf-8?q?a=0Ab?=")


def test_a_paper_that_is_none_has_no_text():
    assert mime_papers.text_of(b"%PDF-1.4\nnothing") == ""
    assert mime_papers.text_of(b"%PDF-" + b" obj" * 30_000) == ""
    assert mime_papers.text_of(b"%PDF-" + b"x" * mime_papers.MAX_PAPER_BYTES) == ""


@pytest.mark.parametrize("name", ["invoice-pdf"])
def test_the_text_of_a_paper_is_read(name):
    (path,) = [one for one in MAILS if one.stem == name]
    (text,) = mime_papers.texts_of(mime.read(path.read_bytes()))
    assert "Total: $295.50" in text


def paper(steps, form=b""):
    """Give a PDF of one page that draws these steps, and may draw a form."""
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>/XObject<</X 6 0 R>>>>>>",
        _stream(b"", steps),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        _stream(b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</Font<</F1 5 0 R>>>>", form),
    ]
    out = b"%PDF-1.4\n"
    for number, part in enumerate(parts, 1):
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    return out + b"trailer<</Size 7/Root 1 0 R>>\nstartxref\n0\n%%EOF"


def _stream(entries, content):
    packed = zlib.compress(content, 9)
    head = b"<</Filter/FlateDecode/Length %d%s>>" % (len(packed), entries)
    return b"%s\nstream\n%s\nendstream" % (head, packed)


LINE = b"BT /F1 9 Tf 1 0 0 1 72 700 Tm (Total: 5) Tj ET\n"


def test_a_paper_that_takes_long_is_not_read():
    assert "Total: 5" in mime_papers.text_of(paper(LINE * 300 + b"/X Do ", LINE))
    began = time.process_time()
    for bomb in (
        paper(LINE * 60_000),
        paper(LINE * 200_000),
        paper(b"0 " * 1_500_000),
        paper(b"[0 0] " * 600_000),
        paper(b"q Q " * 900_000),
        paper(b"/X Do " * 100, LINE * 1_000),
        paper(b"BT (" + b" " * 30_000_000),
    ):
        assert len(bomb) < 100_000
        assert mime_papers.text_of(bomb) == ""
    assert time.process_time() - began < 20
