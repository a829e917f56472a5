"""A door before a stack's own that, when asked to, poisons every text that goes through it."""

import http.client
import json
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

POISON = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202ederaeppasid\u2066\u2028"
"""A new title, an empty screen, a colour by a C1 control, DEL, a turned direction, a line's end."""
WORD = "deraeppasid"
"""What of it is there to be seen, however the rest is shown."""
_OF_AN_ANSWER = ("content-type", "x-sunreeve-cursor")


def poisoned(value):
    """Give a value of JSON in which every text of several words ends in poison."""
    if isinstance(value, dict):
        whole = {name: poisoned(one) for name, one in value.items()}
        # What a function logs may be one word.
        if isinstance(value.get("message"), str) and "level" in value:
            whole["message"] = f"{value['message']} {POISON}"
        return whole
    if isinstance(value, list):
        return [poisoned(one) for one in value]
    return f"{value} {POISON}" if isinstance(value, str) and " " in value else value


def poisoned_body(text):
    """Give a body that is poisoned: JSON, lines of JSON, or text of any other kind."""
    try:
        return _written(json.loads(text))
    except ValueError:
        pass
    try:
        return "\n".join(_written(json.loads(line)) for line in text.splitlines())
    except ValueError:
        return f"{text}{POISON}\r\n"


def _written(value):
    # As a server may write it: what JSON does not require to be escaped is not.
    text = json.dumps(poisoned(value), ensure_ascii=False)
    return text.replace("\\u007f", "\x7f")


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        length = int(self.headers.get("content-length") or 0)
        sent = {name: self.headers[name] for name in self.headers if name.lower() != "host"}
        with closing(http.client.HTTPConnection("127.0.0.1", self.server.to_port)) as behind:
            behind.request(self.command, self.path, self.rfile.read(length), sent)
            answer = behind.getresponse()
            body = answer.read()
        if self.server.is_poisoning:
            body = poisoned_body(body.decode()).encode()
        self.send_response(answer.status)
        for name in _OF_AN_ANSWER:
            if answer.getheader(name):
                self.send_header(name, answer.getheader(name))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.do_GET()

    def log_message(self, *words):
        pass


@contextmanager
def poisoning_door(folder):
    """Stand between the stack of a folder and whoever asks it; `is_poisoning` is off at first."""
    path = folder / "address.json"
    address = json.loads(path.read_text())
    door = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    door.daemon_threads = True
    door.to_port, door.is_poisoning = address["http"], False
    thread = Thread(target=door.serve_forever, args=(0.01,))
    thread.start()
    path.write_text(json.dumps({**address, "http": door.server_port}))
    try:
        yield door
    finally:
        door.shutdown()
        thread.join()
        door.server_close()
