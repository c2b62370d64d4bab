// SPDX-License-Identifier: BSD-3-Clause

// Package setup prepares a Linux machine for user-space drivers and gives it
// back: it reserves hugepages, takes PCI functions from the kernel's drivers
// and hands them to vfio-pci, uio_pci_generic or igb_uio. It is what SPDK's
// scripts/setup.sh does, with the same variables and the same lines.
//
// A [Host] reads the machine's facts (package machine), makes a [Plan] of
// steps before anything is changed, and runs it. Each step knows how to be
// taken back; if one fails or the user interrupts, those done are taken back
// in reverse order. What a step changes goes through the small interface
// [Kernel], so that tests run all of it on a directory tree that reacts as a
// kernel does.
//
// Functions whose block devices are mounted, swapped on, or held by LVM, md,
// dm-crypt or anybody else, and functions that cannot be examined, are never
// touched.
//
// # State
//
// Config writes down what it changed, so that Reset gives back that and no
// more, in /run/gospdk/setup.json, which ends with the boot, as the changes do:
//
//	{
//	  "version": 1,
//	  "hugepages": [                 one entry a pool that was changed
//	    {
//	      "file":   "/proc/sys/vm/nr_hugepages",
//	      "before": 0,               pages before the first config
//	      "set":    1024             pages after the last one
//	    }
//	  ],
//	  "mounts":  ["/mnt/huge"],      hugetlbfs mounts that config made
//	  "drivers": {"0000:0b:00.0": "nvme"}   what a function was taken from
//	}
//
// A pool that no longer has the pages that config left belongs to whoever
// changed it since, and Reset leaves it alone.
package setup
