package oracle

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Pair is one item of a [Dict].
type Pair struct {
	Key   string
	Value any
}

// Dict is a mapping whose order matters: {"$dict": [[key, value], ...]} in a vector.
type Dict []Pair

// Value is any JSON value of a question: nil, bool, string, json.Number, []any,
// map[string]any, or [Dict] for {"$dict": ...}, at any depth. Other tagged forms stay maps.
type Value struct{ Any any }

// UnmarshalJSON decodes, keeping the text of numbers and the order of dicts.
func (v *Value) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var raw any
	if err := decoder.Decode(&raw); err != nil {
		return err
	}
	out, err := dicts(raw)
	v.Any = out
	return err
}

// dicts turns {"$dict": ...} into Dict, in place where it can.
func dicts(raw any) (any, error) {
	var err error
	switch raw := raw.(type) {
	case []any:
		for i := range raw {
			if raw[i], err = dicts(raw[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if pairs, ok := raw["$dict"].([]any); ok && len(raw) == 1 {
			return dict(pairs)
		}
		for key := range raw {
			if raw[key], err = dicts(raw[key]); err != nil {
				return nil, err
			}
		}
	}
	return raw, nil
}

func dict(pairs []any) (any, error) {
	out := make(Dict, 0, len(pairs))
	for _, item := range pairs {
		pair, ok := item.([]any)
		if !ok || len(pair) != 2 {
			return nil, fmt.Errorf("$dict holds %v, want a pair", item)
		}
		key, ok := pair[0].(string)
		if !ok {
			return nil, fmt.Errorf("$dict has the key %v, want text", pair[0])
		}
		value, err := dicts(pair[1])
		if err != nil {
			return nil, err
		}
		out = append(out, Pair{key, value})
	}
	return out, nil
}

// Plain turns json.Number into int, *big.Int or float64 at any depth, and Dict
// into a map: values as a Go program would hold them.
func Plain(value any) any {
	switch value := value.(type) {
	case json.Number:
		return number(value)
	case []any:
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = Plain(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(value))
		for key, item := range value {
			out[key] = Plain(item)
		}
		return out
	case Dict:
		out := make(map[string]any, len(value))
		for _, pair := range value {
			out[pair.Key] = Plain(pair.Value)
		}
		return out
	}
	return value
}

// number reads a JSON number as Python does: an integer of any size, or a float.
func number(text json.Number) any {
	if strings.ContainsAny(string(text), ".eE") {
		f, _ := text.Float64()
		return f
	}
	if i, err := strconv.Atoi(string(text)); err == nil {
		return i
	}
	big, _ := new(big.Int).SetString(string(text), 10)
	return big
}

// Encode turns a Go value into the JSON form of the vectors.
func Encode(value any) any {
	switch value := value.(type) {
	case nil, bool, string, json.Number:
		return value
	case error:
		return Error(value)
	case *big.Int:
		return json.Number(value.String())
	case float64:
		return encodeFloat(value)
	case []byte:
		return map[string]any{"$bytes": base64.StdEncoding.EncodeToString(value)}
	case Value:
		return Encode(value.Any)
	case Dict:
		pairs := make([]any, len(value))
		for i, pair := range value {
			pairs[i] = []any{pair.Key, Encode(pair.Value)}
		}
		return map[string]any{"$dict": pairs}
	}
	return encodeReflect(reflect.ValueOf(value))
}

func encodeFloat(f float64) any {
	switch {
	case math.IsNaN(f):
		return map[string]any{"$float": "nan"}
	case math.IsInf(f, 1):
		return map[string]any{"$float": "inf"}
	case math.IsInf(f, -1):
		return map[string]any{"$float": "-inf"}
	}
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return json.Number(text)
}

func encodeReflect(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return json.Number(strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return json.Number(strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32:
		return encodeFloat(v.Float())
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Slice, reflect.Array:
		out := make([]any, v.Len())
		for i := range out {
			out[i] = Encode(v.Index(i).Interface())
		}
		return out
	case reflect.Map:
		return encodeMap(v)
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if v.Elem().Kind() != reflect.Struct {
			return Encode(v.Elem().Interface())
		}
	}
	return throughJSON(v.Interface())
}

func encodeMap(v reflect.Value) any {
	texts := map[string]any{}
	var pairs []any
	for iter := v.MapRange(); iter.Next(); {
		key, value := Encode(iter.Key().Interface()), Encode(iter.Value().Interface())
		if text, ok := key.(string); ok {
			texts[text] = value
		}
		pairs = append(pairs, []any{key, value})
	}
	if len(texts) == v.Len() {
		return texts
	}
	sort.Slice(pairs, func(i, j int) bool { return keyText(pairs[i]) < keyText(pairs[j]) })
	return map[string]any{"$map": pairs}
}

// keyText is the JSON text of a pair's key, by which "$map" is sorted. Python escapes
// what isn't ASCII there.
func keyText(pair any) string {
	text, _ := json.Marshal(pair.([]any)[0])
	var b strings.Builder
	for _, r := range string(text) {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

func throughJSON(value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		return map[string]any{"$other": fmt.Sprintf("%T", value)}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var out any
	if err := decoder.Decode(&out); err != nil {
		return map[string]any{"$other": fmt.Sprintf("%T", value)}
	}
	return out
}
