// SPDX-License-Identifier: BSD-3-Clause

// Package zoneblock makes a zoned block device out of any other: its zones
// are written from their beginning on, and must be reset before they are
// written again. It is for trying what needs such devices.
//
// The state of the zones is in memory. When the device is made all zones are
// full, as they may hold data.
package zoneblock
