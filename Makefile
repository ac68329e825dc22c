# Everything stands in its own virtual environment; nothing else on the machine is touched.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV := $(VENV)/.ready-dev
DATA ?= $(or $(TEXTLADDER_DATA),../shared/data)
export TEXTLADDER_DATA := $(abspath $(DATA))

.PHONY: demo test lint bench check-quality docs clean

# Pinned dependencies, then the package itself; made anew when the pins change. Without --no-compile pip compiles
# every file of every package, which takes as long as the rest; Python compiles those that are used.
unexport PYTHONDONTWRITEBYTECODE
# By name in the environment, the pins hold for what builds the package too.
PINNED := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt
INSTALL := $(PINNED) $(BIN)/pip install --quiet --no-compile --disable-pip-version-check

$(READY): constraints.txt pyproject.toml
	@echo "Setting up $(VENV): about 1 minute, 1.3 GB" && begin=$$(date +%s) \
	&& $(PYTHON) -m venv $(VENV) \
	&& $(INSTALL) torch==$$(sed -n 's/^torch==//p' constraints.txt) \
	&& $(INSTALL) -e . \
	&& touch $(READY) && echo "Set up in $$(( $$(date +%s) - begin )) s"

# What tests and lint need beside it.
$(DEV): $(READY)
	@echo "Adding what tests need: about 1 minute" && begin=$$(date +%s) \
	&& $(INSTALL) -e '.[dev]' \
	&& touch $(DEV) && echo "Added in $$(( $$(date +%s) - begin )) s"

demo: $(READY)
	@echo "The whole ladder on the built-in languages data (which language is this short string?): 2 to 5 minutes"
	@time $(BIN)/textladder compare languages --out runs/demo --overwrite
	@echo "Open runs/demo/index.html in a browser. Use the model: echo 'Quelle heure est-il' | $(BIN)/textladder predict runs/demo"

lint: $(DEV)
	@echo "Lint and types: about 1 minute"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	@echo "Tests: about 9 minutes on two cores"
	@time OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal

check-quality: $(DEV)
	@echo "The long tests, then training on the real data sets in $(DATA): hours; writes docs/quality.md"
	$(BIN)/pytest -m quality --timeout=1800
	$(BIN)/python -m benchmarks.quality

bench: $(DEV)
	@echo "Peers beside us on the same data; writes docs/speed.md"
	$(BIN)/python -m benchmarks.speed

docs: $(DEV)
	$(BIN)/python -m benchmarks.reference

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
