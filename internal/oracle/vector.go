package oracle

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"testing"
)

//go:embed conformance/vectors/*.jsonl.gz conformance/graphs/*.json.gz
var files embed.FS

// Vector is one question with Kedro's answer.
type Vector struct {
	ID       string          `json:"id"`
	Kind     string          `json:"kind"`
	Input    json.RawMessage `json:"input"`
	Expect   json.RawMessage `json:"expect"`
	Unstable []string        `json:"unstable"` // parts of the answer that depend on Python's set order, as "/a/0/b"

	normalised map[Declaration]int // of the report
}

// Normalise notes that the answer is put into Kedro's form, or Kedro's into ours, as declared.
func (v Vector) Normalise(declared Declaration) {
	if v.normalised != nil {
		v.normalised[declared]++
	}
}

// Decode reads the question into dst; a field that dst lacks fails the test,
// so that no part of a question is overlooked.
func (v Vector) Decode(t testing.TB, dst any) {
	t.Helper()
	Decode(t, v.Input, dst)
}

// Decode reads a part of a question into dst as [Vector.Decode] does.
func Decode(t testing.TB, text []byte, dst any) {
	t.Helper()
	if err := decode(text, dst); err != nil {
		t.Fatalf("read %s: %v", clip(string(text)), err)
	}
}

// Load reads the vectors of a family from this package's copy, or from the
// folder that KEDGE_VECTORS names.
func Load(t testing.TB, family string) []Vector {
	t.Helper()
	source, dir := fs.FS(files), "conformance/vectors"
	if folder := os.Getenv("KEDGE_VECTORS"); folder != "" {
		source, dir = os.DirFS(folder), "."
	}
	text, err := unpack(source, path.Join(dir, family+".jsonl.gz"))
	if err != nil {
		t.Fatalf("vectors of family %s: %v", family, err)
	}
	var vectors []Vector
	lines := bufio.NewReaderSize(bytes.NewReader(text), 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var v Vector
			if err := decode(line, &v); err != nil {
				t.Fatalf("family %s, line %d: %v", family, len(vectors)+1, err)
			}
			vectors = append(vectors, v)
		}
		if err == io.EOF {
			break
		}
	}
	if len(vectors) == 0 {
		t.Fatalf("family %s has no vectors", family)
	}
	return vectors
}

// decode reads JSON strictly: unknown fields and trailing data are errors, numbers keep their text.
func decode(text []byte, dst any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	if err := decoder.Decode(dst); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fmt.Errorf("more than one JSON value")
	}
	return nil
}

func unpack(source fs.FS, name string) ([]byte, error) {
	file, err := source.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}
