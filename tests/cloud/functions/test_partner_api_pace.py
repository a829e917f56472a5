"""The pace of programs where a stack only looks, and where it cannot count.

Beside `test_partner_api_frame`, for a stack at a time: two that run at once would share one hook.
"""

import json

import boto3

LIST = "/v1/work_orders"
ASK, ASKED = "/v1/organisation/contact", {"email": "office@new.example"}
PACE = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")


def told(answer):
    return json.loads(answer.body)


def called(world, client, times=1):
    token = world.token(client)
    return [world.call("GET", LIST, token=token) for _ in range(times)]


def test_without_the_table_of_counts_and_keys_what_only_reads_goes_on(world):
    client = world.new_home().clients[0]
    boto3.client("dynamodb").delete_table(TableName="IdempotencyTable")
    (read,) = called(world, client)
    assert (read.status, [name for name in PACE if name in read.headers]) == (200, [])
    token = world.token(client)
    command = world.call("POST", ASK, ASKED, token=token, key="k")
    assert (command.status, command.headers["retry-after"]) == (503, "1")
    assert told(command)["instance"] == command.headers["request-id"]


def test_a_stack_that_only_looks_refuses_nothing_and_tells_the_same(shared):
    client = shared.new_home().clients[0]
    many = called(shared, client, 52)
    assert {one.status for one in many} == {200}
    assert [many[place].headers["ratelimit-remaining"] for place in (0, 49, 51)] == ["49", "0", "0"]
