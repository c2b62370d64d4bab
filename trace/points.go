// SPDX-License-Identifier: BSD-3-Clause

package trace

// Numbers of groups, which are SPDK's.
const (
	groupBdev    = 3
	groupNVMfTCP = 5
	groupThread  = 10

	maxGroups      = 20
	pointsPerGroup = 64
	maxPoints      = maxGroups * pointsPerGroup
)

// Points of the block layer.
const (
	BdevIOStart Point = groupBdev*pointsPerGroup + iota // blocks; type, ctx, offset in blocks, queue depth
	BdevIODone                                          // ctx, queue depth
	BdevChannelCreate
	BdevChannelDestroy
)

// Points of the NVMe/TCP target: what becomes of a request, and of a queue.
const (
	TCPNew          Point = groupNVMfTCP*pointsPerGroup + 0 // queue depth
	TCPNeedBuffer   Point = groupNVMfTCP*pointsPerGroup + 1
	TCPHaveBuffer   Point = groupNVMfTCP*pointsPerGroup + 2
	TCPTransferH2C  Point = groupNVMfTCP*pointsPerGroup + 5 // data of the host are due
	TCPReadyToExec  Point = groupNVMfTCP*pointsPerGroup + 6
	TCPExecuting    Point = groupNVMfTCP*pointsPerGroup + 7
	TCPExecuted     Point = groupNVMfTCP*pointsPerGroup + 9
	TCPTransferC2H  Point = groupNVMfTCP*pointsPerGroup + 11
	TCPCompleted    Point = groupNVMfTCP*pointsPerGroup + 13 // queue depth
	TCPReadDone     Point = groupNVMfTCP*pointsPerGroup + 15 // size: bytes from the socket
	TCPAwaitR2TAck  Point = groupNVMfTCP*pointsPerGroup + 16 // an R2T has been queued
	TCPQPCreate     Point = groupNVMfTCP*pointsPerGroup + 17
	TCPQPDisconnect Point = groupNVMfTCP*pointsPerGroup + 20
	TCPQPDestroy    Point = groupNVMfTCP*pointsPerGroup + 21
)

// Points of threads.
const (
	ThreadChannelGet Point = groupThread*pointsPerGroup + iota // references
	ThreadChannelPut                                           // references
)

// Types of owners, and of objects, which are SPDK's.
const (
	OwnerBdev    = 0x02
	OwnerThread  = 0x07
	OwnerNVMfTCP = 0x30

	objectBdevIO  = 0x02
	objectNVMfTCP = 0x80
)

var (
	ownerPrefixes  = map[byte]byte{OwnerBdev: 'b', OwnerThread: 't', OwnerNVMfTCP: 'q'}
	objectPrefixes = map[byte]byte{objectBdevIO: 'i', objectNVMfTCP: 'r'}
)

// group is a set of points that are enabled together.
type group struct {
	id     int
	name   string
	points []definition
}

// definition describes a point, by the names that SPDK has for it.
type definition struct {
	point         Point
	name          string
	owner, object byte
	begins        bool // the object's life begins here
	args          []argument
	related       []relation
}

type argument struct {
	name    string
	size    int // 4 or 8
	pointer bool
}

// relation says that an argument names an object.
type relation struct{ object, arg byte }

var depth8, depth4 = argument{"qd", 8, false}, argument{"qd", 4, false}

// groups lists all that there is.
var groups = []group{
	{groupBdev, "bdev", []definition{
		{BdevIOStart, "BDEV_IO_START", OwnerBdev, objectBdevIO, true,
			[]argument{{"type", 8, false}, {"ctx", 8, true}, {"offset", 8, false}, depth4}, []relation{{objectNVMfTCP, 1}}},
		{BdevIODone, "BDEV_IO_DONE", OwnerBdev, objectBdevIO, false, []argument{{"ctx", 8, true}, depth4}, []relation{{objectNVMfTCP, 0}}},
		{BdevChannelCreate, "BDEV_IOCH_CREATE", OwnerBdev, 0, false, []argument{{"tid", 8, false}}, nil},
		{BdevChannelDestroy, "BDEV_IOCH_DESTROY", OwnerBdev, 0, false, []argument{{"tid", 8, false}}, nil},
	}},
	{groupNVMfTCP, "nvmf_tcp", []definition{
		{TCPNew, "TCP_REQ_NEW", OwnerNVMfTCP, objectNVMfTCP, true, []argument{depth8}, nil},
		tcpRequest(TCPNeedBuffer, "TCP_REQ_NEED_BUFFER"),
		tcpRequest(TCPHaveBuffer, "TCP_REQ_HAVE_BUFFER"),
		tcpRequest(TCPTransferH2C, "TCP_REQ_TX_H_TO_C"),
		tcpRequest(TCPReadyToExec, "TCP_REQ_RDY_TO_EXECUTE"),
		tcpRequest(TCPExecuting, "TCP_REQ_EXECUTING"),
		tcpRequest(TCPExecuted, "TCP_REQ_EXECUTED"),
		tcpRequest(TCPTransferC2H, "TCP_REQ_TRANSFER_C2H"),
		{TCPCompleted, "TCP_REQ_COMPLETED", OwnerNVMfTCP, objectNVMfTCP, false, []argument{depth8}, nil},
		{TCPReadDone, "TCP_READ_DONE", OwnerNVMfTCP, 0, false, nil, nil},
		tcpRequest(TCPAwaitR2TAck, "TCP_REQ_AWAIT_R2T_ACK"),
		{TCPQPCreate, "TCP_QP_CREATE", OwnerNVMfTCP, 0, false, nil, nil},
		{TCPQPDisconnect, "TCP_QP_DISCONNECT", OwnerNVMfTCP, 0, false, nil, nil},
		{TCPQPDestroy, "TCP_QP_DESTROY", OwnerNVMfTCP, 0, false, nil, nil},
	}},
	{groupThread, "thread", []definition{
		{ThreadChannelGet, "THREAD_IOCH_GET", 0, 0, false, []argument{{"refcnt", 4, false}}, nil},
		{ThreadChannelPut, "THREAD_IOCH_PUT", 0, 0, false, []argument{{"refcnt", 4, false}}, nil},
	}},
}

func tcpRequest(p Point, name string) definition {
	return definition{point: p, name: name, owner: OwnerNVMfTCP, object: objectNVMfTCP}
}

// definitions finds a point's, nil if there is none.
var definitions = func() (all [maxPoints]*definition) {
	for _, g := range groups {
		for i := range g.points {
			all[g.points[i].point] = &g.points[i]
		}
	}
	return all
}()
