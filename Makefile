# Everything starts here: `make demo` or `make test` on a machine with git, make, python3 (3.11 or
# newer) and python3-venv sets up what it needs, in .venv, and then does it.

.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
export PYTHONDONTWRITEBYTECODE :=

$(READY): requirements/dev.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: help
help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: demo
demo: $(READY) ## the main job, start to end, on this machine; leaves its files in var/demo
	@$(BIN)/sunreeve demo

.PHONY: up
up: $(READY) ## the local stack with simulated homes, until Ctrl-C
	@$(BIN)/sunreeve up

.PHONY: test
test: $(READY) ## all tests
	@$(BIN)/pytest -q -n 2 --dist loadgroup

.PHONY: check
check: $(READY) ## format, lint, types, import contracts, rule citations, template, docs in step
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m contract.generate --check
	$(BIN)/cfn-lint --regions us-east-1 -- template.yaml
	@mkdir -p var
	$(BIN)/python -m infra.translated > var/translated.json
	$(BIN)/cfn-lint --regions us-east-1 -- var/translated.json
	$(BIN)/sunreeve rules --markdown | diff - docs/rules.md
	$(BIN)/pytest -q tests/cloud/kernel/test_rule_book.py tests/contract -p no:cacheprovider

.PHONY: story
story: $(READY) ## writes tests/story/story.txt anew: read the difference
	@SUNREEVE_WRITE_STORY=1 $(BIN)/pytest -q tests/story/test_story.py -k person_has_read

.PHONY: rules
rules: $(READY) ## the rule book; W="85%" searches it
	@$(BIN)/sunreeve rules $(W)

.PHONY: rules-page
rules-page: $(READY) ## writes docs/rules.md anew
	@$(BIN)/sunreeve rules --markdown > docs/rules.md

.PHONY: vectors
vectors: $(READY) ## acceptance vectors; KIND=service|funding DIR=path
	@$(BIN)/python -m tests.acceptance.run $(KIND) $(DIR)

.PHONY: bench
bench: $(READY) ## every benchmark, as ratios against named peers in the same run
	@$(BIN)/python -m bench

.PHONY: lock
lock: $(READY) ## pins the dependencies anew, with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  pyproject.toml --extra edge --extra cloud --extra dev -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  pyproject.toml --extra edge -o requirements/edge.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  requirements/layer.in -c requirements/dev.txt -o requirements/layer.txt

.PHONY: clean
clean: ## removes what was played and built, not the environment
	@rm -rf var .aws-sam .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage

# `sam build --build-in-source` calls these: the layer carries third-party code, each function our
# own `cloud/` package only, so that path = import = path in the zip.
.PHONY: build-Libraries
build-Libraries: $(READY)
	$(BIN)/uv pip install --quiet --link-mode copy --python-platform aarch64-manylinux_2_28 \
	  --python-version 3.11 --only-binary :all: --require-hashes --no-deps \
	  --target $(ARTIFACTS_DIR)/python -r requirements/layer.txt

FUNCTIONS := Ingest Sweep Dispatch Timers SendOutbox PartnerApi OperationsApi Accrue FundingRun
.PHONY: $(FUNCTIONS:%=build-%Function)
$(FUNCTIONS:%=build-%Function):
	mkdir -p $(ARTIFACTS_DIR)
	tar -c --exclude __pycache__ --exclude cloud/local --exclude cloud/cli cloud | tar -x -C $(ARTIFACTS_DIR)
