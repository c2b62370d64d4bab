// SPDX-License-Identifier: BSD-3-Clause

package trace

// The layout of the file (struct spdk_trace_file and what follows it in
// include/spdk/trace.h). Numbers are in the machine's byte order.
const (
	offFileSize    = 0
	offNumSections = 8
	offSections    = 16

	sectionMain = iota - 3
	sectionOwner
	sectionMasks
	sectionOwnerTypes
	sectionObjects
	sectionPoints
	sectionRings
	numSections

	headerSize  = offSections + 8*numSections
	mainSize    = 512
	sectionHead = 128 // begins with the number of what follows

	maxOwners       = 16 << 10
	descriptionSize = 119
	ownerSize       = 9 + descriptionSize

	offOwnerType        = 8
	offOwnerDescription = 9

	types    = 256 // of owners and objects: a number and a letter each
	maxRings = 256

	pointSize       = 190
	offPointID      = 24
	offPointOwner   = 26
	offPointObject  = 27
	offPointBegins  = 28
	offPointNumArgs = 29
	offPointArgs    = 30
	argSize         = 16 // the name, a type, a size
	offArgType      = 14
	offArgSize      = 15
	maxArgs         = 8
	offPointRelated = offPointArgs + maxArgs*argSize

	argPointer = 1

	// A ring (struct spdk_trace_history): head, a counter for each point,
	// entries.
	offRingName    = 4
	ringNameSize   = 16
	offRingEntries = 24
	offRingPoints  = 32
	offRingNext    = 40
	offRingCounts  = 48
	ringHead       = offRingCounts + 8*maxPoints

	entrySize = 32
	// An entry, and how it goes on in further ones if its arguments need
	// more room.
	offEntryTSC    = 0
	offEntryPoint  = 8
	offEntryOwner  = 10
	offEntrySize   = 12
	offEntryObject = 16
	offEntryArgs   = 24
	offMoreArgs    = 10
	continued      = maxPoints // as the point
)

// offsets of the sections.
var offsets = func() (at [numSections]int) {
	sizes := [numSections]int{
		sectionMain: mainSize, sectionOwner: sectionHead + maxOwners*ownerSize, sectionMasks: sectionHead + 8*maxGroups,
		sectionOwnerTypes: sectionHead + 2*types, sectionObjects: sectionHead + 2*types,
		sectionPoints: sectionHead + maxPoints*pointSize, sectionRings: sectionHead + 8*maxRings,
	}
	next := headerSize
	for i, n := range sizes {
		at[i], next = next, next+n
	}
	return at
}()

// ringsAt is where the rings begin.
var ringsAt = offsets[sectionRings] + sectionHead + 8*maxRings

func ringSize(entries int) int { return ringHead + entries*entrySize }
