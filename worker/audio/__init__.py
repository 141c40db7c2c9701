"""The sound room: recordings in, measures and prepared recordings out.

Everything here is a function of files, numbers and limits that come in as values. It knows the error tree and
nothing else of ours: no queue, no database, no storage, no vendor, no settings.
"""
