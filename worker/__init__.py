"""The workshop: Celery app, relay, stages and sound. Imports shared, never api."""

import os

# OpenBLAS would share the products of the voiceprint among threads of its own, which wait for each other by turning in
# circles; a worker has its own threads for its jobs. It looks here when numpy is first loaded.
os.putenv("OPENBLAS_NUM_THREADS", "1")
