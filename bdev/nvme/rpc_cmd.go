// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/dma"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/thread"
)

func (m *Module) registerCommands(r *rpc.Registry) {
	rpc.Register(r, "bdev_nvme_send_cmd", m.rpcSendCmd, rpc.Concurrent(),
		rpc.Doc("Sends any NVMe command to a controller. Nothing keeps it from destroying data."),
		rpc.Returns("the completion, and what was read, as URL-safe base64"))
	rpc.Register(r, "bdev_nvme_add_error_injection", m.rpcAddInjection,
		rpc.Doc("Has coming commands fail, for tests."))
	rpc.Register(r, "bdev_nvme_remove_error_injection", m.rpcRemoveInjection,
		rpc.Doc("Ends bdev_nvme_add_error_injection."))
	rpc.Register(r, "bdev_nvme_apply_firmware", m.rpcFirmware, rpc.Concurrent(),
		rpc.Doc("Sends a firmware image to the controller of a block device, and resets the controller."))
	rpc.Register(r, "bdev_nvme_get_transport_statistics", m.rpcStats, rpc.Doc("Tells what queue pairs have done, for each thread."))
	rpc.Register(r, "bdev_nvme_get_controller_health_info", m.rpcHealth, rpc.Concurrent(),
		rpc.Doc("Reads the SMART log of a controller."))
}

type sendParams struct {
	Name        string  `json:"name" rpc:"required" doc:"name of the controller"`
	Type        string  `json:"cmd_type" rpc:"required" enum:"admin,io" doc:"kind of command"`
	Direction   string  `json:"data_direction" rpc:"required" enum:"c2h,h2c" doc:"from the controller, or to it"`
	Cmd         string  `json:"cmdbuf" rpc:"required" doc:"the 64 bytes of the command as URL-safe base64"`
	Data        *string `json:"data" doc:"data, or their length by what is in it, as URL-safe base64"`
	Metadata    *string `json:"metadata" doc:"metadata likewise"`
	DataLen     *uint32 `json:"data_len" doc:"bytes of data"`
	MetadataLen *uint32 `json:"metadata_len" doc:"bytes of metadata"`
	TimeoutMs   uint32  `json:"timeout_ms" default:"0" doc:"how long to wait, in ms, 0 for as long as it takes"`
}

type sendResult struct {
	Cpl      string `json:"cpl" doc:"the 16 bytes of the completion"`
	Data     string `json:"data,omitempty"`
	Metadata string `json:"metadata,omitempty"`
}

// maxSend bounds the data of one command.
const maxSend = 64 << 20

// decode64 takes URL-safe base64 with or without padding.
func decode64(name, s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return nil, fmt.Errorf("%s: %w: it must be URL-safe base64: %w", name, err, syscall.EINVAL)
	}
	return b, nil
}

// buffer is data of a command by what is said of them.
func buffer(name string, text *string, size *uint32) (b []byte, err error) {
	if text != nil {
		if b, err = decode64(name, *text); err != nil {
			return nil, err
		}
		if size != nil && int(*size) != len(b) {
			return nil, fmt.Errorf("%s_len %d: %s has %d bytes: %w", name, *size, name, len(b), syscall.EINVAL)
		}
		return b, nil
	}
	if size == nil {
		return nil, nil
	}
	if *size > maxSend {
		return nil, fmt.Errorf("%s_len %d: it must be at most %d: %w", name, *size, maxSend, syscall.EINVAL)
	}
	return make([]byte, *size), nil
}

func (m *Module) rpcSendCmd(ctx context.Context, p sendParams) (sendResult, error) {
	r, err := m.sendCmd(ctx, p)
	return r, answer(err)
}

