"""Where recordings live: one protocol, one file per scheme. `open_storage` is the only place that reads the scheme."""
