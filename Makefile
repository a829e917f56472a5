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
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements/dev.txt
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

.PHONY: town
town: $(READY) ## a stack with 400 homes and five months of business; the first time takes two minutes
	@$(BIN)/sunreeve up --town --folder var/town

.PHONY: test
test: $(READY) ## all tests
	@$(BIN)/pytest -q -n 2 --dist loadgroup --durations=40

# What ruff holds line by line by its rules of the same numbers, each exception with its reason.
RUFF_KEEPS := B104,B108,B113,B608,B704

.PHONY: check
check: $(READY) ## format, lint, types, import contracts, rule citations, template, docs in step
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m contract.generate --check
	$(BIN)/python firmware/tools/maps.py --check
	$(BIN)/cfn-lint --regions us-east-1 -- template.yaml
	@mkdir -p var
	$(BIN)/python -m infra.translated > var/translated.json
	$(BIN)/cfn-lint --regions us-east-1 -- var/translated.json
	$(BIN)/sunreeve rules --markdown | diff - docs/rules.md
	$(BIN)/sunreeve help --markdown | diff - docs/cli.md
	$(BIN)/python -m infra.template_rules
	$(BIN)/python -m infra.lint_security
	$(BIN)/bandit -q -r cloud edge_agent contract infra -ll -s $(RUFF_KEEPS)
	$(BIN)/pytest -q tests/cloud/kernel/test_rule_book.py tests/contract tests/infra/test_planted_flaws.py \
	  tests/infra/test_template_rules.py tests/infra/test_lint_security.py \
	  tests/infra/test_names_of_tests.py -p no:cacheprovider

.PHONY: sbom
sbom: $(READY) ## bills of materials with licences of what is shipped, in var/sbom
	@$(BIN)/python -m infra.bill_of_materials

.PHONY: story
story: $(READY) ## writes tests/story/story.txt anew: read the difference
	@SUNREEVE_WRITE_STORY=1 $(BIN)/pytest -q tests/story/test_story.py -k person_has_read

.PHONY: rules
rules: $(READY) ## the rule book; W="85%" searches it
	@$(BIN)/sunreeve rules $(W)

.PHONY: rules-page
rules-page: $(READY) ## writes docs/rules.md anew
	@$(BIN)/sunreeve rules --markdown > docs/rules.md

.PHONY: commands-page
commands-page: $(READY) ## writes docs/cli.md anew
	@$(BIN)/sunreeve help --markdown > docs/cli.md

.PHONY: kept
kept: $(READY) ## keeps an example of each record whose shape is new; what is there stays as it is
	@$(BIN)/python -m tests.contract.keeping

.PHONY: vectors
vectors: $(READY) ## acceptance vectors; KIND=service|funding DIR=path
	@$(BIN)/python -m tests.acceptance.run $(KIND) $(DIR)

.PHONY: bench
bench: $(READY) ## every benchmark, as ratios against named peers in the same run
	@$(BIN)/python -m bench

.PHONY: mutants
mutants: $(READY) ## breaks the rules one by one and lists what no test noticed; W="cloud.service.sla.*"
	@PYTHONPATH=$(CURDIR) $(BIN)/mutmut run --max-children 1 $(if $(W),"$(W)")
	@$(BIN)/mutmut results | grep -v "not checked" || echo "no survivors"

.PHONY: lock
lock: $(READY) ## pins the dependencies anew, with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  pyproject.toml --extra edge --extra cloud --extra baseline --extra dev -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  pyproject.toml --extra edge -o requirements/edge.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  requirements/layer.in -c requirements/dev.txt -o requirements/layer.txt

.PHONY: clean
clean: ## removes what was played and built, not the environment
	@rm -rf var .aws-sam .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage mutants

# What would be deployed. `sam` pins libraries that we have newer ones of, so it has an environment of
# its own; it writes below .aws-sam only, asks AWS for nothing and reports to nobody.
SAM_BIN := .venv-sam/bin
SAM_READY := .venv-sam/.ready
SAM := env SAM_CLI_TELEMETRY=0 __SAM_CLI_APP_DIR=$(CURDIR)/.aws-sam/cli AWS_EC2_METADATA_DISABLED=true \
  AWS_DEFAULT_REGION=us-east-1 $(SAM_BIN)/sam
