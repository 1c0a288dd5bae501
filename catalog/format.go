package catalog

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// fill replaces the placeholders of a text by the fields of a matched name, as Python's str.format_map does (CAT-048).
func fill(text string, fields map[string]any) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case (c == '{' || c == '}') && i+1 < len(text) && text[i+1] == c:
			b.WriteByte(c)
			i += 2
		case c == '}':
			return "", raise("ValueError", "Single '}' encountered in format string")
		case c == '{':
			end, err := fieldEnd(text, i)
			if err != nil {
				return "", err
			}
			value, err := fillField(text[i+1:end], fields)
			if err != nil {
				return "", err
			}
			b.WriteString(value)
			i = end + 1
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), nil
}

// fieldEnd finds the brace that closes the one at start.
func fieldEnd(text string, start int) (int, error) {
	if start+1 == len(text) {
		return 0, raise("ValueError", "Single '{' encountered in format string")
	}
	depth := 0
	for i := start; i < len(text); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			depth--
		case '[':
			if end := strings.IndexByte(text[i:], ']'); depth == 1 && end >= 0 {
				i += end
			}
		}
		if depth == 0 {
			return i, nil
		}
	}
	return 0, raise("ValueError", "expected '}' before end of string")
}

// accessor is one step into a field: .name or [key].
var accessor = regexp.MustCompile(`\.([^.\[]+)|\[([^\]]+)\]`)

func fillField(body string, fields map[string]any) (string, error) {
	name, spec, conversion := splitField(body)
	base := name
	if i := strings.IndexAny(name, ".["); i >= 0 {
		base = name[:i]
	}
	if base == "" || isDigits(base) {
		return "", raise("ValueError", "Format string contains positional fields")
	}
	value, ok := fields[base]
	if !ok {
		return "", raise("KeyError", "%s", base)
	}
	for _, step := range accessor.FindAllStringSubmatch(name[len(base):], -1) {
		var err error
		if value, err = access(value, step[1], step[2]); err != nil {
			return "", err
		}
	}
	if strings.Contains(spec, "{") {
		var err error
		if spec, err = fill(spec, fields); err != nil {
			return "", err
		}
	}
	switch conversion {
	case "r", "a":
		value = repr(value, 0)
	case "s":
		value = display(value)
	}
	return formatValue(value, spec)
}

