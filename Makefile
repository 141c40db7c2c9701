# clonepipe: every target works on a fresh machine with CPython 3.11-3.14, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements.lock
DEV_LOCK := tests/requirements.lock
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
FILE ?=
SOUNDS ?=

.DEFAULT_GOAL := help
.PHONY: help install dev demo up fakes test lint types imports docs docs-check check fmt lock bench capacity sound-eval policy clean

##@ Use
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: install ## Turn a noisy recording into a clone at the sandbox vendor (FILE=my.wav for yours)
	@$(BIN)/clonepipe demo $(if $(FILE),"$(FILE)")

up: install ## Serve: API, relay, worker and broker under one supervisor
	@$(BIN)/clonepipe up

fakes: install ## Run every vendor as a fake on loopback, to be tried without a key
	@$(BIN)/python -m tests.fakes

##@ Develop
install: $(VENV)/.product ## Set up .venv with what the product needs
dev: $(VENV)/.dev ## ... and what its tests need

$(VENV)/.product: $(LOCK) pyproject.toml
	@echo "setting up $(VENV) (once; about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes --only-binary :all: -r $(LOCK)
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.product $(DEV_LOCK)
	@$(PIP) install --require-hashes --only-binary :all: -r $(DEV_LOCK)
	@touch $@

fmt: dev ## Format
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: dev ## ruff
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: dev ## mypy, strict
	@$(BIN)/mypy

imports: dev ## Who may import whom
	@$(BIN)/lint-imports

docs: dev ## Write the generated parts of the README
	@$(BIN)/python -m tests.house.readme --write

docs-check: dev ## Fail if the README's generated parts are out of date
	@$(BIN)/python -m tests.house.readme

test: dev ## Run the tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: lint types imports docs-check test ## What CI runs

bench: dev ## Measure against named floors
	@$(BIN)/python -m tests.bench

capacity: dev ## Measure what a clone costs a deployment, for the tables of deploy/README.md (half an hour)
	@$(BIN)/python -m tests.capacity

sound-eval: $(VENV)/.sound ## Score the treatment of sound on recordings (SOUNDS=folder with a sounds.csv; needs a C compiler)
	@$(BIN)/python -m tests.sound_eval $(if $(SOUNDS),"$(SOUNDS)",--help)

$(VENV)/.sound: $(VENV)/.dev tests/sound_eval/requirements.txt
	@$(PIP) install --require-hashes --no-deps -r tests/sound_eval/requirements.txt
	@touch $@

policy: dev $(VENV)/policy/.installed ## Hold image and manifests to checkov's rules (in an environment of its own)
	@$(BIN)/python -m tests.deploy.policy $(VENV)/policy/bin/checkov

$(VENV)/policy/.installed: tests/deploy/policy.lock
	@$(PYTHON) -m venv $(VENV)/policy
	@$(VENV)/policy/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --only-binary :all: -r tests/deploy/policy.lock
	@touch $@

lock: ## Resolve the lock files anew (needs uv)
	@uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --only-binary :all: --custom-compile-command "make lock" pyproject.toml tests/build.in -o $(LOCK)
	@uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --only-binary :all: --custom-compile-command "make lock" --group dev -c $(LOCK) -o $(DEV_LOCK)
	@uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --only-binary :all: --custom-compile-command "make lock" tests/deploy/policy.in -o tests/deploy/policy.lock

clean: ## Remove the environment and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
