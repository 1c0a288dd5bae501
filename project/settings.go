package project

import "github.com/kedge-run/kedge/config"

// Settings are what Kedro's settings.py holds, as far as it makes sense without Python (PRJ-030).
// Zero values mean the defaults.
type Settings struct {
	// ConfSource is the configuration folder or archive, relative to the project. Defaults to "conf".
	ConfSource string
	// BaseEnv is the environment read first. Defaults to "base".
	BaseEnv string
	// DefaultRunEnv is the environment read second when a session names none. Defaults to "local".
	DefaultRunEnv string
	// ConfigPatterns replaces the file patterns of a configuration type, or adds types (CFG-015). Defaults to none.
	ConfigPatterns map[string][]string
	// MergeStrategy says per configuration type how environments are merged: "soft" or "destructive" (CFG-034,
	// CFG-035). Defaults to "destructive" for all.
	MergeStrategy map[string]string
	// Resolvers are the project's own resolvers ${name:arg,...}; only Go code can set them (CFG-058). Defaults to none.
	Resolvers map[string]config.Resolver
	// DisabledHooks names hooks that are switched off. Defaults to none.
	DisabledHooks []string
	// RunnerAllowlist names the runners that a request may ask for. Defaults to all built-in and registered ones.
	RunnerAllowlist []string
	// DatasetValidation switches the validators of the catalog (PRJ-033). Defaults to true.
	DatasetValidation *bool
}

// RunnerAllowed reports whether a request may name the runner.
func (s Settings) RunnerAllowed(name string) bool {
	if len(s.RunnerAllowlist) == 0 {
		return true
	}
	for _, allowed := range s.RunnerAllowlist {
		if allowed == name {
			return true
		}
	}
	return false
}

func (s Settings) withDefaults() Settings {
	if s.ConfSource == "" {
		s.ConfSource = "conf"
	}
	if s.BaseEnv == "" {
		s.BaseEnv = "base"
	}
	if s.DefaultRunEnv == "" {
		s.DefaultRunEnv = "local"
	}
	if s.DatasetValidation == nil {
		on := true
		s.DatasetValidation = &on
	}
	return s
}

func (s Settings) validate() []error { return nil }
