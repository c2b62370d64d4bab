// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"math/big"
	"slices"

	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/rpc"
	"github.com/gospdk/gospdk/thread"
)

// pcieStats and tcpStats are what SPDK shows of a transport.
type pcieStats struct {
	CQDoorbells       uint64 `json:"cq_mmio_doorbell_updates"`
	CQShadowDoorbells uint64 `json:"cq_shadow_doorbell_updates"`
}

type shownTransport struct {
	Trname      string  `json:"trname"`
	Polls       uint64  `json:"polls"`
	IdlePolls   uint64  `json:"idle_polls"`
	SocketComps *uint64 `json:"socket_completions,omitempty" doc:"TCP only"`
	NVMeComps   *uint64 `json:"nvme_completions,omitempty" doc:"TCP only"`
	Completions *uint64 `json:"completions,omitempty" doc:"not TCP"`
	*pcieStats
	Queued    uint64 `json:"queued_requests" doc:"that had to wait in the driver"`
	Submitted uint64 `json:"submitted_requests"`
	*submitsByMMIO
}

type submitsByMMIO struct {
	SQDoorbells       uint64 `json:"sq_mmio_doorbell_updates"`
	SQShadowDoorbells uint64 `json:"sq_shadow_doorbell_updates"`
}

type shownGroup struct {
	Thread     string           `json:"thread"`
	Transports []shownTransport `json:"transports"`
}

type shownGroups struct {
	Groups []shownGroup `json:"poll_groups"`
}

func (m *Module) rpcStats(ctx context.Context, _ struct{}) (shownGroups, error) {
	m.mu.Lock()
	groups := slices.Clone(m.groups)
	m.mu.Unlock()
	all := shownGroups{Groups: []shownGroup{}}
	for _, g := range groups {
		shown, err := thread.Call(ctx, g.t, func() (shownGroup, error) { return g.show(), nil })
		if errors.Is(err, thread.ErrExited) {
			continue
		}
		if err != nil {
			return all, err
		}
		all.Groups = append(all.Groups, shown)
	}
	return all, nil
}

// show adds up the queue pairs of each transport. It runs on the thread.
func (g *pollGroup) show() shownGroup {
	s := shownGroup{Thread: g.t.Name(), Transports: []shownTransport{}}
	sums := map[spec.TransportType]*host.QueueStats{}
	var order []spec.TransportType
	for _, q := range g.qpairs {
		kind := q.cc.c.cfg.Trid.Trtype
		if sums[kind] == nil {
			sums[kind] = &host.QueueStats{}
			order = append(order, kind)
		}
		add(sums[kind], q.Stats())
	}
	for _, kind := range order {
		s.Transports = append(s.Transports, showStats(kind, sums[kind]))
	}
	return s
}

func add(sum *host.QueueStats, s host.QueueStats) {
	sum.Polls += s.Polls
	sum.IdlePolls += s.IdlePolls
	sum.Completions += s.Completions
	sum.Submitted += s.Submitted
	sum.SQDoorbells += s.SQDoorbells
	sum.CQDoorbells += s.CQDoorbells
	sum.ShadowDoorbells += s.ShadowDoorbells
}

func showStats(kind spec.TransportType, s *host.QueueStats) shownTransport {
	t := shownTransport{Trname: kind.String(), Polls: s.Polls, IdlePolls: s.IdlePolls, Submitted: s.Submitted}
	n := s.Completions
	if kind == spec.TrtypeTCP {
		t.SocketComps, t.NVMeComps = &n, &n
		return t
	}
	t.Completions = &n
	t.pcieStats = &pcieStats{CQDoorbells: s.CQDoorbells}
	t.submitsByMMIO = &submitsByMMIO{SQDoorbells: s.SQDoorbells, SQShadowDoorbells: s.ShadowDoorbells}
	return t
}

type shownHealth struct {
	Model             string   `json:"model_number"`
	Serial            string   `json:"serial_number"`
	Firmware          string   `json:"firmware_revision"`
	Traddr            string   `json:"traddr"`
	CriticalWarning   uint64   `json:"critical_warning"`
	Temperature       int64    `json:"temperature_celsius"`
	Spare             uint64   `json:"available_spare_percentage"`
	SpareThreshold    uint64   `json:"available_spare_threshold_percentage"`
	Used              uint64   `json:"percentage_used"`
	DataUnitsRead     *big.Int `json:"data_units_read" doc:"in 1000 times 512 bytes"`
	DataUnitsWritten  *big.Int `json:"data_units_written"`
	HostReadCommands  *big.Int `json:"host_read_commands"`
	HostWriteCommands *big.Int `json:"host_write_commands"`
	BusyTime          *big.Int `json:"controller_busy_time" doc:"in minutes"`
	PowerCycles       *big.Int `json:"power_cycles"`
	PowerOnHours      *big.Int `json:"power_on_hours"`
	UnsafeShutdowns   *big.Int `json:"unsafe_shutdowns"`
	MediaErrors       *big.Int `json:"media_errors"`
	ErrorLogEntries   *big.Int `json:"num_err_log_entries"`
	WarningTime       uint64   `json:"warning_temperature_time_minutes"`
	CriticalTime      uint64   `json:"critical_composite_temperature_time_minutes"`
	Sensor            *int64   `json:"temperature_sensor_celsius,omitempty" doc:"of the first sensor that says something"`
}

func (m *Module) rpcHealth(ctx context.Context, p nameParams) (shownHealth, error) {
	paths, err := m.lookup(p.Name)
	if err != nil {
		return shownHealth{}, rpc.Errorf(rpc.InternalError, "Device not found: %v", err)
	}
	var page spec.SMARTLog
	var id *spec.IdentifyController
	err = paths[0].use(func(hc *host.Controller) error {
		id = hc.Identify()
		const allNamespaces = 0xffffffff
		return hc.GetLogPage(ctx, uint8(spec.LogSMART), allNamespaces, spec.Bytes(&page), 0)
	})
	if err != nil {
		return shownHealth{}, rpc.Errorf(rpc.InternalError, "Internal error. %v", err)
	}
	const kelvin = 273
	s := shownHealth{
		Model: text(id.MN[:]), Serial: text(id.SN[:]), Firmware: text(id.FR[:]), Traddr: paths[0].cfg.Trid.Traddr,
		CriticalWarning: uint64(page.CriticalWarning), Temperature: int64(page.Temperature()) - kelvin,
		Spare: uint64(page.AvailableSpare), SpareThreshold: uint64(page.AvailableSpareThreshold), Used: uint64(page.PercentageUsed),
		DataUnitsRead: page.DataUnitsRead.Big(), DataUnitsWritten: page.DataUnitsWritten.Big(),
		HostReadCommands: page.HostReadCommands.Big(), HostWriteCommands: page.HostWriteCommands.Big(),
		BusyTime: page.ControllerBusyTime.Big(), PowerCycles: page.PowerCycles.Big(), PowerOnHours: page.PowerOnHours.Big(),
		UnsafeShutdowns: page.UnsafeShutdowns.Big(), MediaErrors: page.MediaErrors.Big(), ErrorLogEntries: page.ErrorLogEntries.Big(),
		WarningTime: uint64(page.WarningTempTime), CriticalTime: uint64(page.CriticalTempTime),
	}
	for _, t := range page.TempSensor {
		if t != 0 {
			celsius := int64(t) - kelvin
			s.Sensor = &celsius
			break
		}
	}
	return s, nil
}
