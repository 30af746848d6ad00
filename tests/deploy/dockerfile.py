"""The Dockerfile as stages and steps, and what its last stage says about a container."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Step:
    instruction: str
    text: str

    @property
    def flags(self) -> dict[str, str]:
        return dict(re.findall(r"--([a-z-]+)=(\S+)", self.text.split(" CMD ")[0]))

    @property
    def words(self) -> list[str]:
        """Without the flags; a JSON list as what it holds."""
        rest = re.sub(r"^(--\S+ )*(CMD )?", "", self.text)
        return json.loads(rest) if rest.startswith("[") else shlex.split(rest)


@dataclass
class Stage:
    base: str
    name: str
    steps: list[Step] = field(default_factory=list)

    def all(self, instruction: str) -> list[Step]:
        return [step for step in self.steps if step.instruction == instruction]

    def one(self, instruction: str) -> Step:
        [step] = self.all(instruction)
        return step

    def pairs(self, instruction: str) -> dict[str, str]:
        return dict(word.split("=", 1) for step in self.all(instruction) for word in step.words)


def stages(path: Path = Path("Dockerfile")) -> list[Stage]:
    found = []
    text = re.sub(r"(?m)^#.*\n", "", path.read_text())
    for line in filter(None, re.sub(r"\s*\\\n\s*", " ", text).splitlines()):
        instruction, rest = line.split(" ", 1)
        if instruction == "FROM":
            base, *name = re.split(r" AS ", rest)
            found.append(Stage(base, name[0] if name else ""))
        else:
            found[-1].steps.append(Step(instruction, rest))
    return found


def environment() -> dict[str, str]:
    return stages()[-1].pairs("ENV")
