package storage

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"gocloud.dev/blob"
)

// maxBuckets is how many open buckets a Set keeps. Credentials that change from run to run must not fill the memory.
const maxBuckets = 256

// Set opens stores and shares their connections. It is safe for concurrent use; make one by NewSet.
type Set struct {
	mu      sync.Mutex               // guards the field below
	buckets map[bucketKey]*oneBucket // in use
	client  func() *http.Client      // made at first use
}

// NewSet returns an empty Set.
func NewSet() *Set {
	return &Set{buckets: map[bucketKey]*oneBucket{}, client: sync.OnceValue(func() *http.Client {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.ResponseHeaderTimeout = 2 * time.Minute
		return &http.Client{Transport: transport}
	})}
}

// Close ends the connections that nobody uses. The Set can still be used.
func (s *Set) Close() { s.client().CloseIdleConnections() }

// bucketKey tells buckets apart: those of one name may be used with several credentials.
type bucketKey struct {
	protocol, bucket string
	options          [sha256.Size]byte
}

// opener opens a bucket by name.
type opener func(ctx context.Context, bucket string) (*blob.Bucket, error)

// Open returns the store of a protocol. options are the credentials and file system arguments that fsspec takes; the local disk
// has none. It checks them and connects to nothing.
func (s *Set) Open(protocol string, values map[string]any) (Store, error) {
	if protocol == "file" {
		return Disk{}, nil
	}
	o := &options{protocol: protocol, values: values}
	var open opener
	switch protocol {
	case "http", "https":
		return s.openWeb(o)
	case "s3", "s3a", "s3n":
		open = s.openS3(o)
	case "gs", "gcs":
		open = s.openGCS(o)
	case "abfs", "abfss":
		open = s.openAzure(o)
	default:
		return nil, fmt.Errorf("protocol %q isn't supported: use a path on the local disk, s3://, gs://, abfs://, or http(s):// for reading", protocol)
	}
	if err := o.done(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("options of %s://: %w", protocol, err)
	}
	return &objects{set: s, key: bucketKey{protocol: protocol, options: sha256.Sum256(text)}, open: open}, nil
}

// oneBucket is opened by the first who needs it. Opening may ask other servers for credentials, so the others wait here, not in
// the Set.
type oneBucket struct {
	mu   sync.Mutex // guards the field below
	open *blob.Bucket
}

// bucket returns an open bucket. What failed to open is tried again.
func (s *Set) bucket(ctx context.Context, key bucketKey, open opener) (*blob.Bucket, error) {
	s.mu.Lock()
	one, ok := s.buckets[key]
	if !ok {
		if len(s.buckets) >= maxBuckets {
			clear(s.buckets) // those in use go on working
		}
		one = &oneBucket{}
		s.buckets[key] = one
	}
	s.mu.Unlock()
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.open != nil {
		return one.open, nil
	}
	b, err := open(context.WithoutCancel(ctx), key.bucket) // it outlives this run
	if err != nil {
		return nil, fmt.Errorf("open %s://%s: %w", key.protocol, key.bucket, err)
	}
	one.open = b
	return b, nil
}
