package messages

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func aSignature() *Signature {
	s := &Signature{Key: "U" + strings.Repeat("A", 55), At: time.Date(2026, 11, 23, 18, 36, 1, 5, time.FixedZone("", 3600))}
	s.SetBytes(make([]byte, 64))
	return s
}

// TestStatement is the text that a client in another language signs.
func TestStatement(t *testing.T) {
	s := aSignature()
	const digest = "RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o" // of {}
	subject := Subjects{}.Request(P1, "shop", "default", "a.b")
	require.Equal(t, "kedge request v1\nkedge.run.p1.shop.default.a=b\n2026-11-23T17:36:01.000000005Z\n-\n"+digest, string(s.Statement(subject, []byte(" {}\n"))))
	s.NotBefore = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	require.Equal(t, "kedge request v1\nkedge.run.p1.shop.default.a=b\n2026-11-23T17:36:01.000000005Z\n2026-11-24T00:00:00Z\n"+digest, string(s.Statement(subject, []byte("{}"))))
}

func TestReadSignature(t *testing.T) {
	good, err := aSignature().Encode()
	require.NoError(t, err)
	read, err := ReadSignature([]string{good})
	require.NoError(t, err)
	require.Equal(t, aSignature().Value, read.Value)
	_, err = ReadSignature(nil)
	require.ErrorIs(t, err, ErrUnsigned)
	for name, c := range map[string]struct{ header, says string }{
		"empty":          {"", "EOF"},
		"not JSON":       {"x", "invalid character"},
		"list":           {"[]", "cannot unmarshal array"},
		"null":           {"null", "key: want"},
		"unknown field":  {strings.Replace(good, `{`, `{"alg":"none",`, 1), "unknown field"},
		"two":            {good + good, "more follows"},
		"account's key":  {strings.Replace(good, `"UA`, `"AA`, 1), "key: want"},
		"key in private": {strings.Replace(good, `"UA`, `"SA`, 1), "key: want"},
		"no time":        {strings.Replace(good, `"at":"2026-11-23T18:36:01.000000005+01:00",`, "", 1), "at: is missing"},
		"not base64":     {strings.Replace(good, `"value":"AA`, `"value":"==`, 1), "value: illegal base64"},
		"too short":      {strings.Replace(good, `"value":"AAAA`, `"value":"`, 1), "value: has 61 bytes"},
		"loose bits":     {strings.Replace(good, `A"}`, `B"}`, 1), "value: illegal base64"},
		"no schedule":    {strings.Replace(good, `"value"`, `"schedule":{},"value"`, 1), "schedule: name"},
		"long":           {strings.Repeat(" ", 5000), "5000 bytes"},
	} {
		_, err := ReadSignature([]string{c.header})
		require.ErrorContains(t, err, c.says, name)
	}
}

func FuzzReadSignature(f *testing.F) {
	s := aSignature()
	for range 2 {
		good, err := s.Encode()
		require.NoError(f, err)
		f.Add(good)
		f.Add(good[:len(good)/2])
		s.Schedule = &SignedTick{Name: "n", CreatedAt: s.At, Cron: "@daily", Tick: s.At}
	}
	f.Fuzz(func(t *testing.T, header string) {
		s, err := ReadSignature([]string{header})
		if err != nil {
			require.False(t, errors.Is(err, ErrUnsigned), "a header is there")
			return
		}
		again, err := s.Encode()
		require.NoError(t, err)
		read, err := ReadSignature([]string{again})
		require.NoError(t, err)
		require.Equal(t, s.Statement("a", nil), read.Statement("a", nil))
		text, err := json.Marshal(read.Schedule)
		require.NoError(t, err)
		require.NotContains(t, string(text), "\n")
	})
}
