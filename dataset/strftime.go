package dataset

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// timeCodes are the codes of Python's formats of times, with what they are in Go's layouts.
var timeCodes = map[string]string{
	"Y": "2006", "y": "06", "m": "01", "-m": "1", "b": "Jan", "B": "January", "d": "02", "-d": "2", "e": "_2", "j": "002", "a": "Mon", "A": "Monday",
	"H": "15", "I": "03", "-I": "3", "p": "PM", "M": "04", "-M": "4", "S": "05", "-S": "5", "f": ".000000", "z": "-0700", "Z": "MST",
	"F": "2006-01-02", "T": "15:04:05", "%": "%",
}

// splitFormat cuts a format of times into plain texts and codes, which come in turns: text, code, text, …
func splitFormat(format string) ([]string, error) {
	parts := []string{""}
	for format != "" {
		before, after, found := strings.Cut(format, "%")
		parts[len(parts)-1] += before
		if !found {
			break
		}
		size := min(1, len(after))
		if strings.HasPrefix(after, "-") {
			size = min(2, len(after))
		}
		code := after[:size]
		if _, ok := timeCodes[code]; !ok {
			return nil, fmt.Errorf("has %%%s; known are %%%s", code, strings.Join(slices.Sorted(maps.Keys(timeCodes)), " %"))
		}
		parts = append(parts, code, "")
		format = after[size:]
	}
	return parts, nil
}

// timeFormat writes times as a format of Python's says: plain texts and codes in turns; nil for none.
type timeFormat []string

// readTimeFormat reads date_format of save_args.
func readTimeFormat(a *args) timeFormat {
	text := a.text("date_format", "")
	if text == "" {
		return nil
	}
	parts, err := splitFormat(text)
	if err != nil {
		a.fail("date_format", "%s", err)
	}
	return parts
}

func (f timeFormat) format(t time.Time) string {
	var out strings.Builder
	for i, part := range f {
		switch {
		case i%2 == 0:
			out.WriteString(part)
		case part == "f":
			fmt.Fprintf(&out, "%06d", t.Nanosecond()/1000)
		case (part == "z" || part == "Z") && naive(t):
		default:
			out.WriteString(t.Format(timeCodes[part]))
		}
	}
	return out.String()
}

// layoutOf turns a format of Python's into a layout of Go's, for reading.
func layoutOf(format string) (string, error) {
	parts, err := splitFormat(format)
	if err != nil {
		return "", err
	}
	layout := ""
	for i, part := range parts {
		switch {
		case i%2 == 1 && part == "f":
			if !strings.HasSuffix(layout, "5.") {
				return "", fmt.Errorf("has %%f without %%S. before it")
			}
			layout = strings.TrimSuffix(layout, ".") // Go reads fractions after seconds by itself
		case i%2 == 1:
			layout += readingCode(part)
		case strings.ContainsFunc(part, isLayoutByte):
			return "", fmt.Errorf("has %q, and letters and digits other than T and Z can't be told from codes when times are read", part)
		default:
			layout += part
		}
	}
	return layout, nil
}

// readingCode allows numbers without zeros in front, as Python does when it reads.
func readingCode(code string) string {
	switch code {
	case "d", "m", "M", "S", "I":
		return timeCodes["-"+code]
	case "z":
		return "Z07:00"
	}
	return timeCodes[code]
}

// isLayoutByte tells whether a character may mean something in a layout of Go's.
func isLayoutByte(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' && r != 'T' && r != 'Z' || r == '_'
}
