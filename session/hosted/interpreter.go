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
	own := filepath.Join(dir, ".venv", "bin", "python")
	if info, err := os.Stat(own); err == nil && !info.IsDir() {
		return own, nil
	}
	path, err := exec.LookPath("python3")
	if err != nil {
		return "", &StartError{
			Message: fmt.Sprintf("no Python for the project: neither %s nor python3 in PATH", own),
			Hint:    fmt.Sprintf("make an environment for it: python3 -m venv %s && %s -m pip install -r requirements.txt", filepath.Join(dir, ".venv"), own),
		}
	}
	return path, nil
}
