# Saldo: every verb, one line of help each. `make` lists them.
.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
SALDO := $(VENV)/bin/saldo
STAMP := $(VENV)/.installed
# Hundreds of processes start in a run of the tests; without bytecode each would compile everything anew.
export PYTHONDONTWRITEBYTECODE :=
# Two cores. Tests that compute have one process for each; those on real parts mostly wait, so more of them run at once.
# A file stays in one process, for what its tests share is expensive, and long files come first; a story of the
# simulator shares nothing.
COMPUTING := -n 2 --dist loadfile --no-loadscope-reorder
STORIES := -n 2 --dist load --maxschedchunk 1
WAITING := -n 4 --dist loadfile --no-loadscope-reorder
SLOWEST := --durations 10
# Marks: see pyproject.toml. What -m says here takes the place of what it says there.
NO_JOURNEYS := -m "not journey and not live and not slow"
NO_ENGINE := -m "not engine and not thorough and not live and not slow"
JOURNEYS := -m "journey and not live and not slow"
# The kill test runs by itself: it counts what it can do in its seconds.
KILL_TEST := tests/integration/test_kill.py
# A socket or loop left open is found by the garbage collector in whichever test is running by then. Unit tests fail of
# it; a run over real parts, with sockets of twenty processes, lists it among its warnings.
REAL_PARTS := -W default::pytest.PytestUnraisableExceptionWarning

.PHONY: help
help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# The first of these that is new enough and not too new; pyproject.toml says the range.
PYTHONS := python3 python3.13 python3.12 python3.11
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON = $(firstword $(foreach name,$(PYTHONS),$(shell $(name) -c '$(FITS)' 2>/dev/null && echo $(name))))
NO_PYTHON := Saldo needs Python 3.11, 3.12 or 3.13; none of $(PYTHONS) is one. Install one of them and run make again.

# pip brings uv, uv brings everything else, each file checked against the hash in its lock.
$(STAMP): requirements.lock requirements-uv.lock pyproject.toml
	@test -x $(PY) || { test -n "$(PYTHON)" || { echo "$(NO_PYTHON)" >&2; exit 1; }; $(PYTHON) -m venv $(VENV); }
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@$(VENV)/bin/uv pip install --python $(PY) --quiet --require-hashes -r requirements.lock
	@$(VENV)/bin/uv pip install --python $(PY) --quiet --no-deps --no-build-isolation -e .
	@touch $(STAMP)

.PHONY: setup
setup: $(STAMP) ## environment from the lock file

.PHONY: lock
lock: ## resolve pyproject.toml into requirements.lock (hashes, no index address)
	$(VENV)/bin/uv pip compile pyproject.toml --universal --all-extras --group dev --generate-hashes \
	  --no-emit-index-url --no-header --quiet -o requirements.lock
	sed -n 's/^\(uv==[^ ]*\).*/\1/p' requirements-uv.lock | $(VENV)/bin/uv pip compile - --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet -o requirements-uv.lock

.PHONY: demo
demo: setup ## a trading day through the whole pipeline; ends by itself, exit 0 only if the balance closes at zero
	@$(SALDO) demo

.PHONY: up
up: setup ## broker, sandboxes, workers, sources, projector: kept running until Ctrl-C
	@$(SALDO) up

.PHONY: check
check: setup ## format, lint, types, import contracts, dead code, catalogue
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/vulture
	$(SALDO) schemas check

.PHONY: test
test: setup ## every test but the journeys, on real parts; each step lists its slowest ten
	$(VENV)/bin/pytest tests/catalog tests/replay tests/unit tests/accounting tests/year $(COMPUTING) $(SLOWEST)
	$(VENV)/bin/pytest tests/simulator $(STORIES) $(SLOWEST)
	$(VENV)/bin/pytest tests/integration tests/contract $(NO_JOURNEYS) $(WAITING) $(REAL_PARTS) $(SLOWEST)

.PHONY: test-fast
test-fast: setup ## unit tests, catalogue and golden scenarios without a ClickHouse engine, for the inner loop
	$(VENV)/bin/pytest tests/unit tests/catalog tests/replay $(NO_ENGINE) $(COMPUTING) $(SLOWEST)

.PHONY: test-journeys
test-journeys: setup ## the slow journeys: real processes through whole stories, the short kill test included
	$(VENV)/bin/pytest tests/integration $(JOURNEYS) $(WAITING) $(REAL_PARTS) $(SLOWEST) --deselect $(KILL_TEST)
	$(VENV)/bin/pytest $(KILL_TEST) $(REAL_PARTS) $(SLOWEST)

.PHONY: contract
contract: setup ## the contract suites against the sandboxes (-m live: against the live systems)
	$(VENV)/bin/pytest tests/contract

.PHONY: replay
replay: setup ## golden scenarios: does every one still end as recorded
	$(VENV)/bin/pytest tests/replay

.PHONY: golden
golden: setup ## record the golden scenarios again; whoever changed a rule reads the diff and commits it
	$(PY) -m tests.replay.golden
	@git --no-pager diff --stat -- tests/replay

.PHONY: stories
stories: setup ## the accounting stories on the real agents and the abas sandbox, with every difference: ID=story
	$(PY) -m tests.accounting.show $(ID)

.PHONY: kill-test
kill-test: setup ## the long kill test: SEED=n SECONDS=s
	$(PY) -m tests.kill.run --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

.PHONY: simulate
simulate: setup ## the whole pipeline in virtual time under troubles: SEEDS=n FROM=seed, TRACE=1 shows every step
	$(PY) -m tests.simulator.run --seeds $(or $(SEEDS),1) --from $(or $(FROM),1) $(if $(TRACE),--trace)

.PHONY: topics
topics: setup ## what separates the cluster from the catalogue
	@$(SALDO) topics diff

.PHONY: rebuild
rebuild: setup ## throw away what is derived, show that it comes back identical
	@$(SALDO) rebuild

.PHONY: bench-matching
bench-matching: setup ## the matching engine: precision, recall, time and memory beside two baselines
	$(PY) -m tests.bench.matching

.PHONY: bench
bench: setup ## every path beside its floor and peers: figures, ratios, JSON, docs/performance.md; QUICK=1 for a short one
	@$(PY) -m tests.bench $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))
