"""Flaws of code that infra/code_rules.py has to find, and look-alikes that are none."""

from dataclasses import dataclass

ADAPTER = "cloud/adapters/planted.py"
FUNCTION = "cloud/functions/planted/handler.py"
MONEY = "cloud/funding/planted.py"


@dataclass(frozen=True)
class Planted:
    """Code, where it would lie, and the rule that finds it.

    Attributes:
        rule: the name of the rule.
        says: what is wrong, in words.
        code: the code.
        path: where it would lie.
    """

    rule: str
    says: str
    code: str
    path: str = ADAPTER


def _all(rule, *planted, path=ADAPTER):
    return [Planted(rule, says, code, path) for says, code in planted]


FLAWS = [
    *_all(
        "floats_of_money",
        ("a share as a float", "share = amount_cents * 0.1"),
        ("a division", "half = amount_cents / 2"),
        ("a division in place", "amount_cents /= 2"),
        ("a conversion", "dollars = float(text)"),
        ("an annotation", "def owed(dollars: float) -> int: ..."),
        path=MONEY,
    ),
    *_all(
        "secrets_compared_plainly",
        ("a token", "if token == asked.token: pass"),
        ("a signature of headers", "ok = headers['x-signature'] == made"),
        ("a digest that is called", "ok = mac.hexdigest() != given"),
        ("a hash of a code", "ok = stored.code_hash == digest_of(code)"),
        ("a hash of a token", "ok = asked.token_sha256 == found"),
        ("a proof of a form", "ok = form.csrf == kept"),
    ),
    *_all(
        "clock_or_chance_outside_ports",
        ("the clock", "from datetime import UTC, datetime\nat = datetime.now(UTC)"),
        ("the clock under another name", "import datetime as d\nat = d.datetime.utcnow()"),
        ("the day", "from datetime import date\non = date.today()"),
        ("seconds", "from time import time\nat = time()"),
        ("an id by chance", "import uuid\nid = uuid.uuid4()"),
        ("an id by a default", "from uuid import uuid4\nmake = field(default_factory=uuid4)"),
        ("chance", "import random\nn = random.randint(1, 6)"),
        ("bytes by chance", "import os\nn = os.urandom(8)"),
        ("a token by chance", "from secrets import token_hex\nt = token_hex(8)"),
    ),
    *_all(
        "text_put_together_for_a_log",
        ("an f-string", "logger.info(f'filed {mail.id}')"),
        ("a percent sign", "log.warning('filed %s' % mail.id)"),
        ("a format", "logger.error('filed {}'.format(mail.id))"),
        ("a sum", "self._log.info('filed ' + mail.id)"),
    ),
    *_all(
        "people_in_a_log",
        ("a field", "logger.info('filed', phone=number)"),
        ("a value under another name", "logger.info('filed', who=site.customer_name)"),
        ("a value of the words", "logger.info('filed %s', mail.sender)"),
        ("a key of what was posted", "logger.append_keys(of=event['x'], secret=one)"),
        ("a body", "logger.warning('unreadable', record=record.body)"),
        ("an address in text", "logger.info('sent', to=str(letter.address))"),
        ("by the library", "import logging\nlogging.info('in', extra=account_number)"),
        path=FUNCTION,
    ),
    *_all(
        "calls_to_outside",
        ("a library", "import requests\nrequests.get(url, timeout=5)"),
        ("the standard library", "from urllib.request import urlopen\nurlopen(url)"),
        ("under another name", "import urllib.request as u\nfetch = u.urlopen"),
        ("a connection", "import http.client\nc = http.client.HTTPSConnection(host)"),
        ("a socket", "import socket\ns = socket.create_connection((host, 80))"),
        ("mail", "import smtplib\ns = smtplib.SMTP(host)"),
    ),
    *_all(
        "csv_written_elsewhere",
        ("rows", "import csv\nw = csv.writer(out)"),
        ("rows by name", "from csv import DictWriter\nw = DictWriter(out, names)"),
        ("a frame", "frame.to_csv(path)"),
    ),
    *_all(
        "patterns_not_of_the_code",
        ("a name", "import re\np = re.compile(asked)"),
        ("a part of a pattern", "import re\nre.search(f'^{asked}$', text)"),
        ("a search by what is asked", "from re import fullmatch\nfullmatch(ask.form['q'], text)"),
    ),
    *_all(
        "xml_parsed",
        ("a tree", "import xml.etree.ElementTree as ET"),
        ("a tree from its package", "from xml.etree import ElementTree"),
        ("a document", "from xml.dom.minidom import parseString"),
        ("lxml", "from lxml import etree"),
    ),
    *_all(
        "text_run_as_code",
        ("eval", "value = eval(text)"),
        ("exec", "exec(text)"),
        ("pickle", "import pickle\nvalue = pickle.loads(body)"),
        ("marshal", "from marshal import loads\nvalue = loads(body)"),
        ("yaml", "import yaml\nvalue = yaml.load(body)"),
    ),
    *_all(
        "peers_taken_on_trust",
        ("no verification", "client.get(url, verify=False)"),
        ("no host name", "context.check_hostname = False"),
        ("no certificate", "import ssl\ncontext.verify_mode = ssl.CERT_NONE"),
        ("no context", "from ssl import _create_unverified_context as c\nc()"),
        ("any host key", "import paramiko\nssh.use(paramiko.AutoAddPolicy())"),
        ("any signature", "options = {'verify_signature': False}"),
    ),
    *_all(
        "files_of_any_path",
        ("open", "content = open(asked.name).read()"),
        ("a path", "from pathlib import Path\ncontent = Path(asked).read_bytes()"),
        ("below a folder", "content = (FOLDER / asked.name).read_text()"),
        path=FUNCTION,
    ),
    *_all("temporary_names_guessed", ("mktemp", "import tempfile\nn = tempfile.mktemp()")),
    *_all(
        "shells",
        ("a line", "import subprocess\nsubprocess.run(line, shell=True)"),
        ("system", "from os import system\nsystem(line)"),
    ),
    *_all(
        "markup_of_values",
        ("a value", "from markupsafe import Markup\nm = Markup(name)"),
        ("an f-string", "from markupsafe import Markup\nm = Markup(f'<b>{name}</b>')"),
        ("nothing escaped", "e = Environment(autoescape=False)"),
    ),
    *_all(
        "records_dumped",
        ("a dataclass", "import json\nfrom dataclasses import asdict\njson.dumps(asdict(site))"),
        ("in a body", "import json\njson.dumps({'was': vars(site)})"),
        ("its dictionary", "import json\njson.dumps(site.__dict__)"),
        ("anything as text", "import json\njson.dumps(body, default=str)"),
    ),
    *_all("archives_unpacked", ("an archive", "archive.extractall(folder)")),
    *_all(
        "broken_hashes",
        ("md5", "import hashlib\nh = hashlib.md5(body)"),
        ("sha1", "from hashlib import sha1\nh = sha1(body)"),
        ("by name", "import hashlib\nh = hashlib.new('SHA-1', body)"),
    ),
    *_all("tokens_of_any_algorithm", ("any", "import jwt\njwt.decode(token, key)")),
]

