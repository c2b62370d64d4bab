// SPDX-License-Identifier: BSD-3-Clause

package nvme

// FeatureID names a feature (section 5.27.1).
type FeatureID uint8

// Features.
const (
	FeatureArbitration                  FeatureID = 0x01
	FeaturePowerManagement              FeatureID = 0x02
	FeatureLBARangeType                 FeatureID = 0x03
	FeatureTemperatureThreshold         FeatureID = 0x04
	FeatureErrorRecovery                FeatureID = 0x05
	FeatureVolatileWriteCache           FeatureID = 0x06
	FeatureNumberOfQueues               FeatureID = 0x07
	FeatureInterruptCoalescing          FeatureID = 0x08
	FeatureInterruptVectorConfiguration FeatureID = 0x09
	FeatureWriteAtomicity               FeatureID = 0x0a
	FeatureAsyncEventConfiguration      FeatureID = 0x0b
	FeatureAutonomousPowerState         FeatureID = 0x0c
	FeatureHostMemoryBuffer             FeatureID = 0x0d
	FeatureTimestamp                    FeatureID = 0x0e
	FeatureKeepAliveTimer               FeatureID = 0x0f
	FeatureThermalManagement            FeatureID = 0x10
	FeatureNonOperationalPowerState     FeatureID = 0x11
	FeatureReadRecoveryLevel            FeatureID = 0x12
	FeaturePredictableLatencyConfig     FeatureID = 0x13
	FeaturePredictableLatencyWindow     FeatureID = 0x14
	FeatureLBAStatusAttributes          FeatureID = 0x15
	FeatureHostBehaviorSupport          FeatureID = 0x16
	FeatureSanitizeConfig               FeatureID = 0x17
	FeatureEnduranceGroupEvent          FeatureID = 0x18
	FeatureIOCommandSetProfile          FeatureID = 0x19
	FeatureSpinupControl                FeatureID = 0x1a
	FeaturePowerLossSignaling           FeatureID = 0x1b
	FeatureFDP                          FeatureID = 0x1d
	FeatureFDPEvents                    FeatureID = 0x1e
	FeatureNamespaceAdminLabel          FeatureID = 0x1f
	FeatureControllerDataQueue          FeatureID = 0x21
	FeatureEmbeddedManagementAddress    FeatureID = 0x78
	FeatureHostManagementAgentAddress   FeatureID = 0x79
	FeatureEnhancedControllerMetadata   FeatureID = 0x7d
	FeatureControllerMetadata           FeatureID = 0x7e
	FeatureNamespaceMetadata            FeatureID = 0x7f
	FeatureSoftwareProgressMarker       FeatureID = 0x80
	FeatureHostIdentifier               FeatureID = 0x81
	FeatureReservationNotificationMask  FeatureID = 0x82
	FeatureReservationPersistence       FeatureID = 0x83
	FeatureNamespaceWriteProtection     FeatureID = 0x84
	FeatureBootPartitionWriteProtection FeatureID = 0x85
)

// String returns the name that SPDK prints for the feature.
func (f FeatureID) String() string {
	if s, ok := featureNames[f]; ok {
		return s
	}
	return "RESERVED"
}

// featureNames holds the names that SPDK prints. It prints the others as
// reserved.
var featureNames = map[FeatureID]string{
	FeatureArbitration:                  "ARBITRATION",
	FeaturePowerManagement:              "POWER MANAGEMENT",
	FeatureLBARangeType:                 "LBA RANGE TYPE",
	FeatureTemperatureThreshold:         "TEMPERATURE THRESHOLD",
	FeatureErrorRecovery:                "ERROR_RECOVERY",
	FeatureVolatileWriteCache:           "VOLATILE WRITE CACHE",
	FeatureNumberOfQueues:               "NUMBER OF QUEUES",
	FeatureInterruptCoalescing:          "INTERRUPT COALESCING",
	FeatureInterruptVectorConfiguration: "INTERRUPT VECTOR CONFIGURATION",
	FeatureWriteAtomicity:               "WRITE ATOMICITY",
	FeatureAsyncEventConfiguration:      "ASYNC EVENT CONFIGURATION",
	FeatureAutonomousPowerState:         "AUTONOMOUS POWER STATE TRANSITION",
	FeatureHostMemoryBuffer:             "HOST MEM BUFFER",
	FeatureTimestamp:                    "TIMESTAMP",
	FeatureKeepAliveTimer:               "KEEP ALIVE TIMER",
	FeatureThermalManagement:            "HOST CONTROLLED THERMAL MANAGEMENT",
	FeatureNonOperationalPowerState:     "NON OPERATIONAL POWER STATE CONFIG",
	FeatureSoftwareProgressMarker:       "SOFTWARE PROGRESS MARKER",
	FeatureHostIdentifier:               "HOST IDENTIFIER",
	FeatureReservationNotificationMask:  "HOST RESERVE MASK",
	FeatureReservationPersistence:       "HOST RESERVE PERSIST",
}
