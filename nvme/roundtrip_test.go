// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// roundTrip reads a structure from random bytes, copies it by value and views
// the copy: no byte may be lost, reserved ones included, since a controller
// model hands on what it does not know.
func roundTrip[T any](t *testing.T, r *rand.Rand) {
	t.Helper()
	var zero T
	p := make([]byte, len(Bytes(&zero)))
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	v, err := Read[T](p)
	if err != nil {
		t.Fatal(err)
	}
	w := new(T)
	*w = v
	if !bytes.Equal(Bytes(w), p) {
		t.Errorf("%T: bytes changed", zero)
	}
	if _, err := Read[T](p[:len(p)-1]); err == nil {
		t.Errorf("%T: read from %d bytes", zero, len(p)-1)
	}
}

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	roundTrip[Command](t, r)
	roundTrip[Completion](t, r)
	roundTrip[SGLDescriptor](t, r)
	roundTrip[IdentifyController](t, r)
	roundTrip[PowerStateDescriptor](t, r)
	roundTrip[IdentifyNamespace](t, r)
	roundTrip[LBAFormat](t, r)
	roundTrip[IdentifyNamespaceNVM](t, r)
	roundTrip[IdentifyControllerNVM](t, r)
	roundTrip[IdentifyNamespaceZNS](t, r)
	roundTrip[ZoneLBAFormat](t, r)
	roundTrip[IdentifyControllerZNS](t, r)
	roundTrip[IdentifyNamespaceIndependent](t, r)
	roundTrip[NamespaceList](t, r)
	roundTrip[ControllerList](t, r)
	roundTrip[IOCommandSets](t, r)
	roundTrip[PrimaryControllerCapabilities](t, r)
	roundTrip[SecondaryControllerList](t, r)
	roundTrip[SecondaryController](t, r)
	roundTrip[NamespaceGranularityList](t, r)
	roundTrip[NamespaceGranularity](t, r)
	roundTrip[UUIDList](t, r)
	roundTrip[UUIDEntry](t, r)
	roundTrip[NVMSetList](t, r)
	roundTrip[NVMSet](t, r)
	roundTrip[EnduranceGroupList](t, r)
	roundTrip[DomainList](t, r)
	roundTrip[Domain](t, r)
	roundTrip[ErrorLogEntry](t, r)
	roundTrip[SMARTLog](t, r)
	roundTrip[FirmwareSlotLog](t, r)
	roundTrip[CommandEffectsLog](t, r)
	roundTrip[SupportedLogPagesLog](t, r)
	roundTrip[FeatureEffectsLog](t, r)
	roundTrip[MIEffectsLog](t, r)
	roundTrip[DeviceSelfTestLog](t, r)
	roundTrip[SelfTestResult](t, r)
	roundTrip[TelemetryLog](t, r)
	roundTrip[EnduranceGroupLog](t, r)
	roundTrip[PredictableLatencyLog](t, r)
	roundTrip[AggregateLog](t, r)
	roundTrip[ANALog](t, r)
	roundTrip[ANAGroupDescriptor](t, r)
	roundTrip[PersistentEventLog](t, r)
	roundTrip[PersistentEventHeader](t, r)
	roundTrip[LBAStatusLog](t, r)
	roundTrip[LBAStatusNamespace](t, r)
	roundTrip[LBAStatusRange](t, r)
	roundTrip[LBAStatusHeader](t, r)
	roundTrip[LBAStatusDescriptor](t, r)
	roundTrip[ReservationNotificationLog](t, r)
	roundTrip[SanitizeStatusLog](t, r)
	roundTrip[ChangedZonesLog](t, r)
	roundTrip[BootPartitionLog](t, r)
	roundTrip[RotationalMediaLog](t, r)
	roundTrip[DiscoveryLog](t, r)
	roundTrip[DiscoveryEntry](t, r)
	roundTrip[FDPConfigurationsLog](t, r)
	roundTrip[FDPConfiguration](t, r)
	roundTrip[FDPHandleUsageLog](t, r)
	roundTrip[FDPHandleUsage](t, r)
	roundTrip[FDPStatisticsLog](t, r)
	roundTrip[FDPEventsLog](t, r)
	roundTrip[FDPEvent](t, r)
	roundTrip[Timestamp](t, r)
	roundTrip[AutonomousPowerStateTable](t, r)
	roundTrip[HostBehaviorSupport](t, r)
	roundTrip[HostMemoryBuffer](t, r)
	roundTrip[HostMemoryDescriptor](t, r)
	roundTrip[LBARangeType](t, r)
	roundTrip[PredictableLatencyConfig](t, r)
	roundTrip[DSMRange](t, r)
	roundTrip[CopyRange](t, r)
	roundTrip[CopyRangeExtended](t, r)
	roundTrip[PI16](t, r)
	roundTrip[PI32](t, r)
	roundTrip[PI64](t, r)
	roundTrip[DirectiveParameters](t, r)
	roundTrip[StreamsParameters](t, r)
	roundTrip[ReclaimUnitHandleStatus](t, r)
	roundTrip[ReclaimUnitHandleDescriptor](t, r)
	roundTrip[ReservationRegisterData](t, r)
	roundTrip[ReservationAcquireData](t, r)
	roundTrip[ReservationReleaseData](t, r)
	roundTrip[ReservationStatus](t, r)
	roundTrip[ReservationRegistrant](t, r)
	roundTrip[ReservationStatusExtended](t, r)
	roundTrip[ReservationRegistrantExtended](t, r)
	roundTrip[ZoneReportHeader](t, r)
	roundTrip[ZoneDescriptor](t, r)
	roundTrip[ConnectData](t, r)
	roundTrip[Uint128](t, r)
}
