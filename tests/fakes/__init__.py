"""Fake vendors: real HTTP servers that behave as the vendors document, keep a ledger, and misbehave on command."""
