package project

import "errors"

// FileName is the name of the file that makes a folder a project.
const FileName = "kedge.yml"

// ErrNoProject says that a folder, or none at or above it, holds a project.
var ErrNoProject = errors.New("no project found")

// Find gives the nearest folder at or above dir that holds kedge.yml; the error is [ErrNoProject].
func Find(dir string) (string, error) { return "", ErrNoProject }

// Load reads the project in the folder dir: kedge.yml and pipelines/*.yml. Base is the compiled project that the
// folder completes, nil for the stock worker: pipelines of both are registered (a name in both is an error), and keys
// of kedge.yml override base's settings. With a base, kedge.yml may be absent.
// Mistakes are [*FileError] values, joined, so that one attempt shows them all.
func Load(dir string, base *Project) (*Project, error) {
	return nil, errors.New("project: not written")
}
