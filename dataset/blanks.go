package dataset

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// blanks are what stands for missing values in a column.
type blanks struct {
	texts   map[string]bool
	numbers []float64 // in columns of numbers, however they are written
}

// number tells whether a number stands for a missing value.
func (b blanks) number(value any) bool {
	switch n := value.(type) {
	case int64:
		return slices.Contains(b.numbers, float64(n))
	case float64:
		return slices.Contains(b.numbers, n)
	}
	return false
}

// text tells whether a text stands for a missing value, also as a number.
func (b blanks) text(text string) bool {
	if b.texts[text] {
		return true
	}
	f, ok := parseFloat(text)
	return ok && b.number(f)
}

// cell tells whether a value of a sheet stands for a missing one.
func (b blanks) cell(value any) bool {
	text, ok := value.(string)
	return ok && b.texts[text] || b.number(value)
}

// with adds na_values: one value or a list. Of a number both 1 and 1.0 count.
func (b blanks) with(given any) blanks {
	list, ok := given.([]any)
	if !ok {
		list = []any{given}
	}
	out := blanks{texts: maps.Clone(b.texts), numbers: slices.Clone(b.numbers)}
	if out.texts == nil {
		out.texts = map[string]bool{}
	}
	for _, item := range list {
		text, ok := item.(string)
		if !ok {
			text = pyyaml.Str(item)
		}
		out.texts[text] = true
		if f, ok := parseFloat(text); ok {
			out.numbers = append(out.numbers, f)
			if n := int64(f); float64(n) == f {
				out.texts[strconv.FormatInt(n, 10)] = true
				out.texts[fmt.Sprintf("%d.0", n)] = true
			}
		}
	}
	return out
}

// readBlanks reads na_values, keep_default_na and na_filter: the blanks of all columns, and those of columns that have their own.
func readBlanks(a *args) (blanks, map[string]blanks) {
	var all blanks
	if a.boolean("keep_default_na", true) {
		all.texts = defaultBlank
	}
	given, ok := a.get("na_values")
	if !a.boolean("na_filter", true) {
		return blanks{}, nil
	}
	if !ok {
		return all, nil
	}
	columns, ok := given.(map[string]any)
	if !ok {
		return all.with(given), nil
	}
	own := make(map[string]blanks, len(columns))
	for name, values := range columns {
		own[name] = all.with(values)
	}
	return all, own
}
