package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kedge-run/kedge/config"
	"github.com/kedge-run/kedge/internal/pyproject"
	"github.com/kedge-run/kedge/internal/pyyaml"
)

// projectFile marks the folder of a project.
const projectFile = "kedge.yml"

// ProjectQueue is the queue of the project at or above dir, which is the project's name,
// of a Python project its package's. It is "" when there is no project, or the name isn't
// in the project's file.
func ProjectQueue(dir string) (string, error) {
	for {
		path := filepath.Join(dir, projectFile)
		data, err := os.ReadFile(path)
		switch {
		case err == nil:
			return projectName(path, data)
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("looking for the project: %w", err)
		case pyproject.Is(dir):
			return pyproject.PackageName(dir), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", nil
		}
		dir = parent
	}
}

func projectName(path string, data []byte) (string, error) {
	document, err := pyyaml.Decode(data, pyyaml.Options{Name: path, Schema: pyyaml.Safe})
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	settings, ok := document.(*config.Mapping)
	if !ok {
		return "", fmt.Errorf("%s: not a mapping of settings", path)
	}
	name, _ := settings.Get("name")
	text, _ := name.(string) // a compiled project may leave it out: then the workers are asked
	return text, nil
}
