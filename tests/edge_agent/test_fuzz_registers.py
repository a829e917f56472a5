"""Registers that no device should have: nothing breaks, hangs or asks without end."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.poll import Poller
from edge_agent.reading import Reading, Window, seal
from edge_agent.simulator.image import Image, Template
from edge_agent.source import IllegalAddress, NoReply, ReadFailed, ShortReply, refused
from edge_agent.sunspec.models import MODELS
from edge_agent.sunspec.report import chain_registers, read_report, scan_report
from edge_agent.sunspec.scan import END, MARKER, MOST_MODELS, scan

BASE = 40_000
MOST_REQUESTS = 30 * MOST_MODELS
"""Of one scan and one reading of the most models that a chain may have."""
KNOWN = sorted(MODELS)
SLOW = [HealthCheck.too_slow]
"""A busy machine takes its time to draw; that says nothing about the reader."""
word = st.one_of(
    st.sampled_from([0, 1, 2, 7, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, *KNOWN]),
    st.integers(0, 0xFFFF),
)


class Hostile:
    """An image that also fails, by a list that is gone through again and again."""

    def __init__(self, words, failures=()):
        self.image = Image(1, ((BASE, tuple(words)),))
        self.failures = failures
        self.asked = 0

    def read(self, unit, address, count):
        assert 1 <= count <= 125
        assert 0 <= address <= 0xFFFF
        assert address + count <= 0x10000
        self.asked += 1
        assert self.asked < MOST_REQUESTS
        failure = self.failures[self.asked % len(self.failures)] if self.failures else None
        if failure is not None:
            raise failure
        return self.image.read(unit, address, count)

    def close(self):
        pass


failures = st.lists(
    st.sampled_from(
        [None, None, None, NoReply("x"), ShortReply("x"), *(refused("x", c) for c in range(1, 12))]
    ),
    max_size=12,
)


def go_through(words, failing=()):
    source = Hostile(words, failing)
    try:
        chain = scan(source, (1,))
        if chain is not None:
            assert len(json.dumps(scan_report("x", chain))) < 100_000
            json.dumps(read_report("x", source, chain), allow_nan=False)
            blocks, _ = chain_registers(source, chain)
            assert sum(len(found) for _, found in blocks) <= len(words) + 2
    except ReadFailed:
        pass
    poller = Poller(source, unit=1, serial="SN", label="1")
    for at in range(0, 3600 * 8, 3600):
        source.asked = 0
        reading = poller.poll(at)
        assert isinstance(reading, Reading)
        assert len(reading.values) <= 512
        assert all(v is None or -(2**63) <= v < 2**63 for v in reading.values.values())
        window = Window(gateway="gw", boot="b", seq=1, t0=at, dt=900, n=4, clock=1)
        seal(window, [reading])


@settings(max_examples=50, deadline=None, suppress_health_check=SLOW)
@given(st.lists(word, max_size=400), failures)
def test_random_registers(words, failing):
    go_through([*MARKER, *words], failing)


@st.composite
def chains(draw):
    """Models one after the other, known and not, most of them with a length that fits."""
    words = list(MARKER)
    for _ in range(draw(st.integers(0, 8))):
        number = draw(st.one_of(st.sampled_from(KNOWN), st.integers(1, 0xFFFE)))
        fitting = MODELS[number].group.own_length - 2 if number in MODELS else 5
        length = draw(st.one_of(st.just(fitting), st.integers(0, 300)))
        body = draw(st.lists(word, min_size=min(length, 40), max_size=min(length, 40)))
        words += [number, length, *body, *([draw(word)] * (length - len(body)))]
    return words + draw(st.sampled_from([[END, 0], [END], [0, 0], []]))


@settings(max_examples=50, deadline=None, suppress_health_check=SLOW)
@given(chains(), failures)
def test_random_chains(words, failing):
    go_through(words, failing)


TEMPLATE = Template([(1, 0), (103, 0), (160, 12), (123, 0), (802, 0), (203, 0), (714, 3)])
GOOD = TEMPLATE.filled(
    {"1.SN": "SN", "103.W": 5, "103.W_SF": 0, "160.DCW_SF": 0, "714.NPrt": 3, "714.DCW_SF": 0}
)


@settings(max_examples=50, deadline=None, suppress_health_check=SLOW)
@given(
    st.dictionaries(st.integers(0, len(GOOD) - 1), word, max_size=12),
    st.integers(0, len(GOOD)),
    failures,
)
def test_mutations_of_a_good_image(changes, cut, failing):
    words = list(GOOD)
    for place, changed in changes.items():
        words[place] = changed
    go_through(words[: max(cut, 2)] if cut % 3 == 0 else words, failing)


class Changing(Hostile):
    """Another image at each request."""

    def __init__(self, images):
        super().__init__(images[0])
        self.images = [Image(1, ((BASE, tuple(words)),)) for words in images]

    def read(self, unit, address, count):
        self.image = self.images[self.asked % len(self.images)]
        return super().read(unit, address, count)


@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(st.lists(chains(), min_size=1, max_size=4))
def test_a_device_that_is_another_one_at_each_request(images):
    source = Changing([GOOD, *images])
    poller = Poller(source, unit=1, wanted_serial="SN", serial="SN", label="1")
    for at in range(0, 3600 * 10, 900):
        source.asked = 0
        reading = poller.poll(at)
        assert reading.serial == "SN"
    try:
        chain = scan(source, (1,))
        if chain is not None:
            json.dumps(read_report("x", source, chain), allow_nan=False)
    except IllegalAddress:
        pass
