package config

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// parser is a recursive descent over the tokens. It reports what is wrong in ANTLR's
// words, which depend on what may follow; so each rule is told what may stand after it.
type parser struct {
	whole  string // the text of all tokens
	tokens []token
	at     int
	depth  int
	// undecided is where the outermost interpolation begins of which it isn't known yet
	// whether it is a reference or a resolver; -1 when there is none.
	undecided int
}

// parseTemplate parses a configuration text (grammar rule configValue). The tokens take
// the place of those in room, which the template doesn't hold on to.
func parseTemplate(text string, room *[]token) (*template, error) {
	p := &parser{whole: text, tokens: lex(text, modeText, (*room)[:0]), undecided: -1}
	*room = p.tokens
	parts, err := p.parts(tokTopEsc, textTokens|of(tokEOF))
	if err != nil {
		return nil, err
	}
	return &template{parts}, p.match(tokEOF, 0)
}

// parseElement parses one argument (grammar rule singleElement, used by oc.decode).
func parseElement(text string) (*element, error) {
	p := &parser{tokens: lex(text, modeValue, nil), undecided: -1}
	e, err := p.element(of(tokEOF))
	if err != nil {
		return nil, err
	}
	return e, p.match(tokEOF, 0)
}

// parts parses text and references up to the first other token. even is the token
// for an even number of backslashes.
func (p *parser) parts(even tokenKind, after tokenSet) ([]part, error) {
	var parts []part
	for {
		t := p.peek()
		switch t.kind {
		case tokInterOpen:
			inter, err := p.interpolation(after)
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
func (p *parser) interpolation(after tokenSet) (*interpolation, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	start := p.at
	outermost := p.undecided < 0
	if outermost {
		p.undecided = start
	}
	decide := func() {
		if outermost {
			p.undecided = -1
		}
	}
	p.at++
	inter := &interpolation{}
	if err := p.head(inter, decide); err != nil {
		return nil, err
	}
	if p.peek().kind == tokColon {
		decide()
		p.at++
		return p.resolver(inter, start, after)
	}
	decide()
	p.at++
	inter.source = p.source(start)
	inter.fix()
	return inter, nil
}

// head parses the keys of a reference, or the name of a resolver, up to the brace or
// colon behind them.
func (p *parser) head(inter *interpolation, decide func()) error {
	for p.peek().kind == tokDot {
		decide()
		p.at++
		inter.dots++
	}
	named := inter.dots == 0
	if inter.dots > 0 && !(keyTokens | of(tokBracketOpen)).has(p.peek().kind) {
		return p.extraneous(keyTokens | of(tokBracketOpen, tokDot))
	}
	if err := p.step(inter, decide); err != nil {
		return err
	}
	for {
		last := inter.keys[len(inter.keys)-1]
		named = named && last.canName()
		if !named {
			decide()
		}
		switch t := p.peek(); {
		case t.kind == tokInterClose, t.kind == tokColon && named:
			return nil
		case t.kind == tokBracketOpen, t.kind == tokDot:
			if err := p.step(inter, decide); err != nil {
				return err
			}
		case len(inter.keys) > 1 && p.undecided < 0:
			return p.extraneous(stepTokens)
		default:
			return p.refuse(stepTokens)
		}
	}
}

// step parses one key of a reference, with what leads to it.
func (p *parser) step(inter *interpolation, decide func()) error {
	switch p.peek().kind {
	case tokBracketOpen:
		decide()
		p.at++
		if err := p.key(inter, true); err != nil {
			return err
		}
		return p.match(tokBracketClose, stepTokens)
	case tokDot:
		p.at++
	}
	return p.key(inter, false)
}

// canName tells whether a step may be part of a resolver's name.
func (k pathKey) canName() bool {
	return !k.brackets && (k.inter != nil || idLength(k.raw) == len(k.raw))
}

func (p *parser) key(inter *interpolation, brackets bool) error {
	switch t := p.peek(); t.kind {
	case tokInterOpen:
		after := stepTokens
		if brackets {
			after = of(tokBracketClose)
		}
		nested, err := p.interpolation(after)
		if err != nil {
			return err
		}
		inter.keys = append(inter.keys, pathKey{part: part{inter: nested}, brackets: brackets})
	case tokID, tokKey:
		p.at++
		inter.keys = append(inter.keys, pathKey{part: part{text: unescapeKey(t.text)}, brackets: brackets, raw: t.text})
	default:
		return p.refuse(keyTokens)
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

func (p *parser) resolver(inter *interpolation, start int, after tokenSet) (*interpolation, error) {
	inter.resolver = true
	for _, key := range inter.keys {
		inter.name = append(inter.name, part{text: key.raw, inter: key.inter})
	}
	inter.keys = nil
	var err error
	if inter.args, err = p.sequence(tokBraceClose); err != nil {
		return nil, err
	}
	if err := p.match(tokBraceClose, after); err != nil {
		return nil, err
	}
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

// sequence parses elements between commas up to a closing token; a missing element is an
// empty text.
func (p *parser) sequence(end tokenKind) ([]*element, error) {
	if first := p.peek().kind; first == end {
		return nil, nil
	} else if !(elementTokens | of(tokComma)).has(first) {
		return nil, p.refuse(elementTokens | of(tokComma, end))
	}
	var list []*element
	empty := true // no element since the last comma
	for {
		switch kind := p.peek().kind; {
		case kind == tokComma:
			p.at++
			if empty {
				list = append(list, &element{value: ""})
			}
			empty = true
		case empty && elementTokens.has(kind):
			e, err := p.element(of(tokComma, end))
			if err != nil {
				return nil, err
			}
			list = append(list, e)
			empty = false
		default:
			if empty {
				list = append(list, &element{value: ""})
			}
			return list, nil
		}
	}
}

func (p *parser) element(after tokenSet) (*element, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	switch kind := p.peek().kind; {
	case !elementTokens.has(kind):
		return nil, p.refuse(elementTokens)
	case kind == tokQuoteOpen:
		p.at++
		return p.quoted(after)
	case kind == tokBracketOpen:
		p.at++
		return p.list(after)
	case kind == tokBraceOpen:
		p.at++
		return p.dict(after)
	}
	return p.primitive(primitiveTokens, after)
}

func (p *parser) quoted(after tokenSet) (*element, error) {
	if inside := textTokens | of(tokQuoteClose); !inside.has(p.peek().kind) {
		return nil, p.refuse(inside)
	}
	parts, err := p.parts(tokQuotedEsc, textTokens|of(tokQuoteClose))
	if err != nil {
		return nil, err
	}
	// Text made of one reference becomes text all the same.
	return &element{kind: elemText, text: template{append([]part{{}}, parts...)}}, p.match(tokQuoteClose, after)
}

func (p *parser) list(after tokenSet) (*element, error) {
	items, err := p.sequence(tokBracketClose)
	if err != nil {
		return nil, err
	}
	return &element{kind: elemList, list: items}, p.match(tokBracketClose, after)
}

func (p *parser) dict(after tokenSet) (*element, error) {
	e := &element{kind: elemDict}
	if kind := p.peek().kind; kind != tokBraceClose && !dictKeyTokens.has(kind) {
		return nil, p.refuse(dictKeyTokens | of(tokBraceClose))
	}
	for p.peek().kind != tokBraceClose {
		if len(e.keys) > 0 {
			if err := p.comma(len(e.keys) > 1); err != nil {
				return nil, err
			}
		}
		if err := p.pair(e); err != nil {
			return nil, err
		}
	}
	return e, p.match(tokBraceClose, after)
}

// comma takes the comma between two pairs of a mapping.
func (p *parser) comma(repeated bool) error {
	switch {
	case p.peek().kind == tokComma:
		p.at++
		return nil
	case repeated:
		return p.extraneous(of(tokBraceClose, tokComma))
	}
	return p.refuse(of(tokBraceClose, tokComma))
}

func (p *parser) pair(e *element) error {
	if !dictKeyTokens.has(p.peek().kind) {
		return p.refuse(dictKeyTokens)
	}
	key, err := p.primitive(dictKeyTokens, of(tokColon))
	if err != nil {
		return err
	}
	if err := p.match(tokColon, elementTokens); err != nil {
		return err
	}
	value, err := p.element(of(tokComma, tokBraceClose))
	e.keys = append(e.keys, key.literal())
	e.values = append(e.values, value)
	return err
}

// literal is the value of a primitive without references.
func (e *element) literal() any {
	if e.kind == elemText {
		return e.text.parts[0].text
	}
	return e.value
}

// primitive parses unquoted text of some tokens; a single one may be a number, a boolean
// or null.
func (p *parser) primitive(tokens, after tokenSet) (*element, error) {
	start := p.at
	var parts []part
	for tokens.has(p.peek().kind) {
		switch t := p.peek(); t.kind {
		case tokColon:
			p.at++
			parts = appendText(parts, t.text)
		case tokInterOpen:
			inter, err := p.interpolation(tokens | after)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part{inter: inter})
		default:
			p.at++
			parts = appendText(parts, p.unescape(t, tokEsc))
		}
	}
	if p.peek().kind == tokError {
		return nil, p.failure("")
	}
	if p.at == start+1 && parts[0].inter == nil {
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
