# `make check` is what CI runs on every change; the other targets need extra installs and say so.
.PHONY: check fmt clippy docs test deny parity-python fuzz bench

check: test fmt clippy docs

test:
	cargo test --workspace

fmt:
	cargo fmt --all --check

clippy:
	cargo clippy --workspace --all-targets -- -D warnings

docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# Licences, advisories and duplicate crates; needs cargo-deny.
deny:
	cargo deny --offline check bans licenses sources
