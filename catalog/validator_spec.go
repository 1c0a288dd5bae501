package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

const (
	validatorKey = "validator"
	modeLoad     = "load"
	modeSave     = "save"
)

var validatorKeys = []string{"class", "enabled", "on", "options", "severity", "skip_load_after_save"}

// validatorSpec is a validator as a catalog entry declares it (CAT-140). It is never changed.
type validatorSpec struct {
	name       string // that the validator is registered by
	load, save bool   // when it is asked
	warn       bool   // a failure is a warning
	enabled    bool
	skip       bool // a load after a validated save isn't validated again
	options    map[string]any
	resolve    func() (*boundValidator, error) // once
}

// declarationError is Kedro's error about a declaration (CAT-142).
func declarationError(dataset, format string, args ...any) error {
	return &DatasetError{Kind: kindValidationConfiguration,
		Message: "Invalid validator declaration for dataset '" + dataset + "': " + fmt.Sprintf(format, args...)}
}

// parseValidator reads the declaration in an entry; nil when it has none.
func (b *Blueprint) parseValidator(dataset string, config map[string]any) (*validatorSpec, error) {
	declared, ok := config[validatorKey]
	if !ok {
		return nil, nil
	}
	s := &validatorSpec{load: true, save: true, enabled: true}
	switch v := declared.(type) {
	case string:
		s.name = v
	case []any:
		return nil, declarationError(dataset, "list form is reserved for future use. Declare a single validator as a class path string or a dictionary.")
	case map[string]any:
		if err := s.parse(dataset, v); err != nil {
			return nil, err
		}
	case map[any]any: // YAML's, when some key is no text
		texts := make(map[string]any, len(v))
		for key, value := range v {
			texts[pyyaml.Str(key)] = value
		}
		if err := s.parse(dataset, texts); err != nil {
			return nil, err
		}
	default:
		return nil, declarationError(dataset, "expected a class path string or a dictionary, got %s (%s).", typeName(declared), repr(declared, 0))
	}
	s.resolve = sync.OnceValues(func() (*boundValidator, error) { return b.validators.resolve(s.name, s.options) })
	return s, nil
}

func (s *validatorSpec) parse(dataset string, config map[string]any) error {
	config, err := withOn(dataset, config)
	if err != nil {
		return err
	}
	var unknown []any
	for _, key := range slices.Sorted(maps.Keys(config)) {
		if !slices.Contains(validatorKeys, key) {
			unknown = append(unknown, key)
		}
	}
	if unknown != nil {
		return declarationError(dataset, "unknown key(s) %s. Allowed keys: ['%s'].", reprList(unknown, 0), strings.Join(validatorKeys, "', '"))
	}
	name, ok := config["class"].(string)
	if !ok || name == "" {
		return declarationError(dataset, "'class' must be a non-empty class path string.")
	}
	s.name = name
	if on, ok := config["on"]; ok {
		if err := s.parseOn(dataset, on); err != nil {
			return err
		}
	}
	if severity, ok := config["severity"]; ok {
		if severity != "error" && severity != "warn" {
			return declarationError(dataset, "'severity' must be one of ['error', 'warn'], got %s.", repr(severity, 0))
		}
		s.warn = severity == "warn"
	}
	if options, ok := config["options"]; ok {
		if s.options, ok = options.(map[string]any); !ok {
			return declarationError(dataset, "'options' must be a dictionary, got %s.", typeName(options))
		}
	}
	for _, flag := range []struct {
		name string
		into *bool
	}{{"enabled", &s.enabled}, {"skip_load_after_save", &s.skip}} {
		value, ok := config[flag.name]
		if !ok {
			continue
		}
		if *flag.into, ok = value.(bool); !ok {
			return declarationError(dataset, "'%s' must be a boolean, got %s.", flag.name, typeName(value))
		}
	}
	return nil
}

// withOn gives the key on its name back: YAML reads it, unquoted, as the boolean true (CAT-143).
func withOn(dataset string, config map[string]any) (map[string]any, error) {
	on, ok := config[pyyaml.Str(true)]
	if !ok {
		return config, nil
	}
	if _, both := config["on"]; both {
		return nil, declarationError(dataset, "both an unquoted 'on' key (which YAML reads as the boolean True) and a quoted \"on\" key are present, "+
			"and only one of them can take effect. Keep a single 'on' key.")
	}
	out := maps.Clone(config)
	delete(out, pyyaml.Str(true))
	out["on"] = on
	return out, nil
}

func (s *validatorSpec) parseOn(dataset string, on any) error {
	list, ok := on.([]any)
	if !ok {
		list = []any{on}
	}
	s.load, s.save = slices.Contains(list, any(modeLoad)), slices.Contains(list, any(modeSave))
	for _, mode := range list {
		if mode != modeLoad && mode != modeSave {
			s.load, s.save = false, false
		}
	}
	if !s.load && !s.save {
		return declarationError(dataset, "'on' must be a non-empty subset of ['load', 'save'], got %s.", repr(on, 0))
	}
	return nil
}

// applies tells whether the validator was declared for a mode.
func (s *validatorSpec) applies(mode string) bool {
	return mode == modeLoad && s.load || mode == modeSave && s.save
}

// config is the declaration again, as short as it can be (CAT-130).
func (s *validatorSpec) config() any {
	out := map[string]any{}
	if !s.load || !s.save {
		out["on"] = []any{modeLoad}
		if s.save {
			out["on"] = []any{modeSave}
		}
	}
	if s.warn {
		out["severity"] = "warn"
	}
	if !s.enabled {
		out["enabled"] = false
	}
	if s.skip {
		out["skip_load_after_save"] = true
	}
	if len(s.options) > 0 {
		out["options"] = maps.Clone(s.options)
	}
	if len(out) == 0 {
		return s.name
	}
	out["class"] = s.name
	return out
}
