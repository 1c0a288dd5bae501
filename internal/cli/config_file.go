package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/kedge-run/kedge/config"
	"github.com/kedge-run/kedge/internal/pyyaml"
)

// section is the part of a --config file that is read: that of the command's name.
const section = "run"

// readConfigFile gives the section of a --config file, whose keys are the
// parameter names of options (CLI-055). Errors are [UsageError] or the parser's.
func readConfigFile(dir, name string, options []option) (*config.Mapping, error) {
	data, err := os.ReadFile(within(dir, name))
	if err != nil {
		return nil, configFileError(within(dir, name), name, err)
	}
	document, err := pyyaml.Decode(data, pyyaml.Options{Name: name})
	if err != nil {
		return nil, err
	}
	file, ok := document.(*config.Mapping)
	if !ok && document != nil {
		return nil, usageErrorf("%s: expected a mapping with the key `%s`", name, section)
	}
	found, ok := file.Get(section)
	if !ok {
		return nil, &UsageError{Class: "KeyError", Message: section, Plain: fmt.Sprintf("%s has no section `%s`", name, section)}
	}
	defaults, ok := found.(*config.Mapping)
	if !ok {
		return nil, usageErrorf("%s: `%s` must be a mapping of options", name, section)
	}
	return defaults, checkKeys(defaults, options)
}

func configFileError(path, name string, err error) error {
	const option = "'--config' / '-c'"
	if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
		return badParameter(option, "File '%s' is a directory.", name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return badParameter(option, "File '%s' does not exist.", name)
	}
	return badParameter(option, "File '%s' is not readable.", name)
}

func checkKeys(defaults *config.Mapping, options []option) error {
	known := []string{}
	for _, opt := range options {
		if opt.param != "config" {
			known = append(known, opt.param)
		}
	}
	for _, key := range defaults.Keys() {
		name := fmt.Sprint(key)
		if !slices.Contains(known, name) {
			return kedroErrorf("Key `%s` in provided configuration is not valid. %s", name, Suggestion(name, known))
		}
	}
	return nil
}

// fileValue is what a --config file gives for one option: a text as on the
// command line, or a mapping where the option takes one.
type fileValue struct {
	text    string
	mapping *config.Mapping
}

// fileValueOf reads the value of opt in defaults; ok is false when there is none.
// Kedro prints a list and reads its brackets as names, which fails later and
// elsewhere; here it is an error at once.
func fileValueOf(opt option, defaults *config.Mapping) (value fileValue, ok bool, err error) {
	raw, found := defaults.Get(opt.param)
	if !found || raw == nil {
		return fileValue{}, false, nil
	}
	takesMapping := opt.param == "params" || opt.param == "runner_params"
	switch v := raw.(type) {
	case *config.Mapping:
		if takesMapping {
			return fileValue{mapping: v}, true, nil
		}
	case bool, int, *big.Int, float64, string:
		text, err := scalarText(opt, v)
		return fileValue{text: text}, err == nil, err
	}
	if takesMapping {
		return fileValue{}, false, usageErrorf("`%s` in the --config file must be a mapping, or text such as a=1,b=2", opt.param)
	}
	return fileValue{}, false, usageErrorf("`%s` in the --config file must be text; several names are separated by commas", opt.param)
}

// scalarText is the text of a YAML scalar as Python prints it; a switch takes click's words for true and false.
func scalarText(opt option, value any) (string, error) {
	text := fmt.Sprint(value)
	switch v := value.(type) {
	case bool:
		text = strings.ToUpper(text[:1]) + text[1:]
	case float64:
		text = strconv.FormatFloat(v, 'g', -1, 64)
	}
	if opt.takes != "" {
		return text, nil
	}
	switch strings.ToLower(trim(text)) {
	case "true", "1", "yes", "on", "t", "y":
		return "true", nil
	case "false", "0", "no", "off", "f", "n", "":
		return "false", nil
	}
	return "", badParameter("'--"+opt.flag+"'", "'%s' is not a valid boolean. Recognized values: , 0, 1, f, false, n, no, off, on, t, true, y, yes", text)
}
