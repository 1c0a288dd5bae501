package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/kedge-run/kedge/messages"
)

// outputFormat is how answers are written to standard output.
type outputFormat string

// The formats: for people, and one JSON document a line for programs.
const (
	formatText outputFormat = "text"
	formatJSON outputFormat = "json"
)

// Set takes the name of a format.
func (f *outputFormat) Set(name string) error {
	switch outputFormat(name) {
	case formatText, formatJSON:
		*f = outputFormat(name)
		return nil
	}
	return fmt.Errorf("%q is not a format: text or json", name)
}

// String is the name of the format.
func (f *outputFormat) String() string { return string(*f) }

// Type is what the help shows as the value.
func (f *outputFormat) Type() string { return "format" }

func addOutputFlag(set *pflag.FlagSet, format *outputFormat) {
	*format = formatText
	set.VarP(format, "output", "o", "`format` of the answer: text or json")
}

// replyJSON is the document of a reply: the result or the error, as on the wire.
func replyJSON(reply *messages.Reply) any {
	if reply.Error != nil {
		return reply.Error
	}
	return reply.Result
}

// writeJSON writes one document on one line.
func writeJSON(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}

// fields are the lines of a text answer: a name and a value, aligned. Lines
// without a value are left out.
type fields [][2]string

func (f *fields) add(name, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); text != "" {
		*f = append(*f, [2]string{name, text})
	}
}

func (f *fields) addTime(name string, at time.Time, now time.Time) {
	switch {
	case at.After(now):
		f.add(name, "%s (in %s)", at.UTC().Format(time.RFC3339), age(at.Sub(now)))
	case !at.IsZero():
		f.add(name, "%s (%s ago)", at.UTC().Format(time.RFC3339), age(now.Sub(at)))
	}
}

func (f *fields) addMap(name string, values map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		f.add(name, "%s=%s", key, values[key])
		name = ""
	}
}

func (f fields) write(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range f {
		for i, part := range strings.Split(strings.TrimRight(line[1], "\n"), "\n") {
			name := line[0]
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(tw, "%s\t%s\n", name, strings.ReplaceAll(part, "\t", "    "))
		}
	}
	return tw.Flush()
}

// age writes a duration in the one or two units that matter to a person.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
