"""One ladder of times: what is below ends before what is above gives up on it, wherever one of them is set."""

import re
from dataclasses import dataclass

import pytest

from api.service import _GRACE_S
from shared.doorbell import make_celery
from shared.settings import Settings
from shared.states import Queue
from shared.storage.s3_clients import CONNECT_TIMEOUT_S, OF_A_JOB
from shared.vendors import ENGINES
from tests.deploy.compose import DEPLOY, processes
from tests.deploy.image import HOUSE
from tests.deploy.manifests import OVERLAYS, container_of, environment_of, of_kind, pod_of
from worker.callbacks.courier import _LET_FLY_S
from worker.callbacks.round import ATTEMPT_S

DEFAULTS = {name: field.default for name, field in Settings.model_fields.items()}
VISIBILITY_S = make_celery("redis://127.0.0.1").conf.broker_transport_options["visibility_timeout"]
CALL_S = max(engine.call_timeout_s for engines in ENGINES.values() for engine in engines.values())
STORAGE_S = OF_A_JOB.attempts * (OF_A_JOB.read_timeout_s + CONNECT_TIMEOUT_S)
END_S = 10  # boto3's pauses between its tries, and the end of a process itself
PASSES = 2  # a quiet recording is gone through twice


@dataclass(frozen=True, slots=True)
class Rung:
    """What must be shorter, in seconds, than what."""

    name: str
    below_s: float
    above_s: float


def grace_s(process: str) -> float:
    """Return the shortest time that a process is given to end, of all the places where it runs."""
    clusters = [pod_of(of_kind(one, "Deployment")[process])["terminationGracePeriodSeconds"] for one in OVERLAYS]
    return min(*clusters, processes()[process].grace_s)


def before_stop_s() -> float:
    pauses = [container_of(of_kind(one, "Deployment")["api"])["lifecycle"]["preStop"]["sleep"] for one in OVERLAYS]
    return max(pause["seconds"] for pause in pauses)


def slowest_sound_s() -> float:
    """Return how long the longest recordings that are taken are worked on, by README's figure for an hour of sound."""
    measured = re.search(r"an hour at 48 kHz stereo, FLAC.*?\| (\d+) s", (HOUSE / "README.md").read_text())
    assert measured is not None
    hours = DEFAULTS["max_files"] * DEFAULTS["max_sample_minutes"] / 60
    shares = []
    for overlay in OVERLAYS:
        worker = of_kind(overlay, "Deployment")["worker-audio"]
        threads = int(environment_of(overlay, worker)["CLONEPIPE_WORKER_THREADS"])
        shares.append(threads / float(container_of(worker)["resources"]["requests"]["cpu"]))
    return hours * int(measured[1]) * PASSES * max(shares)


def rungs() -> list[Rung]:
    lease_s, heartbeat_s = DEFAULTS["lease_s"], Settings().heartbeat_s
    return [
        Rung("three heartbeats, and a job's lease", heartbeat_s * 3, lease_s),
        Rung("an attempt at a webhook, and a line's lease", ATTEMPT_S, lease_s),
        Rung("the longest call to a vendor, and the broker's patience", STORAGE_S + CALL_S, VISIBILITY_S),
        Rung("the longest work on sound, and the broker's patience", slowest_sound_s(), VISIBILITY_S),
        Rung("an API's last requests, and its end", before_stop_s() + _GRACE_S + END_S, grace_s("api")),
        Rung("a silent storage, and a relay's end", STORAGE_S + END_S, grace_s("relay")),
        Rung("a silent storage, and an audio worker's end", STORAGE_S + END_S, grace_s("worker-audio")),
        Rung("a call to a vendor, and a vendor worker's end", STORAGE_S + CALL_S + END_S, grace_s("worker-vendor")),
        Rung("webhooks under way, and a callback worker's end", _LET_FLY_S + END_S, grace_s("worker-callback")),
    ]


@pytest.mark.parametrize("rung", rungs(), ids=lambda rung: rung.name)
def test_what_is_below_ends_first(rung: Rung) -> None:
    assert rung.below_s <= rung.above_s


@pytest.mark.parametrize("rung", rungs(), ids=lambda rung: rung.name)
def test_the_page_shows_the_ladder(rung: Rung) -> None:
    assert f"| {rung.name} | {rung.below_s:g} s | {rung.above_s:g} s |" in (DEPLOY / "README.md").read_text()


def test_nothing_that_is_deployed_moves_a_rung() -> None:
    told = [service.settings for service in processes().values()]
    told += [
        environment_of(one, workload) for one in OVERLAYS for workload in of_kind(one, "Deployment", "Job").values()
    ]
    rungs_of_settings = {"CLONEPIPE_LEASE_S", "CLONEPIPE_MAX_FILES", "CLONEPIPE_MAX_SAMPLE_MINUTES"}
    assert not [environment for environment in told if rungs_of_settings & set(environment)]


@pytest.mark.parametrize("queue", Queue)
def test_a_worker_is_the_same_on_one_host_and_in_a_cluster(queue: Queue) -> None:
    name = f"worker-{queue}"
    default = str(DEFAULTS["worker_threads"])
    one_host = processes()[name].settings.get("CLONEPIPE_WORKER_THREADS", default)
    for overlay in OVERLAYS:
        told = environment_of(overlay, of_kind(overlay, "Deployment")[name])
        assert told["CLONEPIPE_WORKER_THREADS"] == one_host
        assert (
            pod_of(of_kind(overlay, "Deployment")[name])["terminationGracePeriodSeconds"] == processes()[name].grace_s
        )
