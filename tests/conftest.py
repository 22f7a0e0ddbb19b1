"""Fixtures that more than one test file uses."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

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
