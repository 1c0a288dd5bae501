package config

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// maxGrammarDepth bounds how deep interpolations, lists and mappings may nest in one text.
const maxGrammarDepth = 200

// template is a parsed text with interpolations (grammar rule text).
type template struct{ parts []part }

// part is a piece of a template: literal text, or a reference.
type part struct {
	text  string
	inter *interpolation
}

// interpolation is ${path} or, with a resolver name, ${name:args}.
type interpolation struct {
	source string // as written
	// of a reference
	dots  int
	keys  []pathKey
	fixed *keyPath // where it leads, unless that hangs on other references
	// of a resolver
	resolver bool
	name     []part
	args     []*element
	values   []any // of the arguments, when all are literals
}

// pathKey is one step of a reference: a key, or a reference that yields one.
type pathKey struct {
	part
	brackets bool
	raw      string // as written, for messages
}

// element is an argument: a literal value, a template, a list or a mapping.
type element struct {
	kind   elementKind
	value  any
	text   template
	list   []*element
	keys   []any
	values []*element
}

type elementKind int

const (
	elemLiteral elementKind = iota
	elemText
	elemList
	elemDict
)

// errGrammar carries ANTLR's message until it is placed.
type errGrammar struct{ message string }

func (e *errGrammar) Error() string { return e.message }

// parser is a recursive descent over the tokens.
type parser struct {
	whole  string // the text of all tokens
	tokens []token
	at     int
	depth  int
}

// parseTemplate parses a configuration text (grammar rule configValue).
func parseTemplate(text string) (*template, error) {
	p := &parser{whole: text, tokens: lex(text, modeText)}
	parts, err := p.parts(tokTopEsc)
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tokEOF {
		return nil, p.mismatch("<EOF>")
	}
	return &template{parts}, nil
}

// parseElement parses one argument (grammar rule singleElement, used by oc.decode).
func parseElement(text string) (*element, error) {
	p := &parser{tokens: lex(text, modeValue)}
	e, err := p.element()
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tokEOF {
		return nil, p.mismatch("<EOF>")
	}
	return e, nil
}

func (p *parser) peek() token { return p.tokens[min(p.at, len(p.tokens)-1)] }

// failure is the lexer's error at this place, or the given message.
func (p *parser) failure(message string) error {
	if t := p.peek(); t.kind == tokError {
		return &errGrammar{t.text}
	}
	return &errGrammar{message}
}

func (p *parser) mismatch(expecting string) error {
	return p.failure(fmt.Sprintf("mismatched input '%s' expecting %s", p.peek().shown(), expecting))
}

func (t token) shown() string {
	if t.kind == tokEOF {
		return "<EOF>"
	}
	return t.text
}

// noAlternative complains about the text from a token on to the current one.
func (p *parser) noAlternative(from int) error {
	var b strings.Builder
	for _, t := range p.tokens[from:min(p.at+1, len(p.tokens))] {
		if t.kind != tokEOF {
			b.WriteString(t.text)
		}
	}
	if b.Len() == 0 {
		b.WriteString("<EOF>")
	}
	return p.failure(fmt.Sprintf("no viable alternative at input '%s'", b.String()))
}

func (p *parser) enter() error {
	p.depth++
	if p.depth > maxGrammarDepth {
		return &errGrammar{fmt.Sprintf("interpolation nested more than %d levels deep", maxGrammarDepth)}
	}
	return nil
}

// parts parses text and references up to the first other token. even is the token
// for an even number of backslashes.
func (p *parser) parts(even tokenKind) ([]part, error) {
	var parts []part
	for {
		t := p.peek()
		switch t.kind {
		case tokInterOpen:
			inter, err := p.interpolation()
			if err != nil {
				return nil, err
			}
			parts = append(parts, part{inter: inter})
			continue
		case tokText, tokEsc, tokEscInter, tokTopEsc, tokQuotedEsc:
			p.at++
			parts = appendText(parts, p.unescape(t, even))
			continue
		case tokError:
			return nil, p.failure("")
		}
		return parts, nil
	}
}

func appendText(parts []part, text string) []part {
	if n := len(parts); n > 0 && parts[n-1].inter == nil {
		parts[n-1].text += text
		return parts
	}
	return append(parts, part{text: text})
}

// unescape is the text that a token stands for; the token after it is the current one.
func (p *parser) unescape(t token, even tokenKind) string {
	switch t.kind {
	case tokEscInter:
		return t.text[len(t.text)-(len(t.text)/2+1):]
	case tokEsc:
		return everySecond(t.text)
	case even:
		next := p.peek().kind
		if next == tokInterOpen || (even == tokQuotedEsc && next == tokQuoteClose) {
			return everySecond(t.text)
		}
	}
	return t.text
}

