# SPDX-License-Identifier: MIT
# libaicp.so, the shim. Its own flags: it is loaded into programs that are not ours.
#
# No _FORTIFY_SOURCE and no stack protector: their symbols are missing in musl and in older libcs, where a symbol that
# is not found kills the program. Nothing but libc.so.6 is needed, nothing but the hooks is exported.

SHIM_CFLAGS := -std=gnu17 -D_GNU_SOURCE $(WARNINGS) $(WERROR) -Iinclude -MMD -MP -g -O2 -fPIC -fvisibility=hidden \
	       -U_FORTIFY_SOURCE -fno-stack-protector -fno-exceptions -ftls-model=initial-exec -fno-plt
# Two segments in place of four, and no read-only relocations: each would be two system calls and a fault more in every
# program that starts. Who can write to this object's tables can write to the program's own.
SHIM_LDFLAGS := -shared -Wl,--version-script=preload/shim.map -Wl,-soname,libaicp.so -Wl,-z,now -Wl,-z,norelro \
		-Wl,-z,noseparate-code -Wl,-z,nodelete -Wl,-z,defs -Wl,--as-needed -Wl,--hash-style=both -nostartfiles

SHIM_OBJ := $(patsubst preload/%.c,build/release/preload/%.o,$(wildcard preload/*.c))

build/release/preload/%.o: preload/%.c preload/build.mk
	@mkdir -p $(@D)
	@echo "  CC   $<"
	$(Q)$(CC) $(SHIM_CFLAGS) -c -o $@ $<

# By rename: a running program has the old file mapped. Sealed: include/aicp/seal.h says why.
build/libaicp.so: $(SHIM_OBJ) preload/shim.map build/release/seal
	@echo "  LINK $@"
	$(Q)$(CC) $(SHIM_LDFLAGS) -o $@.bare $(SHIM_OBJ) && build/release/seal $@.bare $@.new && rm -f $@.bare && mv -f $@.new $@

$(B)/seal: packaging/seal.c $(call LIBS_of,base)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(call LIBS_of,base) -Wl,--as-needed $(LIBS_base)

# Everything but the hooks themselves can be tested without being preloaded.
SHIM_CORE := $(filter-out preload/hook_%.c,$(wildcard preload/*.c))
$(B)/libpreload.a: $(SHIM_CORE:%.c=$(B)/%.o)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^
PRESENT += preload
# What tests/support stands on; the shim itself uses nothing of the daemon.
BELOW_preload := base
$(B)/unit/preload/%: private EXTRA_CFLAGS += -iquote .
# Over the real libraries.
$(B)/unit/preload/test_openssl: private EXTRA_LDFLAGS += -lssl
$(B)/unit/preload/test_gnutls: private EXTRA_LDFLAGS += -lgnutls

# Programs for tests/lab/test_shim*.sh and tests/bench/bench_shim.sh.
build/shim/%: tests/lab/shim/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -Wall -Wextra $(WERROR) -Iinclude -O1 -g -MMD -MP -o $@ $< -lssl -lcrypto -lpthread
check: build/shim/fake_engine build/shim/client build/shim/held build/shim/witnessed build/shim/clear build/shim/hostile build/shim/two_libraries build/shim/differential
-include $(wildcard build/shim/*.d build/release/preload/*.d build/release/*.d)
