package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fetch reads the files at or below a URL, by their paths as messages show them, as far as wanted says.
type Fetch func(url string, wanted func(name string) bool) (map[string][]byte, error)

// remoteInterval is how long what was fetched is taken for true.
const remoteInterval = 10 * time.Second

// remotes keeps what was fetched from remote sources (CFG-071).
type remotes struct {
	mu      sync.Mutex // guards fetched; held while fetching, so that runs which start together fetch once
	fetched map[string]*remoteFiles
}

// remoteFiles are the files of a remote source at a moment.
type remoteFiles struct {
	*archiveSource
	failure error // why there are none
}

// open gives the files of a remote folder or archive, fetched again when they are too old.
func (r *remotes) open(url string, fetch Fetch, reload bool) (source, error) {
	if fetch == nil {
		return nil, fmt.Errorf("configuration source %q: remote sources need a way to fetch them; copy it to a local folder or archive", url)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.fetched[url]; ok && !reload && time.Since(known.identity.changed) < remoteInterval {
		return known, nil
	}
	found := &remoteFiles{archiveSource: &archiveSource{identity: identity{changed: time.Now()}, content: map[string][]byte{}}}
	found.failure = found.fetch(url, fetch)
	if r.fetched == nil {
		r.fetched = map[string]*remoteFiles{}
	}
	r.fetched[url] = found
	return found, nil
}

func (f *remoteFiles) fetch(url string, fetch Fetch) error {
	unpack := archiveReader(url)
	files, err := fetch(url, func(name string) bool { return unpack != nil || configSuffix(path.Base(name)) })
	if err != nil {
		return err
	}
	if unpack != nil {
		for _, content := range files {
			if err := unpack(bytes.NewReader(content), int64(len(content)), f.adder()); err != nil {
				return err
			}
		}
		return nil
	}
	_, name, _ := strings.Cut(url, "://")
	f.top = strings.TrimRight(name, "/")
	f.content, f.names = files, slices.Sorted(maps.Keys(files))
	if len(files) == 0 {
		return errors.New("no such folder")
	}
	return nil
}

// list gives the files of an environment. Kedro adds to the text about a missing folder what went wrong.
func (f *remoteFiles) list(folder string) ([]file, bool, error) {
	if f.failure == nil {
		return f.archiveSource.list(folder)
	}
	return nil, false, nil
}

// failureOf tells why a source has no files; nil when it has, and for local ones.
func failureOf(s source) error {
	remote, ok := s.(*remoteFiles)
	switch {
	case !ok:
		return nil
	case remote.failure != nil:
		return remote.failure
	}
	return errors.New("no such folder")
}
