// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/sim/opaldrive"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
)

// newOpal has a target with a self-encrypting drive behind it, and a module
// that has attached it as N.
func newOpal(t *testing.T, kind spec.TransportType) (*vbdevtest.Methods, *vbdevtest.Rig, *opaldrive.Disk) {
	t.Helper()
	ctx := context.Background()
	g := newTarget(t, kind, nvmf.SubsystemOptions{MaxNamespaces: 1})
	g.target.SetConfig(nvmf.TargetConfig{Passthru: nvmf.AdminPassthru{IdentifyController: true, SecuritySendRecv: true}})
	sim := opaldrive.NewDisk("drive", 8192)
	must(t, g.reg.Register(ctx, sim))
	_, err := g.sub.AddNamespace(ctx, "drive", nvmf.NamespaceOptions{})
	must(t, err)
	g.start()
	r := vbdevtest.New(t)
	mod := NewModule(r.Reg, transports)
	r.Reg.AddModule(mod)
	_, err = mod.Attach(ctx, CtrlrConfig{Name: "N", Trid: g.trid()})
	must(t, err)
	return r.Methods(mod), r, sim
}

func opalCall(name, params string) vbdevtest.Answer {
	return vbdevtest.Answer{Method: "bdev_" + name, Params: strings.NewReplacer("@C", `"nvme_ctrlr_name":"N"`, "@B", `"bdev_name":"Nn1r1"`, "@P", `"password":"owner"`).Replace(params)}
}

const (
	createRange = `{@C,"nsid":1,"locking_range_id":1,"range_start":1024,"range_length":2048,@P}`
	lockRange   = `{@B,"user_id":%d,"password":"%s","lock_state":"%s"}`
)

