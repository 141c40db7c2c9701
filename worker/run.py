"""One job in hand: claim it, run the stage it is at, settle how that ended, and go on while it is ours to go on.

A stage knows nothing of leases and attempts. It returns an ending or raises; here, and only here, that becomes a
state, in one transaction with what the stage wants saved.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy.orm import Session
from structlog.contextvars import bound_contextvars

from shared import claims, jobs, log, metrics
from shared.claims import Claim
from shared.errors import ClaimLost, DatabaseUnavailable, DecoderLost, ServiceError
from shared.states import QUEUE_OF, RELENTLESS, Outcome, Stage, percent
from worker.bench import Bench
from worker.endings import Advance, Finished, Rest
from worker.handover import hand_over
from worker.patience import BACKOFF_MAX_S, Wait, weigh
from worker.stages import stage_of
from worker.task import HandedBack, Task

T = TypeVar("T")
STUMBLE_S = 2.0  # doubling with every counted error

_logger = log.get(__name__)


def work(bench: Bench, job_id: str) -> None:
    """Do what is due of a job. A message for a job that is not due, or not free, is no error: nothing happens."""
    with bench.services.database.write() as session:
        claim = claims.take(session, job_id, owner=bench.owner, lease_s=bench.services.settings.lease_s)
    if claim is None:
        return
    # The recordings stay here while we go from stage to stage; a job resumed elsewhere fetches them again.
    with bench.desk.folder() as folder:
        while claim is not None:
            claim = _run_stage(bench, claim, folder)


def _run_stage(bench: Bench, claim: Claim, folder: Path) -> Claim | None:
    """Run one stage; return the renewed claim if we go on with the next."""
    began_s = time.monotonic()
    ending = "crash"
    with bound_contextvars(**_subject(claim)), bench.heart.hold(claim) as hold:
        try:
            spent = claims.exhausted(claim, bench.services.settings.max_attempts)
            if spent is not None and claim.kind not in RELENTLESS:
                raise spent
            with Task.open(bench, claim, hold, folder) as task:
                found = stage_of(claim.kind, claim.stage)(task)
                going_on = _settle(bench, claim, found)
                ending = type(found).__name__.lower()
                return going_on
        except ClaimLost:
            ending = "lost"
            _logger.warning("claim_lost")
            _write(bench, lambda session: jobs.hasten_removal(session, claim.clone_id))
        except HandedBack:
            ending = "handed_back"
            _logger.info("handed_back")
            _write(bench, lambda session: claims.hand_back(session, claim))
        except ServiceError as error:
            ending = "error"
            _logger.warning("stage_stopped", code=error.code)
            metrics.STAGE_ERRORS.labels(claim.stage, error.code).inc()
            _refused(bench, claim, error)
        except Exception:
            _logger.exception("stage_crashed")
            _crashed(bench, claim)
        finally:
            took_s = time.monotonic() - began_s
            metrics.STAGES.labels(claim.stage, ending).observe(took_s)
            _logger.info("stage_ended", ending=ending, duration_s=round(took_s, 3))
    return None


def _subject(claim: Claim) -> dict[str, str | int]:
    """Return what every line of the log says while this claim is in hand, whoever writes it."""
    return {
        "job": claim.job_id, "clone": claim.clone_id, "stage": claim.stage.value, "attempt": claim.attempt,
        "vendor": f"{claim.vendor}/{claim.engine}",
    }  # fmt: skip


def _settle(bench: Bench, claim: Claim, ending: Advance | Rest | Finished) -> Claim | None:
    keep_s = None
    going_on: Claim | None = None
    if isinstance(ending, Advance) and claims.serves(bench.queues, ending.to) and not bench.stopping.is_set():
        keep_s = bench.services.settings.lease_s
    with bench.services.database.write() as session:
        match ending:
            case Advance():
                going_on = claims.advance(session, claim, ending.to, keep_s=keep_s)
            case Rest():
                done = None if ending.fraction is None else percent(claim.stage, ending.fraction)
                claims.rest(session, claim, ending.waiting_for, ending.delay_s, percent=done, reason=ending.reason)
            case Finished():
                claims.finish(session, claim, vendor_voice_id=ending.vendor_voice_id)
        ending.save(session)
    if isinstance(ending, Finished):
        metrics.JOBS_ENDED.labels(claim.kind, Outcome.DONE).inc()
    if isinstance(ending, Advance) and going_on is None:
        bench.ring(QUEUE_OF[ending.to], claim.job_id)
    return going_on


def _refused(bench: Bench, claim: Claim, error: ServiceError) -> None:
    """Settle an error that a stage named: hand over, rest on what will pass, fail on what will not."""
    if _handed_over(bench, claim, error):
        return
    if isinstance(error, DecoderLost):
        # It may be this recording that brings the machine's memory to its end: tried again, but not for a day.
        stumble_s = min(STUMBLE_S * 2.0 ** min(claim.attempt, 10), BACKOFF_MAX_S)
        _write(bench, lambda s: claims.stumble(s, claim, error, stumble_s))
        return

    def settle(session: Session) -> bool:
        found = weigh(session, bench.services.vendors, claim, error)
        if isinstance(found, Wait):
            claims.rest(session, claim, found.waiting_for, found.delay_s, error=error)
            return False
        claims.fail(session, claim, found)
        return True

    if _write(bench, settle):
        metrics.JOBS_ENDED.labels(claim.kind, Outcome.FAILED).inc()


def _handed_over(bench: Bench, claim: Claim, error: ServiceError) -> bool:
    try:
        with bench.services.database.write() as session:
            done = hand_over(session, bench.services.vendors, claim, error)
    except (ClaimLost, DatabaseUnavailable):
        return False  # whoever settles the error meets the same and says so
    if done:
        bench.ring(QUEUE_OF[Stage.PREPARE], claim.job_id)
    return done


def _crashed(bench: Bench, claim: Claim) -> None:
    """Settle an error that nobody foresaw: it costs an attempt."""
    error = ServiceError(f"An unexpected error stopped the stage '{claim.stage}'; the operator finds it in the log.")
    pause_s = min(STUMBLE_S * 2.0 ** min(claim.attempt, 10), BACKOFF_MAX_S)
    _write(bench, lambda session: claims.stumble(session, claim, error, pause_s))


def _write(bench: Bench, change: Callable[[Session], T]) -> T | None:
    """Commit how a run ended; if even that fails (None), the lease running out says it for us."""
    try:
        with bench.services.database.write() as session:
            return change(session)
    except (ClaimLost, ServiceError) as error:
        _logger.warning("not_settled", code=error.code)
        return None
