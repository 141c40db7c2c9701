"""What a clone costs, measured on the Compose file's project, and what follows from it for a day of many clones.

`make capacity` measures (`measure.py`) and writes `measured.json`. From that, without measuring anything, come the
plans (`plan.py`), a day in a queue (`simulation.py`) that they are held against, and the tables of `deploy/README.md`
(`tables.py`).
"""
