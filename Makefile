# Two commands do all set-up on a machine that has only Python 3.11 and make:
#   make run    environment, install, main job: three questions, side by side, in out/
#   make test   environment, install, lint, types, all tests, docs
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run panel test fast lint types docs lock bench world clean

run: .venv/.run
	$(BIN)/entrepot run vietnam-46 vietnam-20-40 vietnam-10-15 --out out

panel: .venv/.run
	$(BIN)/entrepot panel --out out

test: lint types .venv/.dev
	$(BIN)/pytest -n 2
	$(MAKE) docs

fast: .venv/.dev
	$(BIN)/pytest -n 2 -m "not slow"

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev
	$(BIN)/mypy

docs: .venv/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: .venv/.dev
	$(BIN)/python benchmarks/law.py
	$(BIN)/python benchmarks/content.py
	$(BIN)/python benchmarks/equilibrium.py --large
	$(BIN)/python benchmarks/origin.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.run: requirements/run.lock pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/run.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

.venv/.dev: requirements/dev.lock .venv/.run
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/dev.lock
	touch $@

# The embedded world, from facts in the repository, to the same bytes.
world: .venv/.run
	$(BIN)/python -m entrepot.world src/entrepot/data/world/reference-2023 src/entrepot/data/world/reference-2023

# Pins versions and hashes, names no index.
lock: .venv/.dev
	$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements/run.lock
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --quiet -o requirements/dev.lock

clean:
	rm -rf .venv out site .pytest_cache .mypy_cache .ruff_cache .hypothesis
