// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/nvme"
)

// savedReservations is SPDK's file of what persists through power loss.
type savedReservations struct {
	Persist     bool              `json:"ptpl"`
	Type        uint8             `json:"rtype"`
	CurrentKey  uint64            `json:"crkey"`
	Disk        uuid.UUID         `json:"bdev_uuid"`
	Holder      *uuid.UUID        `json:"holder_uuid,omitempty"`
	Registrants []savedRegistrant `json:"registrants"`
}

type savedRegistrant struct {
	Key  uint64    `json:"rkey"`
	Host uuid.UUID `json:"host_uuid"`
}

// maxReservationFile bounds what is read, in bytes, and maxRegistrants what is
// in it.
const (
	maxReservationFile = 1 << 20
	maxRegistrants     = 1024
)

// save writes the file, if there is one: whole, or not at all.
func (v *reservations) save(disk uuid.UUID) error {
	if v.file == "" {
		return nil
	}
	v.saving.Lock()
	defer v.saving.Unlock()
	v.mu.Lock()
	x := savedReservations{Persist: v.persistent, Disk: disk, Registrants: []savedRegistrant{}}
	if v.persistent {
		x.Type = uint8(v.rtype)
		if g := v.find(v.holder); g != nil && v.rtype != nvme.ReservationNone && !v.allRegistrants() {
			x.CurrentKey = g.key
			holder := uuid.UUID(v.holder)
			x.Holder = &holder
		}
		for _, g := range v.registrants {
			x.Registrants = append(x.Registrants, savedRegistrant{g.key, uuid.UUID(g.host)})
		}
	}
	v.mu.Unlock()
	p, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return fmt.Errorf("reservations: %w", err)
	}
	if err := replaceFile(v.file, append(p, '\n')); err != nil {
		return fmt.Errorf("keeping reservations in %s: %w", v.file, err)
	}
	return nil
}

// replaceFile writes a file beside the old one, and then takes its place.
func replaceFile(path string, p []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(p)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// load reads the file of a namespace on a disk. One that is not there, or that
// is empty, keeps nothing yet.
func (v *reservations) load(disk uuid.UUID) error {
	if v.file == "" {
		return nil
	}
	p, err := os.ReadFile(v.file)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(p) == 0 {
		return nil
	}
	if err == nil {
		err = v.parse(p, disk)
	}
	if err != nil {
		return fmt.Errorf("ptpl_file %s: %w; remove it to begin without reservations", v.file, err)
	}
	return nil
}

// parse takes over what a file says.
func (v *reservations) parse(p []byte, disk uuid.UUID) error {
	var x savedReservations
	if len(p) > maxReservationFile {
		return fmt.Errorf("it has %d bytes, at most %d are read", len(p), maxReservationFile)
	}
	if err := json.Unmarshal(p, &x); err != nil {
		return err
	}
	switch {
	case x.Disk != disk:
		return fmt.Errorf("bdev_uuid is %s, the block device's is %s", x.Disk, disk)
	case x.Type > uint8(nvme.ReservationExclusiveAccessAll):
		return fmt.Errorf("rtype is %d: it must be 0 to 6", x.Type)
	case len(x.Registrants) > maxRegistrants:
		return fmt.Errorf("it has %d registrants, at most %d are read", len(x.Registrants), maxRegistrants)
	}
	if !x.Persist {
		return nil
	}
	v.persistent = true
	for i, g := range x.Registrants {
		if g.Key == 0 || v.find(hostID(g.Host)) != nil {
			return fmt.Errorf("registrants[%d]: rkey %d of host %s: it must not be 0, and a host has one", i, g.Key, g.Host)
		}
		v.registrants = append(v.registrants, registrant{hostID(g.Host), g.Key})
	}
	v.rtype = nvme.ReservationType(x.Type)
	if v.rtype != nvme.ReservationNone && !v.allRegistrants() {
		if x.Holder == nil || v.find(hostID(*x.Holder)) == nil {
			return errors.New("holder_uuid is none of the registrants")
		}
		v.holder = hostID(*x.Holder)
	}
	v.publish()
	return nil
}
