# Everything the project does from a fresh clone; `make help` lists it.
#
# Needs Python 3.11, GNU make and a package registry. uv is installed into .tools/ when it is not on the PATH.
# Each environment is described by a compiled list with hashes and rebuilt when that list changes.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

UV_VERSION := 0.13.9
export UV_PYTHON_DOWNLOADS := never
# TensorFlow's start-up notices are not this project's output.
export TF_CPP_MIN_LOG_LEVEL ?= 3

PYTHON ?= $(firstword $(shell command -v python3.11 python3 2>/dev/null))
# A python3.9 that runs: pyenv's stand-in exists on the PATH even where its version is not switched on.
LEGACY_PYTHON ?= $(shell for p in python3.9 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.9.*/bin/python3.9; do \
	"$$p" -c "" 2>/dev/null && { command -v "$$p"; break; }; done)
UV ?= $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)

VENV := .venv
TRAINING := .venv-training
LEGACY := .venv-legacy
WORKFLOWS := .venv-workflows
DOCS := .venv-docs
VENV_READY := $(VENV)/.ready
TRAINING_READY := $(TRAINING)/.ready
LEGACY_READY := $(LEGACY)/.ready
WORKFLOWS_READY := $(WORKFLOWS)/.ready
DOCS_READY := $(DOCS)/.ready

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- environments ----

.PHONY: install
install: $(VENV_READY) $(TRAINING_READY) ## both environments: .venv (inference, Kipoi) and .venv-training

.tools/bin/uv:
	@test -n "$(PYTHON)" || { echo "error: no python3.11 or python3 on the PATH" >&2; exit 1; }
	@echo "uv is not on the PATH: installing uv $(UV_VERSION) into .tools/"
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet "uv==$(UV_VERSION)"

# $(call environment,FOLDER,PYTHON,LOCK,PROJECTS): an environment that holds exactly what the lock lists,
# and the projects as editable installs. The lock brings setuptools, hence no build isolation.
define environment
	@$(UV) venv --quiet --python $(2) --allow-existing $(1) \
		|| { echo "error: uv found no Python $(2); install it or put it on the PATH" >&2; exit 1; }
	$(UV) pip sync --compile-bytecode --python $(1)/bin/python --require-hashes $(3)
	$(UV) pip install --quiet --python $(1)/bin/python --no-deps --no-build-isolation $(4)
	@mkdir -p build # what the documentation's commands write into
	@touch $(1)/.ready
	@echo "$(1) is ready"
endef

# The order-only uv is made first, and only where the PATH has none.
$(VENV_READY): requirements/modern.txt pyproject.toml | $(UV)
	$(call environment,$(VENV),3.11,requirements/modern.txt,-e .)

$(TRAINING_READY): training/requirements.txt training/pyproject.toml pyproject.toml | $(UV)
	$(call environment,$(TRAINING),3.11,training/requirements.txt,-e . -e training)

$(LEGACY_READY): requirements/legacy.txt pyproject.toml | $(UV)
	$(call environment,$(LEGACY),$(LEGACY_PYTHON),requirements/legacy.txt,-e .)

# Snakemake runs the commands of the other environments and imports nothing of them.
$(WORKFLOWS_READY): requirements/workflows.txt | $(UV)
	@$(UV) venv --quiet --python 3.11 --allow-existing $(WORKFLOWS)
	$(UV) pip sync --quiet --compile-bytecode --python $(WORKFLOWS)/bin/python --require-hashes requirements/workflows.txt
	@touch $@
	@echo "$(WORKFLOWS) is ready"

.PHONY: workflows
workflows: install $(WORKFLOWS_READY) ## the environment of the workflows: .venv-workflows (Snakemake)

$(DOCS_READY): requirements/docs.txt training/pyproject.toml pyproject.toml | $(UV)
	$(call environment,$(DOCS),3.11,requirements/docs.txt,-e . -e training)

# ---- the main jobs ----

.PHONY: example
example: $(VENV_READY) ## predict the example intervals with Kipoi, score a variant, draw both (build/example)
	$(VENV)/bin/python examples/run_example.py --out build/example

.PHONY: train-example
train-example: install ## simulated genome -> data -> fit -> evaluate -> export -> predict (build/train-example)
	rm -rf build/train-example
	examples/train_example.sh build/train-example

