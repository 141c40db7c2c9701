"""Orders with real recordings, put into storage as the API leaves them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from shared import clones
from shared.clones import NewSample
from shared.ids import SAMPLE, new_id
from shared.storage.protocol import put
from tests.conftest import an_order
from tests.worker.conftest import Workshop

Send = Callable[[Workshop, Mapping[str, bytes]], tuple[str, str]]


@pytest.fixture
def send() -> Send:
    """Write a clone of these files, name to content, with its job at `validate`; return clone and job."""

    def sent(workshop: Workshop, files: Mapping[str, bytes]) -> tuple[str, str]:
        new = an_order()
        folder = new.samples[0].object_key.rsplit("/", 2)[0]
        samples = []
        for filename, content in files.items():
            sample_id = new_id(SAMPLE)
            key = f"{folder}/{sample_id}/original"
            put(workshop.bench.services.storage, key, content)
            sha256 = hashlib.sha256(content).hexdigest()
            samples.append(NewSample(sample_id, filename, None, "wav", len(content), sha256, key))
        with workshop.database.write() as session:
            job_id = clones.create(session, replace(new, samples=tuple(samples)), max_clones=0, training_typical_s=1.0)
        return new.id, job_id

    return sent
