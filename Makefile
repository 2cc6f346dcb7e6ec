# SPDX-License-Identifier: Apache-2.0
# carrack: build, check, demo, bench, fuzz, lint, install. `make help` lists the targets.

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
SYSTEMDDIR ?= /etc/systemd/system
BASHDIR    ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR     ?= $(PREFIX)/share/zsh/site-functions
FISHDIR    ?= $(PREFIX)/share/fish/vendor_completions.d
DESTDIR    ?=
CC         ?= cc
MODE       ?= release
# MODE=release (default), san (ASan and UBSan), clang (compile with clang, for its warnings)
V          ?= 0
Q           = $(if $(filter 1,$(V)),,@)

VERSION := 0.1.0
B       := build/$(MODE)

PKGS := yaml-0.1 libcurl jansson libsodium libnl-3.0 libnl-route-3.0 libarchive libnftables \
        libevent_core libevent_openssl openssl sqlite3 ldns libisal libzstd zlib libseccomp libbpf
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

WARN := -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
        -Wold-style-definition -Wimplicit-fallthrough -Wundef -Wvla -Wpointer-arith \
        -Wwrite-strings -Wredundant-decls -Wnested-externs -Werror=override-init -Werror
HARDEN := -fno-common -fvisibility=hidden -fstack-protector-strong -fstack-clash-protection
CFLAGS_release := -O2 -g $(HARDEN) -fcf-protection -D_FORTIFY_SOURCE=2
CFLAGS_san     := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS_clang   := -O1 -g $(HARDEN)
CFLAGS_fuzz    := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
                  -fno-sanitize-recover=all -DCARRACK_FUZZ=1
LDFLAGS_release := -Wl,-z,relro,-z,now
LDFLAGS_san     := -fsanitize=address,undefined
LDFLAGS_fuzz    := -fsanitize=fuzzer,address,undefined
ifneq ($(filter clang fuzz,$(MODE)),)
CC := clang
endif
CFLAGS ?=
ALL_CFLAGS := -std=gnu11 -I. -D_GNU_SOURCE -DCARRACK_VERSION='"$(VERSION)"' $(WARN) $(CFLAGS_$(MODE)) \
              $(PKG_CFLAGS) $(CFLAGS)
# Each program is linked with what it calls; libcurl with none, it is loaded at its first use (base/curl.h).
LIBS := -Wl,--as-needed $(PKG_LIBS) -lm -lpthread

# One static library for each room; the order is that of who may use whom (users first).
ROOMS := cli lab agent agent/core agent/image agent/runtime overlay controller controller/api \
         controller/core controller/store controller/sched manifests base
