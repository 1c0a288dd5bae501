package dataset

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// loadSeparator reads sep of load_args. Pandas takes more than one character for a pattern, so that '\t' in a text that YAML doesn't
// unescape is a tab, and `\|` a bar; other patterns are refused.
func loadSeparator(a *args) rune {
	text := a.text("sep", a.text("delimiter", ","))
	if text == `\t` {
		return '\t'
	}
	if len(text) == 2 && text[0] == '\\' && strings.Contains(`|;,:.^$*+?/-~#`, text[1:]) {
		text = text[1:]
	}
	return separator(a, text)
}

// skipRows reads skiprows: how many lines to leave out at the start, or which, counted from 0.
func skipRows(a *args) (first int, lines map[int]bool) {
	list, ok := a.values["skiprows"].([]any)
	if !ok {
		return a.number("skiprows", 0), nil
	}
	a.known = append(a.known, "skiprows")
	lines = map[int]bool{}
	for _, item := range list {
		n, ok := wholeNumber(item)
		if !ok || n < 0 {
			a.fail("skiprows", "must be a number of lines or a list of line numbers, got %v", item)
		}
		lines[n] = true
	}
	return 0, lines
}

// floatFormats are the ones that Go and Python write alike.
var floatFormats = regexp.MustCompile(`^([^%]|%%)*%[-+ 0]*\d*(\.\d+)?[feFE]([^%]|%%)*$|^([^%]|%%)*%[-+ 0]*\d*\.\d+[gG]([^%]|%%)*$`)

// readFloatFormat reads float_format of save_args: "" for pandas' own form.
func readFloatFormat(a *args) string {
	format := a.text("float_format", "")
	if format != "" && !floatFormats.MatchString(format) {
		a.fail("float_format", "must be like %%.2f, %%.3e or %%.4g, got %q", format)
	}
	return format
}

// formatFloat writes a float as float_format says.
func formatFloat(f float64, format string) string {
	if format == "" || math.IsInf(f, 0) {
		return pyyaml.Str(f)
	}
	return fmt.Sprintf(format, f)
}
