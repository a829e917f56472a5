"""A device that only publishes numbered messages; run by the tests on either runtime.

It reads a line of JSON and prints a line of JSON when everything was acknowledged.
"""

import asyncio
import gc
import json
import sys

from sunreeve_device import backoff, mqtt, port, tls

WISH = json.loads(sys.stdin.readline())
told = {"heard": [], "whys": [], "pauses": []}


async def heard(topic, payload):
    told["heard"].append([topic, payload.decode(), client.unknown_acks])
    if len(told["heard"]) == WISH.get("refuses_first", 0):
        raise OSError("the flash is full")


async def pause(ms):
    told["whys"].append(client.why)
    told["pauses"].append(ms)
    await port.sleep_ms(min(ms, WISH.get("most_pause_ms", 20)))


async def publish(numbers):
    for number in numbers:
        payload = f'{{"boot":"b1","seq":{number}}}'
        await client.publish("t/" + WISH["id"], payload.encode())
        if number % 500 == 0:
            gc.collect()
            if hasattr(gc, "mem_alloc"):
                told.setdefault("alloc", []).append(gc.mem_alloc())


async def main():
    context = None
    if WISH.get("tls"):
        context = tls.context(WISH["tls"])
    global client  # noqa: PLW0603 - the callbacks of the one client of this program
    client = mqtt.Client(
        WISH.get("host", "127.0.0.1"),
        WISH["port"],
        WISH["id"],
        context,
        will=("s", b'{"up":0}'),
        on_message=heard,
        keepalive_s=WISH.get("keepalive_s", 60),
        patience_ms=WISH.get("patience_ms", 10000),
        first_pid=WISH.get("first_pid", 1),
    )
    if WISH.get("listens"):
        client.subscribe(WISH["listens"])
    staying = asyncio.create_task(mqtt.stay(client, backoff.Backoff(100, 400), pause))
    total, lanes = WISH["count"], WISH.get("lanes", 6)
    lanes = [publish(range(lane + 1, total + 1, lanes)) for lane in range(lanes)]
    if WISH.get("gives_up_after"):
        while len(told["whys"]) < WISH["gives_up_after"]:
            await port.sleep_ms(5)
    else:
        await asyncio.gather(*lanes)
    while len(told["heard"]) < WISH.get("waits_for", 0) or client.pings < WISH.get("pings", 0):
        await port.sleep_ms(5)
    staying.cancel()
    await client.close()
    names = "connects sent acked resent heard unknown_acks too_long pings most_under_way why"
    for name in names.split():
        told["count" if name == "heard" else name] = getattr(client, name)
    print("TOLD" + json.dumps(told))  # noqa: T201 - the test reads it


asyncio.run(main())
