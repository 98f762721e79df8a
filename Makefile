# Needs Python 3.11, Node 20, Go and a C compiler; `make setup` names what is missing.
PYTHON ?= python3.11
VENV := $(CURDIR)/build/venv/bin

# demo: ORDERS=path.csv trades that file, SERVE=1 keeps network and explorer up until Ctrl-C.
export ORDERS SERVE

.PHONY: setup demo test soak faults load figures lock clean

setup:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: as root, apt-get install python3.11 python3.11-venv" >&2; exit 1; }
	@$(PYTHON) -m scripts.setup

demo: setup
	@PATH="$(VENV):$$PATH" python -m scripts.demo $${ORDERS:+--orders "$$ORDERS"} $${SERVE:+--serve}

# ape's plugin shows every local variable, keys too, of a failing test: only tests/ape has it.
# TESTS narrows it: make test TESTS="tests/network -k crash". WORKERS=0 keeps to one process;
# three keep two cores busy, since much of it waits for blocks.
WORKERS ?= 3
PYTEST := PATH="$(VENV):$$PATH" HYPOTHESIS_STORAGE_DIRECTORY=build/hypothesis python -m pytest -p no:ape_test
test: setup
	@$(PYTEST) -n $(WORKERS) --dist loadfile $(TESTS)

# The property tests a million steps long, and every planted fault; taken up again where it was stopped.
STEPS ?= 1000000
soak: setup
	@$(PYTEST) --timeout 0 tests/properties --steps $(STEPS)

# Kills, full disks and other branches under steady orders; CASES="redis reorg" runs some of them.
faults: setup
	@PATH="$(VENV):$$PATH" python -m scripts.faults $(CASES)

# Orders an hour and seconds of it. Their commits are proven beforehand, which takes half an hour for the whole run.
RATE ?= 10000
DURATION ?= 600
load: setup
	@PATH="$(VENV):$$PATH" python -m scripts.load --rate $(RATE) --duration $(DURATION)

# What is missing or older than its code is measured, for up to an hour; LONG=1 also measures `faults` and `load`.
figures: setup
	@PATH="$(VENV):$$PATH" python -m scripts.figures $(if $(LONG),--long)

# After a change to pyproject.toml's dependencies.
lock:
	$(VENV)/uv pip compile pyproject.toml --extra dev --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --python-version 3.11 --quiet -o requirements.txt

clean:
	@if [ -x $(VENV)/python ] && [ -f build/network/network.json ]; then $(VENV)/python -m scripts.network stop; fi
	rm -rf build .build .hypothesis
