# `make` alone lists the targets. Needs Python 3.11 to 3.13, make and git; everything else is installed below this folder.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.9
UV := .tools/uv-$(UV_VERSION)/bin/uv
BIN := .venv/bin
SETUP := .venv/.locked
TORCH := .venv-torch/.locked
CLIENTS := .venv-clients/.locked
export UV_PYTHON_DOWNLOADS := never
export UV_COMPILE_BYTECODE := 1
export UV_PROJECT_ENVIRONMENT := .venv

.PHONY: help setup run test test-unit test-converters test-torch test-registry test-sources test-end test-clients test-readme test-browser test-controlplane test-cluster check bench \
	bench-convert bench-accuracy bench-torch bench-serve bench-operator soak soak-streams format generate images cluster-up cluster-images cluster-down clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(SETUP) ## Create .venv from the lock file

$(UV):
	@scripts/install-uv $(UV_VERSION) .tools/uv-$(UV_VERSION)

$(SETUP): pyproject.toml uv.lock $(UV)
	@$(UV) sync --quiet --locked --python "$$(scripts/python)" --extra operator --extra registry --extra serve --extra sources --extra suod --extra train --extra xgboost --group check
	@touch $@

# torch cannot be loaded without its CUDA libraries, but for these two; compiling it all would cost more than the tests do.
$(TORCH): pyproject.toml uv.lock $(UV)
	@UV_PROJECT_ENVIRONMENT=.venv-torch UV_COMPILE_BYTECODE=0 $(UV) sync --quiet --locked --python "$$(scripts/python)" --extra suod --extra torch --extra train \
	  --no-install-package triton --no-install-package nvidia-cusolver
	@touch $@

# Other projects' clients hold versions that the server cannot have: they have a project and a lock file of their own.
$(CLIENTS): tests/clients/pyproject.toml tests/clients/uv.lock $(UV)
	@UV_PROJECT_ENVIRONMENT=$(CURDIR)/.venv-clients UV_COMPILE_BYTECODE=0 $(UV) sync --quiet --locked --project tests/clients --python "$$(scripts/python)"
	@touch $@

run: $(SETUP) ## Train on 49,097 real rows, convert, prove and serve: http://127.0.0.1:8000
	@$(BIN)/pynomaly run manifests/samples/shuttle.yaml --mount configmap://shuttle=manifests/samples/data

test: $(SETUP) ## Every test; the last lines say which tier did not run and what it lacks
	@scripts/test

test-unit: $(SETUP) ## The tests that need no server of their own
	@$(BIN)/pytest -q tests/unit

test-torch: $(TORCH) ## The networks, in .venv-torch: torch and its CUDA libraries take 5 GB there
	@OMP_NUM_THREADS=1 .venv-torch/bin/pytest -q tests/torch

test-registry: $(SETUP) ## The registry on SQLite and on a PostgreSQL of the tests' own
	@$(BIN)/pytest -q tests/registry

test-sources: $(SETUP) ## Sources on a real S3 server and a real PostgreSQL
	@$(BIN)/pytest -q tests/sources

test-end: $(SETUP) ## All 49,097 rows over HTTP against a PyOD model that the test fits itself
	@$(BIN)/pytest -q tests/end_to_end

test-clients: $(SETUP) $(CLIENTS) ## The server through tritonclient and KServe's SDK, in .venv-clients
	@for client in tests/clients/test_*.py; do .venv-clients/bin/pytest -q $$client; done # both claim gRPC's messages: a process each

test-converters: $(SETUP) ## Every detector, parameter and awkward table against PyOD
	@$(BIN)/pytest -q tests/converters

test-readme: $(SETUP) ## Every command of the README
	@$(BIN)/pytest -q tests/readme

test-browser: $(SETUP) ## The page, in headless Chromium
	@$(BIN)/pytest -q tests/browser

test-controlplane: $(SETUP) ## The operator on a real API server
	@$(BIN)/pytest -q tests/controlplane

test-cluster: $(SETUP) ## Everything together, on a whole Kubernetes node
	@$(BIN)/pytest -q tests/cluster
	@$(BIN)/pytest -q tests/readme_cluster

check: $(SETUP) ## Format, lint, types, walls, dependencies, YAML, shell, Dockerfiles
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/deptry .
	@$(BIN)/yamllint --strict .
	@$(BIN)/shellcheck scripts/* .ci/run
	@$(BIN)/hadolint inference/Dockerfile operator/Dockerfile
	@echo "check: all passed"

soak: $(SETUP) soak-streams ## The operator killed at every request, and an API server that fails in every way, into docs/reliability.md
	@$(BIN)/python -m tests.controlplane.soak

soak-streams: $(SETUP) ## Ten million rows over one stream, into docs/benchmarks.md
	@$(BIN)/python -m tests.bench.streams --write

format: $(SETUP) ## Format the code and repair what ruff can
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .

generate: $(SETUP) ## Write what is generated: capabilities, docs/detectors.md, gRPC's messages, the CRD, the operator's golden files
	@$(BIN)/python -m pynomaly_inference.convert.capabilities
	@$(BIN)/python -m grpc_tools.protoc -I inference --python_out inference --pyi_out inference inference/pynomaly_inference/server/rpc/open_inference.proto
	@$(BIN)/pynomaly crd > crds/pynomaly.io_anomalydetectors.yaml
	@cp crds/pynomaly.io_anomalydetectors.yaml charts/pynomaly-operator/files/
	@PYTHONPATH=inference:operator:. $(BIN)/python -m tests.unit.operator.golden

images: $(SETUP) ## Build the four images; BUILDER names the tool (docker, podman, buildah)
	@scripts/images

cluster-up: $(SETUP) ## Start a one-node Kubernetes for tests, without Docker: eval "$(make cluster-up)"
	@$(BIN)/python -m tests.cluster up

cluster-images: $(SETUP) ## Build the four images, and bring them to that node
	@$(BIN)/python -m tests.cluster images

cluster-down: $(SETUP) ## Stop it
	@$(BIN)/python -m tests.cluster down

bench: bench-convert bench-accuracy bench-serve ## The benchmarks but bench-torch and bench-operator, into docs/benchmarks.md

bench-convert: $(SETUP) ## PyOD against ONNX for every detector
	@$(BIN)/python -m tests.bench.convert --write

bench-accuracy: $(SETUP) ## ROC AUC and average precision of every detector, in PyOD and in ONNX
	@$(BIN)/python -m tests.bench.accuracy --write

bench-torch: $(TORCH) ## The same of the networks, in .venv-torch, into the same tables
	@OMP_NUM_THREADS=1 .venv-torch/bin/python -m tests.bench.convert --write --extra torch
	@OMP_NUM_THREADS=1 .venv-torch/bin/python -m tests.bench.accuracy --write --extra torch

bench-serve: $(SETUP) ## The server's CPU per request against bare session.run
	@$(BIN)/python tests/bench/serve.py --write

bench-operator: $(SETUP) ## The operator with 100, 1,000 and 5,000 detectors, on a bare API server: about an hour
	@$(BIN)/python -m tests.bench.operator --write

clean: ## Remove what make installed
	@rm -rf .venv .venv-clients .venv-torch .tools
