"""The sound room under test."""
