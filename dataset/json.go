package dataset

import (
	"context"
	"encoding"
	"fmt"
	"io"
	"maps"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/pyyaml"
	"github.com/kedge-run/kedge/internal/storage"
)

const (
	jsonClass   = "kedro_datasets.json.json_dataset.JSONDataset"
	plotlyClass = "kedro_datasets.plotly.json_dataset.JSONDataset"
)

func buildJSON(spec buildSpec) (catalog.Dataset, error) {
	if err := checkFileArguments(spec, "save_args"); err != nil {
		return nil, err
	}
	c := jsonCodec{indent: 2, ascii: true}
	a := argsOf(spec, "save_args", "check_circular", "skipkeys")
	c.readSaveArgs(a)
	if err := a.done(); err != nil {
		return nil, err
	}
	return newFile(spec, c, shown(spec, "save_args", map[string]any{"indent": 2}))
}

// buildPlotly keeps a figure as the JSON that plotly reads.
func buildPlotly(spec buildSpec) (catalog.Dataset, error) {
	if err := checkFileArguments(spec, "load_args", "save_args"); err != nil {
		return nil, err
	}
	if err := argsOf(spec, "load_args", "output_type", "skip_invalid", "engine").done(); err != nil {
		return nil, err
	}
	a := argsOf(spec, "save_args", "validate", "pretty", "remove_uids", "engine")
	if err := a.done(); err != nil {
		return nil, err
	}
	c := jsonCodec{indent: -1, ascii: true, itemSep: ",", keySep: ":"}
	return newFile(spec, c, shown(spec, "load_args", nil), shown(spec, "save_args", nil))
}

// jsonCodec reads and writes JSON as Python's json module does.
type jsonCodec struct {
	indent          int // blanks per level; negative writes one line
	ascii           bool
	refuseNaN       bool
	itemSep, keySep string // "" for Python's own
}

func (c *jsonCodec) readSaveArgs(a *args) {
	if v, ok := a.values["indent"]; ok && v == nil {
		a.known, c.indent = append(a.known, "indent"), -1
	} else {
		c.indent = a.number("indent", c.indent)
	}
	a.boolean("sort_keys", false) // mappings of Go have no order: keys are sorted anyway
	c.ascii = a.boolean("ensure_ascii", c.ascii)
	c.refuseNaN = !a.boolean("allow_nan", true)
	if pair := a.texts("separators"); len(pair) == 2 {
		c.itemSep, c.keySep = pair[0], pair[1]
	} else if pair != nil {
		a.fail("separators", "must be two texts, got %d", len(pair))
	}
}

func (jsonCodec) decode(_ context.Context, src storage.Object, want reflect.Type) (any, error) {
	text, err := io.ReadAll(src)
	if err != nil {
		return nil, err
	}
	if want == bytesType {
		return text, nil
	}
	if text, err = jsonText(text); err != nil {
		return nil, err
	}
	data, err := decodeJSON(text)
	if err != nil {
		return nil, err
	}
	return catalog.Convert(data, want)
}

func (c jsonCodec) encode(_ context.Context, w io.Writer, data any) error {
	out := jsonWriter{codec: c}
	if out.codec.itemSep == "" && c.indent < 0 {
		out.codec.itemSep = ", "
	} else if out.codec.itemSep == "" {
		out.codec.itemSep = ","
	}
	if out.codec.keySep == "" {
		out.codec.keySep = ": "
	}
	if err := out.value(data, 0); err != nil {
		return err
	}
	_, err := w.Write(out.text)
	return err
}

// ordered is a mapping whose keys have an order.
type ordered struct {
	keys  []string
	value func(key string) any
}

// ordered returns a row as a mapping in the order of the columns.
func (t *Table) ordered(i int) any {
	return ordered{t.Columns, func(name string) any { return t.Rows[i][t.Column(name)] }}
}

type jsonWriter struct {
	codec jsonCodec
	text  []byte
}

func (o *jsonWriter) value(data any, depth int) error {
	if depth > maxJSONDepth {
		return &catalog.Exception{Type: "ValueError", Message: "Circular reference detected"}
	}
	switch v := data.(type) {
	case nil:
		o.text = append(o.text, "null"...)
	case bool:
		o.text = strconv.AppendBool(o.text, v)
	case string:
		o.quote(v)
	case int:
		o.text = strconv.AppendInt(o.text, int64(v), 10)
	case float64:
		return o.float(v)
	case *big.Int:
		o.text = v.Append(o.text, 10)
	case map[string]any:
		return o.mapping(slices.Sorted(maps.Keys(v)), func(key string) any { return v[key] }, depth)
	case []any:
		return o.list(len(v), func(i int) any { return v[i] }, depth)
	case ordered:
		return o.mapping(v.keys, v.value, depth)
	case *Table:
		return o.list(len(v.Rows), v.ordered, depth)
	case Table:
		return o.value(&v, depth)
	case *pyyaml.Map:
		return o.value(v.Plain(), depth)
	case time.Time:
		o.quote(v.Format(time.RFC3339Nano))
	default:
		return o.reflected(data, depth)
	}
	return nil
}

