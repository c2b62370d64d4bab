// SPDX-License-Identifier: BSD-3-Clause

// Package nvme is block devices that are namespaces of NVMe controllers:
// those of this machine, of vfio-user sockets, and of NVMe over TCP.
//
// The parts have SPDK's names, without its prefix. A [ctrlr] (nvme_ctrlr) is
// one path to a subsystem, with the driver's controller in it; a bdevCtrlr
// (nvme_bdev_ctrlr) is what a user gave a name to, with its paths. A [Disk]
// (nvme_bdev) is a namespace, which has an nvmeNS (nvme_ns) on each path. On
// each thread that uses a disk there is a channel (nvme_bdev_channel) with an
// ioPath (nvme_io_path) for each nvmeNS; an ioPath leads to the thread's
// ctrlrChannel (nvme_ctrlr_channel), which has one I/O queue pair, and all
// queue pairs of a thread are polled by its pollGroup (nvme_poll_group).
//
// What a controller as a whole does (events, keep-alive, resets, connecting
// again) one goroutine for each ctrlr does, its keeper. Threads never wait for
// it: while there is no queue pair to send it on, IO waits in its channel.
package nvme
