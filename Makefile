# objrec: `make` lists what can be done. Everything happens in .venv and out/, nothing elsewhere.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
OBJREC := $(BIN)/objrec
OUT    := out
CODE   := objrec scripts tests
# One view of a test toy of each category.
SAMPLES := data/toys@test:100,500,900,1200,1500,1900

.DEFAULT_GOAL := help
.PHONY: help install run test quick lint format clean

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## set up .venv with objrec (editable), its extras and the development tools

run: $(STAMP)  ## train on the sample set, classify some of it, evaluate, say where the report is
	@mkdir -p $(OUT)
	@echo "1/3  train on the sample set: objrec train data/toys --out $(OUT)/toys" >&2
	@$(OBJREC) train data/toys --out $(OUT)/toys --resume || \
	  { test $$? -eq 2 && $(OBJREC) train data/toys --out $(OUT)/toys --force; }
	@echo "2/3  classify some unseen objects: objrec classify $(SAMPLES) --model $(OUT)/toys" >&2
	@$(OBJREC) classify $(SAMPLES) --model $(OUT)/toys
	@echo "3/3  evaluate: objrec evaluate data/toys --model $(OUT)/toys --out $(OUT)/report" >&2
	@$(OBJREC) evaluate data/toys --model $(OUT)/toys --out $(OUT)/report --force

# A process a core, each on one thread: two that share their threads are slower than one.
test: lint  ## linter, format check and all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile

quick: lint  ## linter and the fast tests, in under a minute
	$(BIN)/python -m pytest -x -q -m "not slow"

lint: $(STAMP)  ## linter and format check
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

format: $(STAMP)  ## put the code into the project's format
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

clean:  ## remove .venv, out/ and what tools leave behind
	rm -rf $(VENV) $(OUT) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made once, and again when the dependencies change. A .venv whose Python is gone is made anew.
$(STAMP): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "objrec needs Python 3.11 or newer, and '$(PYTHON)' is not; try: make PYTHON=python3.12 install" >&2; \
	  exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@echo "setting up $(VENV): PyTorch is a large download, this can take some minutes" >&2
	@$(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev]'
	@touch $@
