# SealMQ: `make up` sets everything up and starts the broker, `make test` sets everything up and runs the tests.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
MQTTJS := tests/interop/drivers/mqtt_js

.PHONY: up test lint clean

up: $(STAMP)
	$(BIN)/sealmq up

test: $(STAMP) $(MQTTJS)/node_modules/.package-lock.json
	$(BIN)/python -m pytest -q -n auto

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/conformance.py

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "SealMQ needs Python 3.11 or newer; '$(PYTHON)' is older. Next: make PYTHON=python3.11 up"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "no virtual environment could be made. Next (Debian, Ubuntu): sudo apt install python3-venv"; rm -rf $(VENV); exit 1; }
	@echo "installing SealMQ into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $(STAMP)

# MQTT.js takes part in the interop tests. Without npm they leave it out, and say so.
$(MQTTJS)/node_modules/.package-lock.json: $(MQTTJS)/package-lock.json
	@if command -v npm >/dev/null && command -v node >/dev/null; then \
	  npm ci --prefix $(MQTTJS) --silent --ignore-scripts --no-audit --no-fund && touch $@ || \
	  echo "MQTT.js could not be installed: its interop tests are left out"; fi

clean:
	rm -rf $(VENV) $(MQTTJS)/node_modules
