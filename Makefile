# `make check` is what CI runs first on every change; the other targets need extra installs and say so.
.PHONY: check fmt clippy docs test deny postgres parity sdk browser fuzz bench chaos gateway pages

check: test fmt clippy docs

test:
	cargo test --workspace

fmt:
	cargo fmt --all --check

clippy:
	cargo clippy --workspace --all-targets -- -D warnings

docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# Licences, wildcard versions and sources of all dependencies. Needs: cargo install cargo-deny
deny:
	cargo deny --offline check bans licenses sources

# The store's contract told to PostgreSQL, too. Needs: PostgreSQL, or apt-get and root to install it
postgres:
	.ci/postgres cargo test -p store --test contract

# The binary against transformers on fresh random models. Needs: pip install -r reference/requirements.txt
PYTHON ?= python3
parity:
	cargo build --release
	$(PYTHON) reference/check_parity.py

# OpenAI's Python and Node packages against the server. Needs: Python, Node with npm, a network
sdk:
	cargo build --release
	$(PYTHON) -m venv target/sdk-python
	target/sdk-python/bin/pip install --quiet -r tests/sdk/requirements.txt
	target/sdk-python/bin/python -m unittest -v tests/sdk/test_sdk.py
	cd tests/sdk && npm ci --silent && npm test

# Every page in Chromium, and Lighthouse. Needs: Chromium, Node with npm, a network
browser:
	cargo build --release
	cd tests/browser && npm ci --silent --no-audit --no-fund && npm test && npm run --silent lighthouse

# A minute of each fuzz target. Needs: cargo install cargo-fuzz, and a C++ compiler
FUZZ_SECONDS ?= 60
fuzz:
	for target in checkpoint tokenizer harmony upstream; do \
		RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none $$target -- \
			-max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 || exit 1; \
	done

# 10,000 requests at hosts that fail; what came of them goes into target/chaos.json.
chaos:
	CHAOS_REQUESTS=10000 CHAOS_RECORD=$(CURDIR)/target/chaos.json \
		cargo test -p freeway --test routing chaos -- --nocapture

# Operations per second of the kernels, against the memory bandwidth.
bench:
	cargo bench -p kernels

# What a relayed request and a chunk cost, beside nginx, LiteLLM and Portkey; the record goes into
# target/gateway/record.json. Needs: nginx, wrk, Python, Node with npm, a network, an idle machine
gateway:
	cargo build --release -p freeway -p mock
	$(PYTHON) -m venv target/gateway/venv
	target/gateway/venv/bin/pip install --quiet -r bench/gateway/requirements.txt
	npm install --silent --no-save --prefix target/gateway @portkey-ai/gateway@1.15.2
	rm -f target/gateway/history.db*
	cargo bench -p store -- sqlite:$(CURDIR)/target/gateway/history.db
	$(PYTHON) bench/gateway/run.py --history target/gateway/history.db \
		--record target/gateway/record.json

# How long pages take with 500 models and 90 days of hourly data; the record goes into target/pages.json.
pages:
	cargo bench -p server --bench pages -- $(CURDIR)/target/pages.json
