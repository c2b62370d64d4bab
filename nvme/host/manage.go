// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"
	"errors"
	"fmt"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// FormatOptions describe a low-level format (Format NVM, dword 10).
type FormatOptions struct {
	Format        uint8 // index of the LBA format, 0 to 63
	Interleaved   bool  // metadata follows the data of each block
	Protection    uint8 // type of end-to-end protection, 0 to 3
	ProtectionEnd bool  // false: the information is the last bytes of the metadata
	SecureErase   uint8 // 0 none, 1 user data, 2 cryptographic
}

// Format formats namespace nsid, or all with FFFFFFFFh, and looks at the
// namespaces again. All data is lost. No I/O may be outstanding.
func (c *Controller) Format(ctx context.Context, nsid uint32, o FormatOptions) error {
	if o.Format > 63 || o.Protection > 3 || o.SecureErase > 2 {
		return fmt.Errorf("host: format %+v: Format is at most 63, Protection 3, SecureErase 2", o)
	}
	dw := uint32(o.Format&0xf) | uint32(o.Format>>4)<<12 | uint32(o.Protection)<<5 | uint32(o.SecureErase)<<9
	if o.Interleaved {
		dw |= 1 << 4
	}
	if o.ProtectionEnd {
		dw |= 1 << 8
	}
	if _, err := c.Admin(ctx, nvme.Command{Opcode: nvme.AdminFormatNVM, NSID: nsid, CDW10: dw}, nil); err != nil {
		return err
	}
	return c.Rescan(ctx)
}

// CreateNamespace creates a namespace and returns its identifier; it is not
// attached to any controller. Of data, the host sets NSZE, NCAP, FLBAS, DPS,
// NMIC, ANAGRPID and NVMSETID.
func (c *Controller) CreateNamespace(ctx context.Context, data *nvme.IdentifyNamespace) (uint32, error) {
	cpl, err := c.Admin(ctx, nvme.Command{Opcode: nvme.AdminNamespaceManagement}, nvme.Bytes(data))
	if err != nil {
		return 0, err
	}
	if cpl.CDW0 == 0 || cpl.CDW0 == nsidAll {
		return 0, fmt.Errorf("host: the controller created namespace %#x, which is no valid identifier", cpl.CDW0)
	}
	return cpl.CDW0, nil
}

// DeleteNamespace deletes a namespace.
func (c *Controller) DeleteNamespace(ctx context.Context, nsid uint32) error {
	if _, err := c.Admin(ctx, nvme.Command{Opcode: nvme.AdminNamespaceManagement, NSID: nsid, CDW10: 1}, nil); err != nil {
		return err
	}
	return c.Rescan(ctx)
}

// AttachNamespace attaches a namespace to controllers, by their identifiers.
func (c *Controller) AttachNamespace(ctx context.Context, nsid uint32, controllers ...uint16) error {
	return c.attachment(ctx, nsid, 0, controllers)
}

// DetachNamespace detaches a namespace from controllers.
func (c *Controller) DetachNamespace(ctx context.Context, nsid uint32, controllers ...uint16) error {
	return c.attachment(ctx, nsid, 1, controllers)
}

func (c *Controller) attachment(ctx context.Context, nsid, sel uint32, controllers []uint16) error {
	const limit = 2047 // of the controller list
	if len(controllers) == 0 || len(controllers) > limit {
		return fmt.Errorf("host: a list of %d controllers: it must have 1 to %d", len(controllers), limit)
	}
	list := make([]byte, 4096)
	le.PutUint16(list, uint16(len(controllers)))
	for i, id := range controllers {
		le.PutUint16(list[2+2*i:], id)
	}
	if _, err := c.Admin(ctx, nvme.Command{Opcode: nvme.AdminNamespaceAttachment, NSID: nsid, CDW10: sel}, list); err != nil {
		return err
	}
	return c.Rescan(ctx)
}

// FirmwareDownload sends a part of a firmware image, to offset, both in
// bytes and multiples of 4.
func (c *Controller) FirmwareDownload(ctx context.Context, part []byte, offset uint32) error {
	if len(part) == 0 || len(part)%4 != 0 || offset%4 != 0 {
		return fmt.Errorf("host: firmware part of %d bytes at %d: both must be multiples of 4", len(part), offset)
	}
	cmd := nvme.Command{Opcode: nvme.AdminFirmwareImageDownload, CDW10: uint32(len(part)/4 - 1), CDW11: offset / 4}
	_, err := c.Admin(ctx, cmd, part)
	return err
}

// FirmwareCommit puts the downloaded image into slot (0 lets the controller
// choose) with a commit action (NVM Express Base 2.0, figure 175). reset
// tells that the image becomes active with the next reset, of a kind that
// the status names.
func (c *Controller) FirmwareCommit(ctx context.Context, slot, action uint8) (reset bool, err error) {
	if slot > 7 || action > 7 {
		return false, fmt.Errorf("host: firmware slot %d, action %d: each is at most 7", slot, action)
	}
	_, err = c.Admin(ctx, nvme.Command{Opcode: nvme.AdminFirmwareCommit, CDW10: uint32(slot) | uint32(action)<<3}, nil)
	var e *StatusError
	if errors.As(err, &e) {
		switch e.Status.Code() {
		case nvme.StatusFirmwareRequiresReset, nvme.StatusFirmwareRequiresSubsystemReset, nvme.StatusFirmwareRequiresConventionalReset:
			log.Noticef("%v firmware activation requires a reset: %v", c, e.Status)
			return true, nil
		}
	}
	return false, err
}

// UpdateFirmware downloads a whole image and commits it.
func (c *Controller) UpdateFirmware(ctx context.Context, image []byte, slot, action uint8) (reset bool, err error) {
	step := int(min(c.maxTransfer.Load(), 4096*8))
	if g := c.identify.Load().FWUG; g != 0 && g != 0xff {
		step = max(step/(int(g)*4096), 1) * int(g) * 4096
	}
	for off := 0; off < len(image); off += step {
		if err := c.FirmwareDownload(ctx, image[off:min(off+step, len(image))], uint32(off)); err != nil {
			return false, err
		}
	}
	return c.FirmwareCommit(ctx, slot, action)
}

// Sanitize starts a sanitize operation; dw10 and the overwrite pattern are
// as NVM Express Base 2.0, 5.24 says. Log page 81h tells how it goes on.
func (c *Controller) Sanitize(ctx context.Context, dw10, pattern uint32) error {
	_, err := c.Admin(ctx, nvme.Command{Opcode: nvme.AdminSanitize, CDW10: dw10, CDW11: pattern}, nil)
	return err
}

// DeviceSelfTest starts (1 short, 2 extended) or aborts (15) a self-test.
func (c *Controller) DeviceSelfTest(ctx context.Context, nsid uint32, code uint8) error {
	_, err := c.Admin(ctx, nvme.Command{Opcode: nvme.AdminDeviceSelfTest, NSID: nsid, CDW10: uint32(code & 0xf)}, nil)
	return err
}
