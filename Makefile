# SPDX-License-Identifier: MIT
# The whole build. `make help` lists what it can do.

FLAVOUR ?= release
VERSION := 0.1.0
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)

PREFIX     ?= /usr
SYSCONFDIR ?= /etc
DESTDIR    ?=

B   := build/$(FLAVOUR)
GEN := build/gen
CC  ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	    -Wcast-qual -Wvla -Wundef -Wformat=2 -Wno-format-nonliteral
# Warnings stop a developer's build; a packager's compiler may know new ones.
WERROR   ?= -Werror
INCLUDES := -Iinclude -Idaemon -I$(GEN)
COMMON   := -std=gnu17 -D_GNU_SOURCE -DAICP_VERSION='"$(VERSION)"' $(WARNINGS) $(WERROR) $(INCLUDES) -MMD -MP -g

CFLAGS_release := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
CFLAGS_debug   := -O0 -fPIE
CFLAGS_asan    := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -fPIE
# For `make bench` alone: what is left of the latency when the ledger does not wait for the disk.
CFLAGS_volatile := $(CFLAGS_release) -DLEDGER_SYNCHRONOUS='"OFF"'
LDFLAGS_release := -pie -Wl,-z,relro,-z,now
LDFLAGS_volatile := $(LDFLAGS_release)
LDFLAGS_debug   := -pie
LDFLAGS_asan    := -pie -fsanitize=address,undefined

CFLAGS  = $(COMMON) $(CFLAGS_$(FLAVOUR)) $(EXTRA_CFLAGS)
LDFLAGS = $(LDFLAGS_$(FLAVOUR)) $(EXTRA_LDFLAGS)

# Libraries by the layer that brings them in.
LIBS_base   := -lyaml -lcrypto -lm
LIBS_http   := -lz -lbrotlidec -lzstd
LIBS_policy := -lhs
LIBS_ledger := -lsqlite3
LIBS_io     := -lseccomp -lcap-ng
LIBS_api    := -lmicrohttpd -lcjson -lsqlite3
LIBS_all    := -Wl,--as-needed $(LIBS_base) $(LIBS_http) $(LIBS_policy) $(LIBS_ledger) $(LIBS_io) $(LIBS_api) -lpthread

# ---- layers: a folder is a layer, and an archive ----------------------------------------------

LAYERS := base model http provider detect policy record engine ledger io api
layer_lib = $(B)/lib$(1).a
# What the unit tests of a layer may link: the layer itself and all that lie below it.
BELOW_base     :=
BELOW_model    := base
BELOW_http     := model base
BELOW_provider := model base
BELOW_detect   := model base
BELOW_policy   := model base
BELOW_record   := model base
BELOW_engine   := record policy detect provider http model base
BELOW_ledger   := engine record policy detect provider http model base
BELOW_io       := ledger engine record policy detect provider http model base
BELOW_api      := io ledger engine record policy detect provider http model base

