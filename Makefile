# Saldo: every verb, one line of help each. `make` lists them.
.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: help
help: ## list the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(STAMP): requirements.lock pyproject.toml
	@test -x $(PY) || python3 -m venv $(VENV)
	@$(PY) -m pip install --quiet uv
	@$(VENV)/bin/uv pip install --python $(PY) --quiet --require-hashes -r requirements.lock
	@$(VENV)/bin/uv pip install --python $(PY) --quiet --no-deps --no-build-isolation -e .
	@touch $(STAMP)

.PHONY: setup
setup: $(STAMP) ## environment from the lock file

.PHONY: lock
lock: ## resolve pyproject.toml into requirements.lock (hashes, no index address)
	$(VENV)/bin/uv pip compile pyproject.toml --universal --all-extras --group dev --generate-hashes \
	  --no-emit-index-url --no-header --quiet -o requirements.lock
