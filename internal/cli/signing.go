package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/kedge-run/kedge/messages"
)

// ReadSigner reads the key that requests are signed with: a file with the seed of a user's
// NKey, alone or in a credentials file. The error is an [Error] and never holds the seed.
func ReadSigner(path string) (nkeys.KeyPair, error) {
	refuse := func(err error) (nkeys.KeyPair, error) {
		return nil, &Error{Code: Usage, Err: fmt.Errorf("--sign-with: %w", err), Hint: "name a file with the seed of a user's NKey, as `nk -gen user` prints it"}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return refuse(err)
	}
	defer clear(text)
	key, err := nkeys.ParseDecoratedNKey(text)
	if err != nil {
		return refuse(fmt.Errorf("%s holds no seed: %w", path, err))
	}
	if public, err := key.PublicKey(); err != nil || !nkeys.IsValidPublicUserKey(public) {
		return refuse(fmt.Errorf("%s holds the seed of something other than a user", path))
	}
	return key, nil
}

// ReadTrusted reads the file of keys that a worker trusts: in each line a user's public NKey
// and the tenants that it may sign for, separated by blanks or commas; "*" is all of
// them. What follows "#" is a comment. The error is an [Error] that names the line.
func ReadTrusted(path string) (map[string][]string, error) {
	text, err := os.ReadFile(path)
	var trusted map[string][]string
	if err == nil {
		if trusted, err = parseTrusted(text); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		return nil, &Error{Code: Usage, Err: fmt.Errorf("--require-signatures: %w", err), Hint: "each line of the file is a user's public NKey and the tenants it may sign for, or *"}
	}
	return trusted, nil
}

func parseTrusted(text []byte) (map[string][]string, error) {
	trusted, lines := map[string][]string{}, map[string]int{}
	scanner := bufio.NewScanner(bytes.NewReader(text))
	number := 0
	for scanner.Scan() {
		number++
		said, _, _ := strings.Cut(scanner.Text(), "#")
		words := strings.FieldsFunc(said, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' || c == '\r' })
		if len(words) == 0 {
			continue
		}
		key, tenants := words[0], words[1:]
		if err := checkTrusted(key, tenants); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if lines[key] > 0 {
			return nil, fmt.Errorf("line %d: the key of line %d again; name all its tenants there", number, lines[key])
		}
		trusted[key], lines[key] = tenants, number
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", number+1, err)
	}
	if len(trusted) == 0 {
		return nil, errors.New("names no key, so every request would be refused")
	}
	return trusted, nil
}

func checkTrusted(key string, tenants []string) error {
	switch {
	case strings.HasPrefix(key, "S"): // it must not be repeated
		return errors.New("this looks like a seed, which is secret: want the public key, which begins with U")
	case !nkeys.IsValidPublicUserKey(key):
		return errors.New("want the public NKey of a user, U and 55 more characters")
	case len(tenants) == 0:
		return fmt.Errorf("key %s: want the tenants that it may sign for, or *", key)
	case slices.Contains(tenants, "*") && len(tenants) > 1:
		return fmt.Errorf("key %s: * is all tenants, and others are named beside it", key)
	}
	for _, tenant := range tenants {
		if err := messages.CheckID(tenant); tenant != "*" && err != nil {
			return fmt.Errorf("key %s: tenant: %w", key, err)
		}
	}
	return nil
}
