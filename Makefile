# `make demo` shows it, `make test` proves it. Both need Python 3.11 and nothing else by hand.

PYTHON ?= python3
BIN := .venv/bin
JOBS ?= 2
PACKAGES := $(patsubst %/__init__.py,%,$(wildcard */__init__.py))
CODE := $(PACKAGES) $(wildcard *.py)
# Branch coverage in percent, package by package.
WHOLE := hooks incidents mattermost_api pagerduty_api
GATES := $(WHOLE:%=%=100) $(patsubst %,%=90,$(filter-out $(WHOLE) tests bench,$(PACKAGES)))

export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: test demo bench fmt lint types tests clean

test: lint types tests

demo: .venv/run.stamp
	python -m relay demo

bench: .venv/dev.stamp
	python -m bench

fmt: .venv/dev.stamp
	ruff check --fix $(CODE)
	ruff format $(CODE)

lint: .venv/dev.stamp
	ruff check $(CODE)
	ruff format --check $(CODE)

types: .venv/dev.stamp
	mypy $(CODE)

tests: .venv/dev.stamp
	@.ci/browser
	@coverage erase
	coverage run -m pytest -n $(JOBS) --dist worksteal
	@coverage combine --quiet
	coverage report
	@failed=; for gate in $(GATES); do \
		coverage report --include="$${gate%=*}/*" --fail-under=$${gate#*=} --format=total >/dev/null || \
		{ echo "Branch coverage of $${gate%=*} is below $${gate#*=} %" >&2; failed=1; }; \
	done; test -z "$$failed"

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "The relay needs Python 3.11 or later, found as python3 or named: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "Python has no working venv module. On Debian: apt-get install python3-venv" >&2; exit 1; }

.venv/run.stamp: requirements.txt | .venv/bin/python
	pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/dev.stamp: requirements.txt requirements-dev.txt | .venv/bin/python
	pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch .venv/run.stamp $@

clean:
	rm -rf .venv .demo .bench .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
