# Shanji: `make` alone explains itself. Nothing but Python 3.11 or newer is needed.
.DEFAULT_GOAL := help
SHELL := /bin/sh
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; exit; }; done; echo python3)
endif
PY := .venv/bin/python
export PYTHONUTF8 := 1
.PHONY: help setup run test test-quick coverage lint fmt types demo bench county figures attack mutation tour lock messages clean

help: ## Show this help
	@printf '\nShanji 善集, a village time bank with a rewards market\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nWorth knowing:\n  PORT=8001 make run              another port (HOST=0.0.0.0 for other machines)\n'
	@printf '  DATABASE_URL=postgresql://…     another database; BROKER_URL=redis://… another broker\n'
	@printf '  .venv/bin/pytest tests/ledger   tests of one app (--sqlite for SQLite)\n\n'

setup: ## Make .venv from the locked requirements (instant when nothing changed)
	@$(PYTHON) tools/setup.py

run: setup ## Everything: set up, migrate, load the demo village, serve on http://127.0.0.1:8000 (DEMO=0: empty)
	@$(PY) -m tools.messages compile
	@$(PY) manage.py serve --prepare $(if $(filter 0 no off false,$(DEMO)),,--demo)

test: setup ## The whole suite, on a PostgreSQL of its own and on SQLite; says what it ran against
	@$(PY) -m tools.messages compile
	@$(PY) -m tools.test

test-quick: setup ## The suite on PostgreSQL only, without browser and slow tests
	@$(PY) -m tools.messages compile
	@$(PY) -m pytest -n 2 -q -m "not e2e and not slow"

coverage: setup ## Branch coverage of services, policy and ledger (fails under the floor)
	@$(PY) -m tools.messages compile
	@$(PY) -m coverage run -m pytest -q -m "not e2e" && $(PY) -m coverage combine -q; $(PY) -m coverage report

lint: setup ## Style, types, import order, templates, migrations, translations
	@$(PY) -m tools.lint

fmt: setup ## Put code and templates into shape
	@$(PY) -m ruff check --fix-only --quiet . && $(PY) -m ruff format --quiet .
	@git ls-files -z -- '*.html' | xargs -0 -r .venv/bin/djade --target-version 5.2 || true

demo: setup ## Load the demo into an empty database (SCALE=10 for more people)
	@$(PY) -m tools.messages compile
	@$(PY) manage.py migrate --no-input
	@$(PY) manage.py load_demo $(if $(SCALE),--scale $(SCALE))

bench: setup ## Measure ledger and a town's pages; writes bench/results.json, docs/performance.md (SIZE=full: county, hours)
	@$(PY) -m bench $(if $(SIZE),--size $(SIZE))

county: setup ## Grow the demo into a county in the PostgreSQL of DATABASE_URL (SIZE=town|county), name pages that are slow there
	@$(PY) -m bench.county $(if $(SIZE),--size $(SIZE))
	@$(PY) -m bench.plans
	@$(PY) -m bench.walk --explain

figures: setup ## Count the code before and after issue HOUSE; writes docs/figures.md
	@$(PY) -m tools.figures

attack: setup ## Kill web, worker and database in mid-work and look what was lost
	@ATTACK=long $(PY) -m pytest -q -s tests/faults tests/funds/test_size.py tests/payments/test_webhook.py tests/permissions/test_links.py && ATTACK=long $(PY) -m pytest -q -s --sqlite tests/faults/ledger tests/permissions/test_links.py

mutation: setup ## Change ledger and policy piece by piece, see what no test notices (pyproject.toml, [tool.mutmut])
	@$(PY) -m tools.messages compile
	@$(PY) -m uv pip install --quiet --target var/mutmut -r tools/mutmut.txt
	@PYTHONPATH=var/mutmut $(PY) -m mutmut run $(ONLY); PYTHONPATH=var/mutmut $(PY) -m mutmut results

tour: setup ## Take a picture of every page into var/tour-pictures/
	@$(PY) -m tools.messages compile
	@$(PY) -m tools.tour

messages: setup ## Name every string that still lacks a Chinese translation, then compile
	@$(PY) -m tools.messages check
	@$(PY) -m tools.messages compile

lock: setup ## Pin requirements.in, with hashes, into requirements.txt
	@$(PY) -m uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
		--custom-compile-command "make lock" requirements.in -o requirements.txt

clean: ## Remove the environment, the demo's data and all caches
	@rm -rf .venv var .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
