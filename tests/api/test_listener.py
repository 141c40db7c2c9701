"""The API's socket, opened before the API."""

import os
import socket
import sys

import pytest

from api.listener import bind, inherit
from shared.errors import SetupError


def test_a_free_port_is_listened_on_at_once():
    with bind("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname(), timeout=1):
        pass


def test_a_name_is_an_address_too():
    with bind("localhost", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_port_can_be_taken_again_right_after_its_last_connection():
    with bind("127.0.0.1", 0) as first:
        address = first.getsockname()
        with socket.create_connection(address, timeout=1):
            accepted, _ = first.accept()
            accepted.close()
    bind(*address).close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who listens")
def test_a_busy_port_names_who_has_it_and_what_to_do():
    with bind("127.0.0.1", 0) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(SetupError) as refusal:
            bind("127.0.0.1", port)
    assert f"Port {port} on 127.0.0.1 is in use by" in refusal.value.message
    assert f"(process {os.getpid()})" in refusal.value.message
    assert "CLONEPIPE_PORT" in refusal.value.message


@pytest.mark.parametrize("host", ["203.0.113.1", "no such host"])
def test_a_host_that_is_not_this_machine_is_told_in_a_sentence(host):
    with pytest.raises(SetupError, match=f"CLONEPIPE_HOST is '{host}', which is no address of this machine"):
        bind(host, 0)


def test_an_inherited_socket_is_served_on_only_if_it_listens():
    with bind("127.0.0.1", 0) as listener:
        inherited = inherit(os.dup(listener.fileno()))
        assert inherited.getsockname() == listener.getsockname()
        inherited.close()
    with socket.socket() as idle:
        with pytest.raises(SetupError, match=f"--fd {idle.fileno()} is a socket, but none that listens"):
            inherit(idle.fileno())
        assert idle.fileno() >= 0
    with pytest.raises(SetupError, match="is no socket that this process was given"):
        inherit(2**40)
