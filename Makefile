# Every target sets up what it needs by itself; bare `make` prints them all.
SHELL := /bin/sh
PYTHON ?= python3
PY := .venv/bin/python
SET_UP := PYTHON='$(PYTHON)' tools/set-up.sh
# What the tests need of Debian beside Python: a browser, a font for its fallbacks, and `ip`.
FOR_TESTS := chromium fonts-liberation iproute2
# A test may run `make` itself, which must not inherit the variables of this one.
PYTEST := env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL $(PY) -m pytest -n 2 --dist loadgroup
COMPILE := $(PY) -m tools.translations compile

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check fix model-bites bench gallery migration translations vendor

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r target text; do \
		printf 'make %-13s %s\n' "$$target" "$$text"; done

demo: ## license server, PBX pages and agent; WEB_PORT= LICENSE_PORT= DEMO_DIR= FRESH=1 LEASE_SECONDS= HOST_APP=
	@$(SET_UP)
	@$(COMPILE)
	@exec $(PY) -m examples.demo

ifdef T
test:
	@$(SET_UP) $(FOR_TESTS)
	@$(COMPILE)
	@$(PYTEST) -m 'not long' $(T)
else
test: check ## all that CI runs; T=tests/domain or T='tests/web -k gate' runs a part
	@$(PYTEST) -m 'not long' --whole
endif

test-all: check ## the same with the long rounds
	@$(PYTEST) --whole

check: ## format, lint, types, layers, translations
	@$(SET_UP) $(FOR_TESTS)
	@$(COMPILE)
	.venv/bin/ruff format --check --quiet .
	.venv/bin/ruff check --quiet .
	.venv/bin/mypy --no-error-summary
	.venv/bin/lint-imports --no-logo > /dev/null || .venv/bin/lint-imports
	$(PY) -m tools.translations check

fix: ## format, and mend what the linter can mend
	@$(SET_UP)
	.venv/bin/ruff check --quiet --fix-only .
	.venv/bin/ruff format --quiet .

model-bites: ## switch each cure of the protocol off and see the model test notice it
	@$(SET_UP)
	@$(PY) -m tests.services.model.bites

bench: ## the figures of benchmarks/README.md
	@$(SET_UP)
	@$(COMPILE)
	@$(PY) -m benchmarks

gallery: ## pictures of every page, desktop and phone, light and dark
	@$(SET_UP) $(FOR_TESTS)
	@$(COMPILE)
	@$(PY) -m tests.browser.gallery

migration: ## new revisions of both databases for what the models say: make migration m='add the orders'
	@test -n "$(m)" || { echo "Say what it does: make migration m='add the orders'" >&2; exit 1; }
	@$(SET_UP)
	@$(PY) -m tools.migration '$(m)'

translations: ## extract the English strings, update the German catalogue, fail while it is incomplete
	@$(SET_UP)
	@$(PY) -m tools.translations update

vendor: ## fetch the pinned front-end files again
	@sh static/shell/vendor/fetch.sh
