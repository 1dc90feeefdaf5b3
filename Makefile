# make demo   train the headline study and write report.html
# make test   run the tests
# make lint   style, types and the import contract
# make torture  fail every write, kill at every border, damage stores, and count what is lost
# Each makes the environment in .venv first, once.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
STUDY ?= studies/optimizers_on_digits.toml
BIN := .venv/bin
ENVIRONMENT := .venv/.made

.PHONY: demo test lint torture clean

demo: $(ENVIRONMENT)
	$(BIN)/etude run $(STUDY) --report report.html

test: $(ENVIRONMENT)
	$(BIN)/python -m pytest --numprocesses auto

lint: $(ENVIRONMENT)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

torture: $(ENVIRONMENT)
	cd tests && ../$(BIN)/python -m torture

$(ENVIRONMENT): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Étude needs Python 3.11 or later")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv report.html
