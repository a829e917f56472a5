"""What becomes of a photo from outside: checked before it is decoded, drawn anew, told nothing."""

import hashlib
import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cloud.adapters import photos
from cloud.adapters.inspection import FileInspector
from cloud.service.uploads import JPEG, Fault, Inspected, Limits

LIMITS = Limits(most_pixels=64_000_000, most_pages=200)
SECRET = b"Kilroy lives at 35.78,-78.64"
ORIENTATION, MAKE, ARTIST = 0x0112, 0x010F, 0x013B
GPS_IFD, EXIF_IFD = 0x8825, 0x8769


def a_picture(size=(400, 300), mode="RGB"):
    """A picture whose left half is red and whose right half is blue."""
    width, height = size
    picture = Image.new("RGB", size, "blue")
    picture.paste("red", (0, 0, width // 2, height))
    return picture.convert(mode)


def written(picture, kind="JPEG", **options):
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def with_exif(*, orientation=1, taken="2026:06:09 10:31:07", picture=None):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[MAKE] = "Camera"
    exif[ARTIST] = SECRET.decode()
    exif.get_ifd(GPS_IFD).update({1: "N", 2: (35.0, 46.0, 48.0), 3: "W", 4: (78.0, 38.0, 24.0)})
    exif.get_ifd(EXIF_IFD)[0x9003] = taken
    return written(picture or a_picture(), exif=exif, comment=SECRET, quality=92)


def seen(content):
    with Image.open(BytesIO(content)) as opened:
        opened.load()
        return opened


def inspect(content):
    return photos.inspect(content, LIMITS)


# ---------------------------------------------------------------------- what is kept
def test_nothing_but_the_picture_is_kept_and_when_it_was_taken():
    content = with_exif()
    assert SECRET in content
    assert seen(content).getexif().get_ifd(GPS_IFD)
    kept = inspect(content)
    assert isinstance(kept, Inspected)
    assert kept.taken_at == "2026-06-09 10:31:07"
    for one in (kept.content, kept.small):
        picture = seen(one)
        assert (picture.format, dict(picture.getexif())) == ("JPEG", {})
        assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert SECRET not in one
        assert b"Camera" not in one


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_what_hides_behind_or_within_a_picture_does_not_come_along(kind):
    content = written(a_picture(), kind) + b"<script>" + SECRET
    if kind == "PNG":
        text = b"tEXt" + b"Comment\0" + SECRET
        chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
        content = content[:33] + chunk + content[33:]
    kept = inspect(content)
    assert isinstance(kept, Inspected)
    assert SECRET not in kept.content + kept.small


@pytest.mark.parametrize(
    ("orientation", "left"),
    [(1, "red"), (3, "blue"), (2, "blue")],
    ids=["as it is", "upside down", "mirrored"],
)
def test_a_photo_is_turned_as_the_camera_was_held(orientation, left):
    kept = inspect(with_exif(orientation=orientation))
    red, _, blue = seen(kept.content).getpixel((20, 150))
    assert (red > blue) is (left == "red")
    assert (kept.width_px, kept.height_px) == (400, 300)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_photo_that_was_held_upright_stands_upright(orientation):
    kept = inspect(with_exif(orientation=orientation))
    assert seen(kept.content).size == (300, 400)
    assert (kept.width_px, kept.height_px) == (300, 400)


def test_a_large_photo_is_kept_large_enough_to_read_and_its_own_size_is_told():
    kept = inspect(written(a_picture((4000, 3000))))
    assert (kept.width_px, kept.height_px) == (4000, 3000)
    assert seen(kept.content).size == (2560, 1920)
    assert seen(kept.small).size == (900, 675)


def test_a_small_photo_is_not_blown_up():
    kept = inspect(written(a_picture((64, 48))))
    assert seen(kept.content).size == seen(kept.small).size == (64, 48)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "I;16", "CMYK"])
def test_every_kind_of_pixel_becomes_an_ordinary_jpeg(mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    picture = Image.new("I;16", (40, 30)) if mode == "I;16" else a_picture((40, 30), mode)
    kept = FileInspector().inspect(written(picture, kind), JPEG, LIMITS)
    assert isinstance(kept, Inspected)
    assert seen(kept.content).mode == "RGB"


def test_what_is_transparent_is_paper():
    picture = Image.new("RGBA", (40, 30), (255, 0, 0, 0))
    assert min(seen(inspect(written(picture, "PNG")).content).getpixel((5, 5))) > 250


def test_the_same_photo_gives_the_same_bytes():
    assert inspect(with_exif()) == inspect(with_exif())


@pytest.mark.parametrize(
    "taken",
    ["", "yesterday", "2026:06:09", "2026:06:09 10:31:07\0", "=2026:06:09 10:31:07"],
)
def test_a_moment_is_believed_only_in_its_own_form(taken):
    kept = inspect(with_exif(taken=taken))
    assert kept.taken_at == ("2026-06-09 10:31:07" if taken.startswith("2026:06:09 ") else "")


# ---------------------------------------------------------------------- what is refused
def a_png_head(width, height):
    def chunk(name, content):
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(b"\0" * 100_000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("width", "height"),
    [(8001, 8000), (10_000, 10_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)],
    ids=["just over", "the library warns", "the library refuses", "as large as a head can say"],
)
@pytest.mark.rule("U-06")
def test_a_bomb_is_refused_by_its_head_alone(width, height):
    fault = inspect(a_png_head(width, height))
    assert isinstance(fault, Fault)
    assert fault.code == "too_many_pixels"
    assert "64 megapixels" in fault.because


@pytest.mark.rule("U-06")
def test_a_photo_of_just_the_most_pixels_is_taken():
    limits = Limits(most_pixels=400 * 300, most_pages=1)
    assert isinstance(photos.inspect(written(a_picture()), limits), Inspected)
    over = photos.inspect(written(a_picture((401, 300))), limits)
    assert over.code == "too_many_pixels"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_photo_that_ends_too_early_is_refused(kind, share):
    dots = hashlib.shake_128(b"noise").digest(200 * 150 * 3)
    noise = Image.frombytes("RGB", (200, 150), dots)
    content = written(noise, kind)
    fault = inspect(content[: int(len(content) * share)])
    assert isinstance(fault, Fault)
    assert fault.code == "photo_unreadable"


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a" + b"\0" * 99, b"<svg/>", b"%PDF-1.7"],
    ids=["empty", "a JPEG's head", "a PNG's head", "a GIF", "an SVG", "a PDF"],
)
def test_what_is_no_photo_is_refused(content):
    assert inspect(content).code == "photo_unreadable"


def test_a_picture_of_a_few_pixels_is_no_photo():
    assert inspect(written(a_picture((15, 400)))).code == "photo_too_small"


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "BMP", "ICO"])
def test_other_kinds_of_pictures_are_not_decoded_at_all(kind):
    assert inspect(written(a_picture((64, 48)), kind)).code == "photo_unreadable"


SAMPLES = [with_exif(), written(a_picture(), "PNG"), written(a_picture(mode="P"), "PNG")]


@given(
    sample=st.sampled_from(SAMPLES),
    flips=st.lists(st.tuples(st.floats(0, 0.9999), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_broken_bytes_are_a_photo_or_a_fault_and_nothing_else(sample, flips):
    broken = bytearray(sample)
    for place, value in flips:
        broken[int(place * min(len(broken), 2000))] = value
    found = inspect(bytes(broken))
    assert isinstance(found, Inspected | Fault)
    if isinstance(found, Inspected):
        assert SECRET not in found.content + found.small
