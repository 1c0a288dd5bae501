package pyyaml

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Tags of YAML 1.1, without their common prefix.
const (
	tagPrefix    = "tag:yaml.org,2002:"
	tagNull      = "null"
	tagBool      = "bool"
	tagInt       = "int"
	tagFloat     = "float"
	tagStr       = "str"
	tagMerge     = "merge"
	tagValue     = "value"
	tagTimestamp = "timestamp"
	tagBinary    = "binary"
	tagMap       = "map"
	tagSeq       = "seq"
	tagSet       = "set"
	tagOmap      = "omap"
	tagPairs     = "pairs"
)

// The expressions of PyYAML's implicit resolver, and the float of OmegaConf.
var (
	intPattern   = regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	floatPattern = regexp.MustCompile(`^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	omegaFloat   = regexp.MustCompile(`^(?:[-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+)|\.[0-9]+(?:_[0-9]+)*(?:[eE][-+][0-9]+)?|[-+]?[0-9]+(?:_[0-9]+)*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	timePattern  = regexp.MustCompile(`^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$`)
)

// implicitTag is the tag of a plain scalar without one of its own.
func implicitTag(text string, schema Schema) string {
	if text == "" {
		return tagNull
	}
	switch first := text[0]; {
	case strings.IndexByte("yYnNtTfFoO", first) >= 0:
		return wordTag(text)
	case first == '~' && len(text) == 1:
		return tagNull
	case text == "<<":
		return tagMerge
	case text == "=":
		return tagValue
	case strings.IndexByte("-+.0123456789", first) >= 0:
		return numberTag(text, schema)
	}
	return tagStr
}

// wordTag is the tag of a text that may be a boolean or null.
func wordTag(text string) string {
	switch text {
	case "yes", "Yes", "YES", "no", "No", "NO", "true", "True", "TRUE", "false", "False", "FALSE", "on", "On", "ON", "off", "Off", "OFF":
		return tagBool
	case "null", "Null", "NULL":
		return tagNull
	}
	return tagStr
}

func numberTag(text string, schema Schema) string {
	switch {
	case text[0] > '0' && onlyDigits(text):
		return tagInt
	case floatPattern.MatchString(text):
		return tagFloat
	case text[0] != '.' && intPattern.MatchString(text):
		return tagInt
	case schema == OmegaConf && omegaFloat.MatchString(text):
		return tagFloat
	case schema == Safe && timePattern.MatchString(text):
		return tagTimestamp
	}
	return tagStr
}

func onlyDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// constructScalar is the value of a scalar of the given tag. Errors are PyYAML's
// constructor errors or the ValueError of the Python function behind it.
func constructScalar(tag, text string) (any, error) {
	switch tag {
	case tagStr:
		return text, nil
	case tagNull:
		return nil, nil
	case tagBool:
		return constructBool(text)
	case tagInt:
		return constructInt(text)
	case tagFloat:
		return constructFloat(text)
	case tagTimestamp:
		return constructTime(text)
	case tagBinary:
		return constructBinary(text)
	}
	return nil, errNoConstructor
}

// errNoConstructor is the error for tags that no scalar in a text without tags has.
var errNoConstructor = errors.New("no constructor")

func hasConstructor(tag string) bool {
	switch tag {
	case tagStr, tagNull, tagBool, tagInt, tagFloat, tagTimestamp, tagBinary:
		return true
	}
	return false
}

var errNoDigits = &pythonError{"IndexError", "string index out of range"}

func constructBool(text string) (any, error) {
	switch strings.ToLower(text) {
	case "yes", "true", "on":
		return true, nil
	case "no", "false", "off":
		return false, nil
	}
	return nil, &pythonError{"KeyError", strings.ToLower(text)}
}

func constructInt(text string) (any, error) {
	digits := strings.ReplaceAll(text, "_", "")
	if digits == "" {
		return nil, errNoDigits
	}
	negative := strings.HasPrefix(digits, "-")
	digits = strings.TrimPrefix(strings.TrimPrefix(digits, "-"), "+")
	var value any
	var err error
	switch {
	case digits == "0":
		value = 0
	case strings.HasPrefix(digits, "0b"):
		value, err = parseInt(digits[2:], 2)
	case strings.HasPrefix(digits, "0x"):
		value, err = parseInt(digits[2:], 16)
	case strings.HasPrefix(digits, "0"):
		value, err = parseInt(digits, 8)
	case strings.Contains(digits, ":"):
		value, err = sexagesimalInt(digits)
	default:
		value, err = parseInt(digits, 10)
	}
	if err != nil || !negative {
		return value, err
	}
	return negate(value), nil
}

func negate(value any) any {
	if small, ok := value.(int); ok {
		return -small
	}
	return normalize(new(big.Int).Neg(value.(*big.Int)))
}

// parseInt reads digits without a limit of size.
func parseInt(digits string, base int) (any, error) {
	if small, err := strconv.ParseInt(digits, base, 64); err == nil {
		return int(small), nil
	}
	large, ok := new(big.Int).SetString(digits, base)
	if !ok || digits == "" {
		return nil, &pythonError{"ValueError", fmt.Sprintf("invalid literal for int() with base %d: %s", base, quote(digits))}
	}
	return normalize(large), nil
}

func normalize(value *big.Int) any {
	if value.IsInt64() {
		return int(value.Int64())
	}
	return value
}

func sexagesimalInt(digits string) (any, error) {
	total := new(big.Int)
	for part := range strings.SplitSeq(digits, ":") {
		digit, ok := new(big.Int).SetString(part, 10)
		if !ok {
			return nil, &pythonError{"ValueError", "invalid literal for int() with base 10: " + quote(part)}
		}
		total.Add(total.Mul(total, big.NewInt(60)), digit)
	}
	return normalize(total), nil
}

func constructFloat(text string) (any, error) {
	digits := strings.ToLower(strings.ReplaceAll(text, "_", ""))
	if digits == "" {
		return nil, errNoDigits
	}
	sign := 1.0
	if strings.HasPrefix(digits, "-") {
		sign = -1
	}
	digits = strings.TrimPrefix(strings.TrimPrefix(digits, "-"), "+")
	switch {
	case digits == ".inf":
		return sign * math.Inf(1), nil
	case digits == ".nan":
		return math.NaN(), nil
	case strings.Contains(digits, ":"):
		return sexagesimalFloat(digits, sign)
	}
	value, err := parseFloat(digits)
	return sign * value, err
}

// parseFloat is Python's float(text): too large is infinite, no hexadecimal digits.
func parseFloat(text string) (float64, error) {
	value, err := strconv.ParseFloat(text, 64)
	if (err != nil && !errors.Is(err, strconv.ErrRange)) || strings.ContainsAny(text, "xX_pP") {
		return 0, &pythonError{"ValueError", "could not convert string to float: " + quote(text)}
	}
	return value, nil
}

func sexagesimalFloat(digits string, sign float64) (any, error) {
	parts := strings.Split(digits, ":")
	value, base := 0.0, 1.0
	for i := len(parts) - 1; i >= 0; i-- {
		part, err := parseFloat(parts[i])
		if err != nil {
			return nil, err
		}
		value += part * base
		base *= 60
	}
	return sign * value, nil
}

var timeLayouts = []string{"2006-1-2T15:4:5.999999999Z07:00", "2006-1-2T15:4:5.999999999", "2006-1-2"}

func constructTime(text string) (any, error) {
	if !timePattern.MatchString(text) {
		return nil, &pythonError{"ValueError", "invalid timestamp: " + quote(text)}
	}
	compact := strings.Replace(strings.Join(strings.Fields(strings.ReplaceAll(text, "t", "T")), " "), " ", "T", 1)
	compact = strings.ReplaceAll(compact, " ", "")
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, compact); err == nil {
			return withZone(t, layout), nil
		}
	}
	return nil, &pythonError{"ValueError", "invalid timestamp: " + quote(text)}
}

// withZone marks a time that was written with a zone: UTC itself stands for none.
func withZone(t time.Time, layout string) time.Time {
	if !strings.Contains(layout, "Z07:00") {
		return t
	}
	_, offset := t.Zone()
	return t.In(time.FixedZone("", offset))
}
