package config_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/config"
)

func readLogging(t *testing.T, text string, env map[string]string) (*config.Logging, error) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files{"conf/logging.yml": text})
	return config.ReadLogging(config.LoggingOptions{Dir: dir, Package: "spaceflights",
		LookupEnv: func(name string) (string, bool) { value, ok := env[name]; return value, ok }})
}

// TestLoggingLevels covers CFG-080 to CFG-082 and CFG-087: the levels of a file count, the
// rest of it is checked.
func TestLoggingLevels(t *testing.T) {
	l, err := readLogging(t, `
version: 1
handlers:
  console: {class: logging.StreamHandler, level: INFO, stream: ext://sys.stdout}
  file: {class: logging.handlers.RotatingFileHandler, filename: info.log}
  rich: {class: kedro.logging.RichHandler}
loggers:
  kedro: {level: WARNING}
  kedro.io: {level: 10}
root: {level: ERROR, handlers: [console]}
`, nil)
	require.NoError(t, err)
	require.Equal(t, "Using 'conf/logging.yml' as logging configuration. You can change this by setting the KEDRO_LOGGING_CONFIG environment variable accordingly.", l.Message)
	for logger, want := range map[string]zerolog.Level{
		"kedro": zerolog.WarnLevel, "kedro.runner": zerolog.WarnLevel, "kedro.io.core": zerolog.DebugLevel,
		"spaceflights": zerolog.InfoLevel, "spaceflights.nodes": zerolog.InfoLevel, "py.warnings": zerolog.ErrorLevel, "": zerolog.ErrorLevel,
	} {
		require.Equal(t, want, l.Level(logger), logger)
	}
	require.Equal(t, zerolog.DebugLevel, l.Lowest())

	var out bytes.Buffer
	log := zerolog.New(l.Writer(&out))
	log.Info().Str("logger", "kedro.runner").Msg("no")
	log.Warn().Str("logger", "kedro.runner").Msg("runner warns")
	log.Debug().Str("logger", "kedro.io.catalog").Msg("loading")
	log.Info().Msg("of the worker itself")
	log.Debug().Msg("of the worker too, no")
	require.Contains(t, out.String(), "runner warns")
	require.Contains(t, out.String(), "loading")
	require.Contains(t, out.String(), "itself")
	require.NotContains(t, out.String(), "no\"")
}

func TestLoggingFiles(t *testing.T) {
	l, err := config.ReadLogging(config.LoggingOptions{Dir: t.TempDir(), LookupEnv: func(string) (string, bool) { return "", false }})
	require.NoError(t, err)
	require.Empty(t, l.Path+l.Message)
	require.Equal(t, zerolog.InfoLevel, l.Level("kedro.session"))
	require.Equal(t, zerolog.WarnLevel, l.Level("other"))

	dir := t.TempDir()
	write(t, dir, files{"own.yml": "loggers: {kedro: {level: DEBUG}}"})
	own := filepath.Join(dir, "own.yml")
	l, err = readLogging(t, "loggers: {kedro: {level: ERROR}}", map[string]string{"KEDRO_LOGGING_CONFIG": own})
	require.NoError(t, err)
	require.Equal(t, "Using '"+own+"' as logging configuration. ", l.Message)
	require.Equal(t, zerolog.DebugLevel, l.Level("kedro"))

	_, err = readLogging(t, "", map[string]string{"KEDRO_LOGGING_CONFIG": filepath.Join(dir, "absent.yml")})
	require.ErrorContains(t, err, "KEDRO_LOGGING_CONFIG")
}

// TestLoggingRefuses covers CFG-083 to CFG-086.
func TestLoggingRefuses(t *testing.T) {
	notPermitted := "Module 'os' specified as a logging class is not permitted. Only 'logging', 'kedro.logging', and modules listed in the " +
		"KEDRO_LOGGING_MODULE_ALLOWLIST environment variable are allowed."
	for text, want := range map[string]string{
		"formatters: {f: [{(): os.system}]}":               "The '()' key is not allowed in logging configuration as it poses a security risk.",
		"handlers: {h: {class: os.system}}":                notPermitted,
		"handlers: {h: {class: logging.Logger}}":           "Invalid logging class 'logging.Logger'. Must be a subclass of logging.Handler, logging.Formatter, or logging.Filter. Got 'type'.",
		"handlers: {h: {class: logging.Nothing}}":          "Class 'Nothing' not found in module 'logging' as specified in logging configuration.",
		"filters: {f: {class: logging.StreamHandler}}":     "Invalid logging filter class 'logging.StreamHandler' for filter 'f'. Must be a subclass of logging.Filter.",
		"handlers: {h: {class: my.handlers.Handler}}":      "Module 'my.handlers' specified as a logging class is not permitted. Only 'logging', 'kedro.logging', and modules listed in the KEDRO_LOGGING_MODULE_ALLOWLIST environment variable are allowed.",
		"loggers: {kedro: {level: LOUD}}":                  "Unknown level: 'LOUD'",
		"handlers: {h: {class: kedro.logging.RichHander}}": "Class 'RichHander' not found in module 'kedro.logging' as specified in logging configuration.",
	} {
		_, err := readLogging(t, text, nil)
		requireError(t, err, "ValueError", want)
	}
	_, err := readLogging(t, "handlers: {h: {class: my.handlers.Handler}, b: {class: StreamHandler}}", map[string]string{"KEDRO_LOGGING_MODULE_ALLOWLIST": " my , other"})
	require.NoError(t, err)
	_, err = readLogging(t, "a: [", nil)
	require.ErrorContains(t, err, "conf/logging.yml")
}
