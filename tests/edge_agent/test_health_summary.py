"""The health in a chunk is small while all is well, and never more than the cloud takes."""

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.telemetry.chunk import decode
from edge_agent.health import (
    AGENT_VERSION,
    MOST_ENTRIES,
    DeviceHealth,
    Facts,
    disk_free_mb,
    rss_mb,
    summary,
)
from edge_agent.reading import Reading, Window, seal

WELL = Facts(
    up_s=3600,
    waiting_chunks=0,
    silent_devices=0,
    last_ack_age_s=12,
    oldest_waiting_s=3600,
    disk_free_mb=10_000,
    rss_mb=31,
    certificate_days=300,
    devices=(DeviceHealth(median_ms=20), DeviceHealth()),
    counts={"again": 0, "gone": 0, "refused": 0},
)


def test_all_well_is_five_entries():
    assert summary(WELL) == {
        "ver": AGENT_VERSION,
        "up": 3600,
        "queue": 0,
        "silent": 0,
        "ack_age": 12,
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"last_ack_age_s": None}, {"ack_age": None}),
        ({"held_readings": 3}, {"held": 3}),
        ({"clock_off_s": -86_400}, {"clk_off": -86_400}),
        ({"lost_readings": 7, "thinned_readings": 14}, {"lost": 7, "thin": 14}),
        ({"ram_readings": 2}, {"ram": 2}),
        ({"aside_at": 1782064800}, {"aside": 1782064800}),
        ({"oldest_waiting_s": 7200}, {}),
        ({"oldest_waiting_s": 7201}, {"old_s": 7201}),
        ({"disk_free_mb": 500}, {}),
        ({"disk_free_mb": 499}, {"disk_mb": 499}),
        ({"disk_free_mb": 0}, {"disk_mb": 0}),
        ({"rss_mb": 32}, {}),
        ({"rss_mb": 33}, {"rss_mb": 33}),
        ({"certificate_days": 60}, {}),
        ({"certificate_days": 59}, {"cert_d": 59}),
        ({"certificate_days": 0}, {"cert_d": 0}),
        ({"certificate_days": -4}, {"cert_d": -4}),
        ({"devices": (DeviceHealth(), DeviceHealth(why="no reply"))}, {"why_2": "no reply"}),
        ({"devices": (DeviceHealth(moved_to="192.168.1.9"),)}, {"moved_1": "192.168.1.9"}),
        ({"devices": (DeviceHealth(median_ms=500),)}, {}),
        ({"devices": (DeviceHealth(median_ms=501),)}, {"slow_1": 501}),
        ({"is_deaf": True}, {"deaf": 1}),
        ({"counts": {"again": 2, "gone": 0}}, {"again": 2}),
        ({"configuration": {"cfg": "CF-1"}}, {"cfg": "CF-1"}),
        ({"configuration": {"cfg_why": "a\nline é"}}, {"cfg_why": "a?line ?"}),
    ],
    ids=str,
)
def test_what_is_worth_telling_is_told(changes, told):
    assert summary(replace(WELL, **changes)) == {**summary(WELL), **told}


@given(
    st.builds(
        Facts,
        st.integers(0, 2**40),
        st.integers(0, 10**6),
        st.integers(0, 32),
        st.none() | st.integers(0, 10**9),
        devices=st.lists(
            st.builds(DeviceHealth, st.text(), st.text(), st.none() | st.integers(0, 10**5)),
            max_size=32,
        ),
        configuration=st.dictionaries(
            st.sampled_from(["cfg", "cfg_try", "cfg_no", "cfg_why"]), st.text(max_size=400)
        ),
    )
)
@settings(deadline=None)
def test_the_cloud_takes_it_whatever_devices_say(facts):
    head = Window("gw-0001", "5f", 1, 3600, 60, 60, 1, health=summary(facts))
    chunk = decode(seal(head, [Reading("SN-1", 3600, 0, "1.103", {"W": 1})]))
    assert chunk.health == summary(facts)


def test_too_much_is_cut_from_the_end():
    bad = DeviceHealth("no reply", "192.168.100.100", 900)
    entries = summary(replace(WELL, certificate_days=1, devices=(bad,) * 32))
    assert len(entries) == MOST_ENTRIES
    assert {"ver", "cert_d", "why_1", "slow_18"} <= set(entries)
    assert len(json.dumps(entries)) < 3000


def test_what_the_machine_tells(tmp_path):
    assert 5 < rss_mb() < 2000
    assert disk_free_mb(tmp_path / "not" / "there" / "outbox.sqlite") > 0
    began = time.process_time()
    for _ in range(100):
        rss_mb()
    assert time.process_time() - began < 1
