"""`clonepipe check` as a user runs it: nothing but files is needed, exit codes tell, nothing is left behind."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.recordings import silence_wav
from tests.stack import CLEAN_SPEECH

HOUSE = Path(__file__).parents[3]
CLONEPIPE = Path(sys.executable).with_name("clonepipe")


def check(
    folder: Path, *arguments: object, stdin: bytes | None = None, **variables: object
) -> subprocess.CompletedProcess[str]:
    """Run the command with a system folder for temporary files and a home of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLONEPIPE_")}
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    environment |= {"HOME": str(folder / "home"), "TMPDIR": str(temporary), "COLUMNS": "80"}
    environment |= {f"CLONEPIPE_{name.upper()}": str(value) for name, value in variables.items()}
    command = [str(CLONEPIPE), "check", *(str(argument) for argument in arguments)]
    ran = subprocess.run(
        command, capture_output=True, input=stdin, env=environment, cwd=folder, timeout=300, check=False
    )
    done = subprocess.CompletedProcess(command, ran.returncode, ran.stdout.decode(), ran.stderr.decode())
    assert list(temporary.iterdir()) == []
    assert not (folder / "home").exists(), "no data folder is made"
    return done


def test_a_good_recording_is_exit_code_0_with_a_table_and_no_bars(tmp_path: Path) -> None:
    done = check(tmp_path, CLEAN_SPEECH, "--vendor", "bland", "--engine", "btts_v3")
    assert done.returncode == 0, done.stderr
    for word in ("clean_speech.flac", "speech share", "Made for bland/btts_v3", "0.0-4.4 s"):
        assert word in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stderr == ""


def test_a_refused_recording_is_exit_code_1_and_json_is_what_the_route_answers(tmp_path: Path) -> None:
    (tmp_path / "silence.wav").write_bytes(silence_wav())
    done = check(tmp_path, "silence.wav", CLEAN_SPEECH, "--json")
    data = json.loads(done.stdout)
    assert (done.returncode, data["verdict"], data["vendor"]) == (1, "refuse", "sandbox")
    assert set(data) == {"vendor", "engine", "verdict", "reasons", "samples", "sent"}
    bad, good = data["samples"]
    assert (bad["error"]["code"], good["error"]) == ("NO_SPEECH", None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--vendor", "nobody"), "Known: bland"),
        (("--vendor", "bland", "--engine", "nine"), "btts_v1"),
        (("--denoise", "much"), "auto, on, off"),
        (("no-such-file.wav",), "does not exist"),
    ],
)
def test_a_command_that_is_wrong_is_exit_code_2_and_names_what_there_is(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = check(tmp_path, CLEAN_SPEECH, *arguments)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.replace("│", " ").split())


def test_what_an_upload_is_refused_for_is_exit_code_1_and_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("these are notes, and long enough to be looked at")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "twin.flac").write_bytes(CLEAN_SPEECH.read_bytes())
    for files, words in (
        (["notes.wav"], "'notes.wav' is not in a format"),
        (["empty.wav"], "'empty.wav' has no bytes"),
        ([CLEAN_SPEECH, "twin.flac"], "are the same recording"),
    ):
        done = check(tmp_path, *files)
        assert (done.returncode, done.stdout) == (1, "")
        assert words in done.stderr
        told = check(tmp_path, *files, "--json")
        report = json.loads(told.stdout)
        assert (told.returncode, told.stderr, report["verdict"]) == (1, "", "refuse")
        assert words in report["error"]["message"]
        assert set(report["error"]) == {"code", "message", "details"}
        assert all(sample["error"] == report["error"] for sample in report["samples"])
    assert "11" in check(tmp_path, *[CLEAN_SPEECH] * 11).stderr
    (tmp_path / "big.wav").write_bytes(bytes(1024 * 1024 + 1))
    assert "1 MB" in check(tmp_path, "big.wav", max_file_mb=1).stderr


def test_the_readme_shows_what_the_command_prints(tmp_path: Path) -> None:
    block = re.search(
        r"```sh\n\.venv/bin/clonepipe check (.*?)\n```.*?<!-- output of clonepipe check -->\n```\n(.*?)```",
        (HOUSE / "README.md").read_text(),
        re.DOTALL,
    )
    assert block is not None
    recording, *options = block[1].split()
    done = check(tmp_path, HOUSE / recording, *options)
    # What each line tells, not the figures: another machine's arithmetic may round the last digit otherwise.
    assert [label(line) for line in done.stdout.splitlines()] == [label(line) for line in block[2].splitlines()]


def label(line: str) -> str:
    return re.sub(r"[\d.,-]+", "#", line.rstrip())[:24].rstrip()


def test_a_check_that_takes_too_long_is_exit_code_2(tmp_path: Path) -> None:
    done = check(tmp_path, CLEAN_SPEECH, check_timeout_s=0.2)
    assert done.returncode == 2
    assert "longer than 0.2 s" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_that_is_no_utf_8_is_shown(tmp_path: Path) -> None:
    name = os.fsdecode(b"Zo\xeb.flac")
    (tmp_path / name).write_bytes(CLEAN_SPEECH.read_bytes())
    for more in ([], ["--json"]):
        done = check(tmp_path, name, *more)
        assert done.returncode == 0, done.stderr
        assert "Zoë.flac" in done.stdout


def test_a_recording_that_comes_through_a_pipe_is_checked_and_a_device_is_told(tmp_path: Path) -> None:
    done = check(tmp_path, "/dev/stdin", stdin=CLEAN_SPEECH.read_bytes())
    assert (done.returncode, done.stdout.split()[0]) == (0, "stdin")
    for path, words in (("/dev/zero", "not a regular file"), ("/", "is a directory")):
        done = check(tmp_path, path)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr
        assert "Traceback" not in done.stderr
