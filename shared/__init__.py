"""What both rooms stand on: the truth in the database, storage, vendors, errors, settings. Imports neither."""
