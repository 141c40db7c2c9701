"""The Dockerfile as its builder reads it: instructions with their lines joined, each in its stage."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOUSE: Final = Path(__file__).parents[2]
DOCKERFILE: Final = HOUSE / "deploy" / "Dockerfile"
IGNORE: Final = HOUSE / ".dockerignore"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. `stage` counts from 0; -1 is before the first FROM."""

    stage: int
    word: str
    rest: str

    @property
    def arguments(self) -> list[str]:
        """Return the words of the exec form. Raises: ValueError: it is a shell's line."""
        parsed = json.loads(self.rest)
        if not isinstance(parsed, list):
            raise ValueError(self.rest)
        return parsed

    @property
    def sources(self) -> list[str]:
        """Return what a COPY takes."""
        return [word for word in self.rest.split() if not word.startswith("--")][:-1]


def instructions() -> list[Instruction]:
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found: list[Instruction] = []
    stage = -1
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        stage += word == "FROM"
        found.append(Instruction(stage, word, " ".join(rest.split())))
    return found


def environment() -> dict[str, str]:
    """Return the environment that the image gives to its process."""
    last = max(one.stage for one in instructions())
    words = [word for one in instructions() if one.word == "ENV" and one.stage == last for word in one.rest.split()]
    return dict(word.split("=", 1) for word in words)
