# Set-up, build, tests and the walk-through; `make` alone lists the targets.
#
# SQLTORCH_CACHE=DIR  keeps libtorch, downloads and build output in DIR, which several clones can share
# LIBTORCH=DIR or LIBTORCH_USE_PYTORCH=1  uses that libtorch 2.11.0; nothing is installed then
# KIND=cpu or KIND=cuda  installs that libtorch instead of the one that suits this machine

SHELL := /bin/sh
.DEFAULT_GOAL := help
CARGO ?= cargo
export CARGO KIND

ifneq ($(strip $(SQLTORCH_CACHE)),)
  override SQLTORCH_CACHE := $(abspath $(SQLTORCH_CACHE))
  export SQLTORCH_CACHE
  CARGO_TARGET_DIR ?= $(SQLTORCH_CACHE)/target
  export CARGO_TARGET_DIR
endif

# A libtorch of the user's own comes first, then the one in the cache folder; else .cargo/config.toml names .libtorch.
LIBTORCH_DIR := $(if $(SQLTORCH_CACHE),$(SQLTORCH_CACHE)/libtorch,$(CURDIR)/.libtorch)
export LIBTORCH_DIR
ifeq ($(strip $(LIBTORCH)$(LIBTORCH_USE_PYTORCH)),)
  USE_LIBTORCH := $(if $(SQLTORCH_CACHE),LIBTORCH='$(LIBTORCH_DIR)/torch')
endif

# An empty one would hide the one of .cargo/config.toml.
ifeq ($(strip $(LIBTORCH)),)
  unexport LIBTORCH
endif

# One thing after the other, also under make -j: the cheap checks come first.
.NOTPARALLEL:
.PHONY: help demo test bench tools build libtorch data walk fmt lint clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1@\2/p' Makefile | awk -F@ '{ printf "%-17s%s\n", $$1, $$2 }'

demo: tools libtorch data build walk ## set up, build, fetch The Complete Journey and run the walk-through in sql/

test: tools libtorch ## set up and run all tests
	@$(USE_LIBTORCH) scripts/cargo.sh test

build: tools libtorch ## build the release binary
	@$(USE_LIBTORCH) scripts/cargo.sh build --release

tools:
	@scripts/cargo.sh tools

libtorch: ## install libtorch 2.11.0, with CUDA where there is an NVIDIA GPU
	@scripts/libtorch.sh

data: ## fetch The Complete Journey (Parquet, 32 MB) into data/download
	@scripts/data.sh

walk: build data
	@$(USE_LIBTORCH) scripts/walk.sh

fmt: ## format the sources
	@$(CARGO) fmt

bench: tools libtorch ## measure rows per second
	@$(USE_LIBTORCH) scripts/cargo.sh bench --bench speed

lint: tools libtorch ## check the format, and let clippy warn of nothing
	@$(CARGO) fmt --check
	@$(USE_LIBTORCH) scripts/cargo.sh clippy --all-targets -- -D warnings

clean: ## remove what was built, installed and downloaded in this clone; models/ and the cache folder stay
	@rm -rf target .libtorch .libtorch.new .libtorch.old data/download
