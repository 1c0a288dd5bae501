package hosted

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// interpreter is the one that was asked for, else that of the project's virtual environment, else python3. A link is
// left as it is: where it stands decides which environment it means.
func interpreter(dir, asked string) (string, error) {
	if asked != "" {
		if strings.ContainsRune(asked, filepath.Separator) {
			if abs, err := filepath.Abs(asked); err == nil {
				asked = abs
			}
		}
		path, err := exec.LookPath(asked)
		if err != nil {
			return "", &StartError{Message: fmt.Sprintf("Python interpreter: %v", err), Hint: "name the interpreter of the project's environment"}
		}
		return path, nil
	}
	own := ownPython(dir)
	if _, err := exec.LookPath(own); err == nil {
		return own, nil
	}
	if _, err := os.Lstat(own); err == nil {
		return "", &StartError{Message: fmt.Sprintf("%s can't be started: the Python that it was made with may have gone", own), Hint: "make it again: " + makeOwn(dir)}
	}
	path, err := exec.LookPath("python3")
	if err != nil {
		return "", &StartError{
			Message: fmt.Sprintf("no Python for the project: neither %s nor python3 in PATH", own),
			Hint:    "make an environment for it: " + makeOwn(dir),
		}
	}
	return path, nil
}

// ownPython is where the interpreter of the project's virtual environment is, if it has one.
func ownPython(dir string) string { return filepath.Join(dir, ".venv", "bin", "python") }

// makeOwn are the commands that make the project's virtual environment.
func makeOwn(dir string) string {
	return fmt.Sprintf("python3 -m venv --clear %s && %s -m pip install -r %s",
		filepath.Join(dir, ".venv"), ownPython(dir), filepath.Join(dir, "requirements.txt"))
}
