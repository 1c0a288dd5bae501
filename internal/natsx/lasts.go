package natsx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// Named is a record and the subject that it is stored on.
type Named struct {
	Record
	Subject string
	Deleted bool // it is the marker of a deleted value
}

// LastsDirect reads the last messages of the subjects below a filter from any replica, in
// one question; the markers of deleted values too, since a compare-and-set needs their
// sequences. The server answers for at most 1,024 subjects.
func LastsDirect(ctx context.Context, js jetstream.JetStream, stream, filter string) ([]Named, error) {
	if s, ok := js.(StandIn); ok {
		return s.ReadRecords(ctx, stream, filter)
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	found, err := jetstreamext.GetLastMsgsFor(ctx, js, stream, []string{filter})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filter, err)
	}
	var all []Named
	for msg, err := range found {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", filter, err)
		}
		record := Record{Data: msg.Data, Header: msg.Header, Sequence: msg.Sequence, Time: msg.Time}
		all = append(all, Named{Record: record, Subject: msg.Subject, Deleted: record.deleted()})
	}
	if err := ctx.Err(); err != nil { // the answer may be cut short
		return nil, fmt.Errorf("reading %s: %w", filter, err)
	}
	return all, nil
}

// SubjectsOf asks a stream's leader which subjects below a filter hold anything, markers of
// deleted values among it: a subject that it does not name was empty.
func SubjectsOf(ctx context.Context, js jetstream.JetStream, stream, filter string) ([]string, error) {
	if s, ok := js.(StandIn); ok {
		records, err := s.ReadRecords(ctx, stream, filter)
		names := make([]string, len(records))
		for i := range records {
			names[i] = records[i].Subject
		}
		return names, err
	}
	query, err := json.Marshal(map[string]string{"subjects_filter": filter})
	if err != nil {
		return nil, err
	}
	msg, err := request(ctx, js, "STREAM.INFO."+stream, query)
	if err != nil {
		return nil, fmt.Errorf("reading the subjects of %s: %w", filter, err)
	}
	var answer struct {
		Error *jetstream.APIError   `json:"error"`
		State jetstream.StreamState `json:"state"`
	}
	if err := json.Unmarshal(msg.Data, &answer); err != nil {
		return nil, fmt.Errorf("reading the subjects of %s: %w", filter, err)
	}
	if answer.Error != nil {
		return nil, fmt.Errorf("reading the subjects of %s: %w", filter, answer.Error)
	}
	return slices.Collect(maps.Keys(answer.State.Subjects)), nil
}