func everySecond(text string) string {
	var b strings.Builder
	for i := 1; i < len(text); i += 2 {
		b.WriteByte(text[i])
	}
	return b.String()
}

// interpolation parses ${...}. Which of the two forms it is shows at the end of its head.
func (p *parser) interpolation() (*interpolation, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	start := p.at
	p.at++
	inter := &interpolation{}
	for p.peek().kind == tokDot {
		p.at++
		inter.dots++
	}
	if t := p.peek(); t.kind == tokInterClose && inter.dots > 0 {
		return nil, p.failure("extraneous input '" + t.text + "' expecting {INTER_OPEN, BRACKET_OPEN, ID, '.', INTER_KEY}")
	}
	named := inter.dots == 0
	for {
		if err := p.step(inter, start); err != nil {
			return nil, err
		}
		last := inter.keys[len(inter.keys)-1]
		named = named && last.canName()
		switch t := p.peek(); {
		case t.kind == tokInterClose:
			p.at++
			inter.source = p.source(start)
			inter.fix()
			return inter, nil
		case t.kind == tokColon && named:
			p.at++
			return p.resolver(inter, start)
		}
	}
}

// step parses one key of a reference, with what leads to it.
func (p *parser) step(inter *interpolation, start int) error {
	switch t := p.peek(); {
	case t.kind == tokBracketOpen:
		p.at++
		if err := p.key(inter, start, true); err != nil {
			return err
		}
		if p.peek().kind != tokBracketClose {
			return p.mismatch("BRACKET_CLOSE")
		}
		p.at++
		return nil
	case len(inter.keys) == 0:
		return p.key(inter, start, false)
	case t.kind == tokDot:
		p.at++
		return p.key(inter, start, false)
	}
	return p.noAlternative(start)
}

// canName tells whether a step may be part of a resolver's name.
func (k pathKey) canName() bool {
	return !k.brackets && (k.inter != nil || idLength(k.raw) == len(k.raw))
}

func (p *parser) key(inter *interpolation, start int, brackets bool) error {
	switch t := p.peek(); t.kind {
	case tokInterOpen:
		nested, err := p.interpolation()
		if err != nil {
			return err
		}
		inter.keys = append(inter.keys, pathKey{part: part{inter: nested}, brackets: brackets})
	case tokID, tokKey:
		p.at++
		inter.keys = append(inter.keys, pathKey{part: part{text: unescapeKey(t.text)}, brackets: brackets, raw: t.text})
	default:
		return p.noAlternative(start)
	}
	return nil
}

