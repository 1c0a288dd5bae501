package natsx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoRecord says that a subject holds nothing, or only the marker of a deleted
// value.
var ErrNoRecord = errors.New("nothing stored")

// Record is the last message stored on a subject.
type Record struct {
	Data     []byte
	Header   nats.Header
	Sequence uint64
	Time     time.Time // when the server stored it
}

// Headers that mark a deleted value of a bucket.
const (
	operationHeader = "KV-Operation"
	purgeOperation  = "PURGE"
)

func (r Record) deleted() bool {
	return r.Header.Get(operationHeader) != "" || r.Header.Get(jetstream.MarkerReasonHeader) != ""
}

// LastDirect reads the last message of a subject from any replica, which may lag
// behind: good for what a compare-and-set confirms later. ErrNoRecord with the
// marker's Sequence when the value was deleted.
func LastDirect(ctx context.Context, js jetstream.JetStream, stream, subject string) (Record, error) {
	if s, ok := js.(StandIn); ok {
		return s.ReadRecord(ctx, ReadLastDirect, stream, subject)
	}
	msg, err := request(ctx, js, "DIRECT.GET."+stream+"."+subject, nil)
	if err != nil {
		return Record{}, fmt.Errorf("reading %s: %w", subject, err)
	}
	switch status := msg.Header.Get("Status"); status {
	case "":
	case "404":
		return Record{}, ErrNoRecord
	default:
		return Record{}, fmt.Errorf("reading %s: %s %s", subject, status, msg.Header.Get("Description"))
	}
	sequence, err := strconv.ParseUint(msg.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return Record{}, fmt.Errorf("reading %s: sequence: %w", subject, err)
	}
	stored, err := time.Parse(time.RFC3339Nano, msg.Header.Get(jetstream.TimeStampHeaer))
	if err != nil {
		return Record{}, fmt.Errorf("reading %s: time: %w", subject, err)
	}
	record := Record{Data: msg.Data, Header: msg.Header, Sequence: sequence, Time: stored}
	return record, record.check()
}

// LastFromLeader reads the last message of a subject from the stream's leader: what
// it does not show was not stored before the read.
func LastFromLeader(ctx context.Context, js jetstream.JetStream, stream, subject string) (Record, error) {
	if s, ok := js.(StandIn); ok {
		return s.ReadRecord(ctx, ReadLastFromLeader, stream, subject)
	}
	return fromLeader(ctx, js, stream, subject, map[string]any{"last_by_subj": subject})
}

// settleTime is how long a follower of a healthy cluster may lag behind.
const settleTime = 20 * time.Millisecond

// LastSettled is LastDirect after a moment in which a follower catches up: for those who may
// not ask the leader.
func LastSettled(ctx context.Context, js jetstream.JetStream, stream, subject string) (Record, error) {
	if !Pause(ctx, settleTime) {
		return Record{}, context.Cause(ctx)
	}
	return LastDirect(ctx, js, stream, subject)
}

// FirstFromLeader reads the oldest message of a subject from the stream's leader.
func FirstFromLeader(ctx context.Context, js jetstream.JetStream, stream, subject string) (Record, error) {
	if s, ok := js.(StandIn); ok {
		return s.ReadRecord(ctx, ReadFirstFromLeader, stream, subject)
	}
	return fromLeader(ctx, js, stream, subject, map[string]any{"seq": 1, "next_by_subj": subject})
}

func fromLeader(ctx context.Context, js jetstream.JetStream, stream, subject string, which map[string]any) (Record, error) {
	query, err := json.Marshal(which)
	if err != nil {
		return Record{}, err
	}
	msg, err := request(ctx, js, "STREAM.MSG.GET."+stream, query)
	if err != nil {
		return Record{}, fmt.Errorf("reading %s: %w", subject, err)
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Sequence uint64    `json:"seq"`
			Header   []byte    `json:"hdrs"`
			Data     []byte    `json:"data"`
			Time     time.Time `json:"time"`
		} `json:"message"`
	}
	if err := json.Unmarshal(msg.Data, &answer); err != nil {
		return Record{}, fmt.Errorf("reading %s: %w", subject, err)
	}
	if answer.Error != nil {
		if answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
			return Record{}, ErrNoRecord
		}
		return Record{}, fmt.Errorf("reading %s: %w", subject, answer.Error)
	}
	record := Record{Data: answer.Message.Data, Sequence: answer.Message.Sequence, Time: answer.Message.Time}
	if len(answer.Message.Header) > 0 {
		if record.Header, err = nats.DecodeHeadersMsg(answer.Message.Header); err != nil {
			return Record{}, fmt.Errorf("reading %s: headers: %w", subject, err)
		}
	}
	return record, record.check()
}

func (r Record) check() error {
	if r.deleted() {
		return ErrNoRecord
	}
	return nil
}

func request(ctx context.Context, js jetstream.JetStream, subject string, data []byte) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	return js.Conn().RequestWithContext(ctx, apiPrefix(js)+subject, data)
}

func apiPrefix(js jetstream.JetStream) string {
	switch o := js.Options(); {
	case o.APIPrefix != "":
		return strings.TrimSuffix(o.APIPrefix, ".") + "."
	case o.Domain != "":
		return "$JS." + o.Domain + ".API."
	}
	return jetstream.DefaultAPIPrefix
}

// Put is a message that sets a key of a bucket; ttl 0 keeps it for ever.
func Put(bucket, key string, value []byte, ttl time.Duration) *nats.Msg {
	msg := nats.NewMsg(KeySubject(bucket, key))
	msg.Data = value
	SetTTL(msg, ttl)
	return msg
}

// Remove is a message that deletes a key of a bucket and leaves no trace after ttl,
// at least 1 s: a plain delete would leave its marker for ever.
func Remove(bucket, key string, ttl time.Duration) *nats.Msg {
	return Tombstone(KeySubject(bucket, key), ttl)
}

// Tombstone is a message that deletes what is stored on its subject and leaves no trace
// after ttl, at least 1 s. The right to publish on the subject is all it needs.
func Tombstone(subject string, ttl time.Duration) *nats.Msg {
	msg := nats.NewMsg(subject)
	msg.Header.Set(operationHeader, purgeOperation)
	msg.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	SetTTL(msg, ttl)
	return msg
}

// KeySubject is where a key of a bucket is stored.
func KeySubject(bucket, key string) string { return "$KV." + bucket + "." + key }

// KeyStream is the stream of a bucket.
func KeyStream(bucket string) string { return "KV_" + bucket }

// SetTTL makes the stored message disappear after ttl; 0 keeps it.
func SetTTL(msg *nats.Msg, ttl time.Duration) {
	if ttl > 0 {
		msg.Header.Set(jetstream.MsgTTLHeader, ttl.String())
	}
}

// Expect stores the message only while sequence is the last one of subject, which
// need not be the message's own but lies in the same stream; 0: nothing is stored.
func Expect(msg *nats.Msg, subject string, sequence uint64) {
	msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(sequence, 10))
	if subject != msg.Subject {
		msg.Header.Set(jetstream.ExpectedLastSubjSeqSubjHeader, subject)
	}
}
