package mask_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/kedge-run/kedge/internal/mask"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestURL(t *testing.T) { // CAT-015; the answers are those of kedro.io.core._redact_url_credentials 1.7.0
	for text, want := range map[string]string{
		"https://u:p@h/x?a=1#f":        "https://<redacted>@h/x?<redacted>#<redacted>",
		"failed: s3://k:s@b/x 'z?q'":   "failed: s3://<redacted>@b/x 'z?q'",
		"u:p@h/x":                      "<redacted>@h/x",
		"a?b=1":                        "a?<redacted>",
		"a#b":                          "a#<redacted>",
		"report@2024.csv":              "report@2024.csv",
		"data/report@2024.csv":         "data/report@2024.csv",
		"some text? yes":               "some text? yes",
		"https://h/x":                  "https://h/x",
		"https://u@h":                  "https://<redacted>@h",
		"see http://a@b/c, http://d/e": "see http://<redacted>@b/c, http://d/e",
		"/a/b?sig=1":                   "/a/b?<redacted>",
		"https://h/x?":                 "https://h/x?",
		"":                             "",
	} {
		require.Equal(t, want, mask.URL(text))
	}
}

func TestSecrets(t *testing.T) {
	s := new(mask.Secrets)
	require.Equal(t, "hunter22", s.Text("hunter22"))
	require.True(t, s.Empty())
	s.Learn(map[string]any{"dev": map[string]any{"password": "hunter22", "port": 5432, "user": "dev", "pin": 123456}, "keys": []any{"hunter22-long", "abcd"}})
	require.Equal(t, "login <redacted> then <redacted>: dev <redacted>", s.Text("login hunter22 then hunter22-long: dev abcd"))
	require.Equal(t, "pin <redacted> at port 5432", s.Text("pin 123456 at port 5432"))
	require.Equal(t, "nothing here", s.Text("nothing here"))
	s.Learn(map[string]any{"key": "-BEGIN KEY-\nMIIEvQIBADAN\n-END KEY-\n", "odd": "a\"b c&d"})
	require.Equal(t, "<redacted>", s.Text("MIIEvQIBADAN"), "a line of a longer secret")
	require.Equal(t, `{"k":"<redacted>"}`, s.Text(`{"k":"-BEGIN KEY-\nMIIEvQIBADAN\n-END KEY-\n"}`))
	require.Equal(t, "?p=<redacted> <redacted>", s.Text("?p=a%22b+c%26d a%22b%20c&d"))
	require.Equal(t, "still known: <redacted>", s.Text("still known: hunter22"))
	var none *mask.Secrets
	require.Equal(t, "hunter22", none.Text("hunter22"))
}

func TestSecretsAreForgottenOldestFirst(t *testing.T) {
	s := new(mask.Secrets)
	s.Learn("first-secret")
	list := make([]any, 1100)
	for i := range list {
		list[i] = fmt.Sprintf("secret-%04d", i)
	}
	s.Learn(list)
	require.Equal(t, "first-secret <redacted>", s.Text("first-secret secret-1099"))
}

func TestWriterHidesSecrets(t *testing.T) {
	s := new(mask.Secrets)
	var out bytes.Buffer
	w := s.Writer(&out)
	mask.SecretsFrom(s.NewContext(t.Context())).Learn("hunter22")
	n, err := w.Write([]byte("login hunter22\n"))
	require.NoError(t, err)
	require.Equal(t, 15, n)
	require.Equal(t, "login <redacted>\n", out.String())
	require.True(t, mask.SecretsFrom(t.Context()).Empty())
}

func TestWritersWriteOneAfterTheOther(t *testing.T) {
	s := new(mask.Secrets)
	var out bytes.Buffer // bears no two writers at once: the race detector sees it
	var all sync.WaitGroup
	for range 4 {
		w := s.Writer(&out)
		all.Go(func() {
			for range 100 {
				_, err := w.Write([]byte("line\n"))
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
	require.Equal(t, strings.Repeat("line\n", 400), out.String())
}

func FuzzURL(f *testing.F) {
	for _, seed := range []string{"https://u:p@h/x?a=1#f", "a?b", "://", "//@", "x@y/z", "http://[::1]:80@/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := mask.URL(text)
		require.Equal(t, once, mask.URL(once), "masking twice changes nothing")
	})
}