func (m *Module) sendCmd(ctx context.Context, p sendParams) (res sendResult, err error) {
	paths, err := m.lookup(p.Name)
	if err != nil {
		return res, err
	}
	raw, err := decode64("cmdbuf", p.Cmd)
	if err != nil {
		return res, err
	}
	var cmd spec.Command
	if len(raw) != len(spec.Bytes(&cmd)) {
		return res, fmt.Errorf("cmdbuf of %d bytes: a command has 64: %w", len(raw), syscall.EINVAL)
	}
	copy(spec.Bytes(&cmd), raw)
	data, err := buffer("data", p.Data, p.DataLen)
	if err != nil {
		return res, err
	}
	meta, err := buffer("metadata", p.Metadata, p.MetadataLen)
	if err != nil {
		return res, err
	}
	if p.TimeoutMs > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(p.TimeoutMs)*time.Millisecond)
		defer cancel()
	}
	var cpl spec.Completion
	err = paths[0].use(func(hc *host.Controller) error {
		var err error
		if p.Type == "admin" {
			cpl, err = hc.Admin(ctx, cmd, data)
			var status *host.StatusError
			if errors.As(err, &status) {
				err = nil // the completion tells
			}
			return err
		}
		cpl, err = sendIO(ctx, hc, cmd, data, meta, p.Direction == "h2c")
		return err
	})
	if err != nil {
		return res, err
	}
	res.Cpl = base64.URLEncoding.EncodeToString(spec.Bytes(&cpl))
	if p.Direction == "c2h" {
		res.Data = base64.URLEncoding.EncodeToString(data)
		res.Metadata = base64.URLEncoding.EncodeToString(meta)
	}
	return res, nil
}

// lone is a command on a queue pair of its own.
type lone struct {
	host.Request
	ended bool
}

// Complete implements host.Completer.
func (l *lone) Complete(*host.Request) { l.ended = true }

// sendIO sends an I/O command on a queue pair that is made for it.
func sendIO(ctx context.Context, hc *host.Controller, cmd spec.Command, data, meta []byte, toCtrlr bool) (cpl spec.Completion, err error) {
	qp, err := hc.AllocIOQPairContext(ctx, host.QPairOptions{})
	if err != nil {
		return cpl, err
	}
	const page = 4096
	dataEnd := (len(data) + page - 1) &^ (page - 1)
	mem, err := dma.Alloc(max(dataEnd+len(meta), page), page)
	if err != nil {
		return cpl, errors.Join(err, qp.Free(ctx))
	}
	b := mem.Bytes()
	d, md := b[:len(data)], b[dataEnd:dataEnd+len(meta)]
	if toCtrlr {
		copy(d, data)
		copy(md, meta)
	}
	if len(meta) == 0 {
		md = nil
	}
	l := &lone{}
	l.Done = l
	if err = qp.Raw(&l.Request, cmd, d, md); err == nil {
		err = l.wait(ctx, qp)
	}
	err = errors.Join(err, qp.Free(context.WithoutCancel(ctx))) // nobody uses mem any more
	copy(data, d)
	copy(meta, md)
	mem.Free()
	return l.Completion, err
}

