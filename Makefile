# `make demo` and `make test` do all the set-up; nothing but Python >= 3.11 is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What is imported is compiled once and kept, whatever the caller's environment says: without that
# every process compiles PyTorch again, which takes two seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-fast test-all lint format docs bench clean

help:
	@echo "make demo    install into .venv and run the whole pipeline on the embedded data set"
	@echo "make test    install into .venv and run the test suite"
	@echo "make test-fast  the quick tests of every layer: one minute, for the inner loop"
	@echo "make test-all  the same with every fault: damaged files, kills, fuzzed inputs; takes hours"
	@echo "make lint    style, types, architecture rules"
	@echo "make docs    rewrite docs/data-model.md"
	@echo "make bench   time cmr beside its peers"
	@echo "make format  let ruff rewrite what it can"
	@echo "make clean   remove .venv and the demo's output"

# The stamps hold the environment's content: it is recreated when the pins change. Python compiles
# what is imported, so pip need not compile all that is installed: that takes a minute. The pip that
# came with Python does as well, but takes longer.
$(VENV)/.packages: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cmr needs Python 3.11 or newer; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	-$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[test,lint]'
	@touch $@

# Kernels are compiled here, so that the first evaluation does not.
$(VENV)/.installed: $(VENV)/.packages
	$(BIN)/python -m cmr.api.ahead
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/cmr demo

# Processes share the cores: a thread that waits for another's must not keep one busy, which those
# of OpenBLAS do (a QR decomposition then takes twenty times as long).
APART := OMP_WAIT_POLICY=PASSIVE OPENBLAS_NUM_THREADS=1
# A file's tests share what they have made, and the longest files come first. Three at a time keep two
# cores busy while some wait for servers and for what they kill.
SHARED := --dist loadfile --no-loadscope-reorder
test: $(VENV)/.installed
	$(APART) $(BIN)/python -m pytest -n 3 $(SHARED)

# While developing: tests of a second or more are marked `slow`, except for the most important checks.
test-fast: $(VENV)/.installed
	$(APART) $(BIN)/python -m pytest -n 2 $(SHARED) -m "not slow"

# Each of tests/faults tries a sample in `make test`; CMR_FAULTS=0.1 a tenth of all.
test-all: $(VENV)/.installed
	CMR_FAULTS=all CMR_FUZZ_CASES=20000 $(APART) $(BIN)/python -m pytest -n 2 $(SHARED)

lint: $(VENV)/.packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The peers are not part of the tests. All of it in one go, half an hour on two cores
# that do nothing else: dated files in bench/results, and of them the tables of docs/bench.md.
bench: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python bench/peers.py msrvtt
	$(BIN)/python bench/peers.py coco
	$(BIN)/python bench/peers.py large --repeats 2
	$(BIN)/python bench/sizes.py
	$(BIN)/python bench/grid.py
	$(BIN)/python bench/search.py msrvtt
	$(BIN)/python bench/search.py coco
	$(BIN)/python bench/document.py
	$(BIN)/python bench/ties.py
	$(BIN)/python bench/folds.py
	$(BIN)/python bench/cpu.py

docs: $(VENV)/.installed
	$(BIN)/python docs/data_model.py

format: $(VENV)/.packages
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) report
	find warehouse -mindepth 1 ! -name README.md -delete