NO_FLAWS = [
    *_all(
        "floats_of_money",
        ("whole cents", "half = amount_cents // 2"),
        ("words", "said = '0.5'"),
        path=MONEY,
    ),
    *_all("floats_of_money", ("energy", "energy_kwh = power_w * 0.001")),
    *_all(
        "secrets_compared_plainly",
        ("in constant time", "import hmac\nok = hmac.compare_digest(token, given)"),
        ("whether there is one", "if token == '': pass"),
        ("how long one is", "if len(token) == 32: pass"),
        ("a fingerprint of a file", "if file_sha256 == other: pass"),
        ("something of one", "if token.kind == kind: pass"),
    ),
    *_all(
        "clock_or_chance_outside_ports",
        ("the port", "at = clock.now()"),
        ("chance handed in", "from random import Random\ndef draw(chance: Random): ..."),
        ("a name of our own", "value = secrets.get(key)"),
    ),
    *_all("text_put_together_for_a_log", ("fields", "logger.info('filed', id=mail.id)")),
    *_all(
        "people_in_a_log",
        ("an id of one", "logger.info('filed', mail=mail.id, to=letter.address.kind)"),
        ("a field of a body", "logger.info('filed', topic=body['topic'])"),
        ("how long", "logger.info('filed', bytes=len(body))"),
        ("no log", "desk.info('filed', phone=number)"),
    ),
    *_all(
        "calls_to_outside",
        ("a list of requests", "requests.get(key)"),
        ("a type", "import socket\ndef send(line: socket.socket) -> None: ..."),
    ),
    *_all("csv_written_elsewhere", ("reading", "import csv\nr = csv.reader(lines)")),
    *_all(
        "patterns_not_of_the_code",
        ("words", "import re\nre.sub('a+', 'b', text)"),
        ("a part that is escaped", "import re\nre.search(f'^{re.escape(asked)}$', text)"),
        ("a constant", "import re\np = re.compile(f'<{_NAME}>')"),
    ),
    *_all("xml_parsed", ("escaping", "from xml.sax.saxutils import escape")),
    *_all("text_run_as_code", ("a pattern", "import re\np = re.compile('a')")),
    *_all("peers_taken_on_trust", ("on", "client.get(url, verify=True)")),
    *_all("files_of_any_path", ("its own folder", "from pathlib import Path\nP = Path(__file__)")),
    *_all("shells", ("words", "import subprocess\nsubprocess.run(['git', name], shell=False)")),
    *_all("markup_of_values", ("words", "from markupsafe import Markup\nMarkup('<b>{}</b>')")),
    *_all("records_dumped", ("named fields", "import json\njson.dumps({'id': site.id})")),
    *_all("broken_hashes", ("said", "import hashlib\nhashlib.md5(b, usedforsecurity=False)")),
    *_all("tokens_of_any_algorithm", ("one", "import jwt\njwt.decode(t, k, algorithms=['RS256'])")),
]