func (o *jsonWriter) reflected(data any, depth int) error {
	v := reflect.ValueOf(data)
	if text, ok := data.(encoding.TextMarshaler); ok && (v.Kind() != reflect.Pointer || !v.IsNil()) {
		encoded, err := text.MarshalText()
		o.quote(string(encoded))
		return err
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return o.value(nil, depth)
		}
		return o.value(v.Elem().Interface(), depth)
	case reflect.Struct:
		fields := catalog.Fields(v.Type())
		names := make([]string, len(fields))
		values := map[string]any{}
		for i, f := range fields {
			names[i], values[f.Name] = f.Name, v.FieldByIndex(f.Index).Interface()
		}
		return o.mapping(names, func(key string) any { return values[key] }, depth)
	case reflect.Map:
		values := map[string]any{}
		for it := v.MapRange(); it.Next(); {
			values[keyText(it.Key().Interface())] = it.Value().Interface()
		}
		return o.value(values, depth)
	case reflect.Slice, reflect.Array:
		return o.list(v.Len(), func(i int) any { return v.Index(i).Interface() }, depth)
	}
	switch plain := plainCell(v).(type) {
	case int64:
		return o.value(int(plain), depth)
	case float64, string, bool:
		return o.value(plain, depth)
	case uint64:
		o.text = strconv.AppendUint(o.text, plain, 10)
		return nil
	}
	return &catalog.Exception{Type: "TypeError", Message: fmt.Sprintf("Object of type %s is not JSON serializable", catalog.TypeName(data))}
}

// keyText writes a key as Python's json does.
func keyText(key any) string {
	switch v := key.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case nil:
		return "null"
	}
	if v := reflect.ValueOf(key); v.Kind() == reflect.String {
		return v.String()
	}
	return pyyaml.Str(key)
}

func (o *jsonWriter) float(f float64) error {
	switch {
	case !math.IsNaN(f) && !math.IsInf(f, 0):
		o.text = append(o.text, pyyaml.Repr(f)...)
		return nil
	case o.codec.refuseNaN:
		return &catalog.Exception{Type: "ValueError", Message: "Out of range float values are not JSON compliant: " + pyyaml.Repr(f)}
	case math.IsNaN(f):
		o.text = append(o.text, "NaN"...)
	case f < 0:
		o.text = append(o.text, "-Infinity"...)
	default:
		o.text = append(o.text, "Infinity"...)
	}
	return nil
}

func (o *jsonWriter) newline(depth int) {
	if o.codec.indent >= 0 {
		o.text = append(o.text, '\n')
		o.text = append(o.text, strings.Repeat(" ", o.codec.indent*depth)...)
	}
}

func (o *jsonWriter) mapping(keys []string, value func(string) any, depth int) error {
	if len(keys) == 0 {
		o.text = append(o.text, "{}"...)
		return nil
	}
	o.text = append(o.text, '{')
	for i, key := range keys {
		if i > 0 {
			o.text = append(o.text, o.codec.itemSep...)
		}
		o.newline(depth + 1)
		o.quote(key)
		o.text = append(o.text, o.codec.keySep...)
		if err := o.value(value(key), depth+1); err != nil {
			return err
		}
	}
	o.newline(depth)
	o.text = append(o.text, '}')
	return nil
}

func (o *jsonWriter) list(n int, item func(int) any, depth int) error {
	if n == 0 {
		o.text = append(o.text, "[]"...)
		return nil
	}
	o.text = append(o.text, '[')
	for i := range n {
		if i > 0 {
			o.text = append(o.text, o.codec.itemSep...)
		}
		o.newline(depth + 1)
		if err := o.value(item(i), depth+1); err != nil {
			return err
		}
	}
	o.newline(depth)
	o.text = append(o.text, ']')
	return nil
}

var jsonShort = map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}

func (o *jsonWriter) quote(text string) {
	o.text = append(o.text, '"')
	for _, r := range text {
		short, special := jsonShort[r]
		switch {
		case special:
			o.text = append(o.text, short...)
		case r < ' ' || o.codec.ascii && r > '~' && r <= 0xffff:
			o.text = fmt.Appendf(o.text, `\u%04x`, r)
		case o.codec.ascii && r > 0xffff:
			high, low := utf16.EncodeRune(r)
			o.text = fmt.Appendf(o.text, `\u%04x\u%04x`, high, low)
		default:
			o.text = utf8.AppendRune(o.text, r)
		}
	}
	o.text = append(o.text, '"')
}

// plainValue reduces structs and tables in data to mappings and lists.
func plainValue(data any) (any, error) {
	switch v := data.(type) {
	case *Table:
		return catalog.Convert(v.Records(), reflect.TypeFor[[]any]())
	case Table:
		return plainValue(&v)
	case *pyyaml.Map, time.Time:
		return data, nil
	}
	v := reflect.ValueOf(data)
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil, nil
		}
		if _, isBig := data.(*big.Int); isBig {
			return data, nil
		}
		return plainValue(v.Elem().Interface())
	case reflect.Struct:
		out := map[string]any{}
		for _, f := range catalog.Fields(v.Type()) {
			item, err := plainValue(v.FieldByIndex(f.Index).Interface())
			if err != nil {
				return nil, err
			}
			out[f.Name] = item
		}
		return out, nil
	case reflect.Map:
		out := reflect.MakeMap(reflect.MapOf(v.Type().Key(), reflect.TypeFor[any]()))
		for it := v.MapRange(); it.Next(); {
			item, err := plainValue(it.Value().Interface())
			if err != nil {
				return nil, err
			}
			out.SetMapIndex(it.Key(), interfaceOf(item))
		}
		return out.Interface(), nil
	case reflect.Slice, reflect.Array:
		if v.Type() == bytesType {
			return data, nil
		}
		out := make([]any, v.Len())
		for i := range out {
			item, err := plainValue(v.Index(i).Interface())
			if err != nil {
				return nil, err
			}
			out[i] = item
		}
		return out, nil
	}
	return data, nil
}

// interfaceOf keeps nil a value, where reflect would take it for "delete".
func interfaceOf(item any) reflect.Value {
	return reflect.ValueOf(&item).Elem()
}
