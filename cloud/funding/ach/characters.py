"""Which characters may stand in a bank file, and how other text is written with them."""

import re
import unicodedata

ACCOUNT = re.compile(r"[A-Z0-9][A-Z0-9-]{0,16}")
"""An account number as banks print it: 1 to 17 capitals, digits and dashes, to the left."""
ORIGIN = re.compile(r"[A-Z0-9]{10}| \d{9}", re.ASCII)
COMPANY_ID = re.compile(r"[A-Z0-9]{10}")

_LETTERS = str.maketrans({"Æ": "AE", "Œ": "OE", "Ø": "O", "Ł": "L", "Đ": "D", "Þ": "TH", "Ð": "D"})
_NOT_ALLOWED = re.compile(r"[^A-Z0-9 .,&'()*+/#$%:;@_=?!\\-]")


def transliterated(text: str) -> str:
    """Give the text in the upper-case ASCII that banks accept; what has no letter is a blank."""
    plain = unicodedata.normalize("NFKD", text.upper().translate(_LETTERS))
    plain = "".join(mark for mark in plain if not unicodedata.combining(mark)).upper()
    return " ".join(_NOT_ALLOWED.sub(" ", plain).split())


def is_text_to_the_left(field: str) -> bool:
    """Tell whether a field holds what the writer would write: capitals, one blank between words."""
    return field.rstrip(" ") == transliterated(field)
