.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -euc
.PHONY: help install demo train predict forget up down status test test-unit test-slow test-all test-emulator chaos lint types pictures packages images clean

UV_VERSION := 0.13.8
DATASET ?= flowers
DATA ?=
INSTANCES ?=
SET ?=
RUN_ID ?=
OLDER_THAN ?=
PRODUCTION ?=
RUNS ?= 50
SEED ?= 1
LANES ?= 2

BOOTSTRAP := .local/bootstrap
UV := $(or $(shell command -v uv 2>/dev/null),$(BOOTSTRAP)/bin/uv)
# Any Python 3 can install uv, which then uses $UV_PYTHON, or finds a Python that the project takes, or downloads one.
PYTHON = $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11 python,$(shell \
	$(name) -c 'import ensurepip, sys, venv; sys.version_info >= (3, 8) and print("$(name)")' 2>/dev/null)))
# A minute once, in place of many processes that each compile what they import; in a container, often at every start.
export UV_COMPILE_BYTECODE ?= 1
# More than cores, since many tests wait for something; at most 8, for the memory's sake.
WORKERS = $(shell getconf _NPROCESSORS_ONLN | awk '{ print $$1 < 6 ? $$1 + 2 : 8 }')
MEMBERS := $(wildcard */pyproject.toml)
INSTALLED := .venv/.installed
# With what the tests need besides.
DEVELOPED := .venv/.developed
RUN := .venv/bin/python -m
PERENNIAL := .venv/bin/perennial
# Only by age are all datasets purged at once.
PURGED = $(if $(and $(OLDER_THAN),$(filter file,$(origin DATASET))),,--dataset "$(DATASET)")
SETTINGS = $(foreach setting,$(SET),--set "$(setting)")

help:  ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(DEVELOPED)  ## install everything into .venv

demo: $(INSTALLED)  ## from raw data to a served model: make demo [DATASET=flowers] [DATA=folder-or-gs-uri]
	@$(PERENNIAL) demo --dataset "$(DATASET)" $(if $(DATA),--data "$(DATA)") $(SETTINGS)

train: $(INSTALLED)  ## convert and train without Airflow: make train [DATASET=census] [DATA=folder] [SET="train_steps=100 seed=1"]
	@$(PERENNIAL) train --dataset "$(DATASET)" $(if $(DATA),--data "$(DATA)") $(SETTINGS)

predict: $(INSTALLED)  ## ask the model that train left: make predict [DATASET=census] [INSTANCES=file]
	@$(PERENNIAL) predict --dataset "$(DATASET)" $(if $(INSTANCES),--instances "$(INSTANCES)")

forget: $(INSTALLED)  ## remove what runs made on the running stack: make forget DATASET=census [RUN_ID=id] [OLDER_THAN=30d] [PRODUCTION=yes]
	@$(PERENNIAL) purge $(PURGED) $(if $(RUN_ID),--run "$(RUN_ID)") \
		$(if $(OLDER_THAN),--older-than "$(OLDER_THAN)") $(if $(PRODUCTION),--with-production)

up: $(INSTALLED)  ## start Airflow, the emulator and TensorBoard, fetch the samples, and print the addresses
	@$(PERENNIAL) up

down: $(INSTALLED)  ## stop everything, jobs included
	@$(PERENNIAL) down

status: $(INSTALLED)  ## what runs, since when, and where
	@$(PERENNIAL) status

test: $(DEVELOPED)  ## all tests but the slow ones, with a whole run through a real scheduler
	@$(RUN) pytest -m "not slow" --numprocesses $(WORKERS) --dist loadfile tests/contract tests/unit
	$(RUN) pytest -m "not slow" tests/dags tests/e2e

test-unit: $(DEVELOPED)  ## the unit tests alone
	@$(RUN) pytest -m "not slow" --numprocesses $(WORKERS) --dist loadfile tests/unit

test-slow: $(DEVELOPED)  ## the slow ones
	@$(RUN) pytest -m slow --numprocesses $(WORKERS) --dist loadfile tests/unit tests/contract
	$(RUN) pytest -m slow tests/dags tests/e2e

test-emulator: $(DEVELOPED)  ## those of the emulator alone
	@$(MAKE) -C emulator test

test-all: test test-slow  ## all tests

chaos: $(DEVELOPED)  ## whole runs, each with a kill, a lost answer or a refusal: make chaos [RUNS=50] [SEED=1] [LANES=2]
	@.venv/bin/python benchmarks/chaos.py --runs $(RUNS) --seed $(SEED) --lanes $(LANES)

lint: $(DEVELOPED)  ## formatting, style, who may import whom, and the conventions of the repository
	@$(RUN) ruff format --check .
	$(RUN) ruff check .
	.venv/bin/lint-imports
	$(RUN) pytest --quiet --capture no -p no:xdist tests/unit/repository

types: $(DEVELOPED)  ## mypy, strict
	@$(RUN) mypy

pictures: $(DEVELOPED)  ## README's pictures of the report and the models page, from the running stack after make demo
	@PYTHONPATH=tests/support $(RUN) browser_pictures

packages: $(INSTALLED)  ## the source distributions that Dataflow workers install, in dist/
	@$(UV) build --quiet --sdist --package perennial-contract --out-dir dist
	$(UV) build --quiet --sdist --package perennial-preprocessing --out-dir dist

images: $(INSTALLED)  ## every image of a deployment, built by docker, and a trainer's answer to a machine without its GPU
	@for target in $$(.venv/bin/python -c 'from local import push; print(*push.IMAGES, "emulator")'); do
		docker build --quiet --target $$target --tag perennial/$$target:local .
	done
	docker run --rm --env PERENNIAL_EXPECTED_ACCELERATORS=GPU:1 perennial/trainer-gpu:local \
		--data-dir /tmp --job-dir /tmp 2>&1 | grep "expected GPU:1"

clean: ## stop the stack and remove all that it keeps, its packages and caches; .venv stays
	@[ ! -x $(PERENNIAL) ] || $(PERENNIAL) down
	rm -rf .local dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(INSTALLED): uv.lock pyproject.toml $(MEMBERS) | $(UV)
	@echo "installing packages into .venv; the first time takes minutes"
	$(UV) sync --quiet --frozen --all-packages --no-dev --inexact
	touch $@

$(DEVELOPED): uv.lock pyproject.toml $(MEMBERS) | $(UV)
	@echo "installing packages into .venv, and those of the tests; the first time takes minutes"
	$(UV) sync --quiet --frozen --all-packages
	touch $@ $(INSTALLED)

$(BOOTSTRAP)/bin/uv:
	@if [ -z "$(PYTHON)" ]; then echo "make: expected uv, or Python 3.8 or newer with venv, on PATH, found neither" >&2; exit 1; fi
	echo "installing uv $(UV_VERSION) into $(BOOTSTRAP)"
	$(PYTHON) -m venv $(BOOTSTRAP)
	$(BOOTSTRAP)/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
