// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"
	"fmt"

	"github.com/gospdk/gospdk/nvme"
)

// Feature identifiers that the driver itself uses.
const (
	featureArbitration = 0x01
	featureNumQueues   = 0x07
	featureAsyncEvents = 0x0b
	featureKeepAlive   = 0x0f
	featureHostID      = 0x81
)

// nsidAll is the broadcast namespace identifier.
const nsidAll = 0xffffffff

// IdentifyData sends Identify with any CNS and copies the answer to buf.
func (c *Controller) IdentifyData(ctx context.Context, cns nvme.CNS, nsid uint32, cntid uint16, csi nvme.CSI, buf []byte) error {
	cmd := nvme.Command{Opcode: nvme.AdminIdentify, NSID: nsid, CDW10: uint32(cns) | uint32(cntid)<<16, CDW11: uint32(csi) << 24}
	_, err := c.Admin(ctx, cmd, buf)
	return err
}

// GetFeatures returns the current value of a feature; sel (0 current, 1
// default, 2 saved, 3 capabilities) and data, if the feature has any, are
// optional.
func (c *Controller) GetFeatures(ctx context.Context, fid, sel uint8, nsid, cdw11 uint32, data []byte) (uint32, error) {
	cmd := nvme.Command{Opcode: nvme.AdminGetFeatures, NSID: nsid, CDW10: uint32(fid) | uint32(sel&7)<<8, CDW11: cdw11}
	cpl, err := c.Admin(ctx, cmd, data)
	return cpl.CDW0, err
}

// SetFeatures sets a feature, and saves it if asked. It returns dword 0 of
// the completion.
func (c *Controller) SetFeatures(ctx context.Context, fid uint8, save bool, nsid, cdw11, cdw12 uint32, data []byte) (uint32, error) {
	cmd := nvme.Command{Opcode: nvme.AdminSetFeatures, NSID: nsid, CDW10: uint32(fid), CDW11: cdw11, CDW12: cdw12}
	if save {
		cmd.CDW10 |= 1 << 31
	}
	cpl, err := c.Admin(ctx, cmd, data)
	return cpl.CDW0, err
}

// LogPageOptions are the less common arguments of Get Log Page.
type LogPageOptions struct {
	Specific    uint8  // LSP, 7 bits
	SpecificID  uint16 // LSI
	RetainEvent bool   // RAE
	CSI         nvme.CSI
}

// GetLogPage reads len(buf) bytes, a multiple of 4, of a log page from offset
// on. Long pages are read in as many commands as they take.
func (c *Controller) GetLogPage(ctx context.Context, lid uint8, nsid uint32, buf []byte, offset uint64) error {
	return c.GetLogPageExt(ctx, lid, nsid, buf, offset, LogPageOptions{})
}

// GetLogPageExt is GetLogPage with everything that the command can have.
func (c *Controller) GetLogPageExt(ctx context.Context, lid uint8, nsid uint32, buf []byte, offset uint64, o LogPageOptions) error {
	if len(buf) == 0 || len(buf)%4 != 0 || offset%4 != 0 {
		return fmt.Errorf("host: log page %#x: %d bytes at %d: both must be multiples of 4 and not empty", lid, len(buf), offset)
	}
	id := c.identify.Load()
	extended := id.LPA&nvme.LPAExtendedData != 0
	step := int(c.maxTransfer.Load())
	if !extended {
		step = min(step, 4096) // NUMDU and the offset are not there
		if offset != 0 {
			return fmt.Errorf("host: log page %#x at offset %d: %w", lid, offset, ErrNotSupported)
		}
	}
	if len(buf) > step && !extended {
		return fmt.Errorf("host: log page %#x of %d bytes: the controller gives at most %d", lid, len(buf), step)
	}
	for len(buf) > 0 {
		n := min(len(buf), step)
		dwords := uint32(n/4 - 1)
		cmd := nvme.Command{
			Opcode: nvme.AdminGetLogPage, NSID: nsid,
			CDW10: uint32(lid) | uint32(o.Specific&0x7f)<<8 | dwords<<16,
			CDW11: dwords>>16 | uint32(o.SpecificID)<<16,
			CDW12: uint32(offset), CDW13: uint32(offset >> 32),
			CDW14: uint32(o.CSI) << 24,
		}
		if o.RetainEvent {
			cmd.CDW10 |= 1 << 15
		}
		if _, err := c.Admin(ctx, cmd, buf[:n]); err != nil {
			return err
		}
		buf = buf[n:]
		offset += uint64(n)
	}
	return nil
}

// DirectiveSend configures a directive (NVM Express Base 2.0, 5.9).
func (c *Controller) DirectiveSend(ctx context.Context, nsid uint32, op, kind uint8, specific uint16, cdw12 uint32, data []byte) (uint32, error) {
	return c.directive(ctx, nvme.AdminDirectiveSend, nsid, op, kind, specific, cdw12, data)
}

// DirectiveReceive reads about a directive.
func (c *Controller) DirectiveReceive(ctx context.Context, nsid uint32, op, kind uint8, specific uint16, cdw12 uint32, data []byte) (uint32, error) {
	return c.directive(ctx, nvme.AdminDirectiveReceive, nsid, op, kind, specific, cdw12, data)
}

func (c *Controller) directive(ctx context.Context, opc nvme.Opcode, nsid uint32, op, kind uint8, specific uint16, cdw12 uint32, data []byte) (uint32, error) {
	if !c.has(flagDirectives) {
		return 0, fmt.Errorf("host: directives: %w", ErrNotSupported)
	}
	if len(data)%4 != 0 {
		return 0, fmt.Errorf("host: directive data of %d bytes: it must be a multiple of 4", len(data))
	}
	cmd := nvme.Command{Opcode: opc, NSID: nsid, CDW11: uint32(op) | uint32(kind)<<8 | uint32(specific)<<16, CDW12: cdw12}
	if len(data) > 0 {
		cmd.CDW10 = uint32(len(data)/4 - 1)
	}
	cpl, err := c.Admin(ctx, cmd, data)
	return cpl.CDW0, err
}

// SecuritySend sends data to a security protocol (SPC-4).
func (c *Controller) SecuritySend(ctx context.Context, secp uint8, spsp uint16, nssf uint8, data []byte) error {
	return c.security(ctx, nvme.AdminSecuritySend, secp, spsp, nssf, data)
}

// SecurityReceive reads data of a security protocol.
func (c *Controller) SecurityReceive(ctx context.Context, secp uint8, spsp uint16, nssf uint8, data []byte) error {
	return c.security(ctx, nvme.AdminSecurityReceive, secp, spsp, nssf, data)
}

func (c *Controller) security(ctx context.Context, op nvme.Opcode, secp uint8, spsp uint16, nssf uint8, data []byte) error {
	if !c.has(flagSecurity) {
		return fmt.Errorf("host: security send and receive: %w", ErrNotSupported)
	}
	cmd := nvme.Command{
		Opcode: op, CDW10: uint32(nssf) | uint32(spsp)<<8 | uint32(secp)<<24, CDW11: uint32(len(data)),
	}
	_, err := c.Admin(ctx, cmd, data)
	return err
}
