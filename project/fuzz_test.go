package project

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"
)

// seeds adds the files of testdata/load and of the examples whose name matches.
func seeds(f *testing.F, match func(name string) bool) {
	recorded, err := filepath.Glob("testdata/load/*")
	require.NoError(f, err)
	for _, path := range recorded {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		for _, block := range strings.Split(string(data), "----\n") {
			for _, file := range txtar.Parse([]byte(block)).Files {
				if match(file.Name) {
					f.Add(file.Data)
				}
			}
		}
	}
	for _, text := range []string{"", "a: &a [*a]\n", "a: &a\n  <<: *a\n", "<<: {<<: {<<: 1}}\n", "? [a]\n: b\n", "!!binary a: b\n", "\xff\xfe", "- - - -"} {
		f.Add([]byte(text))
	}
}

// requirePlaces makes sure that each mistake says where it is.
func requirePlaces(t *testing.T, errs []error) {
	for _, err := range errs {
		var at *FileError
		require.True(t, errors.As(err, &at))
		require.Equal(t, "fuzz.yml", at.File)
	}
}

func FuzzSettings(f *testing.F) {
	seeds(f, func(name string) bool { return name == FileName })
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &source{file: "fuzz.yml"}
		name, settings := s.readSettings(s.parse(data), Settings{})
		requirePlaces(t, s.mistakes())
		if len(s.errs) == 0 {
			require.NoError(t, errors.Join(checkIdentity(name+"x"), Settings{MergeStrategy: settings.MergeStrategy, CommandGrace: settings.CommandGrace}.validate(nil, nil)))
		}
	})
}

func FuzzPipelines(f *testing.F) {
	seeds(f, func(name string) bool { return strings.HasPrefix(name, "pipelines/") })
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &source{file: "fuzz.yml"}
		d := s.readPipeline(s.parse(data), "fuzz")
		requirePlaces(t, s.mistakes())
		if len(s.errs) > 0 {
			return
		}
		p := New("fuzz", WithFunc("double", func(x int) int { return 2 * x }))
		p.dir = t.TempDir()
		if p.declare([]declared{d}) != nil {
			return
		}
		p.registry = newRegistry(p.entries, !p.bare)
		if made, err := p.registry.Get("fuzz"); err == nil {
			for _, n := range made.Nodes() {
				if c, ok := n.Func().(*command); ok {
					_ = c.line.script.shell()
					require.NotEmpty(t, c.Name())
				}
			}
		}
	})
}
