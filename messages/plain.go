package messages

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
)

// Plain turns the json.Numbers within a decoded value into Go numbers as Python's json
// does: an int for what is written as an integer (int, or *big.Int when it is larger),
// else a float64. Maps and slices are copied.
func Plain(value any) any {
	switch v := value.(type) {
	case json.Number:
		return plainNumber(v)
	case map[string]any:
		plain := make(map[string]any, len(v))
		for key, element := range v {
			plain[key] = Plain(element)
		}
		return plain
	case []any:
		plain := make([]any, len(v))
		for i, element := range v {
			plain[i] = Plain(element)
		}
		return plain
	}
	return value
}

func plainNumber(number json.Number) any {
	text := number.String()
	if strings.ContainsAny(text, ".eE") {
		// Beyond the range it is ±Inf, as in Python.
		float, _ := strconv.ParseFloat(text, 64)
		return float
	}
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	if n, ok := new(big.Int).SetString(text, 10); ok {
		return n
	}
	return number
}
