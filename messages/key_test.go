package messages

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hostileKeys are lawful keys that would break a subject if they were written as they are.
var hostileKeys = []string{
	"a", "a.b", "*", ">", "a.*.>", "$KV.kedge_runs.x", " ", "..", "/etc/passwd", `\`, "=2E", "=", "ключ", "😀", "A=b/c",
	strings.Repeat("é", MaxKeyLength/2), strings.Repeat(".", MaxKeyLength),
}

func TestKeysAreOneTokenAndReversible(t *testing.T) {
	seen := map[string]string{}
	for _, key := range hostileKeys {
		require.NoError(t, CheckKey(key))
		token := EncodeKey(key)
		require.Regexp(t, `^[A-Za-z0-9_=-]+$`, token)
		require.Empty(t, seen[token], "two keys share a token")
		seen[token] = key
		back, err := DecodeKey(token)
		require.NoError(t, err)
		require.Equal(t, key, back)
	}
}

func TestUnlawfulKeys(t *testing.T) {
	for key, reason := range map[string]string{
		"": "must not be empty", strings.Repeat("k", MaxKeyLength+1): "is 513 bytes long, at most 512 are allowed",
		"a\nb": "holds a control character", "a\x00": "holds a control character", "\u009f": "holds a control character",
		"\xff": "is not valid UTF-8",
	} {
		require.EqualError(t, CheckKey(key), reason)
		if key == "" {
			continue
		}
		for _, request := range []RunRequest{{IdempotencyKey: key}, {UniqueKey: key}, {ConcurrencyKey: key}} {
			request.RunID = "r"
			require.ErrorContains(t, request.Validate(), "_key: "+reason)
		}
	}
	for _, token := range []string{"", "a.b", "=", "=4", "=zz", "=61", "=2e", "=00", "=FF", "a b"} {
		_, err := DecodeKey(token)
		require.Error(t, err, token)
	}
}

func FuzzDecodeKey(f *testing.F) {
	for _, key := range hostileKeys {
		f.Add(EncodeKey(key))
	}
	f.Add("=2e")
	f.Fuzz(func(t *testing.T, token string) {
		key, err := DecodeKey(token)
		if err == nil {
			require.NoError(t, CheckKey(key))
			require.Equal(t, token, EncodeKey(key))
		}
	})
}

func TestKeyDigestIsOfWhatIsAsked(t *testing.T) {
	digest := func(r RunRequest, queue string) string {
		d, err := r.KeyDigest(queue)
		require.NoError(t, err)
		return d
	}
	first := RunRequest{RunID: "a", StartBy: time.Now(), Tags: []string{"x"}, RuntimeParams: map[string]any{"a": 1, "b": 2}}
	again := RunRequest{RunID: "b", Tags: []string{"x"}, RuntimeParams: map[string]any{"b": 2, "a": 1}}
	require.Equal(t, digest(first, "q"), digest(again, "q"))
	require.NotEqual(t, digest(first, "q"), digest(first, "other"))
	again.Tags = nil
	require.NotEqual(t, digest(first, "q"), digest(again, "q"))
}