func splitField(body string) (name, spec, conversion string) {
	name = body
	if i := strings.IndexAny(body, ":!"); i >= 0 {
		name = body[:i]
		rest := body[i:]
		if rest[0] == '!' {
			conversion, rest, _ = strings.Cut(rest[1:], ":")
			return name, rest, conversion
		}
		return name, rest[1:], ""
	}
	return name, "", ""
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

func access(value any, attribute, key string) (any, error) {
	if attribute != "" {
		return nil, raise("AttributeError", "'%s' object has no attribute '%s'", typeName(value), attribute)
	}
	m, isMap := value.(map[string]any)
	if isMap && !isDigits(key) { // a number is an index, and the keys of a mapping of fields are texts
		if v, ok := m[key]; ok {
			return v, nil
		}
	}
	if isMap {
		return nil, raise("KeyError", "%s", key)
	}
	if text, ok := value.(string); ok {
		return index(text, key)
	}
	return nil, raise("TypeError", "'%s' object is not subscriptable", typeName(value))
}

func index(text, key string) (any, error) {
	i, err := strconv.Atoi(key)
	if err != nil {
		return nil, raise("TypeError", "string indices must be integers, not 'str'")
	}
	runes := []rune(text)
	if i >= len(runes) {
		return nil, raise("IndexError", "string index out of range")
	}
	return string(runes[i]), nil
}

// display writes a value as Python's str does.
func display(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	return repr(value, 0)
}

// formatSpec is Python's format specification of texts and numbers.
var formatSpec = regexp.MustCompile(`(?s)^(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?([0-9]*)([,_])?(?:\.([0-9]+))?(.*)$`)

func formatValue(value any, spec string) (string, error) {
	if spec == "" {
		return display(value), nil
	}
	g := formatSpec.FindStringSubmatch(spec)
	code := g[9]
	switch v := value.(type) {
	case string:
		return formatText(v, g, code)
	case int:
		return formatInt(big.NewInt(int64(v)), g, code)
	case *big.Int:
		return formatInt(v, g, code)
	case float64:
		return formatFloat(v, g, code)
	}
	return "", raise("TypeError", "unsupported format string passed to %s.__format__", typeName(value))
}

func formatText(text string, g []string, code string) (string, error) {
	switch {
	case len([]rune(code)) > 1:
		return "", raise("ValueError", "Invalid format specifier '%s' for object of type 'str'", g[0])
	case code != "" && code != "s":
		return "", raise("ValueError", "Unknown format code '%s' for object of type 'str'", code)
	case g[3] != "":
		return "", raise("ValueError", "Sign not allowed in string format specifier")
	case g[2] == "=":
		return "", raise("ValueError", "'=' alignment not allowed in string format specifier")
	case g[7] != "":
		return "", raise("ValueError", "Cannot specify '%s' with 's'.", g[7])
	}
	if n, err := strconv.Atoi(g[8]); err == nil && n < len([]rune(text)) {
		text = string([]rune(text)[:n])
	}
	return align(text, "", g, "<"), nil
}

func formatInt(n *big.Int, g []string, code string) (string, error) {
	bases := map[string]int{"": 10, "d": 10, "n": 10, "b": 2, "o": 8, "x": 16, "X": 16}
	base, ok := bases[code]
	switch {
	case !ok && strings.Contains("eEfFgG%", code):
		f, _ := new(big.Float).SetInt(n).Float64()
		return formatFloat(f, g, code)
	case !ok:
		return "", raise("ValueError", "Unknown format code '%s' for object of type 'int'", code)
	case g[8] != "":
		return "", raise("ValueError", "Precision not allowed in integer format specifier")
	}
	digits := new(big.Int).Abs(n).Text(base)
	if code == "X" {
		digits = strings.ToUpper(digits)
	}
	if g[4] != "" && base != 10 {
		digits = "0" + code + digits
	}
	return align(digits, sign(n.Sign() < 0, g[3]), g, ">"), nil
}

func formatFloat(f float64, g []string, code string) (string, error) {
	precision := 6
	if n, err := strconv.Atoi(g[8]); err == nil {
		precision = n
	}
	var text string
	switch code {
	case "f", "F", "e", "E":
		text = strconv.FormatFloat(f, strings.ToLower(code)[0], precision, 64)
	case "%":
		text = strconv.FormatFloat(f*100, 'f', precision, 64) + "%"
	case "g", "G", "n":
		text = strconv.FormatFloat(f, 'g', max(precision, 1), 64)
	case "":
		text = pyFloat(f)
	default:
		return "", raise("ValueError", "Unknown format code '%s' for object of type 'float'", code)
	}
	negative := strings.HasPrefix(text, "-")
	return align(strings.TrimPrefix(text, "-"), sign(negative, g[3]), g, ">"), nil
}

func sign(negative bool, option string) string {
	if negative {
		return "-"
	}
	return strings.TrimPrefix(option, "-")
}

// align pads a text to the width of a specification.
func align(text, sign string, g []string, side string) string {
	width, _ := strconv.Atoi(g[6])
	pad := orText(g[1], " ")
	if g[2] != "" {
		side = g[2]
	} else if g[5] != "" {
		pad = "0"
		if side == ">" { // numbers: the zeros stand behind the sign
			side = "="
		}
	}
	missing := width - len([]rune(sign+text))
	if missing <= 0 {
		return sign + text
	}
	switch side {
	case "<":
		return sign + text + strings.Repeat(pad, missing)
	case "^":
		return strings.Repeat(pad, missing/2) + sign + text + strings.Repeat(pad, missing-missing/2)
	case "=":
		return sign + strings.Repeat(pad, missing) + text
	}
	return strings.Repeat(pad, missing) + sign + text
}

// fillAll fills every text that contains a closing brace, recursively in mappings and lists; other values stay.
func fillAll(value any, fields map[string]any) (any, error) {
	switch v := value.(type) {
	case string:
		if !strings.Contains(v, "}") {
			return v, nil
		}
		return fill(v, fields)
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			filled, err := fillAll(item, fields)
			if err != nil {
				return nil, err
			}
			out[k] = filled
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			filled, err := fillAll(item, fields)
			if err != nil {
				return nil, err
			}
			out[i] = filled
		}
		return out, nil
	}
	return value, nil
}

// placeholdersIn collects the placeholders of all texts in mappings and lists.
func placeholdersIn(value any, into map[string]bool) {
	switch v := value.(type) {
	case string:
		for _, found := range placeholder.FindAllString(v, -1) {
			into[found] = true
		}
	case map[string]any:
		for _, item := range v {
			placeholdersIn(item, into)
		}
	case []any:
		for _, item := range v {
			placeholdersIn(item, into)
		}
	}
}

func quoteSet(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = pyString(name)
	}
	return fmt.Sprintf("{%s}", strings.Join(quoted, ", "))
}
