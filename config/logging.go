package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// Logging is what a Kedro logging configuration says about levels (CFG-080 to CFG-087):
// which lines of which logger are written. Handlers, formatters and filters are checked
// as Kedro checks them and otherwise left alone, since where lines go and how they look
// is the worker's business.
type Logging struct {
	// Path is the file; empty for the built-in default.
	Path string
	// Message says which file it is and how to use another one, as Kedro logs it (CFG-081).
	Message string

	levels map[string]zerolog.Level // by name of the logger; "" is the root
}

// LoggingOptions say where a logging configuration is looked for.
type LoggingOptions struct {
	// Dir is the folder of the project. Defaults to the current folder.
	Dir string
	// LookupEnv answers KEDRO_LOGGING_CONFIG and KEDRO_LOGGING_MODULE_ALLOWLIST. Defaults to os.LookupEnv.
	LookupEnv func(name string) (string, bool)
	// Package is the name of the project; its logger is at INFO unless the file says otherwise (CFG-082).
	Package string
}

// ownLogger is the name of the logger whose lines carry none: Kedge itself.
const ownLogger = "kedge"

// ReadLogging reads the file that KEDRO_LOGGING_CONFIG names, else conf/logging.yml or
// .yaml of the project, else gives Kedro's default: the logger kedro at INFO. A file that
// Kedro would refuse, for the sake of security or by mistake, is an error with Kedro's text.
func ReadLogging(opts LoggingOptions) (*Logging, error) {
	if opts.LookupEnv == nil {
		opts.LookupEnv = os.LookupEnv
	}
	l := &Logging{levels: map[string]zerolog.Level{"": zerolog.WarnLevel, "kedro": zerolog.InfoLevel}}
	data, err := l.find(opts)
	if err != nil {
		return nil, err
	}
	if data != nil {
		value, err := pyyaml.Decode(data, pyyaml.Options{Schema: pyyaml.Safe})
		if err != nil {
			return nil, fmt.Errorf("read logging configuration %s: %w", l.Path, err)
		}
		allowed, _ := opts.LookupEnv("KEDRO_LOGGING_MODULE_ALLOWLIST")
		if err := l.apply(value, newLoggingClasses(allowed)); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{opts.Package, ownLogger} {
		if _, ok := l.levels[name]; !ok && name != "" {
			l.levels[name] = zerolog.InfoLevel
		}
	}
	return l, nil
}

// find reads the file that counts, nil when there is none (CFG-080).
func (l *Logging) find(opts LoggingOptions) ([]byte, error) {
	if path, _ := opts.LookupEnv("KEDRO_LOGGING_CONFIG"); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the logging configuration that KEDRO_LOGGING_CONFIG names: %w", err)
		}
		l.Path, l.Message = path, fmt.Sprintf("Using '%s' as logging configuration. ", path)
		return data, nil
	}
	for _, name := range []string{"conf/logging.yml", "conf/logging.yaml"} {
		data, err := os.ReadFile(filepath.Join(opts.Dir, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read logging configuration: %w", err)
		}
		l.Path = name
		l.Message = fmt.Sprintf("Using '%s' as logging configuration. You can change this by setting the KEDRO_LOGGING_CONFIG environment variable accordingly.", name)
		return data, nil
	}
	return nil, nil
}

// apply checks a configuration and takes the levels out of it.
func (l *Logging) apply(value any, classes loggingClasses) error {
	if err := classes.check(value); err != nil {
		return err
	}
	root, ok := value.(*pyyaml.Map)
	if !ok {
		return failf("TypeError", "logging configuration must be a mapping, not %s", typeName(value))
	}
	if err := classes.checkFilters(section(root, "filters")); err != nil {
		return err
	}
	l.levels = map[string]zerolog.Level{"": zerolog.WarnLevel}
	if err := l.level("", section(root, "root")); err != nil {
		return err
	}
	for name, logger := range section(root, "loggers").All() {
		settings, _ := logger.(*pyyaml.Map)
		if err := l.level(pyyaml.Str(name), settings); err != nil {
			return err
		}
	}
	return nil
}

// section is a mapping below a key; an empty one when there is none.
func section(m *pyyaml.Map, key string) *pyyaml.Map {
	value, _ := m.Get(key)
	found, _ := value.(*pyyaml.Map)
	return found
}

// pythonLevels are the levels of Python's logging by name and number.
func pythonLevels(level any) (zerolog.Level, bool) {
	switch level {
	case "NOTSET", 0:
		return zerolog.TraceLevel, true
	case "DEBUG", 10:
		return zerolog.DebugLevel, true
	case "INFO", 20:
		return zerolog.InfoLevel, true
	case "WARNING", "WARN", 30:
		return zerolog.WarnLevel, true
	case "ERROR", 40:
		return zerolog.ErrorLevel, true
	case "CRITICAL", "FATAL", 50:
		return zerolog.FatalLevel, true
	}
	return zerolog.NoLevel, false
}

// level sets the level of a logger, if its settings hold one.
func (l *Logging) level(logger string, settings *pyyaml.Map) error {
	given, ok := settings.Get("level")
	if !ok || given == nil {
		return nil
	}
	level, ok := pythonLevels(given)
	if !ok {
		return failf("ValueError", "Unknown level: %s", pyyaml.Repr(given))
	}
	l.levels[logger] = level
	return nil
}