func unescapeKey(text string) string {
	if strings.IndexByte(text, '\\') < 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && strings.IndexByte(`\.[]:=`, text[i+1]) >= 0 {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

func (p *parser) source(start int) string {
	if p.whole != "" && start == 0 && p.at+1 == len(p.tokens) {
		return p.whole
	}
	var b strings.Builder
	for _, t := range p.tokens[start:p.at] {
		b.WriteString(t.text)
	}
	return b.String()
}

func (p *parser) resolver(inter *interpolation, start int) (*interpolation, error) {
	inter.resolver = true
	for _, key := range inter.keys {
		inter.name = append(inter.name, part{text: key.raw, inter: key.inter})
	}
	inter.keys = nil
	if p.peek().kind != tokBraceClose {
		args, err := p.sequence()
		if err != nil {
			return nil, err
		}
		inter.args = args
	}
	if p.peek().kind != tokBraceClose {
		return nil, p.mismatch("BRACE_CLOSE")
	}
	p.at++
	inter.source = p.source(start)
	inter.fixValues()
	return inter, nil
}

// fix finds out where a reference leads, if that is clear from its text.
func (inter *interpolation) fix() {
	for _, key := range inter.keys {
		if key.inter != nil {
			return
		}
	}
	var nothing *resolution
	if path, err := nothing.path(inter, nil, nil); err == nil {
		inter.fixed = &path
	}
}

// fixValues evaluates the arguments of a resolver, if they are clear from its text.
func (inter *interpolation) fixValues() {
	values := make([]any, len(inter.args))
	for i, arg := range inter.args {
		if arg.kind == elemText && len(arg.text.parts) == 1 && arg.text.parts[0].inter == nil {
			values[i] = arg.text.parts[0].text
			continue
		}
		if arg.kind != elemLiteral {
			return
		}
		values[i] = arg.value
	}
	inter.values = values
}

// sequence parses elements between commas; a missing one is an empty text.
func (p *parser) sequence() ([]*element, error) {
	var list []*element
	empty := true // no element since the last comma
	for {
		switch p.peek().kind {
		case tokComma:
			p.at++
			if empty {
				list = append(list, &element{value: ""})
			}
			empty = true
		case tokBraceClose, tokBracketClose:
			if empty {
				list = append(list, &element{value: ""})
			}
			return list, nil
		default:
			if !empty {
				return list, nil // the caller misses its bracket
			}
			e, err := p.element()
			if err != nil {
				return nil, err
			}
			list = append(list, e)
			empty = false
		}
	}
}

func (p *parser) element() (*element, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	switch p.peek().kind {
	case tokQuoteOpen:
		p.at++
		return p.quoted()
	case tokBracketOpen:
		p.at++
		return p.list()
	case tokBraceOpen:
		p.at++
		return p.dict()
	}
	return p.primitive(true)
}

func (p *parser) quoted() (*element, error) {
	parts, err := p.parts(tokQuotedEsc)
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tokQuoteClose {
		return nil, p.mismatch("MATCHING_QUOTE_CLOSE")
	}
	p.at++
	// Text made of one reference becomes text all the same.
	return &element{kind: elemText, text: template{append([]part{{}}, parts...)}}, nil
}

func (p *parser) list() (*element, error) {
	e := &element{kind: elemList}
	if p.peek().kind != tokBracketClose {
		items, err := p.sequence()
		if err != nil {
			return nil, err
		}
		e.list = items
	}
	if p.peek().kind != tokBracketClose {
		return nil, p.mismatch("BRACKET_CLOSE")
	}
	p.at++
	return e, nil
}

func (p *parser) dict() (*element, error) {
	e := &element{kind: elemDict}
	for p.peek().kind != tokBraceClose {
		if len(e.keys) > 0 {
			if p.peek().kind != tokComma {
				return nil, p.mismatch("{',', '}'}")
			}
			p.at++
		}
		key, err := p.primitive(false)
		if err != nil {
			return nil, err
		}
		if p.peek().kind != tokColon {
			return nil, p.mismatch("COLON")
		}
		p.at++
		value, err := p.element()
		if err != nil {
			return nil, err
		}
		e.keys = append(e.keys, key.literal())
		e.values = append(e.values, value)
	}
	p.at++
	return e, nil
}

// literal is the value of a primitive without references.
func (e *element) literal() any {
	if e.kind == elemText {
		return e.text.parts[0].text
	}
	return e.value
}

// primitive parses unquoted text; a single token may be a number, a boolean or null.
// A mapping's key (full is false) holds neither colons nor references.
func (p *parser) primitive(full bool) (*element, error) {
	start := p.at
	var parts []part
	for {
		t := p.peek()
		switch t.kind {
		case tokID, tokNull, tokInt, tokFloat, tokBool, tokChar, tokEsc, tokSpace:
			p.at++
			parts = appendText(parts, p.unescape(t, tokEsc))
			continue
		case tokColon:
			if full {
				p.at++
				parts = appendText(parts, t.text)
				continue
			}
		case tokInterOpen:
			if full {
				inter, err := p.interpolation()
				if err != nil {
					return nil, err
				}
				parts = append(parts, part{inter: inter})
				continue
			}
		}
		break
	}
	switch {
	case p.at == start:
		return nil, p.noAlternative(start)
	case p.peek().kind == tokError:
		return nil, p.failure("")
	case p.at == start+1 && parts[0].inter == nil:
		value, err := literalOf(p.tokens[start])
		return &element{value: value}, err
	}
	return &element{kind: elemText, text: template{parts}}, nil
}

func literalOf(t token) (any, error) {
	switch t.kind {
	case tokNull:
		return nil, nil
	case tokBool:
		return strings.EqualFold(t.text, "true"), nil
	case tokInt:
		digits := strings.ReplaceAll(t.text, "_", "")
		if small, err := strconv.Atoi(digits); err == nil {
			return small, nil
		}
		large, _ := new(big.Int).SetString(digits, 10)
		return large, nil
	case tokFloat:
		value, err := strconv.ParseFloat(strings.ReplaceAll(t.text, "_", ""), 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return nil, &errGrammar{fmt.Sprintf("could not convert string to float: '%s'", t.text)}
		}
		return value, nil
	case tokEsc:
		return everySecond(t.text), nil
	}
	return t.text, nil
}
