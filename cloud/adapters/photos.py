"""Photos from outside: checked before they are decoded, and drawn anew without what they tell.

What is kept is a picture that this module wrote itself, upright and without any metadata: no place,
no owner, no serial number of a camera, and nothing that hides behind the picture.
"""

import re
import struct
from io import BytesIO

from PIL import Image, ImageOps

from cloud.service.uploads import JPEG, Fault, Inspected, Limits

LONGEST_PX = 2560
"""Of the longer side of what is kept; enough to read a serial number on a nameplate."""
LONGEST_SMALL_PX = 900
QUALITY, SMALL_QUALITY = 85, 78
FEWEST_PX = 16
"""Of either side: less is no photo of anything."""

_FORMATS = ("JPEG", "PNG")
_EXIF_IFD, _TAKEN_AT = 0x8769, 0x9003
_MOMENT = re.compile(r"(\d{4}):(\d{2}):(\d{2}) (\d{2}:\d{2}:\d{2})", re.ASCII)
_TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_UNREADABLE = (
    OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError, EOFError, OverflowError,
    ZeroDivisionError, AttributeError, struct.error, RuntimeError, Warning,
)  # fmt: skip
"""What the picture library raises at bytes that are not quite a picture; it may also warn."""


def inspect(content: bytes, limits: Limits) -> Inspected | Fault:
    """Give the photo as it may be kept, in two sizes, or why it may not (U-06).

    The number of pixels is read from the head, before any of them is decoded. A photo that ends too
    early is refused: half a picture proves nothing.
    """
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as opened:
            pixels = opened.width * opened.height
            if pixels > limits.most_pixels:
                return _too_many(limits)
            if min(opened.size) < FEWEST_PX:
                because = f"{opened.width} x {opened.height} pixels show nothing: send the photo"
                return Fault("photo_too_small", because)
            taken_at = _taken_at(opened)
            size = opened.size
            picture = _upright(opened)
    except _TOO_LARGE:
        return _too_many(limits)
    except _UNREADABLE as wrong:
        because = f"the photo cannot be read to its end ({type(wrong).__name__}): upload it again"
        return Fault("photo_unreadable", because)
    is_turned = (picture.width >= picture.height) != (size[0] >= size[1])
    width, height = size[::-1] if is_turned else size
    return Inspected(
        content=_written(picture, LONGEST_PX, QUALITY),
        content_type=JPEG,
        small=_written(picture, LONGEST_SMALL_PX, SMALL_QUALITY),
        width_px=width,
        height_px=height,
        taken_at=taken_at,
    )


def _too_many(limits: Limits) -> Fault:
    megapixels = limits.most_pixels // 1_000_000
    return Fault("too_many_pixels", f"the photo has more than {megapixels} megapixels")


def _upright(opened: Image.Image) -> Image.Image:
    """Decode a photo, no larger than it is kept, and turn it as the camera was held."""
    opened.draft("RGB", (LONGEST_PX, LONGEST_PX))  # a JPEG is decoded smaller at once
    opened.load()
    turned = ImageOps.exif_transpose(opened)
    turned.thumbnail((LONGEST_PX, LONGEST_PX))
    if turned.mode in {"RGBA", "LA", "PA"} or "transparency" in turned.info:
        seen = turned.convert("RGBA")
        paper = Image.new("RGBA", seen.size, "white")
        turned = Image.alpha_composite(paper, seen)
    return turned.convert("RGB")


def _written(picture: Image.Image, longest_px: int, quality: int) -> bytes:
    fitting = picture.copy()
    fitting.info.clear()  # a comment would be written by itself
    fitting.thumbnail((longest_px, longest_px))
    out = BytesIO()
    fitting.save(out, "JPEG", quality=quality, optimize=True, exif=b"")
    return out.getvalue()


def _taken_at(opened: Image.Image) -> str:
    """Give when the camera took the photo, by its own clock; empty where it does not say."""
    try:
        said = opened.getexif().get_ifd(_EXIF_IFD).get(_TAKEN_AT, "")
    except _UNREADABLE:
        return ""
    found = _MOMENT.fullmatch(said.strip("\0 ")) if isinstance(said, str) else None
    return f"{found[1]}-{found[2]}-{found[3]} {found[4]}" if found else ""