// Level is the lowest level that a logger writes: its own, or that of the nearest logger
// above it by name (kedro.io for kedro.io.core), or the root's.
func (l *Logging) Level(logger string) zerolog.Level {
	for {
		if level, ok := l.levels[logger]; ok {
			return level
		}
		logger = logger[:max(strings.LastIndexByte(logger, '.'), 0)]
	}
}

// Lowest is the lowest level that any logger writes.
func (l *Logging) Lowest() zerolog.Level {
	lowest := zerolog.FatalLevel
	for _, level := range l.levels {
		lowest = min(lowest, level)
	}
	return lowest
}

// Writer passes on the lines of a JSON log whose level the logger named in their field
// "logger" writes. A line without that field is of the logger kedge, at INFO unless the
// file says otherwise.
func (l *Logging) Writer(next io.Writer) io.Writer { return loggingWriter{logging: l, next: next} }

type loggingWriter struct {
	logging *Logging
	next    io.Writer
}

var _ zerolog.LevelWriter = loggingWriter{}

// Write passes a line on whose level isn't known.
func (w loggingWriter) Write(line []byte) (int, error) { return w.next.Write(line) }

// WriteLevel passes a line on, or drops it.
func (w loggingWriter) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	if level < w.logging.Level(loggerOf(line)) {
		return len(line), nil
	}
	return w.next.Write(line)
}

// loggerOf is the field "logger" of a JSON line.
func loggerOf(line []byte) string {
	_, rest, found := bytes.Cut(line, []byte(`"logger":"`))
	if !found {
		return ownLogger
	}
	name, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(name)
}

// loggingClasses decides which classes a logging configuration may name (CFG-083 to CFG-086).
type loggingClasses struct{ modules []string }

func newLoggingClasses(allowlist string) loggingClasses {
	modules := []string{"logging", "kedro.logging"}
	for name := range strings.SplitSeq(allowlist, ",") {
		if name = strings.TrimSpace(name); name != "" {
			modules = append(modules, name)
		}
	}
	return loggingClasses{modules}
}

func (c loggingClasses) check(value any) error {
	switch value := value.(type) {
	case *pyyaml.Map:
		if _, ok := value.Get("()"); ok {
			return failf("ValueError", "The '()' key is not allowed in logging configuration as it poses a security risk.")
		}
		if class, ok := value.Get("class"); ok {
			if _, err := c.kind(pyyaml.Str(class)); err != nil {
				return err
			}
		}
		for _, item := range value.All() {
			if err := c.check(item); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range value {
			if err := c.check(item); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkFilters refuses filters whose class is known to be something else.
func (c loggingClasses) checkFilters(filters *pyyaml.Map) error {
	for name, value := range filters.All() {
		settings, _ := value.(*pyyaml.Map)
		class, ok := settings.Get("class")
		if !ok {
			continue
		}
		kind, err := c.kind(pyyaml.Str(class))
		if err != nil {
			return err
		}
		if kind == classHandler || kind == classFormatter {
			return failf("ValueError", "Invalid logging filter class '%s' for filter '%s'. Must be a subclass of logging.Filter.", pyyaml.Str(class), pyyaml.Str(name))
		}
	}
	return nil
}

// classKind is what a Python class is for.
type classKind int

const (
	classUnknown classKind = iota // of a module that somebody allowed, or a bare name
	classHandler
	classFormatter
	classFilter
)

// kind finds out what a class is, or why it may not be named.
func (c loggingClasses) kind(class string) (classKind, error) {
	at := strings.LastIndexByte(class, '.')
	if at < 0 {
		return classUnknown, nil
	}
	module, name := class[:at], class[at+1:]
	if !slices.ContainsFunc(c.modules, func(allowed string) bool { return module == allowed || strings.HasPrefix(module, allowed+".") }) {
		return classUnknown, failf("ValueError", "Module '%s' specified as a logging class is not permitted. Only 'logging', 'kedro.logging', "+
			"and modules listed in the KEDRO_LOGGING_MODULE_ALLOWLIST environment variable are allowed.", module)
	}
	switch module {
	case "logging", "logging.handlers", "kedro.logging":
		return libraryClass(class, module, name)
	}
	return classUnknown, nil
}

// libraryClass is the kind of a class of Python's or Kedro's logging.
func libraryClass(class, module, name string) (classKind, error) {
	switch class {
	case "logging.Filter":
		return classFilter, nil
	case "logging.Formatter", "logging.BufferingFormatter":
		return classFormatter, nil
	case "logging.Handler", "logging.StreamHandler", "logging.FileHandler", "logging.NullHandler", "kedro.logging.RichHandler":
		return classHandler, nil
	case "logging.Logger", "logging.LogRecord", "logging.Manager", "logging.PlaceHolder", "logging.LoggerAdapter", "logging.RootLogger", "logging.Filterer":
		return classUnknown, failf("ValueError", "Invalid logging class '%s'. Must be a subclass of logging.Handler, logging.Formatter, or logging.Filter. Got 'type'.", class)
	}
	if module == "logging.handlers" && strings.HasSuffix(name, "Handler") {
		return classHandler, nil
	}
	return classUnknown, failf("ValueError", "Class '%s' not found in module '%s' as specified in logging configuration.", name, module)
}
