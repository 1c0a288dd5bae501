package project

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// settingKeys are the keys of kedge.yml.
var settingKeys = []string{
	"name", "conf_source", "base_env", "default_run_env", "config_patterns", "merge_strategy",
	"disabled_hooks", "runner_allowlist", "dataset_validation", "command_env", "command_grace",
}

// readSettings lays the keys of kedge.yml over settings and gives the project's name, "" when the file has none.
func (s *source) readSettings(root *yaml.Node, settings Settings) (string, Settings) {
	name := ""
	if root == nil || isNull(root) {
		return "", settings
	}
	for _, f := range s.fields(root, "the project file", settingKeys...) {
		if isNull(f.node) {
			continue
		}
		switch f.name {
		case "name":
			name = s.projectName(f)
		case "conf_source":
			settings.ConfSource = s.filled(f)
		case "base_env":
			settings.BaseEnv = s.filled(f)
		case "default_run_env":
			settings.DefaultRunEnv = s.filled(f)
		case "config_patterns":
			settings.ConfigPatterns = s.patterns(f)
		case "merge_strategy":
			settings.MergeStrategy = s.strategies(f)
		case "disabled_hooks":
			settings.DisabledHooks = s.texts(f.node, f.name)
		case "runner_allowlist":
			settings.RunnerAllowlist = s.texts(f.node, f.name)
		case "dataset_validation":
			on := s.boolean(f.node, f.name)
			settings.DatasetValidation = &on
		case "command_env":
			settings.CommandEnv = s.texts(f.node, f.name)
		case "command_grace":
			settings.CommandGrace = s.duration(f)
		}
	}
	return name, settings
}

// identity is the alphabet of names that become part of subjects, keys and file names.
var identity = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$`)

func checkIdentity(name string) error {
	if !identity.MatchString(name) || strings.Contains(name, "..") {
		return fmt.Errorf("expected 1 to 128 letters, digits, hyphens, underscores and full stops, got %q", name)
	}
	return nil
}

func (s *source) projectName(f field) string {
	name, ok := s.text(f.node, f.name)
	if !ok {
		return ""
	}
	if err := checkIdentity(name); err != nil {
		s.fail(f.node, f.name, "%w", err)
	}
	return name
}

// filled reads text that must not be empty.
func (s *source) filled(f field) string {
	text, ok := s.text(f.node, f.name)
	if ok && strings.TrimSpace(text) == "" {
		s.fail(f.node, f.name, "expected text, got an empty one")
	}
	return text
}

func (s *source) patterns(f field) map[string][]string {
	patterns := map[string][]string{}
	for _, kind := range s.pairs(f.node, f.name, 0) {
		patterns[kind.name] = s.texts(kind.node, f.name+"."+kind.name)
	}
	return patterns
}

func (s *source) strategies(f field) map[string]string {
	strategies := s.textMap(f.node, f.name)
	for _, kind := range s.pairs(f.node, f.name, 0) {
		name := strategies[kind.name]
		if name != "" && !slices.Contains(mergeStrategies, strings.ToLower(name)) {
			s.fail(kind.node, f.name+"."+kind.name, "unknown merge strategy %q%s", name, didYouMean(name, mergeStrategies))
		}
	}
	return strategies
}

func (s *source) duration(f field) time.Duration {
	text, ok := s.text(f.node, f.name)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		s.fail(f.node, f.name, "expected a duration above zero such as 10s or 1m30s, got %q", text)
	}
	return d
}