# Inference runs in one environment and training in the other; what runs notebooks lies beside both.
TUTORIAL_TOOLS := .tools/tutorials
TRAINING_TUTORIALS := cluster reporters train
TUTORIALS := $(filter-out $(TRAINING_TUTORIALS),$(basename $(notdir $(wildcard docs/tutorials/*.ipynb))))
$(TUTORIAL_TOOLS)/.ready: requirements/tutorials.txt $(VENV_READY) | $(UV)
	rm -rf $(TUTORIAL_TOOLS)
	$(UV) pip install --quiet --compile-bytecode --python $(VENV)/bin/python --target $(TUTORIAL_TOOLS) --require-hashes \
		-r requirements/tutorials.txt
	@touch $@

.PHONY: tutorials
tutorials: install workflows $(TUTORIAL_TOOLS)/.ready ## run the notebooks of docs/tutorials, keep what they show, say how long it took
	PYTHONPATH="$(CURDIR)/$(TUTORIAL_TOOLS)" $(VENV)/bin/python docs/tutorials/execute.py \
		$(TUTORIALS:%=docs/tutorials/%.ipynb)
	PYTHONPATH="$(CURDIR)/$(TUTORIAL_TOOLS)" $(TRAINING)/bin/python docs/tutorials/execute.py \
		$(TRAINING_TUTORIALS:%=docs/tutorials/%.ipynb)

.PHONY: workflow-example
workflow-example: workflows ## the workflows train and score on a simulated genome (build/workflow-example)
	rm -rf build/workflow-example
	workflows/example/run.sh build/workflow-example local

.PHONY: workflow-slurm
workflow-slurm: workflows ## the same on a SLURM of this machine, whose jobs are killed (build/workflow-slurm; root)
	rm -rf build/workflow-slurm
	$(VENV)/bin/python workflows/slurm/trial.py build/workflow-slurm

.PHONY: workflow-kubernetes
workflow-kubernetes: workflows ## scores by the profile of Kubernetes, on an emulation of its API (build/workflow-kubernetes)
	rm -rf build/workflow-kubernetes
	$(VENV)/bin/python workflows/clouds/kubernetes_trial.py build/workflow-kubernetes

.PHONY: workflow-aws-batch
workflow-aws-batch: workflows ## the same by the profile of AWS Batch, in containers (build/workflow-aws-batch; root, Debian)
	rm -rf build/workflow-aws-batch
	$(VENV)/bin/python workflows/clouds/aws_batch_trial.py build/workflow-aws-batch build/containers

.PHONY: image
image: $(VENV_READY) ## the image of workflows/containers, built by podman on a Debian root (build/containers; root, Debian; VARIANT=cuda)
	$(VENV)/bin/python workflows/clouds/engine.py build/containers $(or $(VARIANT),cpu)

.PHONY: docs
docs: $(DOCS_READY) ## the site of the documentation (build/site); a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/python -m mkdocs build --strict --config-file docs/site/mkdocs.yml --site-dir "$(CURDIR)/build/site"
	@echo "build/site/index.html opens in a browser"

# ---- checks ----

.PHONY: test
test: test-inference test-training ## the quick tests of both packages (some 40 minutes)

.PHONY: test-all
test-all: ## every test of both packages, the slow ones too
	@$(MAKE) workflows
	@$(MAKE) test TESTS=

# Which tests: the quick ones; empty for all.
TESTS ?= -m "not slow"

# What tells most in little time: the ground, the rules, the pages, networks and scores, each command's errors.
QUICK_INFERENCE := tests/test_layout.py tests/test_documentation.py tests/test_page_commands.py tests/base \
	tests/genome tests/models/test_architecture.py tests/models/test_operations.py tests/models/test_targets.py \
	tests/models/test_bundle.py tests/effects/test_scores.py tests/comparison/test_statistics.py tests/cli/test_early_errors.py
QUICK_TRAINING := training/tests/splits training/tests/tracks training/tests/measures training/tests/cli/test_settings.py \
	training/tests/cli/test_early_training_errors.py

.PHONY: test-quick
test-quick: install ## the part of them that tells most
	$(VENV)/bin/python -m pytest -q -m "not slow" $(QUICK_INFERENCE)
	$(TRAINING)/bin/python -m pytest -q -m "not slow" $(QUICK_TRAINING)

.PHONY: test-inference
test-inference: $(VENV_READY) $(TUTORIAL_TOOLS)/.ready
	$(VENV)/bin/python -m pytest $(TESTS) tests

.PHONY: test-training
test-training: $(TRAINING_READY)
	$(TRAINING)/bin/python -m pytest $(TESTS) training/tests tests/robustness

# Twice, for each environment lacks libraries of some commands.
.PHONY: robustness
robustness: $(TRAINING_READY) $(VENV_READY) ## thousands of bad inputs over all commands (build/robustness)
	$(TRAINING)/bin/python tests/robustness/campaign.py --out build/robustness
	$(VENV)/bin/python tests/robustness/campaign.py --fixtures build/robustness/fixtures \
		--out build/robustness/inference --only locus 'plot variant' motifs kipoi-dir --fuzz 2000

# No part of every run, for it takes an hour: SAMPLE mutants drawn with SEED, each tried with the quickest
# tests that run what it changes, SECONDS_EACH at most.
SAMPLE ?= 160
SEED ?= 0
SECONDS_EACH ?= 300
MUTATION_TOOLS := .tools/mutation
$(MUTATION_TOOLS)/.ready: requirements/mutation.txt $(VENV_READY) | $(UV)
	rm -rf $(MUTATION_TOOLS)
	$(UV) pip install --quiet --python $(VENV)/bin/python --target $(MUTATION_TOOLS) --require-hashes \
		-r requirements/mutation.txt
	@touch $@

.PHONY: mutants
mutants: $(MUTATION_TOOLS)/.ready ## does a test fail when the code is wrong? (build/mutants; SAMPLE=160 SEED=0)
	$(VENV)/bin/python tests/mutation/run.py --out build/mutants --sample $(SAMPLE) --seed $(SEED) \
		--seconds $(SECONDS_EACH)

.PHONY: legacy-test
legacy-test: ## the Kipoi tests on Python 3.9 with kipoi 0.6.35, which has the literal `kipoi veff`
	@$(MAKE) has-legacy-python || { echo "error: legacy-test found no Python 3.9; LEGACY_PYTHON=... names one" >&2; exit 1; }
	@$(MAKE) $(LEGACY_READY)
	$(LEGACY)/bin/python -m pytest -m legacy tests/kipoi

.PHONY: has-legacy-python
has-legacy-python:
	@test -n "$(LEGACY_PYTHON)"

.PHONY: lint
lint: $(VENV_READY) ## ruff's rules and formatting, and what no committed file may hold
	.ci/check-files
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

.PHONY: format
format: $(VENV_READY) ## let ruff mend what it can
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

.PHONY: benchmark
benchmark: $(VENV_READY) ## time and peak memory of the networks (build/resources.json)
	@mkdir -p build
	$(VENV)/bin/python benchmarks/speed/resources.py --out build/resources.json --overwrite

# ---- upkeep ----

# Known versions stay unless a .in file rules them out; UPGRADE=--upgrade takes the newest.
COMPILE = $(UV) pip compile --quiet --generate-hashes --no-header $(UPGRADE)

.PHONY: requirements
requirements: | $(UV) ## compile the locks again from their .in files (UPGRADE=--upgrade: to newer versions)
	$(COMPILE) --python-version 3.11 --output-file requirements/modern.txt \
		requirements/runtime.in requirements/kipoi.in requirements/development.in requirements/motifs.in \
		requirements/locus.in requirements/remote.in
	$(COMPILE) --python-version 3.9 --output-file requirements/legacy.txt \
		--override requirements/legacy-overrides.in requirements/legacy.in
	$(COMPILE) --python-version 3.11 --output-file requirements/mutation.txt requirements/mutation.in
	$(COMPILE) --python-version 3.11 --output-file requirements/workflows.txt requirements/workflows.in
	$(COMPILE) --python-version 3.11 --output-file requirements/cuda.txt requirements/cuda.in
	$(COMPILE) --python-version 3.11 --output-file training/cuda.txt training/cuda.in
	$(COMPILE) --python-version 3.11 --output-file requirements/docs.txt requirements/docs.in
	$(COMPILE) --python-version 3.11 --output-file requirements/tutorials.txt requirements/tutorials.in
	$(COMPILE) --python-version 3.11 --output-file training/requirements.txt training/requirements.in

.PHONY: kipoi-files
kipoi-files: $(VENV_READY) ## after a change of model_files: fit the shapes and expected predictions of the Kipoi files
	$(VENV)/bin/python examples/make_expected.py

.PHONY: option-tables
option-tables: $(TRAINING_READY) ## after a change of settings: fit the tables of options in docs
	$(TRAINING)/bin/python docs/option_tables.py

.PHONY: dist
dist: $(VENV_READY) ## sdist and wheel of both packages, the shipped model in the first (build/dist)
	rm -rf build/dist
	$(VENV)/bin/python -m build --no-isolation --outdir build/dist .
	$(VENV)/bin/python -m build --no-isolation --outdir build/dist training

.PHONY: clean
clean: ## remove what was built; the environments and .tools stay
	rm -rf build .pytest_cache .ruff_cache .hypothesis *.egg-info training/*.egg-info
	find . -path './.*' -prune -o -name __pycache__ -type d -print0 | xargs -0 -r rm -rf

.PHONY: distclean
distclean: clean ## remove the environments and .tools too
	rm -rf $(VENV) $(TRAINING) $(LEGACY) $(WORKFLOWS) $(DOCS) .tools
