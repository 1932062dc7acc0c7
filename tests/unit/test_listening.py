"""Listening: a taken port is refused, or passed over when that was asked for."""

import resource
import socket

import pytest

from infrastructure.listening import OTHER_FILES, TAKES_NOTHING_MS, allow_connections, open_listener


def test_the_next_free_port_is_taken_when_that_is_asked_for() -> None:
    with open_listener("127.0.0.1", 0, or_next=False) as taken:
        port = taken.getsockname()[1]
        with open_listener("127.0.0.1", port, or_next=True) as other:
            assert port < other.getsockname()[1] <= port + 50
            socket.create_connection(other.getsockname()).close()


def test_a_taken_port_is_refused_and_named_otherwise() -> None:
    with open_listener("127.0.0.1", 0, or_next=False) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port} cannot be listened on"):
            open_listener("127.0.0.1", port, or_next=False)


def test_whoever_takes_nothing_is_cut_off_by_the_system() -> None:
    with (
        open_listener("127.0.0.1", 0, or_next=False) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as connection,
    ):
        allowed_ms = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert allowed_ms == TAKES_NOTHING_MS


def test_as_many_connections_are_allowed_as_are_asked_for_and_the_system_lets_us_have() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        allow_connections(100)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (100 + OTHER_FILES, hard)
        allow_connections(1)
        allow_connections(10**9)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 100 + OTHER_FILES
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
