package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// source is where configuration comes from: a folder or an archive, here or remote.
type source interface {
	// folder is the path of an environment, as messages show it.
	folder(env string) string
	// list gives the configuration files below a folder, sorted by path, and whether
	// the folder exists.
	list(folder string) (files []file, exists bool, err error)
	read(f file) ([]byte, error)
}

// file is a configuration file as it was found.
type file struct {
	path     string // as messages show it
	relative string // below the environment's folder, with slashes
	identity identity
}

// identity tells whether a file is still the same.
type identity struct {
	size    int64
	changed time.Time
	inode   uint64
}

var remoteSource = regexp.MustCompile(`^(https?|abfss?|adl|gcs|gdrive|gs|oci|oss|s3[an]?)://`)

// openSource finds out what kind of source a text names (CFG-070..072).
func (c *Cache) openSource(confSource string) (source, error) {
	if remoteSource.MatchString(confSource) {
		return c.remotes.open(confSource, c.Fetch, c.Reload)
	}
	if open := archiveReader(confSource); open != nil {
		return c.archives.open(confSource, open)
	}
	return dirSource{root: confSource}, nil
}

// dirSource is a local folder.
type dirSource struct{ root string }

func (d dirSource) folder(env string) string { return joinPath(d.root, env) }

// joinPath joins as Python's pathlib: an absolute second part replaces the first, "."
// and double slashes vanish, ".." stays.
func joinPath(root, rest string) string {
	if strings.HasPrefix(rest, "/") {
		root = ""
	}
	joined := root + "/" + rest
	absolute := strings.HasPrefix(joined, "/") && (root != "" || strings.HasPrefix(rest, "/"))
	parts := slices.DeleteFunc(strings.Split(joined, "/"), func(part string) bool { return part == "" || part == "." })
	clean := strings.Join(parts, "/")
	switch {
	case absolute:
		return "/" + clean
	case clean == "":
		return "."
	}
	return clean
}

func (d dirSource) list(folder string) ([]file, bool, error) {
	absolute, err := filepath.Abs(folder)
	if err != nil {
		return nil, false, fmt.Errorf("find configuration folder: %w", err)
	}
	if !isFolder(absolute) {
		return nil, false, nil
	}
	w := &walk{root: absolute}
	if err := w.dir(absolute, 0); err != nil {
		return nil, false, err
	}
	return w.files, true, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (d dirSource) read(f file) ([]byte, error) { return os.ReadFile(f.path) }

// maxFolderDepth ends walks through links that go in circles.
const maxFolderDepth = 64

type walk struct {
	root  string
	files []file
}

func (w *walk) dir(dir string, depth int) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone meanwhile
	}
	if err != nil {
		return fmt.Errorf("list configuration: %w", err)
	}
	for _, entry := range entries {
		if err := w.entry(filepath.Join(dir, entry.Name()), entry, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) entry(path string, entry fs.DirEntry, depth int) error {
	linked := entry.Type()&fs.ModeSymlink != 0
	if !linked && !entry.IsDir() && !configSuffix(path) {
		return nil
	}
	info, err := entry.Info()
	if linked {
		info, err = os.Stat(path)
	}
	if err != nil {
		return nil //nolint:nilerr // a dangling link or a file that is gone is no configuration
	}
	if info.IsDir() {
		if depth >= maxFolderDepth {
			return nil
		}
		return w.dir(path, depth+1)
	}
	if info.Mode().IsRegular() && configSuffix(path) {
		relative := strings.TrimPrefix(filepath.ToSlash(strings.TrimPrefix(path, w.root)), "/")
		w.files = append(w.files, file{path: path, relative: relative, identity: identityOf(info)})
	}
	return nil
}

// configSuffix tells whether a file is YAML or JSON by its name (CFG-016).
func configSuffix(name string) bool {
	switch filepath.Ext(name) {
	case ".yml", ".yaml", ".json":
		base := filepath.Base(name)
		return strings.LastIndexByte(base, '.') > 0
	}
	return false
}

// hidden tells whether a part of the path below the conf source starts with a dot (CFG-019).
func hidden(root string, f file) bool {
	path := f.path
	if absolute, err := filepath.Abs(root); err == nil && strings.HasPrefix(path, absolute+"/") {
		path = path[len(absolute):]
	}
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, ".") {
			return true
		}
	}
	return false
}
