VENV ?= .venv
PYTHON ?= python3
# TORCH may carry pip options, for instance the index of the small CPU-only wheels.
TORCH ?= torch==2.13.0
DEMO_ARGS ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --no-cache-dir
TIMED = start=$$(date +%s); { $(1); } && \
	echo "Installed $(2) in $$(( $$(date +%s) - start )) s." > $@
# Apache Beam and TensorFlow alone: Beam's protobuf is not that of the rest.
OFFLINE := build/offline
export KERAS_BACKEND ?= tensorflow
export TF_CPP_MIN_LOG_LEVEL ?= 2

# Two processes, since most of a test is Python or a compiler that uses one core. Files
# in their order: by the number of tests, a long file with few of them would be the last.
TESTS = $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder
# What runs on every backend: the layers, and the search without a model.
SEARCH = $(patsubst %,tests/generation/test_%.py,exhaustive greedy groups random rows sampling)
LAYERS = $(TESTS) tests/layers $(SEARCH) -m "not tensorflow_only and not mechanisms and not slow"

.PHONY: help demo test check test-jax test-torch test-slow test-mechanisms test-reliability test-deploy test-wheel test-versions wheel test-page test-offline bench-train bench-generate bench-peers bench-pictures bench-shortlist bench-lengths bench-pronounce bench-clients bench-serving docs clean
.DELETE_ON_ERROR:

help:
	@echo "make demo        train on a pronunciation dictionary, serve it, ask it over gRPC"
	@echo "make test        lint, types, import contracts, all tests on TensorFlow"
	@echo "make test-jax    layers and search on JAX (5 minutes)"
	@echo "make test-torch  layers and search on torch (installs $(TORCH))"
	@echo "make test-slow   what takes long and rarely breaks (5 minutes)"
	@echo "make test-mechanisms  every score with every alignment; each learns (10 minutes)"
	@echo "make test-reliability  the server under load, damage and attack (10 minutes)"
	@echo "make test-deploy  the manifests of deploy/ against published schemas"
	@echo "make test-wheel  README from the built wheel alone, in an environment of its own (2 minutes)"
	@echo "make test-versions  the same, and more, with the oldest and newest dependencies (10 minutes)"
	@echo "make test-page   the served page in Chromium (Debian: apt-get install chromium)"
	@echo "make test-offline  a file predicted by Apache Beam on two workers (installs it apart)"
	@echo "make bench-train, make bench-generate   ratios to plain Keras and torch"
	@echo "make bench-peers  ONNX Runtime, yoyodyne, TensorFlow Addons beside ours (installs them)"
	@echo "make bench-pictures  cost over B, V, S and T, drawn (10 minutes)"
	@echo "make bench-shortlist  generation with a lexical shortlist and without"
	@echo "make bench-lengths  how far each mechanism copies beyond its training (35 minutes)"
	@echo "make bench-pronounce   searches and n-best lists on the model of make demo"
	@echo "make bench-serving   what a call adds to the graph, and what batching reaches"
	@echo "make bench-clients   grpcurl and perf_analyzer against the server (installs them)"
	@echo "make docs        HTML documentation in docs/_build"
	@echo "make clean       remove $(VENV) and everything built"

# TensorFlow greets on stderr whatever its log level; that is shown when something fails.
demo: $(VENV)/.demo
	@cat $<
	@mkdir -p build
	$(BIN)/python examples/03_pronounce.py $(DEMO_ARGS) 2> build/demo.log \
	|| { cat build/demo.log >&2; exit 1; }

test: check
	$(TESTS)

check: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test-jax: $(VENV)/.dev
	KERAS_BACKEND=jax $(LAYERS)

# torch's own threads, times two processes, would stand in each other's way.
test-torch: $(VENV)/.torch
	OMP_NUM_THREADS=1 KERAS_BACKEND=torch $(LAYERS)

test-slow: $(VENV)/.dev
	$(TESTS) -m slow

test-mechanisms: $(VENV)/.dev
	$(TESTS) tests/mechanisms tests/layers tests/generation -m mechanisms

# In one process: some of it watches memory and times.
test-reliability: $(VENV)/.dev
	RELIABILITY_RESULTS=benchmarks/results/reliability \
	$(BIN)/python -m pytest tests/reliability -m ""
	$(BIN)/python -m benchmarks.reliability

test-deploy: $(VENV)/.deploy
	KSERVE=$(VENV)/kserve $(BIN)/python -m pytest tests/deploy -m ""

# As a user has it: the wheel that the source distribution makes, with the newest releases
# that setup.cfg allows. test-versions: with the oldest ones too, and more tests.
UV = $(BIN)/uv
INSTALLED = $(CURDIR)/build/installed
README = tests/test_project.py -k readme -m ""
VERSIONS_TESTS = tests/conformance tests/text/test_round_trip.py tests/serving/test_client.py \
	tests/serving/test_tls.py tests/serving/conformance/test_predict.py \
	tests/recipes/test_command_line.py tests/visualize/test_alignment_plot.py
.PRECIOUS: build/installed/%/.done

