// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"math"
	"syscall"

	"github.com/gospdk/gospdk/nvme/opal"
	"github.com/gospdk/gospdk/rpc"
)

type opalParams struct {
	Ctrlr    string `json:"nvme_ctrlr_name" rpc:"required" doc:"name of the controller, which must be an Opal drive"`
	Password string `json:"password" rpc:"required" doc:"of the drive's owner, SID, 1 to 32 bytes"`
}

type opalCreateParams struct {
	Ctrlr    string `json:"nvme_ctrlr_name" rpc:"required" doc:"name of the controller, which must be an Opal drive"`
	NSID     uint32 `json:"nsid" rpc:"required" doc:"namespace; only 1 can have locking ranges"`
	Range    uint16 `json:"locking_range_id" rpc:"required" doc:"number of the locking range; 0 is the global one, which is not placed"`
	Start    uint64 `json:"range_start" rpc:"required" doc:"its first block"`
	Length   uint64 `json:"range_length" rpc:"required" doc:"its length in blocks"`
	Password string `json:"password" rpc:"required" doc:"of Admin1"`
}

type opalBdevParams struct {
	Name     string `json:"bdev_name" rpc:"required" doc:"name of the device of a locking range"`
	Password string `json:"password" rpc:"required" doc:"of Admin1"`
}

type opalUserParams struct {
	Name     string `json:"bdev_name" rpc:"required" doc:"name of the device of a locking range"`
	Admin    string `json:"admin_password" rpc:"required" doc:"of Admin1"`
	User     uint16 `json:"user_id" rpc:"required" doc:"the user, 1 to 9"`
	Password string `json:"user_password" rpc:"required" doc:"that the user is to have, 1 to 32 bytes"`
}

type opalLockParams struct {
	Name     string `json:"bdev_name" rpc:"required" doc:"name of the device of a locking range"`
	User     uint16 `json:"user_id" rpc:"required" doc:"who does it: 0 is Admin1, 1 to 9 are users"`
	Password string `json:"password" rpc:"required" doc:"of who does it"`
	State    string `json:"lock_state" rpc:"required" doc:"READWRITE, READONLY or RWLOCK, which neither reads nor writes"`
}

type opalRange struct {
	Name             string `json:"name"`
	Start            uint64 `json:"range_start" doc:"first block of the range"`
	Length           uint64 `json:"range_length" doc:"blocks"`
	ReadLockEnabled  bool   `json:"read_lock_enabled"`
	WriteLockEnabled bool   `json:"write_lock_enabled"`
	ReadLocked       bool   `json:"read_locked"`
	WriteLocked      bool   `json:"write_locked"`
}

func (m *Module) registerOpal(r *rpc.Registry) {
	done := func(err error) (rpc.True, error) { return err == nil, opalAnswer(err) }
	rpc.Register(r, "bdev_nvme_opal_init", m.rpcOpalInit, rpc.Concurrent(),
		rpc.Doc("Takes ownership of a self-encrypting drive that comes from the factory and activates its locking."))
	rpc.Register(r, "bdev_nvme_opal_revert", func(ctx context.Context, p opalParams) (rpc.True, error) {
		return done(m.OpalRevert(ctx, p.Ctrlr, []byte(p.Password)))
	}, rpc.Concurrent(), rpc.Doc("Takes a self-encrypting drive back to what it was when it was made. All data on it are lost."))
	rpc.Register(r, "bdev_opal_create", m.rpcOpalCreate, rpc.Concurrent(),
		rpc.Doc("Places a locking range of a self-encrypting drive, locks it and makes a block device of it."),
		rpc.Returns("the name of the block device"))
	rpc.Register(r, "bdev_opal_get_info", m.rpcOpalInfo, rpc.Concurrent(), rpc.Doc("Describes the locking range of a block device."))
	rpc.Register(r, "bdev_opal_delete", func(ctx context.Context, p opalBdevParams) (rpc.True, error) {
		return done(m.OpalDelete(ctx, p.Name, []byte(p.Password)))
	}, rpc.Concurrent(), rpc.Doc("Removes the block device of a locking range. Its data are lost."))
	rpc.Register(r, "bdev_opal_new_user", func(ctx context.Context, p opalUserParams) (rpc.True, error) {
		return done(m.OpalNewUser(ctx, p.Name, []byte(p.Admin), opal.User(p.User), []byte(p.Password)))
	}, rpc.Concurrent(), rpc.Doc("Gives a user a password and lets him lock and unlock a block device, with Admin1 and nobody else."))
	rpc.Register(r, "bdev_opal_set_lock_state", func(ctx context.Context, p opalLockParams) (rpc.True, error) {
		state, err := opal.ParseLockState(p.State)
		if err != nil {
			return done(fmt.Errorf("lock_state %w: %w", err, syscall.EINVAL))
		}
		return done(m.OpalSetLock(ctx, p.Name, opal.User(p.User), []byte(p.Password), state))
	}, rpc.Concurrent(), rpc.Doc("Locks or unlocks the block device of a locking range."))
}

// opalAnswer makes an error one of a method.
func opalAnswer(err error) error {
	if err == nil {
		return nil
	}
	return opalError("", err)
}

func opalError(prefix string, err error) error {
	code := rpc.InternalError
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, opal.ErrNotOpal) || errors.Is(err, opal.ErrPassword) {
		code = rpc.InvalidParams
	}
	return rpc.Errorf(code, "%s%v", prefix, err)
}

func (m *Module) rpcOpalInit(ctx context.Context, p opalParams) (rpc.True, error) {
	err := m.OpalInit(ctx, p.Ctrlr, []byte(p.Password))
	if errors.Is(err, opal.StatusNotAuthorized) {
		return false, rpc.Errorf(rpc.InternalError, "This drive is already enabled: its owner has a password, with which bdev_nvme_opal_revert takes it back")
	}
	return err == nil, opalAnswer(err)
}

func (m *Module) rpcOpalCreate(ctx context.Context, p opalCreateParams) (string, error) {
	if p.Range > math.MaxUint8 {
		return "", rpc.Errorf(rpc.InvalidParams, "locking_range_id %d: it must be at most %d", p.Range, math.MaxUint8)
	}
	name, err := m.OpalCreate(ctx, OpalConfig{
		Ctrlr: p.Ctrlr, NSID: p.NSID, Range: uint8(p.Range), Start: p.Start, Length: p.Length, Password: []byte(p.Password),
	})
	if err != nil {
		return "", opalError(fmt.Sprintf("Failed to create opal vbdev from '%s': ", p.Ctrlr), err)
	}
	return name, nil
}

func (m *Module) rpcOpalInfo(ctx context.Context, p opalBdevParams) (opalRange, error) {
	r, err := m.OpalRange(ctx, p.Name, []byte(p.Password))
	if err != nil {
		return opalRange{}, opalAnswer(err)
	}
	return opalRange{p.Name, r.Start, r.Length, r.ReadLockEnabled, r.WriteLockEnabled, r.ReadLocked, r.WriteLocked}, nil
}
