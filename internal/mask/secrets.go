package mask

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// minSecret is the length below which a text isn't hidden: shorter ones ("1", "dev") would tear holes into any text.
	minSecret = 4
	// minNumber is the same for numbers, which ports must not reach, and for the lines of a longer secret.
	minNumber, minLine = 6, 8
	// maxValues bounds the secrets known at a time; the oldest are forgotten. Only credentials that hang on runtime
	// parameters come near it.
	maxValues = 1024
)

// Secrets hides the secret values that it has learnt in texts. Its zero value knows none; nil hides nothing. It is
// safe for concurrent use.
type Secrets struct {
	mu     sync.Mutex // guards the field below
	values []string   // in the order of learning
	known  atomic.Pointer[replacer]

	writing sync.Mutex // held while one of the writers writes
}

// replacer hides a fixed set of values.
type replacer struct {
	values  []string
	replace *strings.Replacer
}

// Learn adds every text and every long number in credentials, at any depth of mappings and lists. Texts under 4
// characters and numbers under 6 digits are ignored. A text is also hidden as JSON and URLs write it, and each longer
// line of it on its own, since programs print keys line by line.
func (s *Secrets) Learn(credentials any) {
	found := collect(credentials, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.values)
	for _, v := range found {
		if !slices.Contains(s.values, v) {
			s.values = append(s.values, v)
		}
	}
	if len(s.values) == before {
		return
	}
	s.values = slices.Clone(s.values[max(0, len(s.values)-maxValues):])
	// Longest first: a secret that contains another one is hidden whole.
	values := slices.SortedFunc(slices.Values(s.values), func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	pairs := make([]string, 0, 2*len(values))
	for _, v := range values {
		pairs = append(pairs, v, Text)
	}
	s.known.Store(&replacer{values: values, replace: strings.NewReplacer(pairs...)})
}

func collect(value any, found []string) []string {
	switch v := value.(type) {
	case string:
		return forms(v, found)
	case int, int64, uint64, *big.Int:
		if text := fmt.Sprint(v); len(text) >= minNumber {
			found = append(found, text)
		}
	case map[string]any:
		for _, item := range v {
			found = collect(item, found)
		}
	case map[any]any:
		for _, item := range v {
			found = collect(item, found)
		}
	case []any:
		for _, item := range v {
			found = collect(item, found)
		}
	case interface{ Plain() map[string]any }:
		return collect(v.Plain(), found)
	}
	return found
}

// forms adds a secret text in the ways in which it is written.
func forms(text string, found []string) []string {
	if len(text) < minSecret {
		return found
	}
	found = append(found, text, url.QueryEscape(text), url.PathEscape(text))
	quoted := strconv.Quote(text)
	found = append(found, quoted[1:len(quoted)-1])
	if asJSON, err := json.Marshal(text); err == nil {
		found = append(found, string(asJSON[1:len(asJSON)-1]))
	}
	if lines := strings.Split(text, "\n"); len(lines) > 1 {
		for _, line := range lines {
			if line = strings.TrimSpace(line); len(line) >= minLine {
				found = append(found, line)
			}
		}
	}
	return found
}

// Empty reports whether no secret is known.
func (s *Secrets) Empty() bool { return s == nil || s.known.Load() == nil }

// Text returns text without the secrets.
func (s *Secrets) Text(text string) string {
	if s.Empty() {
		return text
	}
	known := s.known.Load()
	for _, v := range known.values {
		if strings.Contains(text, v) {
			return known.replace.Replace(text)
		}
	}
	return text
}

// Writer gives a writer to out that hides the secrets, as long as a secret is written at once. The writers
// of s write one after the other, whatever out is: a log has many authors.
func (s *Secrets) Writer(out io.Writer) io.Writer { return &writer{out: out, secrets: s} }

type writer struct {
	out     io.Writer
	secrets *Secrets
}

// Write hides the secrets in p.
func (w *writer) Write(p []byte) (int, error) {
	masked := p
	if !w.secrets.Empty() {
		masked = []byte(w.secrets.Text(string(p)))
	}
	w.secrets.writing.Lock()
	defer w.secrets.writing.Unlock()
	if _, err := w.out.Write(masked); err != nil {
		return 0, err //nolint:wrapcheck // a writer gives on what it got
	}
	return len(p), nil
}

type secretsKey struct{}

// NewContext gives a context with the secrets, for the session that is opened with it to fill: so does whoever owns
// the log learn what to hide there.
func (s *Secrets) NewContext(ctx context.Context) context.Context {
	return context.WithValue(ctx, secretsKey{}, s)
}

// SecretsFrom gives the secrets in ctx, new ones when there are none.
func SecretsFrom(ctx context.Context) *Secrets {
	if s, ok := ctx.Value(secretsKey{}).(*Secrets); ok {
		return s
	}
	return new(Secrets)
}
