"""What `prepare` leaves in storage and in the rows."""

from typing import Any

from sqlalchemy import select

from shared.db.models import Sample
from shared.states import Status
from tests.worker.audio.signals import in_noise, spoken, wav_bytes
from tests.worker.conftest import Workshop
from tests.worker.stages.conftest import Send


def rows(workshop: Workshop) -> list[Any]:
    with workshop.database.read() as session:
        columns = Sample.object_key, Sample.prepared_key, Sample.preparation, Sample.peaks, Sample.prepared_peaks
        return list(session.execute(select(*columns).order_by(Sample.position)))


def noisy_wav(duration_s: float = 4.0) -> bytes:
    return wav_bytes(0.1 * in_noise(spoken(duration_s, 16_000), 15.0), 16_000)


def test_what_was_prepared_lies_beside_the_original_with_its_report_and_its_outline(
    workshop: Workshop, send: Send
) -> None:
    clone_id, job_id = send(workshop, {"anna.wav": noisy_wav(), "otto.wav": noisy_wav(6.0)})
    workshop.work(job_id)
    assert workshop.view(clone_id).status is Status.READY
    stored = {found.key: found.size_bytes for found in workshop.bench.services.storage.list("samples/")}
    for row in rows(workshop):
        assert row.object_key in stored
        assert stored[row.prepared_key] == row.preparation["size_bytes"]
        assert "peaks" not in row.preparation
        assert 500 <= len(row.prepared_peaks) <= 1_000


def test_the_outline_of_the_prepared_is_of_the_raised_voice(workshop: Workshop, send: Send) -> None:
    _, job_id = send(workshop, {"anna.wav": noisy_wav()})
    workshop.work(job_id)
    (row,) = rows(workshop)
    before, after = (max(high for _, high in pairs) for pairs in (row.peaks, row.prepared_peaks))
    assert 1.5 * before < after <= 127
