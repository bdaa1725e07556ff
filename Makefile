# Needs Rust, make and npm; what else is missing is installed or named. See CONTRIBUTING.md.
.PHONY: help demo test bench pages shots fuzz picture console kernels fresh

help:
	@echo "make demo   replay the incident on this machine, contained step by step"
	@echo "make test   everything that must hold: format, lints, tests, documentation, dependencies"
	@echo "make bench  the figures, as ratios within one run"
	@echo "make pages  those of them that are the console's, in a browser"
	@echo "make shots  screenshots of the console's pages into target/shots, by its tests"
	@echo "make fuzz   every fuzz target for FUZZ_SECONDS (60)"
	@echo "make kernels  the jail on Debian's own kernels, in virtual machines"
	@echo "make fresh  the demo on a Debian that has nothing of ours; with TEST=1 all tests too"
	@echo "make console  the web console, for the next cargo build to take into the binary"
	@echo "make picture  docs/images/demo.svg anew, from a real run of the demo"

demo:
	@scripts/prepare build
	@[ -e "$${CARGO_TARGET_DIR:-target}/release/bulkhead" ] || echo "building Bulkhead: some minutes, the first time" >&2
	@scripts/rust cargo run --release --locked -q -p bulkhead -- demo

test:
	@scripts/rust scripts/test

bench:
	@scripts/prepare build
	@scripts/rust cargo build --release --locked -q -p bulkhead
	@scripts/rust cargo bench --workspace --locked --bench '*'
	@scripts/pages || [ $$? = 3 ]

# The part of the figures that is about the console in a browser.
pages:
	@scripts/prepare build
	@scripts/rust cargo build --release --locked -q -p bulkhead
	@scripts/pages

# What its tests in the browser see, for people to look at.
shots:
	@scripts/prepare build
	@scripts/prepare tests
	@scripts/rust scripts/shots $(SHOTS)

fuzz:
	@scripts/rust scripts/fuzz

console:
	@scripts/console

kernels:
	@scripts/rust scripts/kernels

fresh:
	@scripts/rust scripts/fresh $(SUITE)

picture:
	@scripts/prepare build
	@scripts/rust scripts/picture