test-wheel: wheel build/installed/highest/.done
	$(UV) pip install --quiet --reinstall --no-deps --python build/installed/highest \
		build/installed/*.whl
	cp tests/typed_use.py build/installed
	cd build/installed && $(abspath $(BIN))/mypy --strict --config-file= \
		--python-executable highest/bin/python typed_use.py
	INSTALLED=$(INSTALLED)/highest/bin $(BIN)/python -m pytest $(README)

test-versions: test-wheel build/installed/lowest-direct/.done
	$(UV) pip install --quiet --reinstall --no-deps --python build/installed/lowest-direct \
		build/installed/*.whl
	INSTALLED=$(INSTALLED)/lowest-direct/bin $(BIN)/python -m pytest $(README)
	for versions in highest lowest-direct; do build/installed/$$versions/bin/python \
		-m pytest --numprocesses=2 --dist=loadfile $(VERSIONS_TESTS) || exit 1; done

wheel: $(VENV)/.uv
	rm -rf build/lib build/installed/*.whl build/installed/*.tar.gz
	$(UV) build --quiet --out-dir build/installed

build/installed/%/.done: $(VENV)/.uv setup.cfg
	$(UV) venv --quiet --clear --python $(BIN)/python $(@D)
	$(UV) pip compile --quiet --no-header --resolution $* --extra examples setup.cfg \
		--output-file $(@D)/requirements.txt
	$(UV) pip install --quiet --python $(@D) -r $(@D)/requirements.txt \
		pytest pytest-xdist hypothesis trustme
	touch $@

# In one process: there is one browser.
test-page: $(VENV)/.browser
	$(BIN)/python -m pytest tests/browser -m page

test-offline: $(VENV)/.dev $(OFFLINE)/.installed
	OFFLINE_PYTHON=$(OFFLINE)/bin/python $(BIN)/python -m pytest tests/examples -m offline

bench-train: $(VENV)/.torch
	$(BIN)/python -m benchmarks.train_step --preset small --write-docs
	$(BIN)/python -m benchmarks.train_step --preset large --rounds 5 --calls 2 --write-docs

bench-generate: $(VENV)/.torch
	$(BIN)/python -m benchmarks.generate --preset small --write-docs
	$(BIN)/python -m benchmarks.generate --preset large --rounds 5 --calls 2 --write-docs

# Each peer is installed into an environment of its own, in build/peers.
PEERS = --results benchmarks/results/peers
bench-peers: $(VENV)/.torch
	$(BIN)/python -m benchmarks.generate $(PEERS) \
		--variants ours,onnx-step,onnx-loop,torch,torch-compile
	$(BIN)/python -m benchmarks.generate $(PEERS) --preset large --rounds 5 --calls 2 \
		--variants ours,onnx-step,onnx-loop,torch
	for model in yoyodyne addons; do for what in train_step generate; do \
	$(BIN)/python -m benchmarks.$$what $(PEERS) --model $$model || exit 1; done; done

bench-pictures: $(VENV)/.torch
	for axis in B V S; do $(BIN)/python -m benchmarks.sweep generate $$axis || exit 1; done
	for axis in B T; do $(BIN)/python -m benchmarks.sweep train_step $$axis || exit 1; done
	$(BIN)/python -m benchmarks.pictures

bench-shortlist: $(VENV)/.demo
	$(BIN)/python -m benchmarks.shortlist --rounds 3 --calls 2 --write-docs

# Goes on where it was stopped.
bench-lengths: $(VENV)/.demo
	$(BIN)/python -m benchmarks.length_generalisation --write-docs

bench-pronounce: $(VENV)/.demo
	$(BIN)/python -m benchmarks.pronounce --write-docs

bench-clients: $(VENV)/.demo
	$(BIN)/python -m benchmarks.foreign_clients --write-docs

# Each ends with 1 where it misses its bar; the other one runs all the same.
bench-serving: $(VENV)/.demo
	status=0; for what in overhead batching; do \
	$(BIN)/python -m benchmarks.serving_$$what --write-docs || status=1; done; exit $$status

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

clean:
	rm -rf $(VENV) build dist docs/_build *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	|| { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	|| { echo "$(PYTHON) cannot make virtual environments: install its venv package" \
	"(Debian, Ubuntu: apt install python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Each stamp holds how long its installation took.
$(VENV)/.demo: setup.cfg pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV) (TensorFlow alone is over 500 MB) ..."
	@$(call TIMED,$(PIP) -e '.[examples]',the demo)

$(VENV)/.dev: $(VENV)/.demo
	@$(call TIMED,$(PIP) -e '.[dev]',the tools and JAX)

$(VENV)/.torch: $(VENV)/.dev
	@$(call TIMED,$(PIP) $(TORCH),torch)

# Only the sources of kserve are read, so that nothing it needs is installed.
$(VENV)/.deploy: $(VENV)/.dev
	@$(call TIMED,$(PIP) kubernetes-validate==1.37.0 && \
	$(PIP) --no-deps --target=$(VENV)/kserve kserve==0.21.0,the schemas)

$(VENV)/.uv: $(VENV)/.dev
	@$(call TIMED,$(PIP) uv==0.13.9,uv)

$(VENV)/.browser: $(VENV)/.dev
	@$(call TIMED,$(PIP) -e '.[browser]',what drives a browser)

$(OFFLINE)/.installed: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m venv $(OFFLINE)
	@$(call TIMED,$(subst $(BIN),$(OFFLINE)/bin,$(PIP)) -e '.[offline]',Apache Beam)

$(VENV)/.docs: $(VENV)/.demo
	@$(call TIMED,$(PIP) -e '.[docs]',the documentation tools)