SHIM_SRC := agent/runtime/shim.c
# The programs: MAIN_NAME is its main file; what it needs of the rooms is linked.
MAIN_carrack            := cli/main
MAIN_carrack-agent      := agent/program
MAIN_carrack-controller := controller/program
PROGRAMS := carrack carrack-agent carrack-controller
MAIN_SRC := $(foreach p,$(PROGRAMS),$(MAIN_$(p)).c)
room_src = $(filter-out $(SHIM_SRC) $(MAIN_SRC),$(wildcard $(1)/*.c))
SRCS := $(foreach r,$(ROOMS),$(call room_src,$(r)))
OBJS := $(SRCS:%.c=$(B)/%.o)

.PHONY: all
all: $(PROGRAMS:%=$(B)/%) $(B)/carrack-shim

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Programs for the kernel, compiled once and put into the object that loads them.
BPF_CC    ?= clang
BPF_FLAGS := -target bpf -O2 -g -Wall -Wextra -Werror -I. -I/usr/include/$(shell cc -print-multiarch 2>/dev/null)
BPF_OBJ   := build/bpf/vip.bpf.o build/bpf/fastpath.bpf.o
build/bpf/vip.bpf.o: overlay/bpf/vip_maps.h
build/bpf/fastpath.bpf.o: overlay/bpf/fastpath_maps.h
$(BPF_OBJ): build/bpf/%.bpf.o: overlay/bpf/%.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF   $<"
	$(Q)$(BPF_CC) $(BPF_FLAGS) -c -o $@.$$$$ $< && mv $@.$$$$ $@
$(B)/overlay/vipbpf.o: build/bpf/vip.bpf.o
$(B)/overlay/vipbpf.o: ALL_CFLAGS += -DVIP_BPF_OBJECT='"build/bpf/vip.bpf.o"'
$(B)/overlay/fastbpf.o: build/bpf/fastpath.bpf.o
$(B)/overlay/fastbpf.o: ALL_CFLAGS += -DFAST_BPF_OBJECT='"build/bpf/fastpath.bpf.o"'

# lib_rule(room): build/MODE/lib/ROOM.a of the room's sources
define lib_rule
$(B)/lib/$(subst /,-,$(1)).a: $(patsubst %.c,$(B)/%.o,$(call room_src,$(1)))
	@mkdir -p $$(@D)
	@echo "  AR    $$@"
	$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call lib_rule,$(r))))
lib = $(B)/lib/$(subst /,-,$(1)).a
ALL_LIBS := $(foreach r,$(ROOMS),$(call lib,$(r)))

define program_rule
$(B)/$(1): $(B)/$(MAIN_$(1)).o $(ALL_LIBS)
	@echo "  LD    $$@"
	$(Q)$(CC) $(LDFLAGS_$(MODE)) $(LDFLAGS) -o $$@ $$< -Wl,--start-group $(ALL_LIBS) -Wl,--end-group $(LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p))))

$(B)/carrack-shim: $(SHIM_SRC)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) -std=gnu11 -I. -D_GNU_SOURCE $(WARN) -Os $(HARDEN) -static -Wl,-z,norelro -s -MMD -MP -MF $@.d -o $@ $<

# Unit tests: tests/unit/ROOM_name.c (ROOM with '-' for '/') is linked with its room and those below it.
below_base            := base
below_manifests       := manifests base
below_overlay         := overlay base
below_controller-sched := controller/sched manifests base
below_controller-store := controller/store base
below_controller-core := controller/core controller/sched manifests base
below_controller-api  := controller/api controller/core controller/store controller/sched manifests base
below_agent-image     := agent/image manifests base
below_agent-runtime   := agent/runtime manifests base
below_agent-core      := agent/core agent/image agent/runtime overlay manifests base
below_cli             := cli manifests base
below_lab             := lab base
UNIT_SRC := $(wildcard tests/unit/*.c)
UNIT     := $(UNIT_SRC:tests/unit/%.c=$(B)/tests/unit/%)
$(B)/tests/%.o: ALL_CFLAGS += -Wno-missing-prototypes
test_room = $(firstword $(subst _, ,$(notdir $(1))))
define unit_rule
$(B)/tests/unit/$(1): $(B)/tests/unit/$(1).o $(foreach r,$(below_$(call test_room,$(1))),$(call lib,$(r)))
	@echo "  LD    $$@"
	$(Q)$(CC) $(LDFLAGS_$(MODE)) $(LDFLAGS) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(LIBS) -lcmocka
endef
$(foreach t,$(UNIT_SRC:tests/unit/%.c=%),$(eval $(call unit_rule,$(t))))

SIM_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tests/sim/*.c))
$(B)/tests/sim/sim: $(SIM_OBJ) $(foreach r,$(below_controller-core),$(call lib,$(r)))
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_$(MODE)) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LIBS)

# Fuzz targets: tests/fuzz/fuzz_NAME.c with LLVMFuzzerTestOneInput; MODE=fuzz only.
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ     := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/tests/fuzz/%)
$(FUZZ): $(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(ALL_LIBS)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_$(MODE)) $(LDFLAGS) -o $@ $< -Wl,--start-group $(ALL_LIBS) -Wl,--end-group $(LIBS)

.PHONY: objects unit unit-bins sim-bin fuzz-bins
objects: $(OBJS) $(foreach p,$(PROGRAMS),$(B)/$(MAIN_$(p)).o) $(B)/carrack-shim
unit-bins: $(UNIT)
sim-bin: $(B)/tests/sim/sim
fuzz-bins: $(FUZZ)

-include $(OBJS:.o=.d) $(MAIN_SRC:%.c=$(B)/%.d) $(B)/carrack-shim.d $(UNIT:=.d) $(FUZZ:=.d) $(SIM_OBJ:.o=.d)

.PHONY: format
format:
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

.PHONY: clean
clean:
	rm -rf build

# --- what a user calls -------------------------------------------------------------------------

.PHONY: help deps demo check check-vm unit sim lint fuzz bench cluster install uninstall
help:
	@echo "make            build carrack and its programs (build/$(MODE)/)"
	@echo "make demo       a cluster on this machine: apply hello.yaml, ping, HTTP by name, down"
	@echo "make check      lint, unit tests (plain and sanitized), simulation, fuzz, cluster tests"
	@echo "make check-vm   hosts with kernels of their own, in software emulation (T='traffic' for some)"
	@echo "make unit|sim|lint|cluster   one part of check (cluster: T='stack network' for some)"
	@echo "make fuzz T=60  every fuzz target for T seconds"
	@echo "make bench      ratios against peers, measured in one run"
	@echo "make install    DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)"

deps:
	@tests/tools/deps.sh build

demo:
	@tests/tools/deps.sh demo
	@$(MAKE) --no-print-directory all
	@tests/tools/demo.sh

check:
	@tests/tools/deps.sh check
	@tests/tools/check.sh lint unit sim fuzz cluster

check-vm:
	@tests/tools/deps.sh vm
	@$(MAKE) --no-print-directory all
	@tests/vm/run.sh $(T)

unit sim lint:
	@tests/tools/deps.sh check
	@tests/tools/check.sh $@

cluster:
	@tests/tools/deps.sh check
	@T='$(T)' tests/tools/check.sh cluster

fuzz:
	@tests/tools/deps.sh check
	@FUZZ_SECONDS=$(or $(T),60) tests/tools/check.sh fuzz

bench:
	@tests/tools/deps.sh bench
	@$(MAKE) --no-print-directory all
	@tests/bench/run.sh

install: all
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(SYSTEMDDIR)'
	install -m 755 $(PROGRAMS:%=$(B)/%) $(B)/carrack-shim '$(DESTDIR)$(BINDIR)'
	install -d '$(DESTDIR)$(BASHDIR)' '$(DESTDIR)$(ZSHDIR)' '$(DESTDIR)$(FISHDIR)'
	$(B)/carrack completion bash >'$(DESTDIR)$(BASHDIR)/carrack'
	$(B)/carrack completion zsh >'$(DESTDIR)$(ZSHDIR)/_carrack'
	$(B)/carrack completion fish >'$(DESTDIR)$(FISHDIR)/carrack.fish'
	for unit in controller agent; do \
		sed 's|/usr/local/bin|$(BINDIR)|g' packaging/carrack-$$unit.service >'$(DESTDIR)$(SYSTEMDDIR)/'carrack-$$unit.service || exit 1; \
	done

uninstall:
	rm -f $(foreach p,$(PROGRAMS) carrack-shim,'$(DESTDIR)$(BINDIR)/$(p)')
	rm -f '$(DESTDIR)$(BASHDIR)/carrack' '$(DESTDIR)$(ZSHDIR)/_carrack' '$(DESTDIR)$(FISHDIR)/carrack.fish'
	rm -f '$(DESTDIR)$(SYSTEMDDIR)/carrack-controller.service' '$(DESTDIR)$(SYSTEMDDIR)/carrack-agent.service'
