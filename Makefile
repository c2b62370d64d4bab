# SPDX-License-Identifier: BSD-3-Clause
#
# make run    build the binary and let it say hello to an NVMe controller
# make test   everything that must hold before a change goes in
# make help   the other targets

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
BIN         := bin/gospdk
# Small enough to be copied anywhere: a static binary stays below this.
MAX_BYTES   := 20000000
FUZZTIME    ?= 3s
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS     := -s -w -X main.version=$(VERSION)

# No cgo, no network for the toolchain beyond the module proxy.
export CGO_ENABLED = 0

.PHONY: build run test unit race fuzz vmtest vm lint fmt vet staticcheck cross examples docs clean help

help:
	@sed -n 's/^# make/make/p' Makefile
	@echo 'make build  bin/gospdk   make unit  tests only   make race  tests under the race detector'
	@echo 'make vm     a shell in a virtual machine with spare NVMe controllers (IOMMU=1, KVM=1, MEMORY=MiB, CPUS=n)'
	@echo 'make vmtest the tests that run in virtual machines (VMTEST=regexp chooses; GOSPDK_VM_KVM=1)'
	@echo 'make fuzz   every fuzz target for FUZZTIME=$(FUZZTIME)   make lint  gofmt, vet, staticcheck   make cross  other machines'
	@echo 'make docs   the pages and the client that are generated from the JSON-RPC methods'

build:
	@mkdir -p bin
	$(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/gospdk
	@size=$$(wc -c < $(BIN)); test $$size -lt $(MAX_BYTES) || \
	  { echo "$(BIN) has $$size bytes; the limit is $(MAX_BYTES)"; exit 1; }

# The embedded controller: a controller of this machine is not to be written to.
run: build
	PCI_ALLOWED=none $(BIN) hello_world

test: build lint cross unit race fuzz vmtest
	@echo 'All tests passed.'

lint: fmt vet staticcheck

fmt:
	@bad=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$bad" || \
	  { echo 'not formatted (run gofmt -w on them):'; echo "$$bad"; exit 1; }

vet:
	$(GO) vet ./...
	$(GO) vet -tags libvfio_user ./pci/vfiouser

staticcheck:
	$(GO) run $(STATICCHECK) ./...

# The other machine that the assembly exists for, and one that has none.
cross:
	GOARCH=arm64 $(GO) vet ./...
	GOARCH=riscv64 $(GO) build ./...

# The command tests run the binary; they build their own copy. Guests are
# booted by vmtest only, one at a time.
unit:
	@.ci/need sfdisk=fdisk sgdisk=gdisk mkfs.ext4=e2fsprogs mkfs.xfs=xfsprogs mkfs.btrfs=btrfs-progs mkfs.vfat=dosfstools cryptsetup=cryptsetup-bin losetup=mount
	GOSPDK_VM=0 $(GO) test ./...

# The detector needs cgo, so a C compiler; and Go code only, so the assembly
# is left out of the build.
race:
	@.ci/need $${CC:-gcc}=gcc,libc6-dev
	@if command -v $${CC:-gcc} >/dev/null; then \
	  pkgs=$$($(GO) list ./... | grep -v '/internal/cli$$'); \
	  echo "$(GO) test -race -tags noasm (all but internal/cli)"; \
	  GOSPDK_VM=0 CGO_ENABLED=1 $(GO) test -race -tags noasm $$pkgs; \
	else echo 'race: no C compiler and no way to install one, skipped'; fi

fuzz:
	@GO='$(GO)' .ci/fuzz $(FUZZTIME)

# One guest at a time, and one package.
vmtest:
	@.ci/need-vm
	GOSPDK_VM=$${GOSPDK_VM:-1} $(GO) test -count=1 -p 1 -timeout 25m $(if $(VMTEST),-run '$(VMTEST)' -v) ./internal/testvm/...

vm: build
	@GOSPDK_VM=required .ci/need-vm
	@GOSPDK_VM_KVM=$${KVM:-$$GOSPDK_VM_KVM} $(GO) run ./internal/testvm/shell -binary $(BIN) \
	  $(if $(IOMMU),-iommu) $(if $(MEMORY),-memory $(MEMORY)) $(if $(CPUS),-cpus $(CPUS))

# What follows from the registered methods: docs/jsonrpc.md, docs/openrpc.json
# and the typed functions of rpc/client. make unit tells when they are stale.
docs:
	$(GO) generate ./cmd/gospdk

clean:
	rm -rf bin
