"""patchbot as a person starts it: a process of its own, with AWS on loopback and nothing of this machine's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.terminal.ssm import Ssm, serving

CONFIGURATION = """
[environments.prod]
regions = ["eu-central-1", "us-east-1"]
"""


@dataclass
class Shell:
    """Where commands are typed: a directory with a patchbot.toml, and an environment."""

    directory: Path
    environment: dict[str, str]
    extra: dict[str, str] = field(default_factory=dict)

    def start(self, *words: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """`patchbot` with these words, running."""
        return subprocess.Popen(
            [sys.executable, "-m", "bot", *words],
            cwd=self.directory,
            env=self.environment | self.extra,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def run(self, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """`patchbot` with these words, ended."""
        self.extra = dict(extra)
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def configure(self, text: str) -> None:
        """Another patchbot.toml."""
        (self.directory / "patchbot.toml").write_text(text)


@pytest.fixture
def ssm() -> Iterator[Ssm]:
    with serving() as server:
        yield server


@pytest.fixture
def shell(tmp_path: Path, ssm: Ssm) -> Shell:
    found = Shell(tmp_path, environment(ssm.address, tmp_path))
    found.configure(CONFIGURATION)
    return found


def environment(aws: str, home: Path) -> dict[str, str]:
    """Only what a process needs, so that no token, profile or colour of the developer's gets in."""
    kept: Mapping[str, str] = {
        name: os.environ[name]
        for name in ("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")
        if name in os.environ
    }
    return {
        **kept,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONWARNINGS": "error::ResourceWarning",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AWS_ENDPOINT_URL": aws,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }
