// SPDX-License-Identifier: BSD-3-Clause

package nvmecli

import (
	"encoding/hex"
	"fmt"
	"io"

	"github.com/gospdk/gospdk/nvme"
)

const (
	ctrlHex = "vid ssvid cmic cntlid ver rtd3r rtd3e oaes ctratt rrls bpcap oacs frmw lpa avscc apsta rpmbs hctma sanicap " +
		"sqes cqes oncs fuses fna vwc ocfs sgls fcatt"
	nsHex = "nsze ncap nuse nsfeat flbas mc dpc dps nmic rescap fpi"
	width = 10
)

// IDController is Identify Controller.
type IDController struct{ *nvme.IdentifyController }

func (c IDController) object() Object {
	id := c.IdentifyController
	o := fieldsOf(id, ctrlHex, "psd vs")
	return o.with(
		text("sn", id.SN[:]), text("mn", id.MN[:]), text("fr", id.FR[:]), text("subnqn", id.SUBNQN[:]),
		Field{"ieee", fmt.Sprintf("%02x%02x%02x", id.IEEE[2], id.IEEE[1], id.IEEE[0]), uint32(id.IEEE[2])<<16 | uint32(id.IEEE[1])<<8 | uint32(id.IEEE[0])},
		Field{"fguid", guid(id.FGUID[:]), guid(id.FGUID[:])},
	)
}

// guid is 16 bytes in groups.
func guid(p []byte) string {
	s := hex.EncodeToString(p)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// MarshalJSON writes the fields and the power states.
func (c IDController) MarshalJSON() ([]byte, error) {
	var states []Object
	for i := range c.powerStates() {
		p := &c.PSD[i]
		states = append(states, Object{
			{Name: "max_power", Value: p.MP}, {Name: "max_power_scale", Value: p.Flags & 1}, {Name: "non-operational_state", Value: p.Flags >> 1 & 1},
			{Name: "entry_lat", Value: p.ENLAT}, {Name: "exit_lat", Value: p.EXLAT},
			{Name: "read_tput", Value: p.RRT}, {Name: "read_lat", Value: p.RRL}, {Name: "write_tput", Value: p.RWT}, {Name: "write_lat", Value: p.RWL},
			{Name: "idle_power", Value: p.IDLP}, {Name: "idle_scale", Value: p.IPS >> 6}, {Name: "active_power", Value: p.ACTP},
			{Name: "active_power_work", Value: p.APW & 7}, {Name: "active_scale", Value: p.APW >> 6},
		})
	}
	return append(c.object(), Field{Name: "psds", Value: states}).MarshalJSON()
}

// powerStates returns how many there are.
func (c IDController) powerStates() int { return min(int(c.NPSS), len(c.PSD)-1) + 1 }

// Print writes nvme-cli's layout.
func (c IDController) Print(w io.Writer) error {
	if _, err := fmt.Fprintln(w, "NVME Identify Controller:"); err != nil {
		return err
	}
	if err := c.object().Print(w, width); err != nil {
		return err
	}
	for i := range c.powerStates() {
		p := &c.PSD[i]
		kind := "operational"
		if p.Flags>>1&1 != 0 {
			kind = "non-operational"
		}
		_, err := fmt.Fprintf(w, "ps   %4d : mp:%.2fW %s enlat:%d exlat:%d rrt:%d rrl:%d\n            rwt:%d rwl:%d idle_power:%s active_power:%s\n",
			i, p.MaxPower()/1000, kind, p.ENLAT, p.EXLAT, p.RRT, p.RRL, p.RWT, p.RWL, power(p.IDLP, p.IPS>>6), power(p.ACTP, p.APW>>6))
		if err != nil {
			return err
		}
	}
	return nil
}

// power is a power with its scale.
func power(n uint16, scale uint8) string {
	switch scale {
	case 1:
		return fmt.Sprintf("%.4fW", float64(n)/10000)
	case 2:
		return fmt.Sprintf("%.2fW", float64(n)/100)
	}
	return "-"
}

// IDNamespace is Identify Namespace.
type IDNamespace struct {
	NSID uint32
	*nvme.IdentifyNamespace
}

func (n IDNamespace) object() Object {
	id := n.IdentifyNamespace
	return fieldsOf(id, nsHex, "lbaf vs").with(
		Field{"nguid", hex.EncodeToString(id.NGUID[:]), hex.EncodeToString(id.NGUID[:])},
		Field{"eui64", hex.EncodeToString(id.EUI64[:]), hex.EncodeToString(id.EUI64[:])},
	)
}

// formats returns how many LBA formats there are.
func (n IDNamespace) formats() int { return min(int(n.NLBAF)+int(n.NULBAF), len(n.LBAF)-1) + 1 }

// MarshalJSON writes the fields and the formats.
func (n IDNamespace) MarshalJSON() ([]byte, error) {
	var formats []Object
	for i := range n.formats() {
		f := n.LBAF[i]
		formats = append(formats, Object{{Name: "ms", Value: f.MS}, {Name: "ds", Value: f.LBADS}, {Name: "rp", Value: f.RP & 3}})
	}
	return append(n.object(), Field{Name: "lbafs", Value: formats}).MarshalJSON()
}

// Print writes nvme-cli's layout.
func (n IDNamespace) Print(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "NVME Identify Namespace %d:\n", n.NSID); err != nil {
		return err
	}
	if err := n.object().Print(w, 8); err != nil {
		return err
	}
	for i := range n.formats() {
		f, use := n.LBAF[i], ""
		if i == n.FormatIndex() {
			use = "(in use)"
		}
		if _, err := fmt.Fprintf(w, "lbaf %2d : ms:%-3d lbads:%-2d rp:%s %s\n", i, f.MS, f.LBADS, hexText(uint64(f.RP&3)), use); err != nil {
			return err
		}
	}
	return nil
}

// GUID writes 16 bytes in groups.
func GUID(p []byte) string { return guid(p) }
