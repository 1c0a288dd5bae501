package storage

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"gocloud.dev/blob"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

const gcsScope = "https://www.googleapis.com/auth/devstorage.read_write"

// openGCS reads the options of gcsfs. Without a token the usual places are asked: environment, command line tool, the machine.
//
// The driver is our own, over Google's JSON interface: Google's client links gRPC with all its generated code, which costs every
// worker 17 MiB of memory and 30 MB of binary whether it uses the store or not.
func (s *Set) openGCS(o *options) opener {
	endpoint := o.text("endpoint_url")
	o.ignore("project", "access", "consistency", "cache_timeout", "requester_pays", "default_location", "version_aware")
	token := o.get("token")
	switch token.(type) {
	case nil, string, map[string]any:
	default:
		o.fail("option token of %s:// must be a text or a mapping, got %T", o.protocol, token)
	}
	return func(ctx context.Context, bucket string) (*blob.Bucket, error) {
		base := cmp.Or(endpoint, os.Getenv("STORAGE_EMULATOR_HOST"), "https://storage.googleapis.com")
		if !strings.Contains(base, "://") {
			base = "http://" + base
		}
		client, err := s.gcsClient(ctx, token)
		if err != nil {
			return nil, err
		}
		return blob.NewBucket(&gcsBucket{client: client, base: strings.TrimSuffix(base, "/"), bucket: bucket}), nil
	}
}

// gcsClient returns a client that signs its requests as token says: anon, google_default, cloud, the path or the content of a file
// of credentials, or an access token.
func (s *Set) gcsClient(ctx context.Context, token any) (*http.Client, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, s.client())
	text, _ := token.(string)
	switch {
	case text == "anon":
		return s.client(), nil
	case token == nil || text == "google_default" || text == "cloud":
		found, err := google.FindDefaultCredentials(ctx, gcsScope)
		if err != nil {
			return nil, fmt.Errorf("%w (token: anon in the credentials reads what is public)", err)
		}
		return oauth2.NewClient(ctx, found.TokenSource), nil
	}
	var content []byte
	var err error
	if m, ok := token.(map[string]any); ok {
		content, err = json.Marshal(m)
	} else if content, err = os.ReadFile(text); err != nil && !strings.ContainsAny(text, "/\\") {
		return oauth2.NewClient(ctx, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: text})), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the file of credentials: %w", err)
	}
	var kind struct{ Type google.CredentialsType }
	if err := json.Unmarshal(content, &kind); err != nil {
		return nil, fmt.Errorf("read the credentials: %w", err)
	}
	found, err := google.CredentialsFromJSONWithType(ctx, content, kind.Type, gcsScope)
	if err != nil {
		return nil, fmt.Errorf("read the credentials: %w", err)
	}
	return oauth2.NewClient(ctx, found.TokenSource), nil
}
