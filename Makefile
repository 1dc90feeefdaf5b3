# make demo   train the headline study and write report.html
# make test   run the tests
# make lint   style, types and the import contract
# make bench  time Étude and its peers side by side into benchmarks/RESULTS.md: up to an hour
# make etudes  put the claims of the field to the test and write their pages under docs/etudes
# make torture  fail every write, kill at every border, damage stores, and count what is lost
# Each makes the environment in .venv first, once.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
STUDY ?= studies/optimizers_on_digits.toml
BIN := .venv/bin
ENVIRONMENT := .venv/.made
PEERS := .venv-benchmarks

.PHONY: demo test lint bench etudes torture clean

demo: $(ENVIRONMENT)
	$(BIN)/etude run $(STUDY) --report report.html

test: $(ENVIRONMENT)
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

lint: $(ENVIRONMENT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(PEERS)/.made
	$(PEERS)/bin/python benchmarks/bench.py $(BENCH)

etudes: $(ENVIRONMENT)
	$(BIN)/etude play --all --store etudes.db --pages docs/etudes

torture: $(ENVIRONMENT)
	cd tests && ../$(BIN)/python -m torture

$(ENVIRONMENT): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Étude needs Python 3.11 or later")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

$(PEERS)/.made: pyproject.toml constraints.txt benchmarks/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --constraint constraints.txt --editable . --requirement benchmarks/requirements.txt
	touch $@

clean:
	rm -rf .venv $(PEERS) report.html
