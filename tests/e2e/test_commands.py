"""The command line as a user runs it: exit codes, JSON, a service that is not there."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.processes import until
from tests.stack import CLEAN_SPEECH, Stack, running_stack

HOUSE = Path(__file__).parents[2]
CLONEPIPE = Path(sys.executable).with_name("clonepipe")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack() as running:
        yield running


def clonepipe(*arguments: object, **variables: object) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLONEPIPE_")}
    environment |= {f"CLONEPIPE_{name.upper()}": str(value) for name, value in variables.items()}
    command = [str(CLONEPIPE), *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


def at(stack: Stack) -> dict[str, object]:
    return {"api_url": stack.url, "data_dir": stack.folder}


def test_clone_waits_until_ready_and_shows_what_was_done(stack: Stack) -> None:
    done = clonepipe("clone", CLEAN_SPEECH, "--name", "Anna", "--wait", **at(stack))
    assert done.returncode == 0, done.stderr
    for word in ("ready (100 %)", "sandbox/default", "What was made of them", "no voice is trained"):
        assert word in done.stdout
    assert "ready 100 %" in done.stderr
    assert "\x1b[" not in done.stdout + done.stderr, "no bars and no colours where there is no terminal"


def test_json_is_json_and_nothing_else(stack: Stack) -> None:
    done = clonepipe("clone", CLEAN_SPEECH, "--name", "Anna", "--json", **at(stack))
    voice_id = json.loads(done.stdout)["voiceId"]
    stack.wait_for(voice_id, "ready")
    shown = clonepipe("status", voice_id, "--json", **at(stack))
    assert (shown.returncode, json.loads(shown.stdout)["status"]) == (0, "ready")


def test_a_failed_clone_is_exit_code_1_and_says_why(stack: Stack) -> None:
    done = clonepipe("clone", CLEAN_SPEECH, "--name", "fail_at_submit", "--wait", **at(stack))
    assert done.returncode == 1
    assert "VENDOR_REJECTED" in done.stdout


def test_a_refused_upload_is_exit_code_1_and_one_sentence(stack: Stack, tmp_path: Path) -> None:
    bad = tmp_path / "notes.wav"
    bad.write_text("these are notes")
    done = clonepipe("clone", bad, "--name", "Anna", **at(stack))
    assert done.returncode == 1
    assert "notes.wav" in done.stderr
    assert "Traceback" not in done.stderr


def test_waiting_has_an_end(stack: Stack) -> None:
    done = clonepipe("clone", CLEAN_SPEECH, "--name", "slow", "--wait", "--timeout", "0.5", **at(stack))
    assert done.returncode == 3


def test_a_service_that_is_not_there_is_exit_code_2(tmp_path: Path) -> None:
    done = clonepipe("status", "vc_x", api_url="http://127.0.0.1:9", api_key="x" * 20, data_dir=tmp_path)
    assert done.returncode == 2
    assert "clonepipe up" in done.stderr


def test_no_key_is_exit_code_2(tmp_path: Path) -> None:
    done = clonepipe("status", "vc_x", data_dir=tmp_path)
    assert done.returncode == 2
    assert "CLONEPIPE_API_KEY" in done.stderr


def test_accounts_and_keys_are_made_on_the_command_line(stack: Stack) -> None:
    account_id = clonepipe("accounts", "create", data_dir=stack.folder).stdout.strip()
    made = clonepipe(
        "keys", "create", "--name", "ci", "--account", account_id, "--scope", "voice:read", "--json",
        data_dir=stack.folder,
    )  # fmt: skip
    key = json.loads(made.stdout)["key"]
    listing = stack.client.get("/voice-clones", headers={"x-api-key": key}).json()
    assert listing["data"]["total"] == 0
    assert stack.client.delete("/voice-clones/vc_x", headers={"x-api-key": key}).status_code == 403
    wrong = clonepipe("keys", "create", "--name", "x", "--scope", "voice:everything", data_dir=stack.folder)
    assert wrong.returncode == 1
    assert "voice:everything" in wrong.stderr


def test_the_demo_ends_ready() -> None:
    done = clonepipe("demo")
    assert done.returncode == 0, done.stderr
    assert "ready (100 %)" in done.stdout
    assert "mask" in done.stdout or "gate" in done.stdout  # the gate where RNNoise has no wheel


def test_a_busy_port_is_said_at_once(stack: Stack, tmp_path: Path) -> None:
    port = stack.url.rpartition(":")[2]
    done = clonepipe("up", port=port, data_dir=tmp_path)
    assert done.returncode == 2
    assert f"Port {port}" in done.stderr


def test_an_order_repeated_with_its_key_makes_one_clone(stack: Stack) -> None:
    order = ("clone", CLEAN_SPEECH, "--name", "Once", "--idempotency-key", "order-1", "--json")
    made = [json.loads(clonepipe(*order, **at(stack)).stdout)["voiceId"] for _ in range(2)]
    assert made[0] == made[1]


def test_a_key_is_listed_without_showing_it_and_revoked_at_once(stack: Stack) -> None:
    key = clonepipe("keys", "create", "--name", "short-lived", data_dir=stack.folder).stdout.strip()
    listed = clonepipe("keys", "list", "--json", data_dir=stack.folder).stdout
    assert key not in listed
    [found] = [known for known in json.loads(listed) if known["name"] == "short-lived"]
    assert stack.client.get("/voice-clones", headers={"x-api-key": key}).status_code == 200
    assert clonepipe("keys", "revoke", found["id"], data_dir=stack.folder).returncode == 0
    assert stack.client.get("/voice-clones", headers={"x-api-key": key}).status_code == 401
    assert clonepipe("keys", "revoke", found["id"], data_dir=stack.folder).returncode == 1


MISTAKES: list[tuple[dict[str, object], str]] = [
    ({"port": "abc"}, "CLONEPIPE_PORT"),
    ({"max_files": 0}, "CLONEPIPE_MAX_FILES"),
    ({"bootstrap_api_key": "x1y2z3"}, "CLONEPIPE_BOOTSTRAP_API_KEY"),
    ({"storage_url": "ftp://x"}, "CLONEPIPE_STORAGE_URL"),
    ({"broker_url": "amqp://x:x1y2z3@h"}, "CLONEPIPE_BROKER_URL"),
    ({"database_url": "mysql://x"}, "CLONEPIPE_DATABASE_URL"),
    ({"default_vendor": "nobody"}, "CLONEPIPE_DEFAULT_VENDOR"),
    ({"data_dir": "/dev/null/x"}, "CLONEPIPE_DATA_DIR"),
    ({"database_url": "postgresql+psycopg://x:x1y2z3@127.0.0.1:9/x"}, "CLONEPIPE_DATABASE_URL is postgresql"),
]


@pytest.mark.parametrize(("settings", "variable"), MISTAKES, ids=[variable for _, variable in MISTAKES])
def test_an_operators_mistake_is_one_sentence_that_names_the_variable(
    tmp_path: Path, settings: dict[str, object], variable: str
) -> None:
    done = clonepipe("up", **{"data_dir": tmp_path, "port": 0, **settings})
    assert done.returncode == 2
    assert variable in done.stderr
    assert "Traceback" not in done.stderr
    assert "x1y2z3" not in done.stderr


COMMANDS: list[tuple[tuple[str, ...], dict[str, object], int, str]] = [
    (("status", "vc_x"), {"api_key": "schlüssel"}, 2, "CLONEPIPE_API_KEY holds no API key"),
    (("status", "vc_x"), {"api_key": "cp_1\n2"}, 2, "CLONEPIPE_API_KEY holds no API key"),
    (("status", "../vendors"), {"api_key": "cp_1"}, 1, "There is no voice clone '../vendors'"),
    (("worker", "--queues", "nope"), {}, 2, "There is no queue 'nope'; the queues are audio, vendor, callback."),
    (("worker", "--queues", ""), {}, 2, "There is no queue ''"),
    (("worker", "--threads", "0"), {}, 2, "'--threads': Input should be greater than or equal to 1"),
    (("worker", "--threads", "65"), {}, 2, "'--threads': Input should be less than or equal to 64"),
    (("worker", "--thread", "2"), {}, 2, "No such option: --thread"),
    (("keys", "revoke", os.fsdecode(b"\xff")), {}, 1, "There is no working key"),
    (("keys", "create", "--name", "x", "--account", os.fsdecode(b"\xff")), {}, 1, "There is no account"),
    (("worker",), {"data_dir": "/dev/null"}, 2, "CLONEPIPE_DATA_DIR cannot be used: File exists"),
    (("relay",), {"data_dir": "/dev/null"}, 2, "CLONEPIPE_DATA_DIR cannot be used: File exists"),
    (("api", "--fd", "99"), {}, 2, "--fd 99 is no socket that this process was given"),
    (("api", "--fd", "1"), {}, 2, "--fd 1 is no socket that this process was given"),
    (("accounts", "create", "--max-clones", "9" * 20), {}, 2, "'--max-clones'"),
]


@pytest.mark.parametrize(("command", "settings", "code", "words"), COMMANDS, ids=[" ".join(one[0]) for one in COMMANDS])
def test_a_wrong_command_is_told_what_is_wrong(
    tmp_path: Path, command: tuple[str, ...], settings: dict[str, object], code: int, words: str
) -> None:
    done = clonepipe(*command, **{"data_dir": tmp_path, **settings})
    assert done.returncode == code
    assert words in " ".join(done.stderr.replace("│", "").split())
    assert "Traceback" not in done.stderr


def test_a_worker_takes_the_queues_and_threads_it_is_told(stack: Stack) -> None:
    helped = clonepipe("worker", "--help").stdout
    assert "--queues" in helped
    assert "--threads" in helped
    folder = {name: value for name, value in os.environ.items() if not name.startswith("CLONEPIPE_")}
    worker = subprocess.Popen(
        [str(CLONEPIPE), "worker", "--queues", "vendor,callback", "--threads", "3"],
        env=folder | {"CLONEPIPE_DATA_DIR": str(stack.folder)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        told = ["-P", "-m", "worker", "--queues", "vendor,callback", "--threads", "3"]
        assert until(lambda: psutil.Process(worker.pid).cmdline()[1:] == told)
    finally:
        worker.kill()
        worker.wait()


def test_a_second_up_on_the_same_data_folder_is_refused_at_once(stack: Stack) -> None:
    done = clonepipe("up", port=0, data_dir=stack.folder)
    assert done.returncode == 2
    assert "Another 'clonepipe up' runs" in done.stderr


def test_names_that_are_no_utf_8_and_pipes_make_clones(stack: Stack, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"Zo\xeb.flac")
    path.write_bytes(CLEAN_SPEECH.read_bytes())
    done = clonepipe("clone", path, "--name", os.fsdecode(b"Zo\xeb"), "--json", **at(stack))
    assert (done.returncode, json.loads(done.stdout)["name"]) == (0, "Zoë"), done.stderr
    pipe = tmp_path / "pipe.flac"
    os.mkfifo(pipe)
    with subprocess.Popen(["cp", str(CLEAN_SPEECH), str(pipe)]):
        done = clonepipe("clone", pipe, "--name", "Pipe", "--json", **at(stack))
    assert (done.returncode, json.loads(done.stdout)["name"]) == (0, "Pipe"), done.stderr


@pytest.mark.parametrize("wait", ["nan", "-1", "inf"])
def test_a_time_that_is_none_is_refused(stack: Stack, wait: str) -> None:
    done = clonepipe("clone", CLEAN_SPEECH, "--name", "Anna", "--wait", "--timeout", wait, **at(stack))
    assert done.returncode == 2
    assert "no time to wait" in done.stderr


def test_a_service_without_tls_is_told_from_one_that_is_not_there(stack: Stack) -> None:
    done = clonepipe("status", "vc_a", **{**at(stack), "api_url": stack.url.replace("http://", "https://")})
    assert done.returncode == 2
    assert "not over TLS" in done.stderr


def test_clones_are_listed_newest_first_in_any_width(stack: Stack) -> None:
    made = [stack.create(f"Listed {number}") for number in range(4)]
    page = json.loads(clonepipe("list", "--limit", 2, "--offset", 1, "--json", **at(stack)).stdout)
    assert [clone["voiceId"] for clone in page["voiceClones"]] == [made[2], made[1]]
    told = clonepipe("list", "--limit", 3, **at(stack)).stdout
    lines = told.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == made[:0:-1]
    assert lines[-1] == f"1-3 of {page['total']}; --offset 3 shows the next"
    assert clonepipe("list", "--offset", 10**6, **at(stack)).stdout.startswith("no clones after the newest")
    assert clonepipe("list", "--limit", 101, **at(stack)).returncode == 2


def test_a_clone_is_named_as_soon_as_it_is_accepted_and_an_interrupt_says_how_to_look_again(stack: Stack) -> None:
    environment = {**os.environ, "CLONEPIPE_API_URL": stack.url, "CLONEPIPE_DATA_DIR": str(stack.folder)}
    # A shell that put these tests in the background has its children ignore Ctrl-C.
    pressed = ["env", "--default-signal=INT"]
    command = [*pressed, str(CLONEPIPE), "clone", str(CLEAN_SPEECH), "--name", "slow", "--wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as watch:
        assert watch.stderr is not None
        accepted = watch.stderr.readline()
        assert accepted.startswith("accepted as vc_")
        watch.stderr.readline()  # it watches now
        watch.send_signal(signal.SIGINT)
        _, told = watch.communicate(timeout=30)
    assert watch.returncode == 130
    assert f"'clonepipe status {accepted.split()[2]}' shows how far it is" in told
    assert "Traceback" not in told


def test_a_name_that_the_terminal_cannot_show_is_no_trace(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.create("Zoë 语音")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = clonepipe("list", **at(stack))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Zo? ??" in done.stdout
