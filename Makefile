# Everything needed on a machine with Python 3.11 and make: each target sets up what it uses, once.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
UV := $(BIN)/uv --quiet
INSTALL := $(UV) pip install --compile-bytecode --python $(BIN)/python
INSTALLED := .venv/.installed

.PHONY: demo test check lock clean

demo: $(INSTALLED)
	@if [ -e runs/demo ]; then echo "removing the runs/demo of an earlier demo"; rm -rf runs/demo; fi
	$(BIN)/heredity evolve --data digits --model lenet5 --budget 90s --out runs/demo

test: $(INSTALLED)
	$(BIN)/pytest -n 2 --dist worksteal

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache --no-logo

# Versions that stay allowed stay; `make lock LOCK=--upgrade` takes the newest.
lock: $(BIN)/uv
	$(UV) pip compile $(LOCK) --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-emit-index-url --all-extras \
		--custom-compile-command "make lock" --group build --group dev --group bench -o requirements.lock pyproject.toml

clean:
	rm -rf .venv .hypothesis .pytest_cache .ruff_cache dist
	find src tests -name __pycache__ -exec rm -rf {} +

$(BIN)/uv:
	@echo "creating .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(INSTALLED): requirements.lock pyproject.toml | $(BIN)/uv
	@echo "installing exact versions from requirements.lock (5 GB where PyTorch brings CUDA; a minute or more)"
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@
