# Every target creates and reuses .venv; PYTHON names the interpreter it is made with.
PYTHON ?= python3
RUN := .venv/bin/python
# Tests run side by side, each process with a model of its own: half a gigabyte of memory each.
WORKERS ?= auto --maxprocesses 4
# scripts/setup.py writes the stamp last, so a set-up that failed or was interrupted runs again.
STAMP := .venv/.ready
BROWSER_STAMP := .venv/.browser
TORCH_STAMP := .venv/.torch

.PHONY: help demo test test-browser soak bench check docs clean
.DEFAULT_GOAL := help

help:  ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*  ## /make \1	/p' $(MAKEFILE_LIST) | expand -t 20

# An interpreter that has left the system leaves a dangling link: the stamp is worth nothing then.
ifneq ($(shell test -x $(RUN) && echo whole),whole)
.PHONY: $(STAMP)
endif

$(STAMP): pyproject.toml constraints.txt scripts/setup.py
	@$(PYTHON) scripts/setup.py

demo: $(STAMP)  ## Set everything up and complete some texts
	@$(RUN) -m tecla.demo

# The transformers engine, which tests and type checks look at; `make demo` does without.
$(TORCH_STAMP): $(STAMP)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[torch]'
	@touch $@

test: $(TORCH_STAMP)  ## Set everything up and run the tests
	$(RUN) -m pytest -n $(WORKERS)

# Playwright drives the Chromium of the system; CHROMIUM names another one.
$(BROWSER_STAMP): $(STAMP)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[browser]'
	@touch $@

test-browser: $(BROWSER_STAMP)  ## Run the tests in a real browser (needs Chromium)
	$(RUN) -m pytest -m browser tests/browser

soak: $(TORCH_STAMP)  ## Run the tests that take long
	$(RUN) -m pytest -m soak --timeout 3600

bench: $(TORCH_STAMP)  ## Run the benchmarks
	@set -e; for file in benchmarks/*.py; do echo "== $$file"; $(RUN) $$file; done

check: $(TORCH_STAMP)  ## Lint, format and types, and whether the reference pages are current
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) scripts/reference.py --check

docs: $(STAMP)  ## Write the reference pages again
	$(RUN) scripts/reference.py

clean:  ## Remove .venv and caches here; wheels built once stay in the user's cache
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests benchmarks scripts -name __pycache__ -type d -exec rm -rf {} +
