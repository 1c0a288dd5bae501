package session

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/project"
)

// S-100, S-102, S-103: the base store keeps nothing, and says so (SES-023).
func TestBaseStore(t *testing.T) {
	var log bytes.Buffer
	store, err := NewBaseStore(StoreOptions{Logger: zerolog.New(&log)})
	require.NoError(t, err)
	require.NoError(t, store.Save(map[string]any{"a": 1}))
	content, err := store.Read()
	require.NoError(t, err)
	require.Empty(t, content)
	require.Contains(t, log.String(), "'save()' not implemented for 'BaseSessionStore'. Skipping the step.")
	require.Contains(t, log.String(), "'read()' not implemented for 'BaseSessionStore'. Assuming empty store.")
}

// S-032, S-101: a store is made of a path and the session id; its content starts with
// what it reads, and the session's own facts come on top (SES-020, SES-024).
func TestStoreOfASession(t *testing.T) {
	dir := layOut(t, nil)
	var got StoreOptions
	earlier := func(opts StoreOptions) (Store, error) {
		got = opts
		store, err := NewFileStore(opts)
		require.NoError(t, err)
		require.NoError(t, store.Save(map[string]any{"earlier": true, "session_id": "old"}))
		return store, nil
	}
	s := classic(t, dir, Config{NewStore: earlier})
	require.Equal(t, filepath.Join(dir, "sessions"), got.Path)
	require.Equal(t, s.ID(), got.SessionID)
	require.Equal(t, true, s.Store()["earlier"])
	require.Equal(t, s.ID(), s.Store()["session_id"])
	s.Store()["earlier"] = false
	require.Equal(t, true, s.Store()["earlier"])
}

// SES-021, SES-022: a store that can't be made or read.
func TestStoreFails(t *testing.T) {
	dir := layOut(t, nil)
	broken := errors.New("disk on fire")
	_, err := Create(t.Context(), Config{ProjectPath: dir, Project: project.New("demo"),
		NewStore: func(StoreOptions) (Store, error) { return nil, broken }})
	require.ErrorIs(t, err, broken)
	require.Equal(t, "ValueError", ErrorType(err))
	_, err = NewFileStore(StoreOptions{Path: dir, SessionID: "../escape"})
	require.Error(t, err)
	store, err := NewFileStore(StoreOptions{Path: dir, SessionID: "s"})
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "s"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "s", "store.json"), []byte("not json"), 0o644))
	_, err = store.Read()
	require.ErrorContains(t, err, "read session store")
	require.Error(t, store.Save(map[string]any{"f": func() {}}))
}

// SES-025, SES-026: facts about git are there when git works.
func TestStoreDescribesGit(t *testing.T) {
	dir := layOut(t, nil)
	require.NotContains(t, classic(t, dir, Config{}).Store(), "git")
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "."},
		{"-c", "user.name=n", "-c", "user.email=e@example.org", "commit", "-q", "-m", "first"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	git, _ := classic(t, dir, Config{}).Store()["git"].(map[string]any)
	require.Equal(t, false, git["dirty"])
	require.NotEmpty(t, git["commit_sha"])
	require.NoError(t, os.WriteFile(filepath.Join(dir, "new"), nil, 0o644))
	git, _ = classic(t, dir, Config{}).Store()["git"].(map[string]any)
	require.Equal(t, true, git["dirty"])
}
