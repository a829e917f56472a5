"""The bank's SFTP server when it breaks: never half a file, never a second one, never a doubt."""

import json
import logging
import socket
import threading
import traceback
from dataclasses import replace

import pytest
from sftp_bank import BankServer, Key

from cloud.adapters import wiring
from cloud.adapters.bank_drop import S3Drop
from cloud.adapters.bank_sftp import SftpDrop, server_in
from cloud.kernel.errors import Conflict, Unavailable
from cloud.kernel.secret import Secret
from cloud.local.dynamodb import hook

NAME = "comfort-2026-12-03.ach"
CONTENT = b"101 " * 30_000
NOTHING = "nothing was handed over"


@pytest.fixture
def server(tmp_path):
    made = BankServer(tmp_path)
    yield made
    made.close()


def drop(server, *, patience_s=5.0, longest_s=20.0, **changes):
    address = replace(server.address, **changes)
    return SftpDrop(lambda: address, patience_s=patience_s, longest_s=longest_s)


def refused(server, bank, *, names=NAME):
    """Give what a failed delivery says; it gives no secret away and leaves nothing running."""
    with pytest.raises(Unavailable, match=names) as failed:
        bank.deliver(NAME, CONTENT)
    said = "".join(traceback.format_exception(failed.value))
    for line in server.client_key.private.splitlines()[1:-1]:
        assert line not in said
    assert not [one for one in threading.enumerate() if isinstance(one, threading.Timer)]
    return str(failed.value)


# -------------------------------------------------------------------------------- what breaks
@pytest.mark.parametrize(
    "moment", ["cut open", "cut write", "cut before rename", "write", "before rename", "open"]
)
def test_a_delivery_that_breaks_leaves_no_file_under_its_name(server, moment):
    server.faults.when = moment
    assert NOTHING not in refused(server, drop(server))
    assert NAME not in server.files()
    assert all(name.endswith(".part") for name in server.files())
    server.faults.when = ""
    assert not drop(server).holds(NAME, CONTENT)
    drop(server).deliver(NAME, CONTENT)
    assert server.files()[NAME] == CONTENT


@pytest.mark.parametrize("moment", ["write", "before rename", "loses a part"])
def test_what_was_begun_is_cleared_away_while_the_line_holds(server, moment):
    server.faults.when = moment
    refused(server, drop(server))
    assert server.files() == {}


def test_a_part_that_lies_there_from_before_is_in_nobodys_way(server):
    server.faults.when = "cut write"
    refused(server, drop(server))
    left = server.files()
    assert len(left) == 1
    server.faults.when = ""
    drop(server).deliver(NAME, CONTENT)
    assert server.files() == {**left, NAME: CONTENT}


@pytest.mark.parametrize("moment", ["after rename", "cut after rename"])
def test_an_answer_that_was_lost_is_a_doubt_and_the_bank_knows(server, moment):
    server.faults.when = moment
    assert NOTHING not in refused(server, drop(server))
    assert server.files() == {NAME: CONTENT}
    server.faults.when = ""
    assert drop(server).holds(NAME, CONTENT)
    server.faults.seen.clear()
    drop(server).deliver(NAME, CONTENT)
    assert "write" not in server.faults.seen
    assert server.files() == {NAME: CONTENT}


def test_a_file_that_came_there_in_between_is_not_overwritten(server):
    def somebody(moment, line):
        if moment == "before rename":
            (server.root / "in" / NAME).write_bytes(b"of somebody else")
        return False

    server.faults.at = somebody
    assert NOTHING not in refused(server, drop(server))
    assert server.files() == {NAME: b"of somebody else"}
    with pytest.raises(Conflict):
        drop(server).deliver(NAME, CONTENT)


@pytest.mark.parametrize("moment", ["hang open", "hang write", "hang before rename"])
def test_an_answer_is_waited_for_so_long_and_no_longer(server, moment):
    server.faults.when = moment
    assert NOTHING not in refused(server, drop(server, patience_s=0.5))
    assert NAME not in server.files()


def test_a_session_ends_though_the_server_goes_on_saying_nothing(server):
    server.faults.when = "hang subsystem"
    assert NOTHING in refused(server, drop(server, longest_s=1.0))


# -------------------------------------------------------------------------- who is at the other end
def test_another_server_gets_no_byte_and_not_our_name(server):
    stranger = replace(server.address, host_keys=(Key().public,))
    bank = SftpDrop(lambda: stranger)
    assert NOTHING in refused(server, bank)
    with pytest.raises(Unavailable):
        bank.holds(NAME, CONTENT)
    assert server.faults.seen == []


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param((), id="none"),
        pytest.param(("ssh-ed25519",), id="no key behind its kind"),
        pytest.param(("ssh-ed25519 %%%%",), id="no base64"),
        pytest.param(("ssh-dss AAAAB3NzaC1kc3M=",), id="a kind of long ago"),
    ],
)
def test_without_a_key_to_know_it_by_no_server_is_trusted(server, keys):
    assert NOTHING in refused(server, drop(server, host_keys=keys))
    assert server.faults.seen == []


def test_while_the_bank_changes_its_key_both_count(server):
    bank = drop(server, host_keys=(Key().public, Key("rsa").public, server.host_key.public))
    bank.deliver(NAME, CONTENT)
    assert server.files() == {NAME: CONTENT}


