// Package pyproject finds Python Kedro projects and reads the little of their pyproject.toml that Kedge needs without
// starting Python.
package pyproject

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
)

const (
	// File marks the folder of a Kedro project, when it holds Section.
	File = "pyproject.toml"
	// Section is the table that Kedro looks for, as text: its own rule.
	Section = "[tool.kedro]"
)

// Is reports whether a folder holds a Kedro project.
func Is(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, File))
	return err == nil && bytes.Contains(text, []byte(Section))
}

// Find gives the nearest Kedro project at or above a folder; "" when there is none.
func Find(dir string) string {
	for !Is(dir) {
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
	return dir
}

var (
	section     = regexp.MustCompile(`(?m)^[ \t]*\[`)
	packageName = regexp.MustCompile(`(?m)^[ \t]*["']?package_name["']?[ \t]*=[ \t]*["']([^"'\r\n]*)["']`)
)

// PackageName is the name of the project's Python package, which names its queue; "" when it isn't written in the plain
// way of Kedro's templates.
func PackageName(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		return ""
	}
	_, rest, _ := bytes.Cut(text, []byte(Section))
	if next := section.FindIndex(rest); next != nil {
		rest = rest[:next[0]]
	}
	if found := packageName.FindSubmatch(rest); found != nil {
		return string(found[1])
	}
	return ""
}
