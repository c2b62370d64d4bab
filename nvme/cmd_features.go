// SPDX-License-Identifier: BSD-3-Clause

package nvme

// SetFeatures is the Set Features command (section 5.27). CDW11 to CDW13 and
// CDW15 are the feature's.
type SetFeatures struct {
	NSID      uint32    // namespace
	FID       FeatureID // feature
	Save      bool      // SV, keep over power loss and reset
	CDW11     uint32    // value of most features
	CDW12     uint32    // of the feature
	CDW13     uint32    // of the feature
	UUIDIndex uint8     // index in the UUID list, 0 for none
	CDW15     uint32    // of the feature
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x SetFeatures) Command() Command {
	return Command{
		Opcode: AdminSetFeatures,
		NSID:   x.NSID,
		CDW10:  uint32(x.FID) | bit32(x.Save, 31),
		CDW11:  x.CDW11,
		CDW12:  x.CDW12,
		CDW13:  x.CDW13,
		CDW14:  uint32(x.UUIDIndex) & 0x7f,
		CDW15:  x.CDW15,
	}
}

// ParseSetFeatures reads the command's fields.
func ParseSetFeatures(c *Command) SetFeatures {
	return SetFeatures{
		NSID:      c.NSID,
		FID:       FeatureID(c.CDW10),
		Save:      c.CDW10&(1<<31) != 0,
		CDW11:     c.CDW11,
		CDW12:     c.CDW12,
		CDW13:     c.CDW13,
		UUIDIndex: uint8(c.CDW14 & 0x7f),
		CDW15:     c.CDW15,
	}
}

// GetFeatures is the Get Features command (section 5.15). The completion's CDW0
// is the value of most features.
type GetFeatures struct {
	NSID      uint32    // namespace
	FID       FeatureID // feature
	Select    uint8     // SEL, a value of Select
	CDW11     uint32    // of the feature
	UUIDIndex uint8     // index in the UUID list, 0 for none
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x GetFeatures) Command() Command {
	return Command{
		Opcode: AdminGetFeatures,
		NSID:   x.NSID,
		CDW10:  uint32(x.FID) | uint32(x.Select)&0x7<<8,
		CDW11:  x.CDW11,
		CDW14:  uint32(x.UUIDIndex) & 0x7f,
	}
}

// ParseGetFeatures reads the command's fields.
func ParseGetFeatures(c *Command) GetFeatures {
	return GetFeatures{
		NSID:      c.NSID,
		FID:       FeatureID(c.CDW10),
		Select:    uint8(c.CDW10 >> 8 & 0x7),
		CDW11:     c.CDW11,
		UUIDIndex: uint8(c.CDW14 & 0x7f),
	}
}

// Values of GetFeatures.Select.
const (
	SelectCurrent      uint8 = 0
	SelectDefault      uint8 = 1
	SelectSaved        uint8 = 2
	SelectCapabilities uint8 = 3 // the result is FeatureCapability bits
)

// Bits of the result of Get Features with SelectCapabilities.
const (
	FeatureCapabilitySaveable          = 1 << 0
	FeatureCapabilityNamespaceSpecific = 1 << 1
	FeatureCapabilityChangeable        = 1 << 2
)