# Layers that have sources.
PRESENT := $(foreach l,$(LAYERS),$(if $(wildcard daemon/$(l)/*.c),$(l)))

define LAYER_RULES
OBJ_$(1) := $$(patsubst daemon/%.c,$(B)/daemon/%.o,$$(wildcard daemon/$(1)/*.c))
$(call layer_lib,$(1)): $$(OBJ_$(1))
	@mkdir -p $$(@D)
	$$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call LAYER_RULES,$(l))))

OBJ_gen := $(B)/gen/embed.o
LIBS_of = $(foreach l,$(filter $(PRESENT),$(1)),$(call layer_lib,$(l)))
GROUP   = -Wl,--start-group $(1) -Wl,--end-group

# ---- programs -----------------------------------------------------------------------------------

all: build/aicpd build/aicp build/libaicp.so build/aicp-verify ## Build everything (default)

ifneq ($(FLAVOUR),release)
all: $(B)/aicpd $(B)/aicp
endif

$(B)/aicpd: $(B)/daemon/main.o $(OBJ_gen) $(call LIBS_of,$(LAYERS))
	@echo "  LINK $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(B)/daemon/main.o $(OBJ_gen) $(call GROUP,$(call LIBS_of,$(LAYERS))) $(LIBS_all)

OBJ_cli := $(patsubst cli/%.c,$(B)/cli/%.o,$(filter-out cli/verify_main.c,$(wildcard cli/*.c)))
$(B)/aicp: $(OBJ_cli) $(call LIBS_of,ledger record policy http model base)
	@echo "  LINK $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(OBJ_cli) $(call GROUP,$(call LIBS_of,ledger record policy http model base)) \
		-Wl,--as-needed $(LIBS_base) $(LIBS_policy) $(LIBS_ledger) -lcjson

# The verifier of exported bundles: neither daemon nor database.
OBJ_verify := $(B)/cli/verify_main.o $(B)/cli/verify_args.o
$(B)/aicp-verify: $(OBJ_verify) $(call LIBS_of,record model base)
	@echo "  LINK $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(OBJ_verify) $(call GROUP,$(call LIBS_of,record model base)) -Wl,--as-needed $(LIBS_base)

build/aicpd build/aicp build/aicp-verify: build/%: build/release/%
	$(Q)cp -f $< $@.new && mv -f $@.new $@
ifneq ($(FLAVOUR),release)
build/release/%:
	$(Q)$(MAKE) FLAVOUR=release $@
endif

$(B)/%.o: %.c | $(GEN)/embed.h
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

# Files that ship inside aicpd: providers, and (later) detectors, packs and the dashboard.
EMBEDDED := $(sort $(wildcard policies/providers/*.yaml))
$(GEN)/embed.c $(GEN)/embed.h &: packaging/embed.sh $(EMBEDDED)
	@mkdir -p $(GEN)
	$(Q)sh packaging/embed.sh $(GEN)/embed.c $(GEN)/embed.h $(EMBEDDED)
$(B)/gen/embed.o: $(GEN)/embed.c $(EMBEDDED)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

include preload/build.mk

# ---- tests --------------------------------------------------------------------------------------

UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
UNIT     := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
SUPPORT  := $(patsubst tests/support/%.c,$(B)/support/%.o,$(wildcard tests/support/*.c))

$(B)/support/%.o: tests/support/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -Itests -c -o $@ $<

.SECONDEXPANSION:
unit_layer = $(word 1,$(subst /, ,$(1)))
unit_libs  = $(call LIBS_of,$(call unit_layer,$(1)) $(BELOW_$(call unit_layer,$(1))))
$(B)/unit/%: tests/unit/%.c $(SUPPORT) $$(call unit_libs,$$*) | $(GEN)/embed.h
	@mkdir -p $(@D)
	@echo "  TEST $*"
	$(Q)$(CC) $(CFLAGS) -Itests $(LDFLAGS) -o $@ $< $(SUPPORT) $(call GROUP,$(call unit_libs,$*)) -lcmocka $(LIBS_all)

unit-programs: $(UNIT)

check-unit: ## Unit tests under ASan and UBSan
	$(Q)$(MAKE) FLAVOUR=asan unit-programs
	$(Q)tests/run unit

check: deps all ## Everything: lint, unit, fuzz corpora, lab; ends with "N passed, N failed"
	$(Q)$(MAKE) FLAVOUR=asan unit-programs fuzz-programs
	$(Q)tests/run lint unit fuzz lab

# ---- fuzz ---------------------------------------------------------------------------------------
# Every target is one file tests/fuzz/fuzz_NAME.c with LLVMFuzzerTestOneInput(); its first comment line
# "layer: NAME" says what to link. gcc + replay_main.c replays corpora in `make check`; clang and libFuzzer search.

FUZZ_SRC    := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_NAMES  := $(patsubst tests/fuzz/fuzz_%.c,%,$(FUZZ_SRC))
fuzz_layer   = $(shell sed -n 's/.*layer: \([a-z]*\).*/\1/p;' tests/fuzz/fuzz_$(1).c | head -1)
fuzz_libs    = $(call LIBS_of,$(call fuzz_layer,$(1)) $(BELOW_$(call fuzz_layer,$(1))))

$(B)/fuzz/replay_%: tests/fuzz/fuzz_%.c tests/fuzz/replay_main.c $$(call fuzz_libs,$$*)
	@mkdir -p $(@D)
	@echo "  FUZZ $*"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< tests/fuzz/replay_main.c $(call GROUP,$(call fuzz_libs,$*)) $(LIBS_all)

fuzz-programs: $(FUZZ_NAMES:%=$(B)/fuzz/replay_%)

FUZZ_SECONDS ?= 60
fuzz: deps ## Search with libFuzzer for FUZZ_SECONDS per target (default 60)
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/search.sh $(FUZZ_NAMES)

# ---- benchmarks ----------------------------------------------------------------------------------
# tests/bench/NAME.c; "layer: NAME" in its first comment says what to link, none links libraries alone.

BENCH_SRC  := $(wildcard tests/bench/*.c)
bench_layer = $(shell sed -n 's/.*layer: \([a-z]*\).*/\1/p;' tests/bench/$(1).c | head -1)
bench_libs  = $(call LIBS_of,$(call bench_layer,$(1)) $(BELOW_$(call bench_layer,$(1))))

$(B)/bench/%: tests/bench/%.c $$(call bench_libs,$$*) | $(GEN)/embed.h
	@mkdir -p $(@D)
	@echo "  BENCH $*"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(call GROUP,$(call bench_libs,$*)) -Wl,--as-needed -lssl $(LIBS_all)

bench-programs: $(BENCH_SRC:tests/bench/%.c=$(B)/bench/%)

volatile:
	$(Q)$(MAKE) FLAVOUR=volatile build/volatile/aicpd

# ---- the rest -----------------------------------------------------------------------------------

deps: ## Install what the build and the tests need (Debian: apt)
	$(Q)sh packaging/deps.sh

lint: ## Layers, purity, exports, headers, formatting, clang-tidy, cppcheck
	$(Q)tests/run lint-all

format: ## clang-format every C file
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

$(B)/docs/generate: docs/generate.c $(call LIBS_of,api model base)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(call GROUP,$(call LIBS_of,api model base)) -Wl,--as-needed $(LIBS_base)

docs: $(B)/docs/generate ## Make docs/FACTS.md, docs/CONFIG.md and docs/API.md from their tables
	$(Q)$(B)/docs/generate facts > docs/FACTS.md
	$(Q)$(B)/docs/generate config > docs/CONFIG.md
	$(Q)$(B)/docs/generate api > docs/API.md

demo: deps all ## Govern real clients on this machine and show what happens
	$(Q)tests/lab/demo.sh

bench: deps all bench-programs volatile ## Benchmarks as ratios of one run (docs/BENCHMARKS.md)
	$(Q)tests/bench/run

install: all ## Install below DESTDIR
	$(Q)DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" SYSCONFDIR="$(SYSCONFDIR)" sh packaging/install.sh

uninstall: ## Remove what install put there; configuration, ledger and users stay
	$(Q)DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" SYSCONFDIR="$(SYSCONFDIR)" sh packaging/uninstall.sh

clean: ## Remove what was built
	rm -rf build/release build/debug build/asan build/fuzz build/gen build/aicp build/aicpd build/aicp-verify build/libaicp.so

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20
	@echo
	@echo "  FLAVOUR=release|debug|asan   V=1 shows commands   PREFIX, SYSCONFDIR, DESTDIR for install"

.PHONY: all check check-unit unit-programs fuzz-programs fuzz deps lint format docs demo bench bench-programs volatile install uninstall clean help
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

-include $(shell find $(B) -name '*.d' 2>/dev/null)
