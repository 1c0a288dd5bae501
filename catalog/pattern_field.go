package catalog

import (
	"fmt"
	"iter"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// fieldSpec is the format specification of a field, [[fill]align][0][width][,][.precision][type], as package parse reads it.
type fieldSpec struct {
	body       string // expression of the value itself
	left       string // expression of the padding before it
	right      string // and behind it
	lazy       bool   // the shortest text first
	kind       string // type letter; decides the conversion
	standalone *regexp.Regexp
}

var anyText = &fieldSpec{body: ".+?", lazy: true}

// specText splits a specification. The type is what is left at the end.
var specText = regexp.MustCompile(`^(?:(.)?([<>=^]))?[-+ ]?0?([0-9]*)([,_])?(\.([0-9]*))?(.*)$`)

// numberKinds are the types that may carry a sign.
const numberKinds = "n%fFegdobxEGX"

func parseFieldSpec(text string) (*fieldSpec, error) {
	if text == "" {
		return anyText, nil
	}
	g := specText.FindStringSubmatch(text)
	if g == nil {
		return nil, raise("ValueError", "format spec %s not recognised", pyString(text))
	}
	fill, align, width, grouping, precision, kind := g[1], g[2], g[3], g[4], g[6], g[7]
	s := &fieldSpec{kind: kind}
	if err := s.setBody(kind, width, grouping, precision); err != nil {
		return nil, err
	}
	if kind != "" && strings.Contains(numberKinds, kind) {
		if align == "=" {
			s.body = regexp.QuoteMeta(orText(fill, "0")) + "*" + s.body
		}
		s.body = "[-+ ]?(?:" + s.body + ")"
	}
	s.pad(regexp.QuoteMeta(orText(fill, " ")), align, width)
	var err error
	s.standalone, err = regexp.Compile(`(?is)\A` + s.expression("f") + `\z`)
	if err != nil {
		return nil, raise("ValueError", "format spec %s not recognised", pyString(text))
	}
	return s, nil
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// setBody chooses the expression of a type. Types for dates aren't known: names of datasets don't hold any that a
// body could use.
func (s *fieldSpec) setBody(kind, width, grouping, precision string) error {
	bodies := map[string]string{
		"n": `[0-9]{1,3}(?:[,.][0-9]{3})*`, "b": `(?:0[bB])?[01]+`, "o": `(?:0[oO])?[0-7]+`,
		"x": `(?:0[xX])?[0-9a-fA-F]+`, "X": `(?:0[xX])?[0-9a-fA-F]+`, "%": `\p{Nd}+(?:\.\p{Nd}+)?%`,
		"f": `(?:\p{Nd}*\.\p{Nd}+|nan|inf)`, "F": `(?:\p{Nd}*\.\p{Nd}+|nan|inf)`,
		"e": `\p{Nd}*\.\p{Nd}+[eE][-+]?\p{Nd}+|nan|[-+]?inf`, "E": `\p{Nd}*\.\p{Nd}+[eE][-+]?\p{Nd}+|nan|[-+]?inf`,
		"g": `\p{Nd}+(?:\.\p{Nd}+)?(?:[eE][-+]?\p{Nd}+)?|nan|[-+]?inf`, "G": `\p{Nd}+(?:\.\p{Nd}+)?(?:[eE][-+]?\p{Nd}+)?|nan|[-+]?inf`,
		"l": `[A-Za-z]+`, "w": `[\p{L}\p{N}_]+`, "W": `[^\p{L}\p{N}_]+`, "D": `[^\p{Nd}]+`, "s": `[\s\p{Z}]+`, "S": `[^\s\p{Z}]+`,
	}
	switch {
	case kind == "d":
		times := "+"
		if width != "" {
			times = "{1," + width + "}"
		}
		s.body = fmt.Sprintf("[-+ ]?[0-9%[2]s]%[1]s|[-+ ]?0[xX][0-9a-fA-F%[2]s]%[1]s|[-+ ]?0[bB][01%[2]s]%[1]s|[-+ ]?0[oO][0-7%[2]s]%[1]s", times, grouping)
	case kind != "":
		body, ok := bodies[kind]
		if !ok {
			return raise("ValueError", "format spec %s not recognised", pyString(kind))
		}
		s.body = body
	case precision != "":
		s.lazy, s.body = true, ".{"+orText(width, "1")+","+precision+"}?"
	case width != "":
		s.lazy, s.body = true, ".{"+width+",}?"
	default:
		s.lazy, s.body = true, ".+?"
	}
	return nil
}

func (s *fieldSpec) pad(fill, align, width string) {
	if align == "" && width != "" {
		align = ">"
	}
	if align == ">" || align == "^" {
		s.left = fill + "*"
	}
	if align == "<" || align == "^" {
		s.right = fill + "*"
	}
}

func (s *fieldSpec) expression(group string) string {
	return s.left + "(?P<" + group + ">" + s.body + ")" + s.right
}

// lengths yields the lengths to try, the preferred first.
func (s *fieldSpec) lengths(limit int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range limit {
			n := i + 1
			if !s.lazy {
				n = limit - i
			}
			if !yield(n) {
				return
			}
		}
	}
}

// full matches all of text and returns the value without its padding.
func (s *fieldSpec) full(text string) (string, bool) {
	if s.standalone == nil {
		return text, true
	}
	found := s.standalone.FindStringSubmatch(text)
	if found == nil {
		return "", false
	}
	return found[s.standalone.SubexpIndex("f")], true
}

// convert gives a text the type that its specification asks for.
func (s *fieldSpec) convert(text string) (any, error) {
	switch s.kind {
	case "d":
		return parseInt(text, 0)
	case "n":
		return parseInt(text, 10)
	case "b":
		return parseInt(text, 2)
	case "o":
		return parseInt(text, 8)
	case "x", "X":
		return parseInt(text, 16)
	case "%":
		f, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
		return f / 100, err
	case "f", "F", "e", "E", "g", "G":
		f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			return nil, raise("ValueError", "could not convert string to float: %s", pyString(text))
		}
		return f, nil
	}
	return text, nil
}

// parseInt reads a number as parse's int_convert does: a sign, then the digits of the base; anything else is ignored.
func parseInt(text string, base int) (any, error) {
	negative := strings.HasPrefix(text, "-")
	digits := strings.ToLower(strings.TrimLeft(text, "-+"))
	if base == 0 {
		base = 10
		if len(digits) > 2 && digits[0] == '0' {
			if other, ok := map[byte]int{'b': 2, 'o': 8, 'x': 16}[digits[1]]; ok {
				base = other
			}
		}
	}
	allowed := "0123456789abcdef"[:base]
	digits = strings.Map(func(r rune) rune {
		if strings.ContainsRune(allowed, r) {
			return r
		}
		return -1
	}, digits)
	n, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return nil, raise("ValueError", "invalid literal for int() with base %d: %s", base, pyString(digits))
	}
	if negative {
		n.Neg(n)
	}
	if n.IsInt64() {
		return int(n.Int64()), nil
	}
	return n, nil
}
