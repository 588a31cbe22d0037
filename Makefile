# Everything a newcomer needs: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

# Of the folders below, what runs no kernel of ours.
WITHOUT_KERNELS := models/onnx models/river $(addprefix schemas/test_,compatibility.py containers.py \
	index.py records.py registry.py wire.py) $(addprefix stream/features/test_,declare.py explain.py)
# Run once more without compiling: the core, where the kernels are, and a hostile file through all.
CORE_TESTS := tests/schemas tests/models tests/laws tests/stream/features \
	tests/stream/labels tests/stream/rules tests/stream/budget/test_levels.py $(addprefix tests/stream/, \
	test_keytable.py test_decide.py champion/test_contenders.py test_event_time.py engine/test_engine.py \
	evidence/test_evidence.py records/test_publish.py records/test_decisions.py telemetry/test_tally.py \
	test_replay.py::test_every_row_of_a_hostile_file_is_in_the_table_with_what_became_of_it) \
	$(addprefix --ignore=tests/,$(WITHOUT_KERNELS))

# Laws of workers on simulated brokers and disks.
SIMULATED := $(addprefix tests/laws/test_,recovery.py group.py copies.py \
	exactly_once.py group_exactly_once.py disk.py redis.py)
# Uncompiled these take a second a seed, and run kernels that other laws run too: how a stream is cut,
# where an engine goes on, who is tried beside it. What learners look like from outside is the same.
CORE_TESTS += $(addprefix --ignore=,$(SIMULATED) $(addprefix tests/laws/test_,split.py restart.py shadow.py)) \
	--ignore-glob='*/models/*/test_estimators.py'

# Each file in one process: it keeps its servers and its compiled kernels. Files in the order of
# tests/order.py: the longest come first, so that the processes end together.
BY_FILE := --dist loadfile --no-loadscope-reorder
# Twice as many as there are processors: tests with real servers wait most of their time.
WAITING := -n 4 $(BY_FILE)
BUSY := -n 2 $(BY_FILE)
BESIDE_ALL := -n 1 $(BY_FILE)

# What needs no server and only computes: it has what the tests leave idle that wait for theirs.
BESIDE := .cache/beside.log
# Hundreds of processes would compile the same sources anew.
test: export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo test simulate-long faults check lint bench bench-guard lock clean

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

setup: .venv/.runtime ## Make .venv/ with the locked, hash-checked dependencies.

demo: setup ## Score a live stream on an embedded broker; Ctrl-C ends it.
	@$(BIN)/fraudstream demo; status=$$?; [ $$status -eq 130 ] || exit $$status

test: .venv/.dev lint ## Lint, type-check and run every test, real Kafka and Redis included.
	@mkdir -p $(dir $(BESIDE)); echo "Beside the tests: types, and the core once more uncompiled; see $(BESIDE)"
	@{ $(BIN)/mypy && NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest $(CORE_TESTS) -q \
		-m "not slow and not faults and not quality" --assert=plain $(BESIDE_ALL) $(PYTEST_ARGS); } >$(BESIDE) 2>&1 & beside=$$!; \
	$(BIN)/python -m pytest $(WAITING) $(PYTEST_ARGS); status=$$?; \
	wait $$beside || status=1; cat $(BESIDE); exit $$status

# What they saw, for docs/guarantees.md.
FAULT_LOGS := .cache/faults
SEEDS ?= 35
# Of each cell of the matrix of Kafka's own test of transactions.
MESSAGES ?= 100000

simulate-long: .venv/.dev ## The simulated laws over thousands of seeds: SEEDS=n times as many as in a test.
	@mkdir -p $(FAULT_LOGS) && rm -f $(FAULT_LOGS)/simulated.jsonl
	FRAUDSTREAM_SEED_FACTOR=$(SEEDS) FRAUDSTREAM_FAULT_LOG=$(CURDIR)/$(FAULT_LOGS)/simulated.jsonl \
		$(BIN)/python -m pytest $(SIMULATED) -n 2 --dist worksteal -q $(PYTEST_ARGS)

faults: .venv/.dev ## All tests that inject faults, the long ones too, then the table of docs/guarantees.md.
	@mkdir -p $(FAULT_LOGS) && rm -f $(FAULT_LOGS)/real.jsonl
	@status=0; FRAUDSTREAM_MESSAGES=$(MESSAGES) FRAUDSTREAM_FAULT_LOG=$(CURDIR)/$(FAULT_LOGS)/real.jsonl \
		$(BIN)/python -m pytest -m "injects or faults" $(BUSY) $(PYTEST_ARGS) || status=$$?; \
	$(BIN)/python -m benchmarks faults $(addprefix --log ,$(wildcard $(FAULT_LOGS)/simulated.jsonl)) \
		--log $(FAULT_LOGS)/real.jsonl --out benchmarks/results/$$(date -u +%F)-faults.json \
		--into docs/guarantees.md || status=$$?; exit $$status

check: .venv/.dev lint ## Lint and type-check only.
	$(BIN)/mypy

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: .venv/.dev ## Run the benchmarks.
	$(BIN)/python -m benchmarks

bench-guard: .venv/.dev ## Fail if a stage of the hot path has become slower, or fallen back beside a library.
	$(BIN)/python -m benchmarks guard

lock: ## Write the two lock files again (needs uv).
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra offline --extra onnx --group build -o requirements.lock pyproject.toml
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--extra offline --extra onnx --group build --group dev -c requirements.lock -o requirements-dev.lock pyproject.toml

clean: ## Remove the environment and every cache.
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "fraudstream needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.runtime: requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing locked dependencies into .venv/ (about half a minute)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.runtime
	@echo "Installing the development tools..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
