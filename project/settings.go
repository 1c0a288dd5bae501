package project

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kedge-run/kedge/config"
)

// Settings are what Kedro's settings.py holds, as far as it makes sense without Python (PRJ-030), and how commands run.
// Zero values mean the defaults. In kedge.yml the keys are the same in snake case.
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
	// DisabledHooks names hooks that are switched off, see [WithHooks]. Defaults to none.
	DisabledHooks []string
	// RunnerAllowlist names the runners that a request may ask for. Defaults to all built-in and registered ones.
	RunnerAllowlist []string
	// DatasetValidation switches the validators of the catalog (PRJ-033). Defaults to true.
	DatasetValidation *bool
	// CommandEnv names variables of the worker's environment that commands get too. Defaults to none beyond the
	// harmless ones: PATH, HOME, USER, LOGNAME, SHELL, TMPDIR, TZ, LANG, LANGUAGE, LC_*, VIRTUAL_ENV, SYSTEMROOT.
	CommandEnv []string
	// CommandGrace is how long a cancelled command may take to end by itself. Defaults to 5 s.
	CommandGrace time.Duration
}

const defaultCommandGrace = 5 * time.Second

// RunnerAllowed reports whether a request may name the runner.
func (s Settings) RunnerAllowed(name string) bool {
	return len(s.RunnerAllowlist) == 0 || slices.Contains(s.RunnerAllowlist, name)
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
	if s.CommandGrace == 0 {
		s.CommandGrace = defaultCommandGrace
	}
	return s
}

// mergeStrategies are the names that CFG-036 accepts.
var mergeStrategies = []string{"soft", "destructive"}

// builtinRunners are the runners that every request may name.
var builtinRunners = []string{"SequentialRunner", "ThreadRunner", "ParallelRunner"}

// validate checks what the names of hooks and runners stand for; hooks and runners are the project's own.
func (s Settings) validate(hooks, runners []string) error {
	var errs []error
	for kind, name := range s.MergeStrategy {
		if !slices.Contains(mergeStrategies, strings.ToLower(name)) {
			errs = append(errs, fmt.Errorf("merge_strategy.%s: unknown merge strategy %q%s", kind, name, didYouMean(name, mergeStrategies)))
		}
	}
	for _, name := range s.DisabledHooks {
		if !slices.Contains(hooks, name) {
			errs = append(errs, fmt.Errorf("disabled_hooks: unknown hook %q%s", name, didYouMean(name, hooks)))
		}
	}
	known := append(slices.Clone(builtinRunners), runners...)
	for _, name := range s.RunnerAllowlist {
		if !slices.Contains(known, name) {
			errs = append(errs, fmt.Errorf("runner_allowlist: unknown runner %q%s", name, didYouMean(name, known)))
		}
	}
	if s.CommandGrace < 0 {
		errs = append(errs, fmt.Errorf("command_grace: expected a duration above zero, got %s", s.CommandGrace))
	}
	return errors.Join(errs...)
}
