# The two commands:   make drive   and   make test.   Only python3 (with venv) and make are assumed.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
ARGS   ?=

drive: $(VENV)/.base   ## a fresh clone -> virtual environment -> a simulated car laps a track
	$(BIN)/jetracer drive --sim --laps 2 $(ARGS)

# CI installs torch and engines too, so that it skips no test of them; elsewhere those tests say how to get it
test: $(VENV)/.dev $(if $(CI),$(VENV)/.train $(VENV)/.tensorrt $(VENV)/.openvino)   ## a fresh clone -> virtual environment -> the whole test suite
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev    ## lint, and Python 3.8 for all that runs on the car
	$(BIN)/ruff check .
	$(BIN)/vermin -q -t=3.8- --no-tips --eval-annotations --backport typing --violations $(CAR_CODE)

fix: $(VENV)/.dev      ## mend what lint can mend by itself
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev    ## the published figures and ratios, measured anew
	$(BIN)/python -m benchmarks $(ARGS)

golden: $(VENV)/.dev   ## make the golden pictures and plans anew; look at them before committing
	$(BIN)/python -m tests.golden_sim $(ARGS)
	$(BIN)/python -m tests.golden_display $(ARGS)
	$(BIN)/python -m tests.golden_build

gpu: $(VENV)/.dev      ## the engines on this CUDA machine or Jetson, with its own TensorRT; prints a table for the docs
	@sed -i 's/^include-system-site-packages = .*/include-system-site-packages = true/' $(VENV)/pyvenv.cfg  # JetPack's
	$(BIN)/python -m pytest tests/gpu -m gpu -s $(ARGS)

docs: $(VENV)/.dev     ## every command, option, link and path the documents name exists
	$(BIN)/python -m pytest tests/test_docs.py

model: $(VENV)/.train  ## the shipped road model, from nothing: simulate, train, export
	$(BIN)/python -m jetracer.export.make_model $(ARGS)

matrix: $(VENV)/.dev   ## every fault of docs/safety.md injected, and the time until the car is in its state
	$(BIN)/python -m tests.faults $(ARGS)

soak: $(VENV)/.dev     ## slow: 200 kills and stops of every process, a million commands
	$(BIN)/python -m tests.safety.soak_kill $(ARGS)

mutants: $(VENV)/.dev  ## slow: mutation test of the safety folder
	$(BIN)/python -m tests.safety.mutants $(ARGS)

coverage: $(VENV)/.dev ## branch coverage of the safety folder, child processes included: 100 % or it fails
	$(BIN)/python -m coverage run --rcfile tests/safety/coverage.ini -m pytest tests/safety
	$(BIN)/python -m coverage combine -q --rcfile tests/safety/coverage.ini
	$(BIN)/python -m coverage report --rcfile tests/safety/coverage.ini

pythons:               ## the car's tests on every Python from 3.8 on that is installed
	$(PYTHON) .ci/pythons.py

hil: $(VENV)/.dev      ## the car against real parts: the kernel's drivers in a virtual machine, systemd in namespaces
	.ci/packages qemu-system-x86 busybox-static kmod cpio
	$(PYTHON) .ci/pythons.py --install
	$(BIN)/python -m pytest -rfEs tests/hil/cars.py tests/systemd/boot.py $(ARGS)

help:                  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 12

clean:                 ## remove what was built and installed here
	rm -rf .venv* build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

CAR_CODE := $(addprefix jetracer/,core camera engine car display teleop perception data graph control safety sim drive doctor \
                           calibrate cli racecar.py nvidia_racecar.py)

$(VENV)/.base: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.base constraints.txt
	$(PIP) -e '.[dev]'
	@touch $@

$(VENV)/.train: $(VENV)/.dev
	$(PIP) -e '.[train]'
	@touch $@

$(VENV)/.tensorrt: $(VENV)/.dev
	$(PIP) -e '.[tensorrt]' || echo "no TensorRT for RTX here: its tests will say so"
	@touch $@

$(VENV)/.openvino: $(VENV)/.dev
	$(PIP) -e '.[openvino]'
	@touch $@

.PHONY: drive test check fix bench golden gpu docs model matrix soak mutants coverage pythons hil help clean
