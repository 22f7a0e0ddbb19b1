"""Fixtures that more than one test file uses."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from entrepot.cli import main

# How long an example takes is the machine's business: speed is measured in benchmarks.
# In CI the same examples come every time; elsewhere new ones are looked for.
settings.register_profile("entrepot", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("entrepot")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data beside the repository, or ENTREPOT_SHARED; skips the test if absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("ENTREPOT_SHARED", beside))
    if not folder.is_dir():
        pytest.skip("needs ../shared/data, which is absent")
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run a command in this process, through the real entry point: exit code, stdout, stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["entrepot", *arguments])
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        else:
            code = 0
        written = capsys.readouterr()
        return code, written.out, written.err

    return call
