# Greenery weekly. `make demo` shows it at work, `make test` checks it, `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export GREENERY_HOME ?= $(CURDIR)/.greenery
ifdef EXTRACTS
export GREENERY_EXTRACTS := $(EXTRACTS)
endif
# Text is handed on as it was written: make would expand its dollars, for the environment too; a quote would end it.
unexport FROM TO AS_OF VERSION PARAMS REASON FIND ARGS
as_word = '$(subst ','\'',$(value $(1)))'

.PHONY: help install install-dev demo test check prove prove-histories prove-statements prove-side-by-side prove-kills prove-delivery prove-alerts prove-gate prove-snowflake prove-parity prove-funnel-page bench up down backfill withdraw rollback incident purge heartbeat status preview data-docs doctor docs verify-snowflake gate-report lock

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# Count the packages of a lock while pip collects them: on a terminal in one line, elsewhere in one line of every fifty.
count_packages = awk -v of="$$(grep -c == $(1))" -v terminal="$$([ -t 2 ] && echo 1)" \
	'/^(Collecting|Processing|Ignoring) / { n++; if (terminal) printf "\r  package %d of about %d", n, of; \
	    else if (n % 50 == 0) print "  package " n " of about " of; fflush() } \
	 /^Installing / { print (terminal ? "\n" : "") "  unpacking them"; fflush() }'

# The stamps make a second call start at once; a changed lock, or another Python, installs again.
$(VENV)/installed: requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else f"Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is {v[0]}.{v[1]}: make PYTHON=python3.12 …")'
	@echo "Installing into $(VENV) (a minute or two, once)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -u -m pip install --no-deps --disable-pip-version-check -r requirements.txt | $(call count_packages,requirements.txt)
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	@echo "Installing what the tests need"
	@$(BIN)/python -u -m pip install --no-deps --disable-pip-version-check -r requirements-dev.txt | $(call count_packages,requirements-dev.txt)
	@touch $@

$(BIN)/greenery: pyproject.toml $(VENV)/installed
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --disable-pip-version-check -e .
	@touch $@

DBT_FILES := $(shell find include/dbt -not -path '*/target/*' -not -path '*/logs/*' -type f \( -name '*.sql' -o -name '*.yml' -o -name '*.md' \))
include/dbt/target/manifest.json: $(VENV)/installed $(DBT_FILES)
	@echo "Parsing the dbt project"
	@cd include/dbt && $(abspath $(BIN))/dbt --quiet parse --profiles-dir profiles
	@touch $@

# The documentation of the models, which Cosmos shows in Airflow.
include/dbt/target/index.html: include/dbt/target/manifest.json
	@cd include/dbt && $(abspath $(BIN))/dbt --quiet docs generate --empty-catalog --no-compile --profiles-dir profiles
	@touch $@

install: $(BIN)/greenery include/dbt/target/index.html ## install what running needs, and parse the dbt project
install-dev: install $(VENV)/installed-dev

demo: install ## simulate a shop and run the weekly DAG over its eight weeks
	@$(BIN)/greenery demo

# The tests of a file stay in one process, in their order; tests/conftest.py sorts the files.
test: install-dev check ## every check and test
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 20

# Each proof is a target of its own, for no machine is free for hours. tests/README.md says what each adds to `make test`.
prove: prove-histories prove-statements prove-side-by-side prove-kills prove-delivery prove-alerts prove-gate prove-snowflake prove-parity prove-funnel-page ## all long proofs; `make test` runs a sample of each

prove-histories: install-dev ## [PART=3/10]: ten thousand random histories, or one part; adds its counts to docs/proofs
	@$(BIN)/python -m pytest -q -n 2 tests/properties/test_one_rule.py -k '$(or $(PART),test_one_rule)' --hypothesis-profile prove

prove-statements: install-dev ## break a build off at each of its statements, and two builds in a row
	@$(BIN)/python -m pytest -q -n 2 tests/properties/test_autocommit.py tests/properties/test_replay.py --hypothesis-profile prove

prove-side-by-side: install-dev ## weeks side by side, cleared, marked and killed in a real Airflow
	@$(BIN)/python -m pytest -m prove tests/e2e

prove-kills: install-dev ## [PART=1/2]: a hundred kills in a real Airflow and a hundred of one process, or one part
	@$(BIN)/python -m tests.e2e.kills $(PART)

prove-delivery: install-dev ## each case of a delivery: what the servers see
	@$(BIN)/python -m tests.delivery.table docs/proofs/delivery.md

prove-alerts: install-dev ## each case of an alert: what the servers see
	@$(BIN)/python -m tests.alerts_proof --report docs/proofs/alerts.md

prove-gate: install-dev ## plant all faults, judge hundreds of clean weeks
	@$(BIN)/python -m tests.gate.report

