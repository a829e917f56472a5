"""Everything that was ever kept is read by today's program, and means what it meant."""

import json
import shutil

import pytest

from cloud.adapters.codec import SHAPE, Codec
from cloud.kernel.errors import BrokenInvariant
from cloud.portfolio.models import ApiClient
from tests.contract import keeping

LATER = keeping.later()
FILES = [
    pytest.param(name, path, id=path.stem)
    for name in keeping.names()
    for path in keeping.files_of(name)
]
NOTHING = {"came": {}, "gone": []}


@pytest.mark.parametrize(("name", "path"), FILES)
def test_what_was_kept_is_read_as_it_was_meant(name, path):
    kept, told = keeping.load(path), LATER.get(name, NOTHING)
    read = keeping.read(name, kept)
    now, then = keeping.leaves(keeping.written(name, read)), keeping.leaves(kept["body"])
    if kept["shape"] == 1:  # secrets lay in clear
        assert read.account_number.value == kept["body"]["account_number"]["value"]
    assert {one: now[one] for one in now if one not in then} == {
        one: told["came"][one] for one in now if one not in then
    }
    assert {one for one in then if one not in now} <= set(told["gone"])
    assert {one: now[one] for one in now if one in then} == {
        one: then[one] for one in then if one in now
    }


@pytest.mark.parametrize(("name", "path"), FILES)
def test_every_word_that_was_written_is_still_a_word(name, path):
    known = keeping.words_of(keeping.kind_of(name))
    for enum, words in keeping.load(path)["words"].items():
        assert set(words) <= set(known.get(enum, words)), "stacks keep what nobody can read"


@pytest.mark.parametrize("name", keeping.names())
def test_the_shape_of_today_is_kept(name):
    files = keeping.files_of(name)
    said = f"{name} has a new shape: run `make kept`, and read what later.json says of older ones"
    assert files, said
    assert keeping.shape_of(keeping.load(files[-1])) == keeping.shape_of(keeping.today(name)), said
    assert [keeping.number_of(one) for one in files] == list(range(1, len(files) + 1))


def test_nothing_is_kept_of_what_nobody_knows():
    known = {one.values[1].name for one in FILES} | {keeping.LATER}
    assert {path.name for path in keeping.KEPT.iterdir()} == known
    assert set(LATER) <= set(keeping.names())


def test_some_were_written_by_versions_before_this_one():
    older = [one for one in FILES if keeping.number_of(one.values[1]) > 1]
    assert len(older) > 10
    assert any(keeping.load(one.values[1])["shape"] == 1 for one in FILES)


def test_keeping_again_writes_nothing():
    assert keeping.keep() == []


def test_a_new_shape_is_kept_beside_the_old_one(tmp_path):
    folder = tmp_path / "kept"
    shutil.copytree(keeping.KEPT, folder)
    *_, last = keeping.files_of("portfolio.ApiClient", folder)
    older = keeping.load(last)
    del older["body"]["is_stopped"]  # as before programs could be stopped
    older["body"]["is_loud"] = True  # and as if something had gone since
    last.write_text(json.dumps(older), encoding="utf-8")
    told = keeping.later(folder)["portfolio.ApiClient"]
    made = keeping.keep(folder)
    assert f"portfolio.ApiClient.{keeping.number_of(last) + 1}.json" in made
    assert keeping.load(last) == older
    after = keeping.later(folder)["portfolio.ApiClient"]
    assert after == {"came": told["came"], "gone": sorted([*told["gone"], "is_loud"])}
    assert keeping.keep(folder) == []


def test_what_came_without_a_meaning_for_what_is_older_is_not_read():
    with pytest.raises(BrokenInvariant, match="partner_id"):
        keeping.read("portfolio.ApiClient", {"shape": SHAPE, "body": {"id": "one"}})


def test_what_a_later_version_wrote_is_refused_by_name():
    text = Codec().to_text(ApiClient("client-1", "P-1"))
    with pytest.raises(BrokenInvariant, match=r"ApiClient has shape \d+, .* later version"):
        Codec().from_text(ApiClient, text, shape=SHAPE + 1)


def test_a_field_that_a_later_version_added_is_passed_over():
    text = json.dumps({"id": "client-1", "partner_id": "P-1", "not_known_yet": {"a": [1]}})
    assert Codec().from_text(ApiClient, text) == ApiClient("client-1", "P-1")
