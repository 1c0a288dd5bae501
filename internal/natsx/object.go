package natsx

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/messages"
)

// Errors of the object bucket.
var (
	// ErrObjectTooLarge says that content exceeds the limit that the text names.
	ErrObjectTooLarge = errors.New("too large for the object bucket")
	// ErrObjectGone says that an object, or a part of it, is not stored.
	ErrObjectGone = errors.New("object is not stored, or not any more")
	// ErrObjectChanged says that content is not what the reference says.
	ErrObjectChanged = errors.New("object is not what its reference says")
	// ErrBucketFull says that the bucket has reached its size limit.
	ErrBucketFull = errors.New("object bucket is full")
)

// Objects is the object bucket. Content passes through a few pieces of memory, whatever
// its size. The pieces of an object lie on subjects of their own instead of NATS's usual
// one per object: rights are cut by tenant, what is left of a broken upload is found by
// its run, storing twice is harmless, and a read needs no consumer.
type Objects struct {
	js       jetstream.JetStream
	subjects messages.Subjects
}

// NewObjects gives the bucket of an installation; Topology.Setup makes it.
func NewObjects(js jetstream.JetStream, subjects messages.Subjects) *Objects {
	return &Objects{js: js, subjects: subjects}
}

// Bucket is the name of the bucket.
func (o *Objects) Bucket() string { return o.subjects.Bucket("data") }

func (o *Objects) stream() string { return "OBJ_" + o.Bucket() }

// PutOptions changes one Put.
type PutOptions struct {
	// Format is what the reference says of the content. Defaults to json.
	Format string
	// Limit is how many bytes are stored at most. Defaults to no limit.
	Limit int64
	// Progress is told the bytes read so far. Defaults to nobody.
	Progress func(done int64)
}

const (
	// window is how many pieces are on their way at a time.
	window = 6
	// pieceTimeout bounds the way of one piece, over a slow connection too.
	pieceTimeout = 15 * time.Second
	// pieceTries is how often a piece is sent while nobody answers.
	pieceTries = 4
)

// Put stores content and gives the reference to it. ErrObjectTooLarge, ErrBucketFull. What
// a Put that failed has left is removed with the run.
func (o *Objects) Put(ctx context.Context, name messages.ObjectName, content io.Reader, opts PutOptions) (messages.Ref, error) {
	info := jetstream.ObjectInfo{Bucket: o.Bucket(), NUID: name.ID, ModTime: time.Now().UTC()}
	info.Name = name.String()
	// The mark goes first: whatever happens later, the sweeper finds what was stored.
	if err := o.mark(ctx, name, &info); err != nil {
		return messages.Ref{}, fmt.Errorf("storing object %s: %w", name, err)
	}
	u := &upload{objects: o, name: name, opts: opts, free: make(chan []byte, window)}
	for range window {
		u.free <- nil
	}
	size, digest, err := u.run(ctx, content)
	if err == nil {
		info.Size, info.Digest, info.Chunks = uint64(size), digest, uint32(pieces(size))
		err = o.mark(ctx, name, &info)
	}
	if err != nil {
		return messages.Ref{}, fmt.Errorf("storing object %s: %w", name, err)
	}
	return messages.Ref{Bucket: o.Bucket(), Name: name.String(), Digest: digest, Size: size, Format: opts.Format}, nil
}

// mark announces or describes an object; `nats object ls` lists the marks.
func (o *Objects) mark(ctx context.Context, name messages.ObjectName, info *jetstream.ObjectInfo) error {
	body, err := json.Marshal(info)
	if err != nil {
		return err
	}
	msg := nats.NewMsg(o.subjects.ObjectMark(name))
	msg.Data = body
	msg.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	// It is small: its tries are short, so that who may not store is told soon.
	_, err = Publish(ctx, o.js, msg, pieceTimeout)
	return full(err)
}

// full names the limit of the bucket.
func full(err error) error {
	if LimitReached(err) {
		return fmt.Errorf("%w: %w", ErrBucketFull, err)
	}
	return err
}

