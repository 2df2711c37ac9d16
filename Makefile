# Two commands set up everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
# TORCH=cpu installs a torch without CUDA's libraries, which are gigabytes.
TORCH ?=
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --no-loadscope-reorder --durations 25

CONFIG ?= infra/schedule.yaml
FLOW ?= flows/train_flow.py
# Metaflow's own settings (METAFLOW_DATASTORE_SYSROOT_S3, ...) come from its profile or the environment.
DEPLOY = $(BIN)/python $(FLOW) --quiet --datastore s3 --config deployment $(CONFIG) --production
GITOPS = $(BIN)/python infra/gitops.py

.PHONY: help demo tables test test-all lint docs schema settings ui clean deploy-argo deploy-step-functions

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-21s %s\n", $$1, $$2}'

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed; none was found" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) $$(grep '^uv==' constraints.txt)
	$(if $(filter cpu,$(TORCH)),$(PIP) --index-url https://download.pytorch.org/whl/cpu $$(grep -E '^torch(vision)?==' constraints.txt))
	$(BIN)/python infra/install.py -c constraints.txt -e '.[flows,deploy,test,docs]'
	touch $@

demo: $(READY) ## the whole pipeline on 2,000 products of the sample catalog, a few minutes on two cores
	$(BIN)/python flows/train_flow.py run --dataset 30pt --max-products 2000

tables: $(READY) ## the paper's tables for the sample catalog, one epoch a phase
	$(BIN)/python flows/compare_flow.py run --dataset 30pt --max-products 2000 --epochs 1

test: $(READY) ## the test suite
	$(PYTEST)

test-all: $(READY) ## the suite with the browser, PostgreSQL, the long faults, whole workflows and the commands of the pages
	$(PYTEST) -m ''

lint: $(READY) ## ruff and mypy
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

docs: $(READY) ## the pages of docs/ as a site in .site; a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir .site

schema: $(READY) ## what editors know of a contract, from the loader's own description
	$(BIN)/python -m moemoe.contract.schema > data_contracts/contract.schema.json

settings: $(READY) ## docs/settings.md, from the dataclasses of all recipes
	$(BIN)/python docs/settings.py > docs/settings.md.new && mv docs/settings.md.new docs/settings.md

ui: $(READY) ## MLflow's UI on the runs so far, at http://127.0.0.1:5000
	$(BIN)/python -m moemoe.registry.ui

deploy-argo: $(READY) ## the scheduled training, or FLOW, to Argo Workflows; JSON=FILE writes it to a file instead
	$(DEPLOY) --config-value compute kubernetes argo-workflows create --no-auto-emit-argo-events \
		$(if $(JSON),--only-json | $(GITOPS) argo $(JSON))

deploy-step-functions: $(READY) ## the same to AWS Step Functions
	$(DEPLOY) --config-value compute batch step-functions create \
		$(if $(JSON),--only-json | $(GITOPS) step-functions $(JSON) --config $(CONFIG))

clean: ## remove what runs have written here (not the environment)
	rm -rf .moemoe .metaflow .site mlruns mlflow.db
