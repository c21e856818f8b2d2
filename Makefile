# BugFlow. `make` prints what there is.

PYTHON ?= python3.11
DATA_DIR ?= data
API_PORT ?= 8000
UI_PORT ?= 8501
WORKERS ?= 2
BUGFLOW_BENCH_DATA ?= ../shared/data
export BUGFLOW_BENCH_DATA

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-input -c constraints.txt
SOURCES := src tests docs/generate.py docs/check_links.py docs/module_map.py
say = @printf '\033[1m==> %s\033[0m\n'

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-dev setup-train demo up migrate test test-quick lint check check-quick coverage fix map docs catalogues bench chromium clean

help:  ## Print this
	@awk -F ':.*##' '/^[a-z-]+:.*##/ {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# -- Setting up ---

setup: $(VENV)/.setup  ## Install BugFlow into .venv (two to four minutes, once)

setup-dev: $(VENV)/.setup-dev  ## Install also what tests and checks need

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { \
		echo "There is no $(PYTHON). Install Python 3.11 or name a newer one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(say) "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); echo "On Debian and Ubuntu the module comes with: apt-get install python3-venv"; exit 1; }

$(VENV)/.setup: constraints.txt pyproject.toml | $(BIN)/python
	$(say) "Installing BugFlow and what it runs on (about 250 MB to download; two to four minutes the first time)"
	@$(PIP) -e .
	@touch $@

$(VENV)/.setup-dev: $(VENV)/.setup
	$(say) "Installing what tests and checks need (about a minute)"
	@$(PIP) -e '.[dev]'
	@touch $@

$(VENV)/.setup-train: $(VENV)/.setup
	$(say) "Installing what fine-tuning needs (torch: 200 MB to several GB, whatever your index offers)"
	@$(PIP) -e '.[train]'
	@touch $@

setup-train: $(VENV)/.setup-train  ## Install also what fine-tuning needs: torch, transformers

chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			printf '\033[1m==> Installing Chromium for the tests of the web pages\033[0m\n'; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
		else \
			echo "Chromium is missing: the tests that drive a real browser are left out. To have them: sudo apt-get install chromium"; \
		fi; }

# -- Using it ---

demo: setup  ## Try it: half a year of made-up bugs on http://127.0.0.1:8501
	$(say) "Starting the demo; its data lies in $(DATA_DIR)/demo"
	@BUGFLOW_DATA_DIR=$(DATA_DIR)/demo $(BIN)/bugflow demo --api-port $(API_PORT) --ui-port $(UI_PORT)

up: setup  ## Run it: database, API, jobs and web pages, with your data in data/own
	@BUGFLOW_DATA_DIR=$${BUGFLOW_DATA_DIR:-$(DATA_DIR)/own} $(BIN)/bugflow up --api-port $(API_PORT) --ui-port $(UI_PORT)

migrate: setup  ## Bring the database of `make up`, or of BUGFLOW_DATA_DIR, to this version
	@BUGFLOW_DATA_DIR=$${BUGFLOW_DATA_DIR:-$(DATA_DIR)/own} $(BIN)/bugflow db upgrade

# -- Checking it ---

test: setup-dev chromium  ## Run all tests (under 15 minutes on two cores) and check the coverage
	$(say) "Running all tests"
	@rm -f .coverage .coverage.*
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal --cov --cov-report= tests || { \
		printf '\033[1m==> Once more, one by one, what failed: a busy machine fails once, a fault twice\033[0m\n'; \
		$(BIN)/pytest --last-failed --last-failed-no-failures none --cov --cov-append --cov-report= tests; }
	@$(MAKE) --no-print-directory coverage

test-quick: setup-dev
	@$(BIN)/pytest -q -n $(WORKERS) --dist worksteal -m 'not slow and not browser and not data' tests

coverage:
	$(say) "Coverage: at least 95 % of the branches of domain, services and api, 85 % of everything"
	@$(BIN)/coverage report --skip-covered --fail-under=95 \
		--include='src/bugflow/domain/*,src/bugflow/services/*,src/bugflow/api/*'
	@$(BIN)/coverage report --skip-covered --fail-under=85 | tail -n 3

lint: setup-dev
	$(say) "Format and rules"
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .
	$(say) "Types"
	@MYPYPATH=docs $(BIN)/mypy $(SOURCES)
	$(say) "Layers"
	@PYTHONWARNINGS=ignore $(BIN)/lint-imports
	$(say) "Security rules"
	@$(BIN)/bandit -q -r src -ll --skip B104,B615  # 0.0.0.0 is compared; encoders are the user's choice; what is low, ruff's S judges line by line
	$(say) "Documentation"
	@$(BIN)/python docs/generate.py --check && $(BIN)/python docs/catalogues.py --check && $(BIN)/python docs/check_links.py
	$(say) "Containers and YAML"
	@$(BIN)/hadolint Dockerfile && $(BIN)/yamllint --strict compose.yaml deploy .pre-commit-config.yaml .yamllint

check: lint test  ## Everything that CI checks: rules, types, layers, documentation, tests, coverage

check-quick: lint test-quick  ## The same without slow tests and coverage (about two minutes)

fix: setup-dev  ## Format, and repair what can be repaired
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

# -- Knowing it ---

map:  ## Print all modules with the first line of their docstrings
	@$(PYTHON) docs/module_map.py

docs: setup  ## Write docs/reference anew from the code
	@$(BIN)/python docs/generate.py

catalogues: setup  ## Bring the languages of the pages up to date with the code
	@$(BIN)/python docs/catalogues.py

bench: setup  ## Train the shipped models anew into tmp/models and print what they are worth (BUGFLOW_BENCH_DATA)
	@if [ -d "$(BUGFLOW_BENCH_DATA)/bugs" ]; then \
		PATH="$(CURDIR)/$(BIN):$$PATH" sh benchmarks/train_default.sh tmp/models; \
	else echo "There are no bug reports in $(BUGFLOW_BENCH_DATA); name their folder in BUGFLOW_BENCH_DATA."; fi

clean:  ## Remove what was built and cached, with .venv; data stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov dist build
	find src tests docs -name __pycache__ -type d -prune -exec rm -rf {} +
