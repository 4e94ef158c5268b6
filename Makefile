# The few commands a person types. Each does its own set-up (system packages, virtual environment, build); the second run is quick.
PYTHON ?= python3

help:            ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile
demo:            ## a real model arrives from a hub on this machine: the story in half a minute
	@$(PYTHON) tests/run.py demo
test:            ## lint, C tests (plain and sanitized), Python tests with the real clients
	@$(PYTHON) tests/run.py test $(ARGS)
fuzz:            ## every parser of the network and the disk against libFuzzer, an hour (ARGS="--seconds 600 url head", --coverage)
	@$(PYTHON) tests/run.py fuzz $(ARGS)
matrix:          ## every way a server can misbehave, on every shape of download (tests/matrix/README.md)
	@$(PYTHON) tests/run.py matrix $(ARGS)
corpus:          ## every call of the corpus, by huggingface_hub alone and under enable(): docs/enable-equality.md (ARGS="--line 2.4 --only dry")
	@$(PYTHON) tests/run.py corpus $(ARGS)
soak:            ## 10,000 downloads under faults, four processes sharing a cache (tests/soak/README.md; ARGS="--downloads 500 --seed 7")
	@$(PYTHON) tests/run.py soak $(ARGS)
torture:         ## each malloc, platform call and network event fails; kills; power cuts; odd disks: all of it, 20 minutes (tests/torture)
	@$(PYTHON) tests/run.py torture $(ARGS)
drive:           ## two users, a read-only tier, a vault on a file system like Colab's Drive: killed at 30 moments (ARGS="--kills 100 --seed 7") (root)
	@$(PYTHON) tests/run.py drive $(ARGS)
sanitize:        ## all C tests under ASan+UBSan and TSan, Python tests with a sanitized extension (ARGS="c", "python", "valgrind")
	@$(PYTHON) tests/run.py sanitize $(ARGS)
analyse:         ## gcc and clang with the strict set over csrc, clang's analyser, gcc's over the pure files: 0 findings
	@$(PYTHON) tests/run.py analyse
silence:         ## the whole suite where every packet for elsewhere, and every name asked for, is noticed (tests/isolated/silence.py; root)
	@$(PYTHON) tests/run.py silence $(ARGS)
bench:           ## hubjet beside its peers, measured: tables, and tests/bench/results (ARGS="P1 P3 --rounds 5", --quick, --full)
	@$(PYTHON) tests/run.py bench $(ARGS)
bench-frameworks: ## transformers, diffusers, sentence-transformers … 40 ms away, alone and under enable(); tests/bench/results
	@$(PYTHON) tests/run.py bench-frameworks $(ARGS)
build:           ## the extension, in place, and the environment of the tests
	@$(PYTHON) tests/run.py build
docs:            ## build/site/index.html: the documentation, its notebooks run (ARGS=--no-notebooks)
	@$(PYTHON) tests/run.py docs $(ARGS)
notebooks:       ## progress and receipts in real Jupyter in a real browser (headless chromium; ARGS="--images kernel" makes the documents' pictures anew)
	@$(PYTHON) tests/run.py notebooks $(ARGS)
wheel:           ## dist/*.whl for Linux, with libcurl, nghttp2 and OpenSSL inside; two minutes, then seconds (docs/building.md)
	@$(PYTHON) tests/run.py wheel $(ARGS)
wheel-test:      ## the suite with the wheel's extension: its libcurl and OpenSSL are not this system's (ARGS=tests/py/test_proxies.py)
	@$(PYTHON) tests/run.py wheel-test $(ARGS)
bare:            ## the wheels in systems without compiler and libcurl: Debian 12, Ubuntu 22.04, aarch64, musl; the sdist (root, Debian's mirror)
	@$(PYTHON) tests/run.py bare $(ARGS)
cross:           ## csrc/ compiled for macOS and Windows, so that it does not rot; nothing is linked or run
	@$(PYTHON) tests/run.py cross $(ARGS)
lint:            ## the rules of the house
	@$(PYTHON) tests/run.py lint $(ARGS)
clean:           ## forget everything that was built
	@$(PYTHON) tests/run.py clean
.PHONY: help demo test silence torture drive fuzz sanitize analyse matrix corpus soak bench bench-frameworks build docs notebooks wheel wheel-test bare cross lint clean
