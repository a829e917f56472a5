"""From a Modbus register to an ACH line: the whole demo, compared with a file a person can read.

When the story changes on purpose, write the file anew with `make story` and read the difference.
"""

import json
import os
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from pypdf import PdfReader

from cloud.funding import ach
from tests.story.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("story")]

EXPECTED = Path(__file__).with_name("story.txt")


def test_the_story_is_the_one_that_a_person_has_read(played) -> None:
    if os.environ.get("SUNREEVE_WRITE_STORY"):
        EXPECTED.write_text("\n".join(played.lines) + "\n")
    assert played.lines == EXPECTED.read_text().splitlines()


def test_a_healthy_home_under_clouds_raises_no_case(played) -> None:
    about_cedar = [e for e in played.entries if "CEDAR" in json.dumps(e)]
    assert about_cedar, "the healthy home is in the story"
    assert {e["what"] for e in about_cedar} <= {
        "site_registered",
        "project_registered",
        "milestone_reached",
        "payable_opened",
        "deduction_raised",
        "device_state",
    }


def test_each_broken_home_gets_one_case_and_one_work_order(played) -> None:
    opened = [e["ids"][0] for e in played.entries if e["what"] == "case_opened"]
    issued = [e["ids"][0] for e in played.entries if e["what"] == "issued"]
    resolved = [e["ids"][0] for e in played.entries if e["what"] == "case_resolved"]
    assert len(opened) == len(set(opened)) == 2
    assert len(issued) == 2
    assert sorted(resolved) == sorted(opened)


def test_the_bank_files_hold_what_was_earned_less_what_was_taken(played) -> None:
    files = sorted((played.folder / "ach").glob("*.ach"))
    paid = {
        entry.credit.name: entry.credit.amount.cents
        for file in files
        for entry in ach.read(file.read_bytes()).entries
    }
    assert paid == {
        "ALDER SOLAR LLC": 19_200_00 - 600_00 + 412_50,
        "BRIGHTLINE ELECTRIC IN": 1_287_40,
    }


def test_an_independent_checker_accepts_every_bank_file(played) -> None:
    files = sorted((played.folder / "ach").glob("*.ach"))
    assert len(files) == 2
    for file in files:
        checked = subprocess.run(  # noqa: S603
            [Path(sys.executable).with_name("achlens"), "validate", str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        report = json.loads(checked.stdout)
        assert (checked.returncode, report["valid"], report["findings"]) == (0, True, [])


def test_each_payment_is_announced_with_its_advice(played) -> None:
    mails = [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted((played.folder / "mail").glob("*remittance*.eml"))
    ]
    assert [mail["To"] for mail in mails] == ["accounts@alder.example", "accounts@bright.example"]
    for mail in mails:
        kinds = {advice.get_content_type() for advice in mail.iter_attachments()}
        assert kinds == {"application/pdf", "text/csv"}
    texts = [
        "".join(page.extract_text() for page in PdfReader(path).pages)
        for path in sorted((played.folder / "reports").glob("*.pdf"))
    ]
    assert "$19,012.50" in texts[0]
    assert "-$600.00" in texts[0]
    assert "$1,287.40" in texts[1]
    assert not any(number in text for text in texts for number in ("000123456787", "000987654321"))


def test_customers_and_partners_were_written_to(played) -> None:
    to = [
        str(message_from_bytes(path.read_bytes(), policy=policy.default)["To"])
        for path in sorted((played.folder / "mail").glob("*.eml"))
    ]
    assert {"ash@homes.example", "birch@homes.example"} <= set(to)
    assert {"service@alder.example", "service@bright.example"} <= set(to)
    assert "cedar@homes.example" not in to


def test_every_paid_line_is_walked_back_to_a_register(played) -> None:
    walk = played.printed.split("every cent can be walked back")[1]
    assert "(THE HOUSE DIFFERS)" not in walk
    assert walk.count("(the house shows the same)") >= 4
    assert "103.WH = " in walk
    assert "701.InvSt = 6" in walk


def test_every_entry_says_when_who_what_and_about_what(played) -> None:
    for entry in played.entries:
        assert set(entry) == {"at", "who", "what", "says", "rule", "ids"}
        assert entry["at"].endswith("+00:00")
        assert entry["who"]
        assert entry["what"]
        assert entry["ids"]


def test_the_readme_shows_what_is_really_printed(played) -> None:
    shown = (ROOT / "README.md").read_text().split("```text\n")[1].split("```")[0].splitlines()
    printed = played.printed.splitlines()
    for line in shown:
        begins = line.removesuffix("…").rstrip()
        assert line == "..." or any(one.startswith(begins) for one in printed), line
