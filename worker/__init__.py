"""The workshop: Celery app, relay, stages and sound. Imports shared, never api."""
