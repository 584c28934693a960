# Daybook's two commands are `make nightly` and `make test`; both do all their own set-up on a fresh Debian 12.
# Invariant: with nothing to do nothing is started: packages are looked for by the files they bring, and the program is
# built only when something under Sources is newer. The rules of building themselves are SwiftPM's.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -euc
.DEFAULT_GOAL := help
.PHONY: help nightly test build lint soak browser clean packages toolchain

program := .build/release/daybook
inbox := $(or $(DAYBOOK_INBOX),.daybook/inbox)
# What `make nightly` puts into an empty inbox: two years of a small shop, and three nights after them.
SAMPLE ?= --customers 2000 --products 300 --orders 20000 --transactions 30000 --seed 1 --nights 3 --dirty 0.001
ROUNDS ?= 5
# How often `make soak` kills the program, for each way of loading and of refreshing, in each round.
FAULTS ?= 50

# Each package with a file that the build or the server needs of it.
needs := \
  libpq-dev=/usr/include/postgresql/libpq-fe.h \
  libcsv-dev=/usr/include/csv.h \
  libxlsxwriter-dev=/usr/include/xlsxwriter.h \
  zlib1g-dev=/usr/include/zlib.h \
  libzstd-dev=/usr/include/zstd.h \
  libssl-dev=/usr/include/openssl/evp.h \
  postgresql-15=/usr/lib/postgresql/15/bin/postgres
# What only the tests need besides.
test_needs := \
  python3-openpyxl=/usr/lib/python3/dist-packages/openpyxl/__init__.py \
  libxml2-utils=/usr/bin/xmllint \
  tidy=/usr/bin/tidy
# What the tests of the pages in a browser need; make test skips them and says so.
browser_needs := \
  chromium=/usr/bin/chromium \
  poppler-utils=/usr/bin/pdftotext
wanted := $(needs) $(if $(filter test soak browser,$(MAKECMDGOALS)),$(test_needs)) \
  $(if $(filter browser,$(MAKECMDGOALS)),$(browser_needs))
missing := $(foreach need,$(wanted),$(if $(wildcard $(lastword $(subst =, ,$(need)))),,$(firstword $(subst =, ,$(need)))))

# Directories are listed too: their time changes when a file in them comes or goes.
sources := $(shell find Sources Package.swift $(wildcard Package.resolved))

help: ## these lines
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

nightly: $(program) ## load the feeds, refresh the views, write the reports (samples when the inbox is empty)
	@if [ -z "$$(ls -A '$(inbox)' 2>/dev/null)" ]; then $(program) sample --inbox '$(inbox)' $(SAMPLE); fi
	@$(program) run nightly
	@echo "report index: $$PWD/Output/latest/index.html"

test: packages toolchain lint ## build and run every test, live database included
	@swift build --build-tests
	@swift test --skip-build --disable-xctest 2>&1 | tee .build/test.log | sed -u '/ started\.$$/d; /^◇ Test case /d' \
	  || { status=$$?; \
	    failed=$$(grep -m 200 '^✘' .build/test.log) || failed=$$(tail -n 20 .build/test.log); \
	    printf '\nmake test: what failed (all of it: .build/test.log)\n%s\n' "$$failed"; exit $$status; }

build: $(program) ## build the release program when a source is newer

lint: toolchain ## look for departures from .swift-format
	@swift format lint --strict --parallel --recursive Package.swift Sources Tests

soak: packages toolchain ## run the crash and end-to-end tests ROUNDS times (5), with FAULTS kills each (50)
	@swift build --build-tests
	@for round in $$(seq $(ROUNDS)); do \
	  DAYBOOK_FAULT_TRIALS=$(FAULTS) swift test --skip-build --disable-xctest --filter 'Crash|EndToEnd|InferenceProperty' 2>&1 | sed -n "s/.*Test run with/round $$round:/p"; \
	done

browser: packages toolchain ## install Chromium (360 MB) and test the pages in it
	@swift build --build-tests
	@DAYBOOK_BROWSER=1 swift test --skip-build --disable-xctest --filter PageTests

clean: ## remove what was built; the database in .daybook and the reports stay
	@rm -rf .build

$(program): $(sources) | packages toolchain
	@swift build --configuration release --product daybook
	@touch $@

toolchain:
	@command -v swift >/dev/null || { echo "make: no swift in PATH; install the Swift 6.3 toolchain (swift.org/install)" >&2; exit 1; }

ifeq ($(strip $(missing)),)
packages:
else
# Debian's postgresql-15 makes and starts a cluster of the whole system when it is installed. Daybook has its own, so
# while the package is being installed, and only then, a drop-in file asks postgresql-common not to make that one.
no_cluster := /etc/postgresql-common/createcluster.d/daybook-install.conf
packages:
	@command -v apt-get >/dev/null || { echo "make: this needs the equivalents of Debian's $(strip $(missing))" >&2; exit 1; }
	@if [ "$$(id -u)" != 0 ]; then \
	  echo "make: packages are missing; run this and then make again:" >&2; \
	  echo "  sudo apt-get install -y --no-install-recommends $(strip $(missing))" >&2; \
	  exit 1; \
	fi
	@echo "installing $(strip $(missing))" >&2
	@export DEBIAN_FRONTEND=noninteractive; \
	mkdir -p $(dir $(no_cluster)); \
	trap 'rm -f $(no_cluster)' EXIT; \
	echo 'create_main_cluster = false' > $(no_cluster); \
	install() { apt-get install -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 $(missing) >&2; }; \
	apt-cache show $(missing) >/dev/null 2>&1 || apt-get update -qq >&2; \
	install || { apt-get update -qq >&2 && install; }
endif
