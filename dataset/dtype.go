package dataset

import (
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
)

// dtypeKinds are pandas' names of types, in lower case.
var dtypeKinds = map[string]columnKind{
	"int": kindWhole, "int8": kindWhole, "int16": kindWhole, "int32": kindWhole, "int64": kindWhole,
	"uint8": kindWhole, "uint16": kindWhole, "uint32": kindWhole, "uint64": kindWhole,
	"float": kindFloat, "float32": kindFloat, "float64": kindFloat, "bool": kindBool, "boolean": kindBool,
	"str": kindText, "string": kindText, "object": kindText, "category": kindText, "datetime64[ns]": kindTime,
}

// dtype is a type that load_args declare for a column. It is a promise: a value that doesn't fit is an error.
type dtype struct {
	name        string
	kind        columnKind
	blanks      bool  // may be missing
	least, most int64 // of whole numbers
}

// dtypeNamed reads pandas' name of a type: Int64 in capitals allows blanks, int64 doesn't.
func dtypeNamed(name string) (dtype, bool) {
	lower := strings.ToLower(name)
	d := dtype{name: name, least: math.MinInt64, most: math.MaxInt64}
	var ok bool
	d.kind, ok = dtypeKinds[lower]
	capital := name != "" && unicode.IsUpper(rune(name[0]))
	d.blanks = capital || lower == "boolean" || d.kind != kindWhole && d.kind != kindBool
	for bits, end := range map[uint]string{8: "8", 16: "16", 32: "32"} {
		if strings.HasSuffix(lower, "int"+end) {
			d.least, d.most = -1<<(bits-1), 1<<(bits-1)-1
			if lower[0] == 'u' {
				d.least, d.most = 0, 1<<bits-1
			}
		}
	}
	if strings.HasPrefix(lower, "u") {
		d.least = 0
	}
	return d, ok
}

// readDtypes reads dtype: one for all columns, which stands under "", or one for each.
func readDtypes(a *args) map[string]dtype {
	names := map[string]any{}
	switch v, _ := a.get("dtype"); given := v.(type) {
	case nil:
	case string:
		names[""] = given
	case map[string]any:
		names = given
	default:
		a.fail("dtype", "must be a type name or a mapping from column to type name, got %v", v)
	}
	dtypes := make(map[string]dtype, len(names))
	for column, v := range names {
		name, _ := v.(string)
		d, ok := dtypeNamed(name)
		if !ok {
			a.fail("dtype", "%q isn't supported; supported are: %s", name, strings.Join(slices.Sorted(maps.Keys(dtypeKinds)), ", "))
		}
		dtypes[column] = d
	}
	return dtypes
}

// read gives a text the type; false when it doesn't fit.
func (d dtype) read(text string) (any, bool) {
	switch d.kind {
	case kindWhole:
		n, ok := parseIntegral(text)
		return n, ok && n >= d.least && n <= d.most
	case kindFloat: // asked for, so that long whole numbers may lose digits
		f, ok := parseFloat(text)
		return f, ok
	case kindBool:
		if value, ok := kindBool.read(text); ok {
			return value, true
		}
		n, ok := parseIntegral(text)
		return n == 1, ok && (n == 0 || n == 1)
	}
	return d.kind.read(text)
}

// want names the type in an error.
func (d dtype) want() string {
	if !d.blanks {
		return d.name + ", as load_args.dtype says (Int64 and boolean allow blanks)"
	}
	return d.name + ", as load_args.dtype says"
}

// declare gives the cells of a table the types that dtype declares; columns of
// times have theirs. The numbers are the rows' in the file, nil for their order.
func (t *Table) declare(typing typing, times map[string]*timeForm, numbers []int) error {
	writer := csvWriter{codec: &csvCodec{}}
	for j, name := range t.Columns {
		d, ok := typing.dtypeOf(name)
		for i := 0; ok && times[name] == nil && i < len(t.Rows); i++ {
			cell := t.Rows[i][j]
			value, fits := any(nil), d.blanks
			if cell != nil {
				value, fits = d.read(writer.text(cell))
			}
			if !fits {
				row := i + 1
				if numbers != nil {
					row = numbers[i]
				}
				return &PlaceError{Row: row, Column: name, Want: d.want(), Got: shownCell(cell)}
			}
			t.Rows[i][j] = value
		}
	}
	return nil
}
