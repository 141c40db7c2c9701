"""Which stretches of which recordings an engine gets: pure functions of what was measured."""
