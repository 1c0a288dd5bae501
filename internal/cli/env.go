package cli

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/kedge-run/kedge/internal/mask"
)

// Env is everything a command takes from its process, so that a command can be
// run whole inside a test.
type Env struct {
	Args   []string // the words after the program's name
	Lookup func(name string) (string, bool)
	Dir    string // the folder that relative paths and the search for a project start at

	Stdin          io.Reader
	Stdout, Stderr io.Writer
	StdinTerminal  bool // standard input is a terminal: somebody can answer a question
	StderrTerminal bool // standard error is a terminal: bars may be drawn on it
}

// OSEnv is the Env of the running process.
func OSEnv() *Env {
	dir, err := os.Getwd()
	if err != nil {
		dir = "." // the folder is gone; what needs it will say so
	}
	return &Env{
		Args:   os.Args[1:],
		Lookup: os.LookupEnv,
		Dir:    dir,
		Stdin:  os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		StdinTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		StderrTerminal: drawable(os.Stderr),
	}
}

// drawable tells whether file is a terminal with a size. The terminals of some
// CI systems have none, and what is drawn on them is cut to nothing.
func drawable(file *os.File) bool {
	width, height, err := term.GetSize(int(file.Fd()))
	return err == nil && width > 0 && height > 0
}

// Getenv is the value of an environment variable, or fallback when it is unset or empty.
func (e *Env) Getenv(name, fallback string) string {
	if value, ok := e.Lookup(name); ok && value != "" {
		return value
	}
	return fallback
}

// Mask hides secrets in a text that is about to be shown: user info and query of URLs.
func (e *Env) Mask(text string) string { return mask.URL(text) }
