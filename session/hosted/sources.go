package hosted

import (
	"embed"
	"path"
	"strings"
)

//go:embed child/boot.py
var bootSource string

//go:embed child/guard.py
var guardSource string

//go:embed child
var childSources embed.FS

// bundle is the first thing a child gets: its program, and what to open.
type bundle struct {
	Modules map[string]string `json:"modules"` // source by name
	Config  bootConfig        `json:"config"`
}

type bootConfig struct {
	Project    string `json:"project"`
	Env        string `json:"env"`
	ConfSource string `json:"conf_source"`
	SessionID  string `json:"session_id"`
	Mark       string `json:"mark"` // line on the raw outputs after each answer
}

// childModules are the modules of the package _kedge that a child imports.
func childModules() map[string]string {
	modules := map[string]string{"_kedge": ""}
	entries, err := childSources.ReadDir("child")
	if err != nil {
		return modules // can't be: the folder is a part of this binary
	}
	for _, entry := range entries {
		name, isModule := strings.CutSuffix(entry.Name(), ".py")
		text, err := childSources.ReadFile(path.Join("child", entry.Name()))
		if err == nil && isModule && name != "boot" && name != "guard" {
			modules["_kedge."+name] = string(text)
		}
	}
	return modules
}
