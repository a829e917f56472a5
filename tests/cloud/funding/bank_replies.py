"""What a bank answers to a file of ours: returned entries and changes of account details.

It is written from the record layouts by column and uses nothing of the reader that it tests.
"""

from collections.abc import Mapping
from itertools import groupby

_RETURNED = {"22": "21", "23": "21", "27": "26", "32": "31", "33": "31", "37": "36"}
_MODIFIER = "A"


def _check_digit(prefix: str) -> str:
    weighed = sum(int(digit) * (3, 7, 1)[place % 3] for place, digit in enumerate(prefix))
    return str(-weighed % 10)


def _batch(
    original: str,
    entries: list[tuple[str, str]],
    *,
    standard_class: str,
    number: int,
) -> tuple[list[str], int, int, int, int]:
    """Give a batch for entry lines with their addenda, and its count, hash, debits and credits."""
    codes = {_RETURNED[line[1:3]] for line, _ in entries}
    service = "220" if codes <= {"21", "31"} else "225" if codes <= {"26", "36"} else "200"
    bank = entries[0][0][3:11]
    lines = [f"5{service}{original[4:50]}{standard_class}{original[53:75]}   1{bank}{number:07d}"]
    ours = entries[0][0][79:87]
    debits = credits_ = 0
    for place, (line, addenda) in enumerate(entries, start=1):
        trace = f"{bank}{number:03d}{place:04d}"
        amount = 0 if standard_class == "COR" else int(line[29:39])
        code = _RETURNED[line[1:3]]
        if code in {"26", "36"}:
            debits += amount
        else:
            credits_ += amount
        lines.append(
            f"6{code}{ours}{_check_digit(ours)}{line[12:29]}{amount:010d}{line[39:76]}  1{trace}"
        )
        lines.append(f"7{addenda}{trace}")
    count, total_hash = 2 * len(entries), int(ours) * len(entries)
    lines.append(
        f"8{service}{count:06d}{total_hash % 10**10:010d}{debits:012d}{credits_:012d}"
        f"{original[40:50]}{'':25}{bank}{number:07d}"
    )
    return lines, count, total_hash, debits, credits_


def returns_for(
    content: bytes,
    returned: Mapping[str, str],
    noc: Mapping[str, tuple[str, str]] | None = None,
    *,
    died: Mapping[str, str] | None = None,
    information: Mapping[str, str] | None = None,
) -> bytes:
    """Write the bank's answer to a file of ours, a batch for each bank that answers.

    Args:
        content: our file.
        returned: trace number -> return reason code.
        noc: trace number -> change code and corrected data.
        died: trace number -> date of death as six digits.
        information: trace number -> addenda information.
    """
    noc, died, information = noc or {}, died or {}, information or {}
    ours = content.decode("ascii").splitlines()
    entries = {line[79:94]: line for line in ours if line[0] == "6"}
    answers = []
    for trace, code in returned.items():
        line = entries[trace]
        addenda = (
            f"99{code}{trace}{died.get(trace, ''):6}{line[3:11]}{information.get(trace, ''):44}"
        )
        answers.append((line[3:11], "CCD", line, addenda))
    for trace, (code, data) in noc.items():
        line = entries[trace]
        answers.append(
            (line[3:11], "COR", line, f"98{code}{trace}{'':6}{line[3:11]}{data:29}{'':15}")
        )
    answers.sort(key=lambda one: one[:2])
    header = ours[0]
    lines = [f"101{header[13:23]}{header[3:13]}{header[23:33]}{_MODIFIER}094101"
             f"{header[63:86]}{header[40:63]}{'':8}"]  # fmt: skip
    sums = [0, 0, 0, 0]
    number = 0
    for (_, standard_class), group in groupby(answers, key=lambda one: one[:2]):
        number += 1
        batch, *counted = _batch(
            ours[1],
            [(line, addenda) for _, _, line, addenda in group],
            standard_class=standard_class,
            number=number,
        )
        lines += batch
        sums = [before + more for before, more in zip(sums, counted, strict=True)]
    count, total_hash, debits, credits_ = sums
    blocks = -(-(len(lines) + 1) // 10)
    lines.append(
        f"9{number:06d}{blocks:06d}{count:08d}{total_hash % 10**10:010d}"
        f"{debits:012d}{credits_:012d}{'':39}"
    )
    lines += ["9" * 94] * (-len(lines) % 10)
    return "".join(f"{line}\n" for line in lines).encode("ascii")
