// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// threeControllers are QEMU's arguments for NVMe controllers at 0000:03:00.0,
// 0000:0b:00.0 and 0000:13:00.0, each in a root port of the number of its bus.
func threeControllers(disks []string) []string {
	var args []string
	for bus := 1; bus <= 0x13; bus++ {
		args = append(args, "-device", fmt.Sprintf("pcie-root-port,id=rp%d,chassis=%d,slot=%d,addr=%x.%d,multifunction=on", bus, bus, bus, 0x10+(bus-1)/8, (bus-1)%8))
	}
	for i, bus := range []int{0x03, 0x0b, 0x13} {
		args = append(args,
			"-drive", fmt.Sprintf("if=none,id=d%d,file=%s,format=raw", i, disks[i]),
			"-device", fmt.Sprintf("nvme,serial=mission%d,drive=d%d,bus=rp%d", i, i, bus))
	}
	return args
}

// writeMBR makes one Linux partition of 64 MiB.
func writeMBR(disk string) error {
	mbr := make([]byte, 512)
	entry := mbr[446:]
	entry[4] = 0x83
	binary.LittleEndian.PutUint32(entry[8:], 2048)
	binary.LittleEndian.PutUint32(entry[12:], 64<<20/512)
	mbr[510], mbr[511] = 0x55, 0xaa
	f, err := os.OpenFile(disk, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(mbr, 0)
	return errors.Join(err, f.Close())
}