@pytest.mark.parametrize(
    ("client", "host"), [("ed25519", "ecdsa"), ("ecdsa", "rsa"), ("rsa", "ed25519")]
)
def test_keys_of_each_kind_serve(tmp_path, client, host):
    server = BankServer(tmp_path, client=client, host=host)
    try:
        drop(server).deliver(NAME, CONTENT)
        assert server.files() == {NAME: CONTENT}
    finally:
        server.close()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"private_key": Secret(Key().private)}, id="another key"),
        pytest.param({"private_key": Secret("no key at all")}, id="no key"),
        pytest.param({"private_key": Secret(Key().private[:200])}, id="half a key"),
        pytest.param({"private_key": Secret("")}, id="nothing"),
        pytest.param({"user": "somebody"}, id="another user"),
        pytest.param({"host": "no..address"}, id="no name of a host"),
    ],
)
def test_who_may_not_come_in_hands_nothing_over(server, changes):
    assert NOTHING in refused(server, drop(server, **changes))
    assert server.files() == {}


def test_a_server_that_asks_for_more_than_a_key_is_not_logged_in_to(server):
    server.faults.when = "two factors"
    assert NOTHING in refused(server, drop(server))


def test_a_folder_that_is_not_there_is_told(server):
    assert NAME in refused(server, drop(server, folder="elsewhere"))


@pytest.mark.parametrize("says", [None, b"", b"220 mail.example ESMTP\r\n" * 200])
def test_what_is_no_server_is_told(server, says):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if says is None:
            listener.close()
            assert NOTHING in refused(server, drop(server, port=port))
            return

        def answer():
            line, _ = listener.accept()
            with line:
                line.sendall(says)

        thread = threading.Thread(target=answer)
        thread.start()
        assert NOTHING in refused(server, drop(server, port=port, patience_s=2.0))
        thread.join()


def test_nothing_of_the_key_is_logged(server, caplog):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="paramiko")
    server.faults.when = "cut write"
    refused(server, drop(server))
    server.faults.when = ""
    drop(server).deliver(NAME, CONTENT)
    assert caplog.text
    for line in server.client_key.private.splitlines()[1:-1]:
        assert line not in caplog.text


# ------------------------------------------------------------------------------------ its secret
class Shelf:
    """AWS Secrets Manager with one secret, behind boto3's own client."""

    def __init__(self, text):
        self.text, self.asked = text, []

    def __call__(self, operation, parameters):
        self.asked.append((operation, parameters))
        if self.text is None:
            raise hook.ServiceError("ResourceNotFoundException", "it is not there", 400)
        return {"SecretString": self.text}


@pytest.fixture
def shelf(dynamo):
    made = Shelf(None)
    hook.register("secrets-manager", made)
    wiring.forget()
    yield made
    wiring.forget()


def told(server, **changes):
    usual = {
        "host": server.address.host,
        "port": server.address.port,
        "user": server.address.user,
        "folder": "/in",
        "private_key": server.client_key.private,
        "host_key": f"\n{Key().public}\n  {server.host_key.public}\n",
    }
    return json.dumps({key: one for key, one in {**usual, **changes}.items() if one is not None})


@pytest.mark.parametrize("dynamo", ["engine"], indirect=True)
def test_the_secret_is_read_anew_each_time(server, shelf):
    bank = wiring.bank({"BANK_SFTP_SECRET": "sunreeve/bank", "DOCUMENTS_BUCKET": "b"})
    assert shelf.asked == []
    shelf.text = told(server)
    bank.deliver(NAME, CONTENT)
    assert server.files() == {NAME: CONTENT}
    assert shelf.asked == [("GetSecretValue", {"SecretId": "sunreeve/bank"})]
    shelf.text = told(server, host_key=Key().public)
    with pytest.raises(Unavailable):
        bank.holds(NAME, CONTENT)


@pytest.mark.parametrize("dynamo", ["engine"], indirect=True)
@pytest.mark.parametrize(
    "changes",
    [
        None,
        *({name: None} for name in ("host", "user", "folder", "private_key", "host_key")),
        {"port": "ssh"},
        {"port": 0},
        {"port": 65_536},
        {"host_key": 7},
        "no JSON, but secret",
        "[]",
    ],
    ids=str,
)
def test_a_secret_that_cannot_be_used_is_told_without_what_is_in_it(server, shelf, changes):
    if isinstance(changes, str):
        shelf.text = changes
    elif changes is not None:
        shelf.text = told(server, **changes)
    bank = wiring.bank({"BANK_SFTP_SECRET": "sunreeve/bank"})
    said = refused(server, bank, names="sunreeve/bank")
    assert "but secret" not in said
    assert server.faults.seen == []


def test_the_port_is_22_where_none_is_given(server):
    class Client:
        def get_secret_value(self, SecretId):  # noqa: N803 - boto3's name
            return {"SecretString": told(server, port=None)}

    assert server_in(Client(), "s").port == 22


@pytest.mark.parametrize("environment", [{}, {"BANK_SFTP_SECRET": ""}])
def test_without_a_secret_files_lie_in_the_bucket(environment):
    assert isinstance(wiring.bank({**environment, "DOCUMENTS_BUCKET": "b"}), S3Drop)
