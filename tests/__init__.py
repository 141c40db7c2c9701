"""Tests of the house, in the shape of its rooms."""

import os

# As in a worker; OpenBLAS looks here when numpy is first loaded, and on a busy machine its threads hold everything up.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
