package messages

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// CloudEvent is the envelope of events and replies: CloudEvents 1.0 in the binary
// mode of its NATS binding, hence headers beside an unchanged JSON body, so that any
// CloudEvents consumer can take part.
type CloudEvent struct {
	ID      string // unique within Source: <run>/<epoch>/<number of the first event>, or <run>/<epoch>/done
	Type    string // run.kedge.events, or run.kedge.done
	Source  string // /kedge/<tenant>/<queue>
	Subject string // the run id
	Time    time.Time
}

// typePrefix starts the CloudEvents type of every message.
const typePrefix = "run.kedge."

// The types of the two kinds of messages.
const (
	eventsKind = "events"
	doneKind   = "done"
)

const (
	cloudEventVersion = "1.0"
	headerPrefix      = "ce-"
	contentType       = "application/json"
)

// CloudEvent is the envelope of events of a run of the queue: its data are all of them.
func (e *Events) CloudEvent(tenant, queue string) CloudEvent {
	f := &e.first
	return envelope(f.RunID, f.Epoch, strconv.Itoa(f.Number), eventsKind, tenant, queue, f.Time)
}

// CloudEvent is the envelope of a reply.
func (r *Reply) CloudEvent() CloudEvent {
	e := r.Ended()
	return envelope(e.RunID, e.Epoch, doneKind, doneKind, e.Tenant, e.Queue, e.FinishedAt)
}

func envelope(run RunID, epoch uint64, number, kind, tenant, queue string, at time.Time) CloudEvent {
	return CloudEvent{
		ID:   string(run) + "/" + strconv.FormatUint(epoch, 10) + "/" + number,
		Type: typePrefix + kind, Source: "/kedge/" + tenant + "/" + queue, Subject: string(run), Time: at,
	}
}

// Header writes the envelope as NATS headers.
func (c CloudEvent) Header() map[string][]string {
	header := make(map[string][]string, 12) // with what is added for the server
	values := make([]string, 0, 7)
	set := func(name, value string) {
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	set("ce-specversion", cloudEventVersion)
	set("ce-id", percentEncode(c.ID))
	set("ce-type", percentEncode(c.Type))
	set("ce-source", percentEncode(c.Source))
	set("ce-subject", percentEncode(c.Subject))
	set("ce-time", c.Time.UTC().Format(time.RFC3339Nano))
	set("content-type", contentType)
	return header
}

// ParseCloudEvent reads an envelope; attributes that it does not know are skipped.
func ParseCloudEvent(header map[string][]string) (CloudEvent, error) {
	if version := first(header, "specversion"); version != cloudEventVersion {
		return CloudEvent{}, fmt.Errorf("cloud event: version %q, want %s", clip(version), cloudEventVersion)
	}
	var c CloudEvent
	var errs []error
	for name, into := range map[string]*string{"id": &c.ID, "type": &c.Type, "source": &c.Source, "subject": &c.Subject} {
		text, err := percentDecode(first(header, name))
		if err == nil && text == "" && name != "subject" {
			err = errors.New("is missing")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cloud event: %s: %w", name, err))
		}
		*into = text
	}
	if text := first(header, "time"); text != "" {
		var err error
		if c.Time, err = time.Parse(time.RFC3339Nano, text); err != nil {
			errs = append(errs, fmt.Errorf("cloud event: time: %w", err))
		}
	}
	return c, errors.Join(errs...)
}

func first(header map[string][]string, attribute string) string {
	if values := header[headerPrefix+attribute]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// percentEncode follows the binding: everything but printable ASCII, and space, quote
// and percent, is written as %XX of its UTF-8 bytes.
func percentEncode(text string) string {
	if !strings.ContainsFunc(text, encoded) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if c := text[i]; encoded(rune(c)) {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func encoded(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '%' }

func percentDecode(text string) (string, error) { return url.PathUnescape(text) }
