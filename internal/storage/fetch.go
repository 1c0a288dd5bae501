package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxFetch is how many bytes Fetch reads at most.
const maxFetch = 256 << 20

// Fetch reads the files at and below a URL, as far as wanted says, by their names in the store. Of a store without folders it
// reads the one file that the URL names. Credentials are those of the environment.
func (s *Set) Fetch(ctx context.Context, url string, wanted func(name string) bool) (map[string][]byte, error) {
	protocol, name, ok := strings.Cut(url, "://")
	if !ok {
		return nil, fmt.Errorf("%q is no URL", url)
	}
	store, err := s.Open(strings.ToLower(protocol), nil)
	if err != nil {
		return nil, err
	}
	names := []string{name}
	if tree, ok := store.(Tree); ok {
		if names, err = tree.Find(ctx, name); err != nil {
			return nil, err
		}
	} else if !wanted(name) {
		return nil, fmt.Errorf("%s:// knows no folders: name a file", protocol)
	}
	files := map[string][]byte{}
	left := int64(maxFetch)
	for _, name := range names {
		if !wanted(name) {
			continue
		}
		content, err := readAtMost(ctx, store, name, left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(content))
		files[name] = content
	}
	return files, nil
}

// readAtMost reads a file of at most limit bytes.
func readAtMost(ctx context.Context, store Store, name string, limit int64) ([]byte, error) {
	file, err := store.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("the files exceed %d bytes", int64(maxFetch))
	}
	return content, errors.Join(err, file.Close())
}