prove-snowflake: install-dev ## the real weeks in a real Airflow against a stand-in for Snowflake; writes docs/proofs
	@$(BIN)/python -m pytest -q -s -m prove tests/snowflake/test_weekly_dag.py

prove-parity: install-dev ## [PART=2/5, PART=demo]: the real weeks, the demo and fifty random histories on DuckDB and on a stand-in for Snowflake, or one part
	@$(BIN)/python -m pytest -q -s -m prove -n 2 tests/snowflake/test_parity_of_histories.py tests/snowflake/test_verify.py -k '$(or $(PART),test)'

prove-funnel-page: install-dev ## five thousand random selections, and five hundred random histories, on the funnel page
	@$(BIN)/python -m pytest -q -n 2 --dist load tests/properties/test_funnel_page.py --hypothesis-profile prove

# The steps run two at a time, the longest first. Make prints the output of a step as one piece (where it can), and stops
# at the first step that fails.
CHECKS := check-types check-models check-statements check-docs check-code
.PHONY: $(CHECKS)
check: install-dev ## linters, types and generated docs
	@$(MAKE) --no-print-directory -j2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) $(CHECKS)

check-types:
	@$(BIN)/mypy

check-models:
	@echo "sqlfluff: the dbt project"
	@$(BIN)/sqlfluff lint --disable-progress-bar include/dbt/models include/dbt/tests

check-statements:
	@echo "sqlfluff: include/sql"
	@$(BIN)/sqlfluff lint --disable-progress-bar include/sql

check-docs:
	@$(BIN)/greenery docs --check

check-code:
	@$(BIN)/ruff check && $(BIN)/ruff format --check
	@$(BIN)/lint-imports --no-logo --no-cache
	@$(BIN)/hadolint Dockerfile

bench: install-dev ## what a weekly run costs, and how its work grows over 104 weeks; writes docs/benchmarks.md, docs/growth.md
	@$(BIN)/python -m tests.bench

up: install ## start Airflow with its UI on loopback, in the background
	@$(BIN)/greenery up

down: ## stop it
	@$(BIN)/greenery down

backfill: install ## FROM=2023-01-11 TO=2023-02-01 [EXTRACTS=dir] [PARAMS='{"reextract": true}'] [ARGS=--run-backwards]: run past weeks
	@$(BIN)/greenery backfill $(call as_word,FROM) $(call as_word,TO) --params $(call as_word,PARAMS) $(value ARGS)

incident: install ## play an incident on a simulated shop: fault, alert, held week, fix, resolution
	@$(BIN)/greenery incident

purge: install ## [FIND='id id']: delete the leftovers of corrected extracts; list files that still contain these ids
	@$(BIN)/greenery purge --find $(call as_word,FIND)

heartbeat: install ## whether the newest digest is out and Airflow works: one line, for an outside monitor
	@$(BIN)/greenery heartbeat $(value ARGS)

withdraw: install ## AS_OF=2023-02-01 REASON='prices in cents': hold an admitted extract and publish without it
	@$(BIN)/greenery withdraw $(call as_word,AS_OF) --reason $(call as_word,REASON)

rollback: install ## REASON='prices in cents' [VERSION=4]: publish the version before again, and hold what it lacks
	@$(BIN)/greenery rollback $(call as_word,VERSION) --reason $(call as_word,REASON)

status: install ## the state of each week, and the next command
	@$(BIN)/greenery status

preview: install ## [AS_OF=2023-02-01]: the digest of a week as Slack and mail would show it; sends nothing
	@$(BIN)/greenery preview $(call as_word,AS_OF)

data-docs: install ## [AS_OF=2023-02-01]: the expectations and results of a week, as pages of Great Expectations
	@$(BIN)/greenery data-docs $(call as_word,AS_OF)

doctor: install ## check settings, connections (by trying them) and the warehouse
	@$(BIN)/greenery doctor

verify-snowflake: install-dev ## [EXTRACTS=dir]: run the weeks on the account of greenery_warehouse, in a database that it makes and drops
	@$(BIN)/python -m tests.snowflake.verify

docs: install ## write docs/DAGS.md, docs/schemas, and the checks in docs/runbook.md
	@$(BIN)/greenery docs

gate-report: prove-gate ## the same as prove-gate

lock: ## compile requirements.in and requirements-dev.in into their locks, for all three Pythons; needs the package index
	@$(PYTHON) -m venv $(VENV)-lock && $(VENV)-lock/bin/python -m pip install --quiet uv
	@$(VENV)-lock/bin/uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links -q requirements.in -o requirements.txt
	@$(VENV)-lock/bin/uv pip compile --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links -q requirements-dev.in -o requirements-dev.txt
	@rm -rf $(VENV)-lock
