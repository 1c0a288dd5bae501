package hosted

import (
	"hash/fnv"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"github.com/kedge-run/kedge/internal/pyproject"
)

// sources notices when the code of a project changes. Configuration is read at every run anyway.
type sources struct {
	roots []string

	mu   sync.Mutex // guards seen
	seen uint64
}

func newSources(project, source, conf string) *sources {
	s := &sources{roots: []string{filepath.Join(project, pyproject.File), source, filepath.Join(conf, "logging.yml")}}
	s.seen = s.digest()
	return s
}

// changed reports whether something has changed since it last did.
func (s *sources) changed() bool {
	now := s.digest()
	s.mu.Lock()
	defer s.mu.Unlock()
	if now == s.seen {
		return false
	}
	s.seen = now
	return true
}

// digest is a number that changes with the name, size or time of any source file.
func (s *sources) digest() uint64 {
	sum := fnv.New64a()
	for _, root := range s.roots {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return nil //nolint:nilerr // what can't be read can't be imported
			case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "__pycache__"):
				return filepath.SkipDir
			case d.IsDir() || strings.HasSuffix(path, ".pyc"):
				return nil
			}
			if info, err := d.Info(); err == nil {
				stamp, _ := info.ModTime().MarshalBinary()
				sum.Write([]byte(path))
				sum.Write(stamp)
				sum.Write([]byte{byte(info.Size()), byte(info.Size() >> 8), byte(info.Size() >> 16), byte(info.Size() >> 24)})
			}
			return nil
		})
	}
	return sum.Sum64()
}
