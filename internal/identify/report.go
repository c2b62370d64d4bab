// SPDX-License-Identifier: BSD-3-Clause

// Package identify asks a controller for all that it says about itself and
// its namespaces, and prints it, as text in spdk_nvme_identify's layout or as
// JSON.
package identify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// Report is what a controller says about itself. Log pages that it does not
// have are nil.
type Report struct {
	Name        string
	Trid        nvme.TransportID
	CAP         nvme.CAP
	Version     nvme.VS
	CMBSZ       nvme.CMBSZ
	PMRCAP      nvme.PMRCAP
	NumIOQueues uint32
	Controller  *nvme.IdentifyController
	Features    map[nvme.FeatureID]uint32
	Pages       []nvme.LogPageID // supported log pages, if it says
	Errors      []nvme.ErrorLogEntry
	Health      *nvme.SMARTLog
	Firmware    *nvme.FirmwareSlotLog
	Effects     *nvme.CommandEffectsLog
	ANA         []nvme.ANAGroup
	Discovery   *host.Discovery // of a discovery controller
	Namespaces  []*Namespace
}

// Namespace is an active namespace.
type Namespace struct {
	ID       uint32
	CSI      nvme.CSI
	NGUID    [16]byte
	EUI64    [8]byte
	UUID     [16]byte
	Data     *nvme.IdentifyNamespace
	Features map[nvme.FeatureID]uint32
	Extra    []Section // of its I/O command set
}

// Section is a titled list of properties.
type Section struct {
	Title  string
	Fields []Property
}

// Property is a name and a value.
type Property struct{ Name, Value string }

const allNamespaces = 0xffffffff

// controllerFeatures and namespaceFeatures have a value of 32 bits that is
// read without further parameters.
var (
	controllerFeatures = []nvme.FeatureID{
		nvme.FeatureArbitration, nvme.FeaturePowerManagement, nvme.FeatureTemperatureThreshold,
		nvme.FeatureNumberOfQueues, nvme.FeatureInterruptCoalescing,
		nvme.FeatureInterruptVectorConfiguration, nvme.FeatureWriteAtomicity,
		nvme.FeatureAsyncEventConfiguration, nvme.FeatureKeepAliveTimer,
	}
	namespaceFeatures = []nvme.FeatureID{nvme.FeatureErrorRecovery}
)

// Collect asks c, which is called name, for everything. A command that the
// controller refuses leaves its part of the report out; other errors end it.
func Collect(ctx context.Context, c *host.Controller, name string) (*Report, error) {
	r := &Report{
		Name: name, Trid: c.TransportID(), CAP: c.CAP(), Version: c.Version(),
		NumIOQueues: c.NumIOQueues(), Controller: c.Identify(),
	}
	q := &asker{ctx: ctx, c: c}
	if r.CAP.CMBS() {
		r.CMBSZ = nvme.CMBSZ(q.register(nvme.RegCMBSZ))
	}
	if r.CAP.PMRS() {
		r.PMRCAP = nvme.PMRCAP(q.register(nvme.RegPMRCAP))
	}
	features := controllerFeatures
	if r.Controller.VWC&nvme.VWCPresent != 0 { // the question is an error otherwise
		features = append(slices.Clip(features), nvme.FeatureVolatileWriteCache)
	}
	r.Features = q.features(features, 0)
	if c.IsDiscovery() { // which has no other log page
		if q.err == nil {
			r.Discovery, q.err = c.ReadDiscoveryLog(ctx)
		}
	} else {
		r.logPages(q)
	}
	for _, ns := range c.Namespaces() {
		n := &Namespace{ID: ns.ID(), CSI: nvme.CSI(ns.CSI()), NGUID: ns.NGUID(), EUI64: ns.EUI64(), UUID: ns.UUID(), Data: ns.Data()}
		n.Features = q.features(namespaceFeatures, n.ID)
		n.extra(q, r.Controller.CTRATT&nvme.CTRATTExtendedLBAFormats != 0)
		r.Namespaces = append(r.Namespaces, n)
	}
	if q.err != nil {
		return nil, fmt.Errorf("%s: %w", name, q.err)
	}
	return r, nil
}

// asker sends commands one at a time (some controllers mix the answers of
// several Get Features up) and keeps the first error that is not the
// controller's no.
type asker struct {
	ctx context.Context
	c   *host.Controller
	err error
}

// ok tells whether err is none, and keeps it if it ends the report.
func (q *asker) ok(err error) bool {
	if err == nil {
		return true
	}
	if s := new(host.StatusError); !errors.As(err, &s) && q.err == nil {
		q.err = err
	}
	return false
}

func (q *asker) register(off uint64) uint32 {
	if q.err != nil {
		return 0
	}
	v, err := q.c.ReadRegister(off)
	q.ok(err)
	return v
}

func (q *asker) features(ids []nvme.FeatureID, nsid uint32) map[nvme.FeatureID]uint32 {
	values := map[nvme.FeatureID]uint32{}
	for _, id := range ids {
		if q.err != nil {
			break
		}
		if cpl, err := q.c.Admin(q.ctx, nvme.GetFeatures{NSID: nsid, FID: id}.Command(), nil); q.ok(err) {
			values[id] = cpl.CDW0
		}
	}
	return values
}

// log fills p from a log page, and tells whether the controller has it.
func (q *asker) log(id nvme.LogPageID, p []byte) bool {
	return q.err == nil && q.ok(q.c.GetLogPageExt(q.ctx, uint8(id), allNamespaces, p, 0, host.LogPageOptions{RetainEvent: true}))
}

// commandSetData reads the namespace data of an I/O command set, or nil.
func (q *asker) commandSetData(nsid uint32, csi nvme.CSI) []byte {
	if q.err != nil {
		return nil
	}
	p := make([]byte, nvme.IdentifySize)
	cmd := nvme.Identify{NSID: nsid, CNS: nvme.CNSIOCSNamespace, CSI: csi}
	if _, err := q.c.Admin(q.ctx, cmd.Command(), p); !q.ok(err) {
		return nil
	}
	return p
}

// Print writes the report; hexDump adds the raw data.
func (r *Report) Print(w io.Writer, hexDump bool) error {
	t := &text{w: w, dump: hexDump}
	r.heading(t)
	r.capabilities(t)
	r.buffers(t)
	r.admin(t)
	r.nvm(t)
	r.firmware(t)
	r.ana(t)
	t.line()
	r.effects(t)
	r.errors(t)
	r.arbitration(t)
	r.power(t)
	r.health(t)
	r.queues(t)
	r.thermal(t)
	r.namespaces(t)
	r.discovery(t)
	return t.err
}
