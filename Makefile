# Needs Rust, make and npm; what else is missing is installed or named. See CONTRIBUTING.md.
.PHONY: help demo test bench fuzz

help:
	@echo "make demo   replay the incident on this machine, contained step by step"
	@echo "make test   everything that must hold: format, lints, tests, documentation, dependencies"
	@echo "make bench  the figures, as ratios within one run"
	@echo "make fuzz   every fuzz target for FUZZ_SECONDS (60)"

demo:
	@scripts/prepare build
	@scripts/rust cargo run --release --locked -q -p bulkhead -- demo

test:
	@scripts/rust scripts/test

bench:
	@scripts/prepare build
	@scripts/rust cargo bench --workspace --locked --bench '*'

fuzz:
	@scripts/rust scripts/fuzz
