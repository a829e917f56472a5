"""Photos that nobody took: an inverter on a wall, drawn from the words that a report says of it."""

import hashlib
import textwrap
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

SIZE_PX = (960, 720)
_WALL, _BOX, _EDGE, _GLASS = (214, 206, 192), (236, 238, 240), (120, 128, 134), (22, 30, 34)
_LAMPS = {True: (52, 190, 104), False: (214, 60, 48)}


def photo(says: str, *, is_well: bool) -> bytes:
    """Give a JPEG of an inverter whose display shows these words; the same words, the same bytes.

    Args:
        says: what the display shows.
        is_well: whether its lamp is green.
    """
    picture = Image.new("RGB", SIZE_PX, _WALL)
    draw = ImageDraw.Draw(picture)
    seed = hashlib.shake_128(says.encode()).digest(64)
    for row, shade in enumerate(seed):
        top = row * SIZE_PX[1] // len(seed)
        tone = tuple(part - shade % 14 for part in _WALL)
        draw.rectangle((0, top, SIZE_PX[0], top + 11), fill=tone)
    draw.rounded_rectangle((230, 90, 730, 560), 26, fill=_BOX, outline=_EDGE, width=4)
    draw.rectangle((270, 560, 330, 720), fill=_EDGE)
    draw.rectangle((630, 560, 690, 720), fill=_EDGE)
    draw.rounded_rectangle((280, 150, 680, 380), 12, fill=_GLASS)
    draw.ellipse((460, 440, 500, 480), fill=_LAMPS[is_well], outline=_EDGE, width=3)
    font = ImageFont.load_default(size=26)
    for line, text in enumerate(textwrap.wrap(says, 27)[:6]):
        draw.text((300, 168 + 34 * line), text, font=font, fill=(170, 226, 190))
    out = BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()
