# SPDX-License-Identifier: ISC
#
# Warden's build: each daemon is made of the sources in its directory and of common/ (one static archive). A daemon
# whose directory has no sources yet is left out.
#
#   B=DIR      build directory (build; build-san with SAN=address,undefined; build-san-X with SAN=X)
#   CC=        gcc or clang        SAN=       sanitizers, as in -fsanitize=
#   T=prefix   only these tests    OOM=1      unit tests also make each allocation fail in turn
#   FUZZ_SECONDS=60 per target     DESTDIR=, PREFIX=/usr, SYSCONFDIR=/etc for install

.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

ifeq ($(origin CC),default)
CC = gcc
endif
# V=1 shows the whole commands.
ifeq ($(V),)
quiet = @printf '  %-5s %s\n' $(1) $(patsubst $(B)/%,%,$@);
endif
comma := ,
SAN ?=
B ?= build$(if $(SAN),-san$(if $(filter-out address$(comma)undefined,$(SAN)),-$(subst $(comma),-,$(SAN))))
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
PREFIX ?= /usr
SYSCONFDIR ?= /etc

# ---- what is built --------------------------------------------------------------------------------------------------

common.src    := $(wildcard common/base/*.c common/auth/*.c common/ipc/*.c common/conf/*.c common/daemon/*.c)
sipd.src      := $(wildcard sipd/*.c)
mediad.src    := $(wildcard mediad/*.c)
featured.src  := $(wildcard featured/*.c featured/*/*.c)
apid.src      := $(wildcard apid/*.c)
wardenctl.src := $(wildcard apid/ctl/*.c)

common.pkg    := libsystemd libseccomp yaml-0.1
# jemalloc: sofia's 30 kB that linger after each call would leave glibc's heap in shreds. Sanitizers have their own.
sipd.pkg      := sofia-sip-ua libcrypto expat $(if $(SAN),,jemalloc)
mediad.pkg    := sndfile libsrtp2 opus spandsp speexdsp
featured.pkg  := libpq libcrypto jansson
apid.pkg      := libmicrohttpd jansson libpq libcrypto libcurl
wardenctl.pkg := libcurl jansson

mediad.lib    := -lm
bins          := $(foreach p,sipd mediad featured apid wardenctl,$(if $($(p).src),$(p)))

# ---- flags ----------------------------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wformat-security -Werror
HARDEN := -fPIE -fstack-protector-strong -fno-strict-aliasing -fno-plt \
	$(if $(filter x86_64,$(shell uname -m)),-fcf-protection) \
	$(if $(SAN),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
HARDEN_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
OPT ?= -O2 -g
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
# Hidden: our queue_init() must not become that of a library (spandsp) that has one of its own.
BASE_FLAGS := -std=gnu17 -I. -D_GNU_SOURCE -pthread -fvisibility=hidden $(WARN)
CFLAGS_ALL = $(BASE_FLAGS) $(OPT) $(HARDEN) $(SANFLAGS) $(CFLAGS)
LDFLAGS_ALL = -pthread $(HARDEN_LD) $(SANFLAGS) $(LDFLAGS)

# Libraries' headers as system headers: their warnings are not ours.
pkg_cflags = $(if $(1),$(patsubst -I%,-isystem%,$(shell pkg-config --cflags $(1))))
pkg_libs = $(if $(1),$(shell pkg-config --libs $(1)))

common.cflags   := $(call pkg_cflags,$(common.pkg))
sipd.cflags     := $(if $(sipd.src),$(call pkg_cflags,$(sipd.pkg)))
mediad.cflags   := $(if $(mediad.src),$(call pkg_cflags,$(mediad.pkg)))
featured.cflags := $(if $(featured.src),$(call pkg_cflags,$(featured.pkg)))
apid.cflags     := $(if $(apid.src),$(call pkg_cflags,$(apid.pkg)))

# The libraries' flags of the directory that a source lies in, by the first part of its path.
dir_cflags = $(common.cflags) $($(firstword $(subst /, ,$(patsubst $(B)/obj/%,%,$(patsubst $(B)/fuzz/obj/%,%,$@)))).cflags)

# ---- rules ----------------------------------------------------------------------------------------------------------

all: $(bins:%=$(B)/bin/%) $(B)/sounds/.made	## the daemons, wardenctl and prompts (the default)

# Prompts that the packages of recorded ones lack.
$(B)/sounds/.made: packaging/make-prompts $(wildcard packaging/prompts/*.txt)
	@mkdir -p $(@D)
	$(call quiet,SOUND)packaging/make-prompts $(@D)
	@touch $@

objs = $(patsubst %.c,$(B)/obj/%.o,$(1))

$(B)/lib/libcommon.a: $(call objs,$(common.src))
	@mkdir -p $(@D)
	@rm -f $@
	$(call quiet,AR)$(AR) crs $@ $^

define bin_rule
$(B)/bin/$(1): $(call objs,$($(1).src)) $(B)/lib/libcommon.a
	@mkdir -p $$(@D)
	$$(call quiet,LD)$$(CC) $$(LDFLAGS_ALL) -o $$@ $$^ $(call pkg_libs,$($(1).pkg) $(common.pkg)) $($(1).lib)
endef
$(foreach p,$(bins),$(eval $(call bin_rule,$(p))))

$(B)/obj/%.o: %.c $(B)/.flags
	@mkdir -p $(@D)
	$(call quiet,CC)$(CC) $(CFLAGS_ALL) $(dir_cflags) -MMD -MP -c -o $@ $<

# The migrations are bytes of this object (.incbin), which -MMD does not see.
$(B)/obj/featured/db/schema.o: $(wildcard featured/db/schema/*.sql)

# Changes only when the compiler or a flag does; then everything is made again.
$(B)/.flags: FORCE
	@mkdir -p $(B)
	@echo '$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL)' | cmp -s - $@ || echo '$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL)' > $@

FORCE:

# ---- tests ----------------------------------------------------------------------------------------------------------
# A test names the sources that it links ("links:") and pkg-config packages ("libs:") in its head comment;
# test/lib/links.awk turns that into the prerequisites in tests.mk.

unit_tests := $(patsubst test/unit/%.c,%,$(wildcard test/unit/*_test.c))
fuzz_tests := $(patsubst test/fuzz/%.c,%,$(wildcard test/fuzz/*_fuzz.c))
ifneq ($(T),)
unit_run := $(filter $(T)%,$(unit_tests))
fuzz_run := $(filter $(T)%,$(fuzz_tests))
else
unit_run := $(unit_tests)
fuzz_run := $(fuzz_tests)
endif

$(B)/tests.mk: test/lib/links.awk $(unit_tests:%=test/unit/%.c) $(fuzz_tests:%=test/fuzz/%.c)
	@mkdir -p $(@D)
	@awk -v B=$(B) -f $^ > $@
ifneq ($(filter check fuzz fuzz-build tests,$(MAKECMDGOALS)),)
include $(B)/tests.mk
endif

$(B)/test/mediad_test: | $(B)/bin/mediad	# runs the daemon itself

test_pkg = $(call pkg_libs,$(common.pkg) $($(notdir $@).libs))

$(B)/test/%_test: $(B)/obj/test/unit/%_test.o
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(test_pkg) -lm

# featured's stand-in for test/call/sip_alone.
$(B)/test/sip_peer: $(B)/obj/test/lib/sip_peer.o $(B)/lib/libcommon.a
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call pkg_libs,$(common.pkg))

FUZZ_SAN := address,undefined
FUZZ_FLAGS := $(BASE_FLAGS) -Wno-missing-prototypes -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all

$(B)/fuzz/obj/%.o: %.c $(B)/.flags
	@mkdir -p $(@D)
	$(call quiet,FUZZ)$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SAN) $(dir_cflags) \
	    $(call pkg_cflags,$($(basename $(notdir $@)).libs)) -MMD -MP -c -o $@ $<

$(B)/fuzz/%_fuzz: $(B)/fuzz/obj/test/fuzz/%_fuzz.o
	@mkdir -p $(@D)
	$(call quiet,FUZZ)$(FUZZ_CC) -fsanitize=fuzzer,$(FUZZ_SAN) -pthread -o $@ $^ $(test_pkg) -lm

tests: $(unit_tests:%=$(B)/test/%)	## builds the unit tests

check: $(unit_run:%=$(B)/test/%)	## unit tests (T=prefix for some, SAN= for sanitizers, OOM=1)
	@WARDEN_OOM=$(OOM) test/lib/run-units $(unit_run:%=$(B)/test/%)

fuzz-build: $(fuzz_run:%=$(B)/fuzz/%)

fuzz: fuzz-build			## fuzz targets, FUZZ_SECONDS=60 each, two at a time (T=prefix for some)
	@test/lib/run-fuzz $(B)/fuzz $(FUZZ_SECONDS) $(fuzz_run)

# The load tools, and the figures of ARCHITECTURE's cost table. BENCH= passes arguments on to test/bench/run.
bench_load := $(wildcard test/bench/load_*.c)

$(B)/bench/callload: $(call objs,test/bench/callload.c $(bench_load))
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(LDFLAGS_ALL) -o $@ $^ -lcrypto

$(B)/bench/rtpfloor: $(call objs,test/bench/rtpfloor.c $(filter %_stat.c %_rtp.c,$(bench_load)))
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(LDFLAGS_ALL) -o $@ $^

sip_floors := $(B)/bench/sipfloor $(B)/bench/regfloor

$(sip_floors:$(B)/%=$(B)/obj/test/%.o): common.cflags += $(sipd.cflags)
$(sip_floors): $(B)/bench/%: $(B)/obj/test/bench/%.o
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call pkg_libs,$(sipd.pkg))

$(B)/bench/rtpmediad: $(call objs,test/bench/rtpmediad.c $(filter %_stat.c %_rtp.c,$(bench_load))) $(B)/lib/libcommon.a | $(B)/bin/mediad
	@mkdir -p $(@D)
	$(call quiet,LD)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call pkg_libs,$(common.pkg))

bench-tools: $(B)/bench/callload $(B)/bench/rtpfloor $(B)/bench/rtpmediad $(sip_floors)

bench: all bench-tools			## what calls cost, against the bars (some minutes; BENCH='-q' for less)
	@WARDEN_BIN=$(B)/bin BENCH_BIN=$(B)/bench test/bench/run $(BENCH)

lint: all				## layers, licence lines, manuals, protocol numbers, settings, units
	@test/lint/all $(B)

fmt:					## brings FILES= (or what differs from the last commit) to 100 columns
	@test/lib/columns $(or $(FILES),$(shell git diff --name-only --diff-filter=d HEAD -- '*.c' '*.h' '*.def'))

# ---- install --------------------------------------------------------------------------------------------------------

SBIN := $(DESTDIR)$(PREFIX)/sbin
BIN := $(DESTDIR)$(PREFIX)/bin
LIB := $(DESTDIR)$(PREFIX)/lib
SHARE := $(DESTDIR)$(PREFIX)/share
ETC := $(DESTDIR)$(SYSCONFDIR)

install: all				## everything under DESTDIR; existing settings are left alone
	install -d $(SBIN) $(BIN) $(ETC)/warden $(LIB)/systemd/system $(LIB)/sysusers.d $(LIB)/tmpfiles.d
	$(foreach p,$(filter-out wardenctl,$(bins)),install -m 755 $(B)/bin/$(p) $(SBIN)/$(p) &&) true
	$(foreach p,$(filter wardenctl,$(bins)),install -m 755 $(B)/bin/$(p) $(BIN)/$(p) &&) true
	install -m 644 $(wildcard etc/systemd/*) $(LIB)/systemd/system/
	install -m 644 etc/sysusers.d/warden.conf $(LIB)/sysusers.d/
	install -m 644 etc/tmpfiles.d/warden.conf $(LIB)/tmpfiles.d/
	@test/lib/install-data '$(DESTDIR)' '$(ETC)' '$(SHARE)' '$(B)'

clean:					## removes the build directory
	rm -rf $(B)

help:					## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## */\1	/p' Makefile | expand -t 12
	@sed -n 's/^#   \([A-Z_]*=\)/  \1/p' Makefile

.PHONY: all tests check fuzz fuzz-build bench bench-tools lint fmt install clean help FORCE

-include $(shell [ ! -d $(B) ] || find $(B) -name '*.d')
