"""The doors and the hallway: HTTP in, HTTP out. Imports shared, never worker."""