// store sends one message until the server answers.
func (o *Objects) store(ctx context.Context, msg *nats.Msg) error {
	var err error
	for range pieceTries {
		if err = o.storeOnce(ctx, msg); !Unanswered(err) || ctx.Err() != nil {
			break
		}
		if refused := refusal(o.js.Conn(), msg.Subject); refused != nil {
			return refused
		}
		if !Pause(ctx, retryWait) {
			break
		}
	}
	return full(err)
}

func (o *Objects) storeOnce(ctx context.Context, msg *nats.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, pieceTimeout)
	defer cancel()
	_, err := o.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0), jetstream.WithExpectStream(o.stream()))
	return err
}

// upload is one Put under way.
type upload struct {
	objects *Objects
	name    messages.ObjectName
	opts    PutOptions
	free    chan []byte // the pieces of memory that are not on their way
	sent    sync.WaitGroup
}

func (u *upload) run(ctx context.Context, content io.Reader) (size int64, digest string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer u.sent.Wait()
	sum := sha256.New()
	for n := 0; ; n++ {
		buf := <-u.free
		if buf == nil {
			buf = make([]byte, messages.ChunkBytes)
		}
		read, err := io.ReadFull(content, buf)
		size += int64(read)
		switch {
		case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			cancel(err)
			return 0, "", err
		case u.opts.Limit > 0 && size > u.opts.Limit:
			err = fmt.Errorf("%w: more than the %d bytes that are allowed", ErrObjectTooLarge, u.opts.Limit)
			cancel(err)
			return 0, "", err
		}
		sum.Write(buf[:read])
		if read > 0 {
			u.sent.Go(func() { u.send(ctx, cancel, n, buf[:read]) })
		}
		if u.opts.Progress != nil {
			u.opts.Progress(size)
		}
		if err != nil || ctx.Err() != nil {
			break
		}
	}
	u.sent.Wait()
	if ctx.Err() != nil {
		return 0, "", context.Cause(ctx) // of the first piece that was not stored, or the caller's
	}
	return size, digestText(sum.Sum(nil)), nil
}

// send stores piece n and gives its memory back.
func (u *upload) send(ctx context.Context, cancel context.CancelCauseFunc, n int, piece []byte) {
	err := u.objects.store(ctx, &nats.Msg{Subject: u.objects.subjects.ObjectChunk(u.name, n), Data: piece})
	if err != nil {
		cancel(err)
	}
	u.free <- piece[:cap(piece)]
}

func digestText(sum []byte) string { return "SHA-256=" + base64.URLEncoding.EncodeToString(sum) }

func pieces(size int64) int { return int((size + messages.ChunkBytes - 1) / messages.ChunkBytes) }

// Open reads an object. The reader gives ErrObjectGone, and ErrObjectChanged instead of
// the end when the content is not what ref says. It must be closed.
func (o *Objects) Open(ctx context.Context, ref messages.Ref) (io.ReadCloser, error) {
	if ref.Bucket != o.Bucket() {
		return nil, fmt.Errorf("object %s: references may point to the bucket %s only", ref.Name, o.Bucket())
	}
	name, err := messages.ParseObjectName(ref.Name)
	if err != nil {
		return nil, err
	}
	d := &download{objects: o, name: name, ref: ref, sum: sha256.New()}
	d.ctx, d.cancel = context.WithCancel(ctx)
	for range window {
		d.ask()
	}
	return d, nil
}

// download is one object being read. It asks for a few pieces ahead.
type download struct {
	objects *Objects
	name    messages.ObjectName
	ref     messages.Ref
	ctx     context.Context // of the questions; it belongs to the reader
	cancel  context.CancelFunc
	asking  sync.WaitGroup
	ahead   []chan piece // in order
	asked   int
	rest    []byte // of the piece in hand
	sum     hash.Hash
	size    int64
	err     error
}

type piece struct {
	data []byte
	err  error
}

