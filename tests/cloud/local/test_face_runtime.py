"""The face over the real runtime of the real template, through its door."""

import http.client
import json

import pytest

from cloud.local.face.face import Face
from cloud.local.http import Door

LARGEST_PAGE = 40 * 1024


@pytest.fixture
def door(runtime):
    made = Door(runtime, face=Face(runtime))
    made.start()
    yield made
    made.stop()


def get(door, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=20)
    try:
        connection.request("GET", path, None, headers)
        response = connection.getresponse()
        return response.status, response.read(), response.headers
    finally:
        connection.close()


def test_every_page_of_every_part_of_the_stack_is_there(door, runtime):
    stack = runtime.stack
    paths = ["/_local/", "/_local/mail/", "/_local/mail/?box=arrived", "/_local/documents/"]
    paths += ["/_local/logs", "/_local/clock"]
    paths += [f"/_local/functions/{name}" for name in stack.functions]
    paths += [f"/_local/queues/{name}" for name in stack.queues]
    paths += [f"/_local/tables/{name}" for name in stack.tables]
    paths += [f"/_local/documents/{name}" for name in stack.buckets]
    for path in paths:
        status, body, headers = get(door, path)
        assert (path, status) == (path, 200)
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert len(body) <= LARGEST_PAGE, path


def test_the_state_names_all_of_the_stack(door, runtime):
    state = json.loads(get(door, "/_local/api/state")[1])
    assert {one["name"] for one in state["functions"]} == set(runtime.stack.functions)
    assert {one["name"] for one in state["queues"]} == set(runtime.stack.queues)
    assert {one["name"] for one in state["tables"]} == set(runtime.stack.tables)
    assert state["clock"] == {**state["clock"], "status": "unattended", "speed": None}
    assert len(state["upcoming"]) > 0
    assert all(one["causes"] for one in state["functions"]), "something calls every function"


def test_a_call_is_counted_and_its_lines_are_shown(door, runtime):
    name = next(iter(runtime.stack.functions))
    runtime.log.write_line({"level": "INFO", "message": "for-everybody"})
    with runtime.log.of(name, "request-1"):
        runtime.log.write_line({"level": "INFO", "message": "of-its-own"})
    runtime.invoke(name, {})
    page = get(door, f"/_local/functions/{name}")[1].decode()
    assert "of-its-own" in page
    assert "for-everybody" not in page
    state = json.loads(get(door, "/_local/api/state")[1])
    assert next(f for f in state["functions"] if f["name"] == name)["invocations"] == 1


def test_a_document_that_was_put_is_listed_and_handed_out(door, runtime):
    bucket = next(iter(runtime.stack.buckets))
    for n in range(120):
        put = {"Bucket": bucket, "Key": f"ach/{n:03d}.ach", "Body": b"101 091000019"}
        runtime.buckets.call("PutObject", put)
    first = get(door, f"/_local/documents/{bucket}")[1].decode()
    assert first.count("/file?key=") == 100
    assert "after=ach%2F099.ach" in first
    second = get(door, f"/_local/documents/{bucket}?after=ach%2F099.ach")[1].decode()
    assert second.count("/file?key=") == 20
    status, body, _ = get(door, f"/_local/documents/{bucket}/file?key=ach%2F007.ach")
    assert (status, body) == (200, b"101 091000019")


def test_a_page_elsewhere_reaches_nothing(door):
    assert get(door, "/_local/", Host=f"evil.example:{door.port}")[0] == 421
