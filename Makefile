# Everything a checkout needs. `make help` lists the targets. Works with GNU make 3.81 and newer.

PYTHON ?= python3
IMAGE ?= examples/night.jpg
PYTEST_ARGS ?=

DEMO_VENV := .venv-demo
TEST_VENV := .venv
DEMO_READY := $(DEMO_VENV)/.ready
TEST_READY := $(TEST_VENV)/.ready
SHELL := /bin/sh
export PYTHON IMAGE

.PHONY: help demo quick test browser docs lint format clean remake
.DEFAULT_GOAL := help

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' Makefile | while IFS='|' read -r target text; do \
		printf '  make %-8s %s\n' "$$target" "$$text"; done

demo: $(DEMO_READY) ## Enhance a dark photo without PyTorch; IMAGE=photo.jpg for your own
	@name=$$(basename "$$IMAGE"); sheet="demo/$${name%.*}_before_after.png"; mkdir -p demo; \
	echo "darklift enhance \"$$IMAGE\" -o demo --overwrite --sheet \"$$sheet\""; \
	$(DEMO_VENV)/bin/darklift enhance "$$IMAGE" -o demo --overwrite --sheet "$$sheet" || exit 1; \
	echo "Done: the enhanced photo is in demo/, before and after side by side in $$sheet"

# Nothing in tests/unit exports a network, trains one, or starts a pool of processes.
quick: $(TEST_READY) ## Run the unit tests only, in about a minute
	OMP_NUM_THREADS=1 $(TEST_VENV)/bin/python -m pytest -n 2 tests/unit tests/test_architecture.py $(PYTEST_ARGS)

# Training with PyTorch in a process that has used OpenVINO was seen to crash (Linux, OpenVINO 2026.4.1).
OPENVINO_TESTS := tests/golden/test_openvino.py

# Workers of one thread each: PyTorch's own threads would only fight with the workers over the cores.
test: lint ## Run the linters, the type checker and all tests
	OMP_NUM_THREADS=1 $(TEST_VENV)/bin/python -m pytest -n 2 --ignore=$(OPENVINO_TESTS) $(PYTEST_ARGS)
	OMP_NUM_THREADS=1 $(TEST_VENV)/bin/python -m pytest $(OPENVINO_TESTS) $(PYTEST_ARGS) || test $$? = 5 # none chosen

browser: ## Install what tests of web pages need: Chromium (Debian, as root) and web/node_modules
	@if command -v chromium || command -v google-chrome; then :; \
	elif [ "`id -u`" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -qq -y chromium || echo "Chromium could not be installed: its tests are skipped"; \
	else echo "No Chromium: tests that need one are skipped. Debian, as root: apt-get install chromium"; fi
	@if command -v npm >/dev/null; then cd web && npm ci --silent --no-audit --no-fund \
			|| echo "web/node_modules could not be installed: tests of the page's sources are skipped"; \
	else echo "No npm: tests of the page's sources are skipped. Debian, as root: apt-get install npm"; fi

docs: $(TEST_READY) ## Build the documentation site in site/; any warning is an error
	PYTHONPATH=tools $(TEST_VENV)/bin/python -m zensical build --strict --clean
	@echo "Done: open site/index.html"

lint: $(TEST_READY) ## Check style, format and types
	$(TEST_VENV)/bin/python -m ruff check
	$(TEST_VENV)/bin/python -m ruff format --check
	$(TEST_VENV)/bin/python -m mypy

format: $(TEST_READY) ## Fix what can be fixed automatically, style and format
	$(TEST_VENV)/bin/python -m ruff check --fix
	$(TEST_VENV)/bin/python -m ruff format

clean: ## Remove the environments and everything that can be made again
	rm -rf $(TEST_VENV) $(DEMO_VENV) build dist demo site .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is ready once .ready, which is written last, holds this folder's path. One that was left half made, that
# was moved here from elsewhere, or whose Python is gone, is made anew; where only a requirement changed it is brought up
# to date.
usable = test "`cat $(1)/.ready 2>/dev/null`" = "$(CURDIR)" && $(1)/bin/python -c "" 2>/dev/null
remake_unless_usable = $(if $(shell $(call usable,$(1)) && echo yes),,remake)

$(DEMO_READY): pyproject.toml $(call remake_unless_usable,$(DEMO_VENV))
	@echo "Preparing $(DEMO_VENV): the light core only, no PyTorch (only the first time)"
	$(call install,$(DEMO_VENV),--editable .)

$(TEST_READY): pyproject.toml constraints.txt $(call remake_unless_usable,$(TEST_VENV))
	@echo "Preparing $(TEST_VENV): PyTorch and all tools (only the first time; takes minutes)"
	$(call install,$(TEST_VENV),--editable ".[torch$(comma)heif$(comma)raw$(comma)deep$(comma)jxl$(comma)exr$(comma)openvino$(comma)watch$(comma)report$(comma)web$(comma)test$(comma)dev$(comma)docs]" --constraint constraints.txt)

comma := ,
# $(1) the environment's folder, $(2) what pip installs into it
define install
	@$(call usable,$(1)) || { $(check_python) && rm -rf $(1) && "$$PYTHON" -m venv $(1); }
	@rm -f $(1)/.ready
	@$(1)/bin/python -m pip install --quiet --disable-pip-version-check $(2)
	@printf '%s\n' "$(CURDIR)" > $(1)/.ready
endef

define check_python
{ \
	"$$PYTHON" -c "" 2>/dev/null \
		|| { echo "$$PYTHON does not run here: install Python 3.11 or newer, or name it: make ... PYTHON=python3.12" >&2; exit 1; }; \
	"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$$PYTHON is `"$$PYTHON" -V 2>&1`, darklift needs 3.11 or newer: make ... PYTHON=python3.12" >&2; exit 1; }; \
	"$$PYTHON" -c 'import venv, ensurepip' 2>/dev/null \
		|| { echo "$$PYTHON has no venv module: install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }; \
}
endef
