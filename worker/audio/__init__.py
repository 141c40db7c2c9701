"""The sound room: recordings in, measures and prepared recordings out.

Two doors, `inspector` and `preparation`; behind them what stands between bytes and samples (`files`), what is measured
and judged (`measure`), which stretches are taken (`choose`), and what is done to them (`treat`). Everything is a
function of files, numbers and limits that come in as values: no queue, no database, no storage, no vendor, no settings.
"""
