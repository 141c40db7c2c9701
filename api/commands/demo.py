"""`clonepipe demo`: the whole pipe on this machine, in a folder of its own, on a noisy recording."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import httpx
import typer
from rich.console import Console

from api.client import Client, Order, find_key
from api.commands.clone import run
from api.listener import bind
from shared import leash
from shared.errors import SetupError
from shared.settings import Settings

RECORDING: Final = Path(__file__).parent.parent / "demo" / "noisy_speech.flac"
_START_S: Final = 60.0
_STOP_S: Final = 30.0


def demo(
    file: Annotated[
        Path | None, typer.Argument(help="A recording of yours", exists=True, dir_okay=False, readable=True)
    ] = None,
    timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds until the demo gives up")] = 180.0,
) -> None:
    """Start everything, turn a noisy recording into a finished clone at the sandbox vendor, and stop everything."""
    console = Console(stderr=True)
    recording = file or RECORDING
    with tempfile.TemporaryDirectory(prefix="clonepipe-demo-") as folder:
        console.print(f"starting broker, API, relay and worker (log: {folder}/log while the demo runs)")
        with _service(Path(folder)) as client:
            console.print(
                f"uploading [bold]{recording.name}[/] to the sandbox vendor, which pretends: no voice is trained"
            )
            order = Order((recording,), {"name": "Demo voice", "vendor": "sandbox"})
            code = run(client, order, wait=True, timeout_s=timeout_s)
    raise typer.Exit(code)


@contextmanager
def _service(folder: Path) -> Iterator[Client]:
    """Run `clonepipe up` on a free port with its data in `folder`; stop it in order at the end."""
    with bind("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    # Whatever the user has configured is not this demo's: it must neither touch real data nor reach a real vendor.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLONEPIPE_")}
    environment |= {"CLONEPIPE_DATA_DIR": str(folder / "data"), "CLONEPIPE_PORT": str(port)}
    # The service hangs on a pipe from us, so that even a kill -9 of the demo leaves no orphan.
    theirs, ours = os.pipe()
    environment[leash.LEASH_FD] = str(theirs)
    with (folder / "log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "api", "up"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=(theirs,),
        )
        os.close(theirs)
        try:
            yield _wait(process, port, folder)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(ours)


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> Client:
    """Return a client as soon as the service can take work. Raises: SetupError: with the log's last lines."""
    url = f"http://127.0.0.1:{port}"
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=2, trust_env=False).is_success:
                chosen = Settings(data_dir=folder / "data", port=port, api_key=None, bootstrap_api_key=None)
                return Client(url, find_key(chosen))
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    words = (folder / "log").read_text(errors="replace").splitlines()[-15:]
    raise SetupError("The demo's service did not start. Its last words:\n  " + "\n  ".join(words))