// TestOpal takes a drive into use, and has a range be a device that is locked
// and unlocked by its owner and a user, and erased at the end.
func TestOpal(t *testing.T) {
	eachKind(t, func(t *testing.T, kind spec.TransportType) {
		m, r, _ := newOpal(t, kind)
		m.Session(
			refuse(opalCall("opal_create", createRange), -32603, "Failed to create opal vbdev from 'N'", "INVALID_PARAMETER"),
			refuse(opalCall("nvme_opal_init", `{@C,"password":""}`), -32602, "1 to 32 bytes"),
			want(opalCall("nvme_opal_init", `{@C,@P}`), `true`),
			refuse(opalCall("nvme_opal_init", `{@C,@P}`), -32603, "This drive is already enabled", "bdev_nvme_opal_revert"),
			refuse(opalCall("opal_create", strings.Replace(createRange, "2048", "8000", 1)), -32602, "range_length 8000", "8192 blocks"),
			refuse(opalCall("opal_create", strings.Replace(createRange, `"nsid":1`, `"nsid":2`, 1)), -32602, "nsid 2"),
			refuse(opalCall("opal_create", strings.Replace(createRange, `range_id":1,`, `range_id":256,`, 1)), -32602, "locking_range_id 256"),
			refuse(opalCall("opal_create", strings.Replace(createRange, `@P`, `"password":"wrong"`, 1)), -32603, "NOT_AUTHORIZED"),
			want(opalCall("opal_create", createRange), `"Nn1r1"`),
			refuse(opalCall("opal_create", createRange), -32603, "Nn1r1 already"),
			want(opalCall("opal_create", strings.Replace(strings.Replace(createRange, `range_id":1,`, `range_id":2,`, 1), "1024", "4096", 1)), `"Nn1r2"`),
			want(opalCall("opal_get_info", `{@B,@P}`), `{"name":"Nn1r1","range_start":1024,"range_length":2048,"read_lock_enabled":true,"write_lock_enabled":true,"read_locked":true,"write_locked":true}`),
		)
		desc, err := r.Reg.Open(t.Context(), "Nn1r1", bdev.Write, nil)
		must(t, err)
		io := desc.Blocking()
		if io.Size() != 2048*512 {
			t.Errorf("%d bytes", io.Size())
		}
		data, got := bytes.Repeat([]byte("secret!!"), 512), make([]byte, 4096)
		denied := func(what string, err error) {
			t.Helper()
			if err == nil {
				t.Errorf("%s went through", what)
			}
		}
		lock := func(user int, password, state string) {
			t.Helper()
			m.Session(want(opalCall("opal_set_lock_state", fmt.Sprintf(lockRange, user, password, state)), `true`))
		}
		_, err = io.WriteAt(data, 8192)
		denied("a write to a locked range", err)
		m.Session(
			refuse(opalCall("opal_set_lock_state", fmt.Sprintf(lockRange, 0, "owner", "OPEN")), -32602, `lock_state "OPEN"`, "READWRITE"),
			refuse(opalCall("opal_set_lock_state", fmt.Sprintf(lockRange, 10, "owner", "RWLOCK")), -32602, "user_id 10"),
			refuse(opalCall("opal_set_lock_state", fmt.Sprintf(lockRange, 3, "pass", "RWLOCK")), -32603, "NOT_AUTHORIZED", "the password is wrong"),
			refuse(opalCall("opal_new_user", `{@B,"admin_password":"owner","user_id":0,"user_password":"pass"}`), -32602, "user_id 0"),
			want(opalCall("opal_new_user", `{@B,"admin_password":"owner","user_id":3,"user_password":"pass"}`), `true`),
		)
		lock(0, "owner", "readwrite")
		_, err = io.WriteAt(data, 8192)
		must(t, err)
		lock(3, "pass", "READONLY")
		_, err = io.ReadAt(got, 8192)
		must(t, err)
		if !bytes.Equal(got, data) {
			t.Error("the range has other data than were written")
		}
		_, err = io.WriteAt(data, 8192)
		denied("a write to a range that is read-only", err)
		lock(3, "pass", "RWLOCK")
		_, err = io.ReadAt(got, 8192)
		denied("a read of a locked range", err)
		lock(3, "pass", "READWRITE")

		m.Session(refuse(opalCall("opal_delete", `{@B,"password":"wrong"}`), -32603, "NOT_AUTHORIZED"))
		_, err = io.ReadAt(got, 8192) // nothing has happened
		must(t, err)
		must(t, errors.Join(io.Close(), desc.Close()))
		m.Session(
			want(opalCall("opal_delete", `{@B,@P}`), `true`),
			refuse(opalCall("opal_get_info", `{@B,@P}`), -32603, `"Nn1r1" is no device of a locking range`),
			want(opalCall("opal_create", createRange), `"Nn1r1"`),
		)
		lock(0, "owner", "READWRITE")
		desc, err = r.Reg.Open(t.Context(), "Nn1r1", bdev.Read, nil)
		must(t, err)
		io = desc.Blocking()
		_, err = io.ReadAt(got, 8192)
		must(t, err)
		if bytes.Contains(got, []byte("secret!!")) {
			t.Error("a range that was erased has its data still")
		}
		must(t, errors.Join(io.Close(), desc.Close()))
		m.Session(
			refuse(opalCall("nvme_opal_revert", `{@C,"password":"wrong"}`), -32603, "NOT_AUTHORIZED"),
			want(opalCall("nvme_opal_revert", `{@C,@P}`), `true`),
			refuse(opalCall("opal_get_info", `{@B,@P}`), -32603, "is no device"),
			want(opalCall("nvme_opal_init", `{@C,@P}`), `true`),
		)
		info, err := r.Reg.Get("Nn1")
		must(t, err)
		if info.Name != "Nn1" {
			t.Errorf("base device %s", info.Name)
		}
	})
}

// TestOpalDriveGoes detaches a drive whose range is in use.
func TestOpalDriveGoes(t *testing.T) {
	m, r, _ := newOpal(t, spec.TrtypeTCP)
	m.Session(
		want(opalCall("nvme_opal_init", `{@C,@P}`), `true`),
		want(opalCall("opal_create", createRange), `"Nn1r1"`),
	)
	gone := make(chan struct{})
	desc, err := r.Reg.Open(t.Context(), "Nn1r1", bdev.Write, func(e bdev.Event) {
		if e.Kind == bdev.EventRemove {
			close(gone)
		}
	})
	must(t, err)
	end := make(chan *string)
	go func() {
		result, _ := m.Call("bdev_nvme_detach_controller", `{"name":"N"}`)
		end <- &result
	}()
	<-gone
	must(t, desc.Close())
	if result := <-end; *result != "true" {
		t.Errorf("detach = %s", *result)
	}
	m.Session(refuse(opalCall("opal_get_info", `{@B,@P}`), -32603, "is no device"))
}

func TestOpalOfOtherControllers(t *testing.T) {
	m, _, _, ports := newMethods(t)
	m.Session(
		want(attachTo(ports[0], ""), `["Nn1"]`),
		refuse(opalCall("nvme_opal_init", `{@C,@P}`), -32602, "controller N", "does not support TCG Opal"),
		refuse(opalCall("nvme_opal_revert", `{"nvme_ctrlr_name":"X",@P}`), -32603, "controller X does not exist"),
	)
}
