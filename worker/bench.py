"""The workbench of one worker process: everything its threads share."""

import os
import secrets
import socket
import threading
from dataclasses import dataclass, field
from typing import Self

from shared import log
from shared.desk import Desk
from shared.doorbell import Doorbell
from shared.errors import BrokerUnavailable
from shared.services import Services
from shared.states import Queue
from shared.vitals import Vitals
from worker.audio.files.decoder import Decoder
from worker.heart import Heart

_logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Bench:
    """Services, sound decoder, heart, desk and bell of this process; `stopping` tells it to hand its work back."""

    services: Services
    queues: frozenset[Queue]
    owner: str
    decoder: Decoder
    heart: Heart
    desk: Desk
    bell: Doorbell
    stopping: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def open(
        cls,
        services: Services,
        queues: frozenset[Queue],
        bell: Doorbell,
        *,
        slots: int = 1,
        vitals: Vitals | None = None,
    ) -> Self:
        """Set up the bench; nothing is claimed yet."""
        settings = services.settings
        owner = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
        heart = Heart(
            services.database, owner=owner, queues=queues, slots=slots, lease_s=settings.lease_s, vitals=vitals
        )
        return cls(services, queues, owner, Decoder(), heart, Desk(settings.data_dir / "work"), bell)

    def ring(self, queue: Queue, job_id: str) -> None:
        """Announce a job to the workers of another queue; if that fails, the relay will."""
        try:
            self.bell.ring(queue, job_id)
        except BrokerUnavailable:
            _logger.warning("broker_unavailable", job=job_id)
