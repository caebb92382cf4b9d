# `make` lists the targets: the text after ## is their explanation.

# cargo-pgrx needs its own linker flags, which a RUSTFLAGS variable would replace.
unexport RUSTFLAGS CARGO_ENCODED_RUSTFLAGS

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

.PHONY: help setup demo demo-stop test lint install bench-size bench-cost bench-overhead bench-advisor bench-oltp bench-scale bench-seeds bench-jobs clean

help: ## Show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | \
		while IFS=$$'\t' read -r target text; do printf '  make %-12s %s\n' "$$target" "$$text"; done

setup: ## Install what building needs: PostgreSQL 15, libclang, cargo-pgrx (fast if all is there)
	@scripts/setup.sh

demo: setup ## See the advice work on a test platform with over 3 million rows; leaves a server to play with
	@scripts/demo.sh

demo-stop: ## Stop the demo's server and delete its data
	@scripts/demo-stop.sh

test: setup ## Run all tests: plain Rust, inside a server, and against whole clusters
	@scripts/test.sh

lint: setup ## Check formatting, lints, documentation, the lock file and the scripts
	@scripts/lint.sh

bench-size: setup ## Compare the sizes of hypothetical indexes with those of real ones, on large tables
	@bench/accuracy.sh size

bench-cost: setup ## Compare the costs of plans with hypothetical and with real indexes, on large tables
	@bench/accuracy.sh cost

bench-overhead: setup ## Compare what pgopt costs other statements with what pg_stat_statements does; 40 minutes
	@bench/overhead.sh

bench-oltp: setup ## Run pgbench with the advice for it and without, in pairs; 6 minutes, fails below a bar
	@bench/oltp.sh

bench-scale: setup ## Time advice on up to 1,000 statements over 300 tables; 3 minutes, fails below a bar
	@bench/scale.sh

bench-seeds: setup ## Advise five real systems that were tuned by hand, and compare; 10 minutes, fails below a bar
	@bench/seeds.sh

bench-advisor: setup ## Compare the advice on TPC-H with that of other advisors, build it, and measure; 20 minutes
	@bench/advisor.sh

bench-jobs: setup ## Run 1,000 jobs a minute, and an hour of a materialized view; 9 minutes, fails below a bar
	@bench/jobs.sh

install: setup ## Build for and install into another server: make install PG_CONFIG=/path/to/pg_config
	@scripts/install.sh $(PG_CONFIG)

clean: demo-stop ## Stop the demo and delete everything that was built
	cargo clean
