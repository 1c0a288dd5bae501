package mask_test

import (
	"testing"

	"github.com/kedge-run/kedge/internal/mask"
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
	s := mask.NewSecrets(map[string]any{"dev": map[string]any{"password": "hunter22", "port": 5432, "user": "dev"}, "keys": []any{"hunter22-long", "abcd"}})
	require.Equal(t, "login <redacted> then <redacted>: dev <redacted>", s.Text("login hunter22 then hunter22-long: dev abcd"))
	require.Equal(t, "nothing here", s.Text("nothing here"))
	var none *mask.Secrets
	require.Equal(t, "hunter22", none.Text("hunter22"))
	require.Nil(t, mask.NewSecrets(map[string]any{"a": "x"}))
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