func (l *lone) wait(ctx context.Context, qp *host.QPair) error {
	tick := time.NewTicker(50 * time.Microsecond)
	defer tick.Stop()
	for {
		if _, err := qp.ProcessCompletions(0); err != nil || l.ended {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

type injectParams struct {
	Name        string `json:"name" rpc:"required" doc:"name of the controller"`
	Type        string `json:"cmd_type" rpc:"required" enum:"admin,io" doc:"kind of command"`
	Opcode      uint8  `json:"opc" rpc:"required" doc:"opcode of the commands"`
	DoNotSubmit bool   `json:"do_not_submit" doc:"end them without the controller"`
	TimeoutUs   uint64 `json:"timeout_in_us" default:"0" doc:"when those that are not submitted end, in µs"`
	Count       uint32 `json:"err_count" default:"1" doc:"how many commands fail"`
	SCT         uint8  `json:"sct" default:"0" doc:"status code type, 0 to 7"`
	SC          uint8  `json:"sc" default:"0" doc:"status code"`
}

func (m *Module) rpcAddInjection(ctx context.Context, p injectParams) (rpc.True, error) {
	if p.SCT > 7 {
		return false, answer(fmt.Errorf("sct %d: it must be 0 to 7: %w", p.SCT, syscall.EINVAL))
	}
	i := host.Injection{
		Opcode: spec.Opcode(p.Opcode), Status: spec.NewStatus(spec.SCT(p.SCT), p.SC), Count: p.Count,
		DoNotSubmit: p.DoNotSubmit, Delay: time.Duration(min(p.TimeoutUs, 1<<50)) * time.Microsecond,
	}
	err := m.inject(ctx, p.Name, p.Type, func(hc *host.Controller) { hc.AddAdminInjection(i) }, func(q *qpair) { q.AddInjection(i) })
	return err == nil, answer(err)
}

type removeInjectionParams struct {
	Name   string `json:"name" rpc:"required" doc:"name of the controller"`
	Type   string `json:"cmd_type" rpc:"required" enum:"admin,io" doc:"kind of command"`
	Opcode uint8  `json:"opc" rpc:"required" doc:"opcode of the commands"`
}

func (m *Module) rpcRemoveInjection(ctx context.Context, p removeInjectionParams) (rpc.True, error) {
	op := spec.Opcode(p.Opcode)
	err := m.inject(ctx, p.Name, p.Type, func(hc *host.Controller) { hc.RemoveAdminInjection(op) }, func(q *qpair) { q.RemoveInjection(op) })
	return err == nil, answer(err)
}

// inject changes the admin queue, or all I/O queue pairs that there are.
func (m *Module) inject(ctx context.Context, name, kind string, admin func(*host.Controller), io func(*qpair)) error {
	paths, err := m.lookup(name)
	if err != nil {
		return err
	}
	c := paths[0]
	if kind == "admin" {
		return c.use(func(hc *host.Controller) error { admin(hc); return nil })
	}
	for _, cc := range c.allChannels() {
		err := thread.Do(ctx, cc.t, func() error {
			if cc.q != nil {
				io(cc.q)
			}
			return nil
		})
		if err != nil && !errors.Is(err, thread.ErrExited) {
			return err
		}
	}
	return nil
}

type firmwareParams struct {
	File string `json:"filename" rpc:"required" doc:"path of the image"`
	Bdev string `json:"bdev_name" rpc:"required" doc:"one of the controller's block devices"`
}

// maxFirmware bounds the size of an image.
const maxFirmware = 1 << 30

func (m *Module) rpcFirmware(ctx context.Context, p firmwareParams) (string, error) {
	c, err := m.ofBdev(p.Bdev)
	if err != nil {
		return "", rpc.Errorf(rpc.InternalError, "%v", err)
	}
	info, err := os.Stat(p.File)
	switch {
	case err != nil:
		return "", rpc.Errorf(rpc.InternalError, "open file failed. %v", err)
	case info.Size()%4 != 0 || info.Size() == 0 || info.Size() > maxFirmware:
		return "", rpc.Errorf(rpc.InternalError, "Firmware image size is not multiple of 4. %s has %d bytes; 4 to %d are allowed", p.File, info.Size(), maxFirmware)
	}
	image, err := os.ReadFile(p.File)
	if err != nil {
		return "", rpc.Errorf(rpc.InternalError, "Read firmware image failed! %v", err)
	}
	const slotAny, replaceAndEnable = 0, 1
	err = c.use(func(hc *host.Controller) error {
		_, err := hc.UpdateFirmware(ctx, image, slotAny, replaceAndEnable)
		return err
	})
	if err == nil {
		err = c.userReset(ctx)
	}
	if err != nil {
		return "", rpc.Errorf(rpc.InternalError, "Firmware update failed: %v", err)
	}
	return "firmware commit succeeded. Controller reset in progress.", nil
}

// ofBdev returns the first path of a block device of the module's.
func (m *Module) ofBdev(name string) (*ctrlr, error) {
	d, err := m.findDisk(name)
	if err != nil {
		return nil, fmt.Errorf("bdev %s could not be opened: %w", name, err)
	}
	return d.listPaths()[0].c, nil
}
