package worker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"
)

// maxText is how many bytes of an error's or log line's text travel in an event or reply.
const maxText = 16 << 10

// cut shortens a text to at most n bytes, at the border of a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

// cutHead keeps at most the last n bytes of a text: the end of a traceback says most.
func cutHead(text string, n int) string {
	if len(text) <= n {
		return text
	}
	start := len(text) - n
	for start < len(text) && !utf8.RuneStart(text[start]) {
		start++
	}
	return "…" + text[start:]
}

// encodeWithin gives the JSON of a value when it has at most room bytes, else nil. A long list is encoded element by
// element, so that a table of millions of rows costs no more than the part that would fit.
func encodeWithin(value any, room int) json.RawMessage {
	v := reflect.ValueOf(value)
	if !isPlainList(value, v) {
		if v.Kind() == reflect.Map && v.Len() > room/4 { // "k":v and a comma
			return nil
		}
		text, err := json.Marshal(value)
		if err != nil || len(text) > room {
			return nil
		}
		return text
	}
	var list bytes.Buffer
	for i := range v.Len() {
		text, err := json.Marshal(v.Index(i).Interface())
		if err != nil || list.Len()+len(text)+2 > room {
			return nil
		}
		list.WriteByte("[,"[min(i, 1)])
		list.Write(text)
	}
	list.WriteByte(']')
	return list.Bytes()
}

// isPlainList tells whether the JSON of a value is that of its elements in a row.
func isPlainList(value any, v reflect.Value) bool {
	_, custom := value.(json.Marshaler)
	return !custom && v.Kind() == reflect.Slice && v.Len() > 0 && v.Type().Elem().Kind() != reflect.Uint8
}

// shapeOf describes the size of a value: "3 x 2" for a table, "3" for a list or mapping, else "".
func shapeOf(value any) string {
	if table, ok := value.(interface{ Shape() (rows, columns int) }); ok {
		rows, columns := table.Shape()
		return fmt.Sprintf("%d x %d", rows, columns)
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Array:
		return fmt.Sprint(v.Len())
	}
	return ""
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// plain turns the json.Numbers of a decoded value into Go numbers: int where it is one, else float64, and the text
// as it is where neither holds it.
func plain(value any) any {
	switch v := value.(type) {
	case json.Number:
		return plainNumber(v)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = plain(item)
		}
		return list
	case map[string]any:
		return plainMap(v)
	}
	return value
}

func plainMap(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	mapping := make(map[string]any, len(m))
	for key, item := range m {
		mapping[key] = plain(item)
	}
	return mapping
}

// plainNumber keeps an integer of any size whole, as YAML does: a number that was written without point and exponent
// must not lose its last digits.
func plainNumber(n json.Number) any {
	if whole, err := strconv.Atoi(n.String()); err == nil {
		return whole
	}
	if whole, ok := new(big.Int).SetString(n.String(), 10); ok {
		return whole
	}
	number, err := n.Float64()
	if err != nil {
		return n.String()
	}
	return number
}

// decodeValue reads a JSON value that travelled with a request.
func decodeValue(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	return plain(value), nil
}
