package config

import (
	"archive/tar"
	"archive/zip"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/ulikunitz/xz"
)

// maxArchiveSize bounds what an archive may unpack to.
const maxArchiveSize = 256 << 20

// archives keeps opened archives by path, as long as the file is the same.
type archives struct {
	mu     sync.Mutex // guards opened
	opened map[string]*archiveSource
}

// archiveSource is an archive in memory. Its environments lie below its last top-level
// entry (CFG-070).
type archiveSource struct {
	identity identity
	top      string
	names    []string // of files, as the archive has them
	content  map[string][]byte
}

// archiveFile is an archive, open for reading.
type archiveFile interface {
	io.Reader
	io.ReaderAt
}

// unpack reads all files of an archive.
type unpack func(f archiveFile, size int64, add func(name string, r io.Reader) error) error

// archiveReader is how to read the archive that the name says it is, nil for a folder.
func archiveReader(name string) unpack {
	lower := strings.ToLower(name)
	for suffix, decompress := range map[string]func(io.Reader) (io.Reader, error){
		".tar": plainReader, ".tar.gz": gunzip, ".tgz": gunzip, ".taz": gunzip, ".tz": gunzip,
		".tar.bz2": bunzip, ".tbz2": bunzip, ".tar.xz": unxz, ".txz": unxz,
	} {
		if strings.HasSuffix(lower, suffix) {
			return untar(decompress)
		}
	}
	if strings.HasSuffix(lower, ".zip") {
		return unzip
	}
	return nil
}

func plainReader(r io.Reader) (io.Reader, error) { return r, nil }
func gunzip(r io.Reader) (io.Reader, error)      { return gzip.NewReader(r) }
func bunzip(r io.Reader) (io.Reader, error)      { return bzip2.NewReader(r), nil }
func unxz(r io.Reader) (io.Reader, error)        { return xz.NewReader(r) }

func untar(decompress func(io.Reader) (io.Reader, error)) unpack {
	return func(f archiveFile, _ int64, add func(string, io.Reader) error) error {
		r, err := decompress(f)
		if err != nil {
			return err
		}
		for entries := tar.NewReader(r); ; {
			header, err := entries.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if header.Typeflag == tar.TypeReg {
				if err := add(header.Name, entries); err != nil {
					return err
				}
			}
		}
	}
}

func unzip(f archiveFile, size int64, add func(string, io.Reader) error) error {
	entries, err := zip.NewReader(f, size)
	if err != nil {
		return err
	}
	for _, entry := range entries.File {
		if entry.FileInfo().IsDir() {
			continue
		}
		r, err := entry.Open()
		if err != nil {
			return err
		}
		err = add(entry.Name, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// open gives the archive at path, read again when the file has changed.
func (a *archives) open(path string, read unpack) (source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open configuration archive: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open configuration archive: %w", err)
	}
	id := identityOf(info)
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.opened[path]; ok && known.identity == id {
		return known, nil
	}
	s := &archiveSource{identity: id, content: map[string][]byte{}}
	if err := read(f, id.size, s.adder()); err != nil {
		return nil, fmt.Errorf("read configuration archive %s: %w", path, err)
	}
	if a.opened == nil {
		a.opened = map[string]*archiveSource{}
	}
	a.opened[path] = s
	return s, nil
}

// adder takes the files of an archive into memory, up to the limit of size.
func (s *archiveSource) adder() func(name string, r io.Reader) error {
	left := int64(maxArchiveSize)
	return func(name string, r io.Reader) error {
		data, err := io.ReadAll(io.LimitReader(r, left+1))
		if err != nil {
			return err
		}
		if left -= int64(len(data)); left < 0 {
			return fmt.Errorf("content exceeds the limit of %d bytes", int64(maxArchiveSize))
		}
		s.names = append(s.names, name)
		s.content[name] = data
		if top, _, _ := strings.Cut(name, "/"); top > s.top {
			s.top = top
		}
		return nil
	}
}

func (s *archiveSource) folder(env string) string { return joinPath(s.top, env) }

func (s *archiveSource) list(folder string) ([]file, bool, error) {
	var files []file
	exists := false
	for _, name := range s.names {
		relative, ok := strings.CutPrefix(name, folder+"/")
		if !ok {
			continue
		}
		exists = true
		if configSuffix(path.Base(name)) {
			files = append(files, file{path: name, relative: relative, identity: s.identity})
		}
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return files, exists, nil
}

func (s *archiveSource) read(f file) ([]byte, error) { return s.content[f.path], nil }
