"""Stand-ins for the process that checks: commands that behave as a child may, without any sound."""

import sys

# The sleep stands for a child that never answers; its test kills it.
HANGS = "import sys, time; sys.stdin.read(); time.sleep(600)"
DIES = "import os, sys; sys.stdin.read(); os.kill(os.getpid(), 9)"
BABBLES = "import sys; sys.stdin.read(); print('{\"files\": ['); sys.stderr.write('no memory\\n')"
DEAF = "import sys; sys.stdin.close()"
FAILS = 'import sys; sys.stdin.read(); print(\'{"failure": {"code": "DECODER_LOST", "message": "m"}}\'); sys.exit(1)'
ANSWERS = """
import json, sys
request = json.loads(sys.stdin.read())
sys.stderr.write('{"fraction": 0.5}\\n{"fraction": 1.0}\\n')
error = {"code": "NO_SPEECH", "message": "none", "details": {}}
files = [{"id": file["id"], "inspection": None, "error": error} for file in request["files"]]
engine = {"verdict": "refuse", "reasons": [json.dumps(request)]}
print(json.dumps({"files": files, "sent": [], "engine": engine}))
"""


def command(script: str) -> tuple[str, ...]:
    """Return the command of a stand-in."""
    return (sys.executable, "-c", script)
