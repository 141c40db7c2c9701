"""What Flower is told of the queues: which there are. It neither sends nor runs anything."""

from kombu import Queue

task_default_queue = "audio"
task_queues = [Queue(name) for name in ("audio", "vendor", "callback")]