INSTALL_LAYER := $(BIN)/uv pip install --quiet --link-mode copy --only-binary :all: \
  --require-hashes --no-deps -r requirements/layer.txt

$(SAM_READY): requirements/sam.txt $(READY)
	@test -x $(SAM_BIN)/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-sam
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(SAM_BIN)/python requirements/sam.txt
	@touch $@

.PHONY: package
package: $(SAM_READY) ## builds what would be deployed, and imports every handler from it
	@mkdir -p .aws-sam/cli
	$(SAM) validate --lint --region us-east-1 --template template.yaml
	$(SAM) build --build-in-source --template template.yaml
	@rm -rf .aws-sam/here
	$(INSTALL_LAYER) --python $(BIN)/python --target .aws-sam/here
	@du -sm .aws-sam/build/*/ | awk '{sub(".aws-sam/build/", "", $$2); print $$1 " MB\t" $$2; \
	  if ($$2 ~ /^Libraries/) layer = $$1; else if ($$1 > most) most = $$1} \
	  END {print layer + most " MB\tof 250 that Lambda allows for a function with its layer"}'
	SUNREEVE_BUILT=.aws-sam $(BIN)/pytest -q tests/infra/test_built_functions.py -p no:cacheprovider

.PHONY: ministack
ministack: $(READY) ## deploys the template to an emulator of AWS on this machine, and lists what that lacks
	@test -x .venv-ministack/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-ministack
	@$(BIN)/uv pip sync --quiet --require-hashes --python .venv-ministack/bin/python infra/ministack.txt
	@$(BIN)/python -m infra.deploy_to_ministack .venv-ministack/bin/ministack

.PHONY: bench-peers
bench-peers: $(READY) ## an environment for peers of the benchmarks that ours cannot hold
	@test -x .venv-peers/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-peers
	@$(BIN)/uv pip sync --quiet --require-hashes --python .venv-peers/bin/python bench/peers.txt

.PHONY: bench-gateway-peers
bench-gateway-peers: $(READY) ## environments for the peers of the gateway's benchmark, one each
	@for peer in modpoll modbus4mqtt thingsboard; do \
	  test -x .venv-peers-$$peer/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-peers-$$peer; \
	  $(BIN)/uv pip sync --quiet --require-hashes --python .venv-peers-$$peer/bin/python bench/peers-$$peer.txt || exit 1; \
	done

# atheris has no place in our own environment: it is for finding inputs, not for running.
FUZZ_BIN := .venv-fuzz/bin

.PHONY: fuzz
fuzz: $(READY) ## fuzzes what comes from outside, guided by coverage; S=seconds W=target
	@test -x $(FUZZ_BIN)/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-fuzz
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(FUZZ_BIN)/python requirements/fuzz.txt
	@$(FUZZ_BIN)/python -m tests.fuzz $(S) $(W)

lock: lock-apart
.PHONY: lock-apart
lock-apart: $(READY)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  requirements/sam.in -o requirements/sam.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  bench/peers.in -o bench/peers.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  infra/ministack.in -o infra/ministack.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  pyproject.toml requirements/fuzz.in --extra edge --extra cloud -c requirements/dev.txt -o requirements/fuzz.txt
	for peer in modpoll modbus4mqtt thingsboard; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    bench/peers-$$peer.in -o bench/peers-$$peer.txt || exit 1; \
	done

# `sam build --build-in-source` calls these: the layer carries third-party code, each function our
# own `cloud/` package only, so that path = import = path in the zip.
.PHONY: build-Libraries
build-Libraries: $(READY)
	$(INSTALL_LAYER) --python-platform aarch64-manylinux_2_28 --python-version 3.11 \
	  --target $(ARTIFACTS_DIR)/python

build-%Function:
	@mkdir -p $(ARTIFACTS_DIR)
	@tar -c --exclude __pycache__ --exclude cloud/local --exclude cloud/cli cloud | tar -x -C $(ARTIFACTS_DIR)
