package session

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"
)

// Store keeps facts about a session: Kedro's session store.
type Store interface {
	// Read returns what was stored before; it is the initial content (S-101).
	Read() (map[string]any, error)
	// Save persists the content.
	Save(content map[string]any) error
}

// StoreOptions is what a store is made of (SES-020).
type StoreOptions struct {
	// Path is where stores keep their data: "sessions" below the project.
	Path string
	// SessionID names the session.
	SessionID string
	// Logger is the session's.
	Logger zerolog.Logger
}

// Command is the command line that made a session (SES-025).
type Command struct {
	Args   []string       `json:"args"`
	Params map[string]any `json:"params"`
	Name   string         `json:"command_name"`
	Path   string         `json:"command_path"`
}

// BaseStore keeps nothing: Kedro's BaseSessionStore.
type BaseStore struct {
	logger zerolog.Logger
}

var _ Store = (*BaseStore)(nil)

// NewBaseStore makes a store that keeps nothing.
func NewBaseStore(opts StoreOptions) (Store, error) { return &BaseStore{logger: opts.Logger}, nil }

// Read returns an empty mapping (SES-023).
func (s *BaseStore) Read() (map[string]any, error) {
	s.logger.Debug().Msg("'read()' not implemented for 'BaseSessionStore'. Assuming empty store.")
	return map[string]any{}, nil
}

// Save does nothing.
func (s *BaseStore) Save(map[string]any) error {
	s.logger.Debug().Msg("'save()' not implemented for 'BaseSessionStore'. Skipping the step.")
	return nil
}

// FileStore keeps the content as JSON in <path>/<session id>/store.json.
type FileStore struct {
	file string
}

var _ Store = (*FileStore)(nil)

// NewFileStore makes a store in files.
func NewFileStore(opts StoreOptions) (Store, error) {
	if err := CheckRunID(opts.SessionID); err != nil {
		return nil, err
	}
	return &FileStore{file: filepath.Join(opts.Path, opts.SessionID, "store.json")}, nil
}

// Read returns what was saved under the session id; an empty mapping when nothing was.
func (s *FileStore) Read() (map[string]any, error) {
	text, err := os.ReadFile(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]any{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read session store: %w", err)
	}
	var content map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&content); err != nil {
		return nil, fmt.Errorf("read session store %s: %w", s.file, err)
	}
	return content, nil
}

// Save writes the content; a reader sees the old or the new one, never a part.
func (s *FileStore) Save(content map[string]any) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(s.file), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(s.file), ".store-*")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), s.file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// openStore makes the store and takes over its content (SES-020 to SES-022).
func (s *KedroSession) openStore(newStore func(StoreOptions) (Store, error)) error {
	if newStore == nil {
		newStore = NewBaseStore
	}
	store, err := newStore(StoreOptions{
		Path: filepath.Join(s.engine.path, "sessions"), SessionID: s.id, Logger: s.engine.logger,
	})
	if err == nil {
		s.content, err = store.Read()
	}
	if err != nil {
		return &StoreError{Err: err}
	}
	if s.content == nil {
		s.content = make(map[string]any)
	}
	s.store = store
	return nil
}

// facts is what a session writes into its store when it is created (SES-025).
func (s *KedroSession) facts(ctx context.Context, command *Command) map[string]any {
	facts := map[string]any{"project_path": s.engine.path, "session_id": s.id}
	if command != nil {
		facts["cli"] = *command
	}
	if s.engine.env != "" {
		facts["env"] = s.engine.env
	}
	if len(s.params) > 0 {
		facts["runtime_params"] = s.params
	}
	if u, err := user.Current(); err == nil {
		facts["username"] = u.Username
	} else {
		s.engine.logger.Debug().Msgf("Unable to get username. Full exception: %s", err)
	}
	if git, err := describeGit(ctx, s.engine.path); err == nil {
		facts["git"] = git
	} else {
		s.engine.logger.Debug().Err(err).Msg("Unable to git describe " + s.engine.path)
	}
	return facts
}

// describeGit tells the commit of the project and whether files differ from it.
func describeGit(ctx context.Context, path string) (map[string]any, error) {
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir = path
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	commit, err := git("rev-parse", "--short", "HEAD")
	if err != nil {
		return nil, err
	}
	status, err := git("status", "--short")
	if err != nil {
		return nil, err
	}
	return map[string]any{"commit_sha": commit, "dirty": status != ""}, nil
}

// traceback lists the errors of a chain, outermost first, and the stack of a panic.
func traceback(err error) []string {
	var lines []string
	for e := err; e != nil; e = errors.Unwrap(e) {
		lines = append(lines, fmt.Sprintf("%T: %s", e, e))
	}
	var stacked interface{ StackTrace() []byte }
	if errors.As(err, &stacked) {
		lines = append(lines, string(stacked.StackTrace()))
	}
	return lines
}
