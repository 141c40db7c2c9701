"""The keeper, on real servers: one append-only file, one writer, whatever was left behind."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from shared import keeper
from shared.broker import EmbeddedBroker, ping
from shared.errors import SetupError
from tests.processes import is_gone, until


class Kept:
    """A broker with its keeper, as the supervisor runs it."""

    def __init__(self, broker: EmbeddedBroker) -> None:
        self.broker = broker
        self.process = subprocess.Popen(broker.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    @property
    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.broker.socket_path), retry=None)

    @property
    def server(self) -> int:
        return int((self.broker.folder / keeper.PIDFILE).read_text())

    def answers(self) -> bool:
        return (
            until(lambda: self.process.poll() is not None or ping(self.broker.url, 1.0)) and self.process.poll() is None
        )

    def has_written(self) -> bool:
        """Whether everything is handed to the file; a write waits while the second's sync is under way."""
        return self.client.info("persistence")["aof_buffer_length"] == 0


Keep = Callable[[EmbeddedBroker], Kept]


@pytest.fixture
def keep() -> Iterator[Keep]:
    started: list[Kept] = []

    def keep_one(broker: EmbeddedBroker) -> Kept:
        started.append(Kept(broker))
        return started[-1]

    yield keep_one
    for kept in started:
        kept.process.terminate()
        kept.process.communicate(timeout=60)


@pytest.fixture
def broker(tmp_path: Path) -> EmbeddedBroker:
    return EmbeddedBroker(tmp_path)


@pytest.fixture
def orphan(broker: EmbeddedBroker) -> Iterator[subprocess.Popen[bytes]]:
    """A server whose keeper is gone, as a kill -9 leaves it where the kernel has no death signal."""
    broker.prepare()
    with subprocess.Popen(broker.server_command(), stdout=subprocess.DEVNULL) as process:
        assert until(lambda: ping(broker.url, 1.0))
        yield process
        process.kill()


def test_a_kept_server_answers_on_its_socket_and_leaves_with_its_keeper(keep, broker):
    kept = keep(broker)
    assert kept.answers()
    server = kept.server
    kept.process.terminate()
    assert kept.process.wait(5) == 0
    assert is_gone(server)


def test_what_a_killed_server_held_is_there_again(keep, broker):
    first = keep(broker)
    assert first.answers()
    first.client.rpush("queue", *range(20))
    assert until(first.has_written)
    os.kill(first.server, signal.SIGKILL)
    assert first.process.wait(5) == 128 + signal.SIGKILL
    second = keep(broker)
    assert second.answers()
    assert second.client.llen("queue") == 20


def test_a_dead_socket_file_is_no_obstacle(keep, broker):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(broker.socket_path))
    assert keep(broker).answers()


def test_an_orphan_is_shut_down_and_its_data_kept(keep, broker, orphan):
    redis.Redis(unix_socket_path=str(broker.socket_path)).rpush("queue", "waiting")
    kept = keep(broker)
    assert until(lambda: orphan.poll() is not None)
    assert orphan.returncode == 0
    assert kept.answers()
    assert kept.client.lrange("queue", 0, -1) == [b"waiting"]


def test_a_frozen_orphan_is_killed(broker, orphan):
    orphan.send_signal(signal.SIGSTOP)
    assert keeper.evict_stale(broker.socket_path, grace_s=0.3)
    assert orphan.wait(5) == -signal.SIGKILL
    assert not broker.socket_path.exists()


def test_nothing_is_evicted_where_nobody_listens(tmp_path):
    assert not keeper.evict_stale(tmp_path / "broker.sock")


def test_the_server_holds_its_lock_beyond_the_keeper(broker):
    broker.prepare()
    lock = keeper.lock(broker.folder / keeper.SERVER_LOCK, wait_s=0)
    assert lock is not None
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,)) as heir:
        os.close(lock)
        assert keeper.lock(broker.folder / keeper.SERVER_LOCK, wait_s=0) is None
        heir.kill()
    assert keeper.lock(broker.folder / keeper.SERVER_LOCK, wait_s=1) is not None


def test_a_server_that_cannot_be_evicted_is_never_joined_by_a_second(broker, orphan):
    # Its socket file is lost, so that it cannot be asked to end; only the lock says that it is there.
    lock = keeper.lock(broker.folder / keeper.SERVER_LOCK, wait_s=0)
    (broker.folder / keeper.PIDFILE).write_text(f"{orphan.pid}\n")
    broker.socket_path.unlink()
    with pytest.raises(SetupError, match=f"still writes to .* its process id is {orphan.pid}"):
        keeper.keep(broker.folder, broker.socket_path, broker.server_command(), wait_s=0.1)
    assert lock is not None
    os.close(lock)


def test_a_second_clonepipe_on_one_folder_is_refused_and_the_first_goes_on(keep, broker):
    first = keep(broker)
    assert first.answers()
    with pytest.raises(SetupError, match="Another clonepipe already runs the embedded broker"):
        keeper.keep(broker.folder, broker.socket_path, broker.server_command(), wait_s=0.1)
    assert first.answers()


def test_an_append_only_file_cut_in_the_middle_of_a_write_does_not_stop_the_start(keep, broker):
    first = keep(broker)
    assert first.answers()
    first.client.rpush("queue", "kept")
    first.client.rpush("queue", "lost")
    assert until(first.has_written)
    os.kill(first.server, signal.SIGKILL)
    first.process.wait(5)
    (log,) = (broker.folder / "appendonlydir").glob("*.incr.aof")
    os.truncate(log, log.stat().st_size - 5)
    second = keep(broker)
    assert second.answers()
    assert second.client.lrange("queue", 0, -1) == [b"kept"]


def test_the_folder_of_the_broker_is_nobody_elses(broker):
    broker.prepare()
    assert broker.folder.stat().st_mode & 0o777 == 0o700


def test_a_link_in_place_of_a_private_folder_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "private").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SetupError, match="no folder of this user"):
        keeper.make_private(tmp_path / "private")


def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    with pytest.raises(SetupError, match="we are 4000000"):
        keeper.make_private(tmp_path)


def test_a_folder_that_cannot_be_made_is_told_in_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="Not a directory"):
        keeper.make_private(tmp_path / "file" / "private")
