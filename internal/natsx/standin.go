package natsx

import (
	"context"

	"github.com/nats-io/nats.go"
)

// StandIn takes the place of a server's streams. A jetstream.JetStream that implements it is asked by [LastDirect],
// [LastFromLeader], [FirstFromLeader] and by committers, instead of the connection: so a search can run
// the steps of a protocol, as they are, over every order of events and faults. Nothing else in production has it.
type StandIn interface {
	// ReadRecord answers as the reading functions do.
	ReadRecord(ctx context.Context, from Reading, stream, subject string) (Record, error)
	// ReadRecords answers as [LastsDirect] and [SubjectsOf] do.
	ReadRecords(ctx context.Context, stream, filter string) ([]Named, error)
	// StoreRecord stores a message, or refuses it, as a stream does. An error of the kind of Unanswered leaves open
	// which.
	StoreRecord(ctx context.Context, msg *nats.Msg) (sequence uint64, err error)
}

// Reading is how a record is read.
type Reading int

// The ways to read a record, see the functions of these names.
const (
	ReadLastDirect Reading = iota
	ReadLastFromLeader
	ReadFirstFromLeader
)

// String names the function.
func (r Reading) String() string {
	return [...]string{"LastDirect", "LastFromLeader", "FirstFromLeader"}[r]
}
