package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
)

func keyPair(t testing.TB, create func() (nkeys.KeyPair, error)) (public, seed string) {
	t.Helper()
	key, err := create()
	require.NoError(t, err)
	public, err = key.PublicKey()
	require.NoError(t, err)
	secret, err := key.Seed()
	require.NoError(t, err)
	return public, string(secret)
}

func TestReadTrusted(t *testing.T) {
	a, seed := keyPair(t, nkeys.CreateUser)
	b, _ := keyPair(t, nkeys.CreateUser)
	account, _ := keyPair(t, nkeys.CreateAccount)
	path := filepath.Join(t.TempDir(), "trusted")
	read := func(text string) (map[string][]string, error) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return ReadTrusted(path)
	}
	trusted, err := read("# who may submit\n\n" + a + " shop, default\t# the shop\r\n  " + b + " *\n")
	require.NoError(t, err)
	require.Equal(t, map[string][]string{a: {"shop", "default"}, b: {"*"}}, trusted)
	for text, says := range map[string]string{
		"":                                "names no key, so every request would be refused",
		"# nobody\n":                      "names no key",
		"\n" + seed + " shop":             "line 2: this looks like a seed, which is secret",
		a:                                 "line 1: key " + a + ": want the tenants that it may sign for, or *",
		a + " shop\n" + a + " other":      "line 2: the key of line 1 again",
		a + " * shop":                     "line 1: key " + a + ": * is all tenants",
		a + " a>b":                        "line 1: key " + a + ": tenant: ",
		mistyped(a) + " shop\n":           "line 1: want the public NKey of a user",
		account + " shop\n":               "line 1: want the public NKey of a user",
		"\n\n" + strings.Repeat("x", 1e5): "line 3: ",
	} {
		_, err := read(text)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), seed)
		require.ErrorContains(t, err, path)
	}
	_, err = ReadTrusted(filepath.Join(t.TempDir(), "absent"))
	require.ErrorContains(t, err, "--require-signatures")
}

// mistyped is a key with another last letter, so that its checksum is wrong.
func mistyped(key string) string {
	if last := len(key) - 1; key[last] != 'A' {
		return key[:last] + "A"
	}
	return key[:len(key)-1] + "B"
}

func TestReadSigner(t *testing.T) {
	public, seed := keyPair(t, nkeys.CreateUser)
	_, accountSeed := keyPair(t, nkeys.CreateAccount)
	path := filepath.Join(t.TempDir(), "seed")
	read := func(text string) (nkeys.KeyPair, error) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return ReadSigner(path)
	}
	const creds = "-----BEGIN NATS USER JWT-----\neyJ0\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n%\n------END USER NKEY SEED------\n"
	for _, text := range []string{seed, seed + "\n", strings.Replace(creds, "%", seed, 1)} {
		key, err := read(text)
		require.NoError(t, err)
		got, err := key.PublicKey()
		require.NoError(t, err)
		require.Equal(t, public, got)
	}
	for text, says := range map[string]string{
		"":          "holds no seed",
		public:      "holds no seed",
		seed[:40]:   "holds no seed",
		accountSeed: "the seed of something other than a user",
	} {
		_, err := read(text)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), seed[:30])
	}
	_, err := ReadSigner(filepath.Join(t.TempDir(), "absent"))
	require.ErrorContains(t, err, "--sign-with")
}

func FuzzTrusted(f *testing.F) {
	key, seed := keyPair(f, nkeys.CreateUser)
	f.Add(key + " a,b # c\n\n" + key[:20] + " *")
	f.Add(seed + " *")
	f.Fuzz(func(t *testing.T, text string) {
		trusted, err := parseTrusted([]byte(text))
		if err != nil {
			require.NotContains(t, err.Error(), seed)
			return
		}
		require.NotEmpty(t, trusted)
		for key, tenants := range trusted {
			require.NoError(t, checkTrusted(key, tenants))
		}
	})
}
