# Needs Rust, make and npm; what else is missing is installed or named. See CONTRIBUTING.md.
.PHONY: demo test fuzz help

help:
	@echo "make demo   replay the incident on this machine, contained step by step"
	@echo "make test   everything that must hold: format, lints, tests, documentation, dependencies"
	@echo "make fuzz   every fuzz target for FUZZ_SECONDS (60)"

demo:
	@scripts/prepare build
	@scripts/rust cargo run --release --locked -q -p bulkhead -- demo

test:
	@scripts/rust scripts/test

fuzz:
	@scripts/rust scripts/fuzz