// Read gives the next bytes.
func (d *download) Read(p []byte) (int, error) {
	for len(d.rest) == 0 {
		if d.err == nil {
			d.err = d.next()
		}
		if d.err != nil {
			return 0, d.err
		}
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// next waits for the next piece; io.EOF when all are read and are what they should be.
func (d *download) next() error {
	if len(d.ahead) == 0 {
		if digest := digestText(d.sum.Sum(nil)); d.size != d.ref.Size || !sameDigest(digest, d.ref.Digest) {
			return fmt.Errorf("%s: %d bytes, %s: %w", d.ref.Name, d.size, digest, ErrObjectChanged)
		}
		return io.EOF
	}
	got := <-d.ahead[0]
	d.ahead = d.ahead[1:]
	if got.err != nil {
		return fmt.Errorf("object %s: %w", d.ref.Name, got.err)
	}
	d.ask()
	d.sum.Write(got.data)
	d.size += int64(len(got.data))
	d.rest = got.data
	return nil
}

// Close ends the questions under way.
func (d *download) Close() error {
	d.cancel()
	d.asking.Wait()
	d.err = errors.Join(d.err, io.ErrClosedPipe)
	return nil
}

// ask asks for the next piece, if there is one.
func (d *download) ask() {
	if d.asked >= pieces(d.ref.Size) {
		return
	}
	answer := make(chan piece, 1)
	d.ahead = append(d.ahead, answer)
	subject := d.objects.subjects.ObjectChunk(d.name, d.asked)
	d.asked++
	d.asking.Go(func() {
		data, err := d.objects.piece(d.ctx, subject)
		answer <- piece{data, err}
	})
}

// piece reads one piece. A replica that lags may not have it yet, so it is asked again.
func (o *Objects) piece(ctx context.Context, subject string) (data []byte, err error) {
	for range pieceTries {
		data, err = o.pieceOnce(ctx, subject)
		if refused := refusal(o.js.Conn(), o.question(subject)); err != nil && refused != nil {
			return nil, refused
		}
		if !Unanswered(err) && !errors.Is(err, ErrObjectGone) || ctx.Err() != nil {
			break
		}
		if !Pause(ctx, retryWait) {
			break
		}
	}
	return data, err
}

func (o *Objects) question(subject string) string {
	return apiPrefix(o.js) + "DIRECT.GET." + o.stream() + "." + subject
}

func (o *Objects) pieceOnce(ctx context.Context, subject string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, pieceTimeout)
	defer cancel()
	msg, err := o.js.Conn().RequestWithContext(ctx, o.question(subject), nil)
	if err != nil {
		return nil, err
	}
	switch status := msg.Header.Get("Status"); status {
	case "":
		return msg.Data, nil
	case "404":
		return nil, ErrObjectGone
	default:
		return nil, fmt.Errorf("%s %s", status, msg.Header.Get("Description"))
	}
}

// sameDigest compares digests; the padding of base64 is not written by all.
func sameDigest(a, b string) bool { return strings.TrimRight(a, "=") == strings.TrimRight(b, "=") }

// Marks lists the objects that are stored, or begun.
func (o *Objects) Marks(ctx context.Context) ([]messages.ObjectName, error) {
	stream, err := o.js.Stream(ctx, o.stream())
	if err != nil {
		return nil, fmt.Errorf("listing objects: %w", err)
	}
	all := o.subjects.ObjectMark(messages.ObjectName{Tenant: "*", RunID: "*", ID: "*"})
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(all))
	if err != nil {
		return nil, fmt.Errorf("listing objects: %w", err)
	}
	var names []messages.ObjectName
	for subject := range info.State.Subjects {
		if name, err := o.subjects.ParseObjectMark(subject); err == nil {
			names = append(names, name)
		}
	}
	return names, nil
}

// Marked is when an object was begun, or completed; ErrObjectGone.
func (o *Objects) Marked(ctx context.Context, name messages.ObjectName) (time.Time, error) {
	record, err := LastFromLeader(ctx, o.js, o.stream(), o.subjects.ObjectMark(name))
	if errors.Is(err, ErrNoRecord) {
		return time.Time{}, ErrObjectGone
	}
	return record.Time, err
}

// Remove removes all that is stored for a run.
func (o *Objects) Remove(ctx context.Context, tenant string, run messages.RunID) error {
	stream, err := o.js.Stream(ctx, o.stream())
	if err != nil {
		return fmt.Errorf("removing objects: %w", err)
	}
	for _, filter := range o.subjects.ObjectsOf(tenant, run) {
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(filter)); err != nil {
			return fmt.Errorf("removing objects of run %s: %w", run, err)
		}
	}
	return nil
}
