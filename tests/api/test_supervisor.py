"""`up` without our services: real processes that die, hang and are killed, and a real broker."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from api.supervisor import ChildSpec, bind
from shared.broker import EmbeddedBroker, ping
from shared.keeper import PIDFILE
from tests.api.supervised import LIVE, ONCE, STUBBORN, Start, Up, child
from tests.processes import is_gone, until

pytestmark = pytest.mark.faults


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Up] = []

    def start_one(*specs: ChildSpec, **options: Any) -> Up:
        started.append(Up(list(specs), **options))
        return started[-1]

    yield start_one
    for up in started:
        up.process.kill()  # the leashes do the rest
        up.process.communicate()


def test_ctrl_c_stops_everything_in_reverse_order(start):
    up = start(*(child(name, LIVE) for name in ("broker", "api", "worker")))
    children = up.processes_of("broker", "api", "worker")
    up.process.send_signal(signal.SIGINT)
    assert up.end() == (0, "")
    assert [line for line in up.lines if "stopping" in line] == [
        "up     | stopping worker",
        "up     | stopping api",
        "up     | stopping broker",
    ]
    assert all(map(is_gone, children))


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_terminated_supervisor_stops_its_children(start, signum):
    up = start(child("api", LIVE))
    process = up.process_of("api")
    up.process.send_signal(signum)
    assert up.end() == (0, "")
    assert is_gone(process)


def test_ctrl_c_in_the_terminal_reaches_the_supervisor_alone(start):
    up = start(child("api", LIVE))
    process = up.process_of("api")
    assert os.getsid(process) == process != os.getsid(up.process.pid)


@pytest.mark.parametrize(
    ("death", "told"),
    [
        ("first and sys.exit(3)", "exit code 3"),
        ("first and sys.exit(0)", "exit code 0"),
        ("first and sys.exit(137)", "exit code 137, as after SIGKILL"),
        ("import os; first and os.kill(os.getpid(), 11)", "SIGSEGV"),
    ],
)
def test_a_child_that_dies_is_started_again_and_the_log_says_how_it_died(start, tmp_path, death, told):
    up = start(child("worker", ONCE.format(death=death), tmp_path / "mark"))
    assert up.hears(r"died \((.*)\); started again in 0.2 s")[1] == told
    assert up.process_of("worker") > 0


def test_a_child_that_was_killed_leaves_nothing_of_itself_behind(start, tmp_path):
    program = f"import subprocess, sys; s = subprocess.Popen(['sleep', '60']); print('sleeper', s.pid); {LIVE}"
    up = start(child("worker", program))
    sleeper = int(up.hears(r"sleeper (\d+)")[1])
    os.kill(up.process_of("worker"), signal.SIGKILL)
    assert up.hears(r"died \((.*)\)")[1] == "SIGKILL"
    assert until(lambda: is_gone(sleeper))


def test_a_child_that_cannot_start_ends_everything_with_its_last_words(start):
    up = start(
        child("api", LIVE),
        child("worker", "print('out of cheese'); raise SystemExit(4)"),
        first_pause_s=0.05,
    )
    api = up.process_of("api")
    code, complaints = up.end()
    assert code == 1
    assert complaints.startswith("worker died 5 times within 60 s (the last time: exit code 4). Its last words:\n")
    assert complaints.count("    out of cheese\n") == 5
    assert is_gone(api)


def test_a_child_that_is_killed_again_and_again_ends_nothing_else(start):
    up = start(child("api", LIVE), child("worker", LIVE), first_pause_s=0.01, longest_pause_s=0.05)
    api, worker = up.processes_of("api", "worker")
    for _ in range(8):
        os.kill(worker, signal.SIGKILL)
        worker = up.process_of("worker")
    assert not is_gone(api)
    assert len([line for line in up.lines if "TROUBLE: worker died 5 times within 60 s" in line]) == 1
    up.process.send_signal(signal.SIGINT)
    assert up.end() == (0, "")


def test_a_child_that_could_live_once_may_fail_for_as_long_as_it_likes(start, tmp_path):
    program = (
        "import pathlib, sys, time; mark = pathlib.Path(sys.argv[1]); first = not mark.exists(); mark.touch(); "
        "time.sleep(0.6 * first); print('fails'); raise SystemExit(1)"
    )
    worker = child("worker", program, tmp_path / "mark")
    up = start(child("api", LIVE), worker, steady_after_s=0.5, first_pause_s=0.01, longest_pause_s=0.05)
    api = up.process_of("api")
    for _ in range(9):
        up.hears("fails")
    assert not is_gone(api)


def test_each_death_doubles_the_pause_up_to_the_longest(start):
    up = start(child("worker", "raise SystemExit(1)"), first_pause_s=0.1, longest_pause_s=0.25)
    up.end()
    assert [found[1] for line in up.lines if (found := re.search(r"started again in (\S+) s", line))] == [
        "0.1",
        "0.2",
        "0.2",
        "0.2",
    ]


def test_a_long_life_makes_the_next_death_a_first_one(start):
    program = "import time; time.sleep(0.1); raise SystemExit(1)"
    up = start(child("worker", program), first_pause_s=0.1, steady_after_s=0.1, within_s=0.1)
    pauses = [up.hears(r"started again in (\S+) s")[1] for _ in range(6)]
    assert pauses == ["0.1"] * 6


def test_a_program_that_cannot_be_started_is_a_death_like_any_other(start):
    up = start(ChildSpec("broker", ("/no/such/program",)), first_pause_s=0.01)
    code, complaints = up.end()
    assert code == 1
    assert complaints.startswith("broker died 5 times within 60 s (the last time: it could not be started).")
    assert "    cannot run /no/such/program: No such file or directory\n" in complaints


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace(start):
    up = start(child("api", LIVE), child("worker", STUBBORN), grace_s=0.3)
    children = up.processes_of("api", "worker")
    up.process.terminate()
    assert up.end() == (0, "")
    assert up.said("worker did not end within 0.3 s of SIGTERM; killing it")
    assert all(map(is_gone, children))


def test_all_children_together_get_no_more_than_the_total_grace(start):
    names = ("broker", "api", "relay", "worker")
    up = start(*(child(name, STUBBORN) for name in names), grace_s=60, total_grace_s=0.4, least_grace_s=0.1)
    up.processes_of(*names)
    up.process.terminate()
    assert up.end() == (0, "")


def test_a_second_ctrl_c_kills_at_once(start):
    up = start(child("api", LIVE), child("worker", STUBBORN))
    children = up.processes_of("api", "worker")
    up.process.send_signal(signal.SIGINT)
    up.hears("stopping worker")
    up.process.send_signal(signal.SIGINT)
    assert up.end()[0] == 128 + signal.SIGINT
    assert all(map(is_gone, children))


def test_a_killed_supervisor_leaves_no_orphan(start, tmp_path):
    broker = EmbeddedBroker(tmp_path)
    up = start(ChildSpec("broker", broker.command()), child("api", LIVE), child("worker", STUBBORN))
    children = up.processes_of("api", "worker")
    assert until(lambda: ping(broker.url, 1.0))
    children.append(int((broker.folder / PIDFILE).read_text()))
    up.process.kill()
    assert until(lambda: all(map(is_gone, children)), within_s=10)


def test_a_killed_broker_is_back_with_what_it_held(start, tmp_path):
    broker = EmbeddedBroker(tmp_path)
    start(ChildSpec("broker", broker.command()))
    assert until(lambda: ping(broker.url, 1.0))
    client = redis.Redis(unix_socket_path=str(broker.socket_path))
    client.rpush("queue", *range(20))
    assert until(lambda: client.info("persistence")["aof_buffer_length"] == 0)
    server = int((broker.folder / PIDFILE).read_text())
    os.kill(server, signal.SIGKILL)
    assert until(lambda: is_gone(server))
    assert until(lambda: ping(broker.url, 1.0))
    assert client.llen("queue") == 20
    client.close()


def test_the_broker_of_a_killed_supervisor_is_no_obstacle_to_the_next(start, tmp_path):
    broker = EmbeddedBroker(tmp_path)
    first = start(ChildSpec("broker", broker.command()))
    assert until(lambda: ping(broker.url, 1.0))
    server = (broker.folder / PIDFILE).read_text()
    first.process.kill()
    start(ChildSpec("broker", broker.command()))
    assert until(lambda: ping(broker.url, 1.0) and (broker.folder / PIDFILE).read_text() != server)


def test_a_caller_waits_in_the_backlog_while_the_api_is_started_again(start, tmp_path):
    answer = (
        "import socket; s = socket.socket(fileno=int(sys.argv[2])); c, _ = s.accept(); c.sendall(b'here'); c.close()"
    )
    with bind("127.0.0.1", 0) as listener:
        program = ONCE.format(death=f"first and sys.exit(1); {answer}")
        up = start(child("api", program, tmp_path / "mark", listener.fileno(), pass_fds=(listener.fileno(),)))
        up.hears("api died")
        with socket.create_connection(listener.getsockname(), timeout=5) as caller:
            assert caller.recv(4) == b"here"


def test_the_ready_hook_runs_beside_the_supervision_and_hears_of_its_end(start):
    up = start(child("api", LIVE), banner=True)
    up.hears("^banner$")
    up.process.terminate()
    assert up.end() == (0, "")
    assert up.said("stopped")


def test_a_reader_that_goes_away_does_not_stop_the_children(start, tmp_path):
    reader, writer = os.pipe()
    mark = tmp_path / "mark"
    program = "import pathlib, sys\nfor _ in range(100): print('word')\npathlib.Path(sys.argv[1]).touch()\n" + LIVE
    with open(writer, "wb") as broken:
        os.close(reader)
        up = start(child("api", program, mark), stdout=broken)
    assert until(mark.exists)
    up.process.terminate()
    assert up.end() == (0, "")


def test_what_is_added_to_the_environment_reaches_the_child(start):
    up = start(child("api", "import os; print('word', os.environ['WORD']); " + LIVE, env={"WORD": "given"}))
    up.hears(r"^api +\| word given$")
