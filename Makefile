# Everything stands in its own virtual environment; nothing else on the machine is touched.
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DATA ?= $(or $(TEXTLADDER_DATA),../shared/data)
export TEXTLADDER_DATA := $(abspath $(DATA))

.PHONY: demo test lint bench check-quality docs clean

# Pinned dependencies, then the package itself; made anew when the pins change.
$(READY): constraints.txt pyproject.toml
	@echo "Setting up $(VENV): about 2 minutes, 1.5 GB" && begin=$$(date +%s) \
	&& $(PYTHON) -m venv $(VENV) \
	&& $(BIN)/pip install --quiet --disable-pip-version-check torch==$$(sed -n 's/^torch==//p' constraints.txt) \
	&& $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' \
	&& touch $(READY) && echo "Set up in $$(( $$(date +%s) - begin )) s"

demo: $(READY)
	@echo "The whole ladder on the built-in languages data (which language is this short string?): 2 to 5 minutes"
	@time $(BIN)/textladder compare languages --out runs/demo --overwrite
	@echo "Open runs/demo/index.html in a browser. Use the model: echo 'Quelle heure est-il' | $(BIN)/textladder predict runs/demo"

lint: $(READY)
	@echo "Lint and types: about 1 minute"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	@echo "Tests: about 6 minutes on two cores"
	@time OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal

check-quality: $(READY)
	@echo "Training on the real data sets in $(DATA): hours; writes docs/quality.md"
	$(BIN)/python -m benchmarks.quality

bench: $(READY)
	@echo "Peers beside us on the same data; writes docs/speed.md"
	$(BIN)/python -m benchmarks.speed

docs: $(READY)
	$(BIN)/python -m benchmarks.reference

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
