package config

import (
	"fmt"
	"strings"
)

// errGrammar carries ANTLR's message until it is placed.
type errGrammar struct{ message string }

func (e *errGrammar) Error() string { return e.message }

// tokenSet is a set of kinds of tokens.
type tokenSet uint32

func of(kinds ...tokenKind) tokenSet {
	var s tokenSet
	for _, kind := range kinds {
		s |= 1 << kind
	}
	return s
}

func (s tokenSet) has(kind tokenKind) bool { return s&(1<<kind) != 0 }

// What rules of the grammar begin with, and stepTokens: what follows a key of a reference.
const (
	dictKeyTokens   tokenSet = 1<<tokFloat | 1<<tokInt | 1<<tokBool | 1<<tokNull | 1<<tokChar | 1<<tokID | 1<<tokEsc | 1<<tokSpace
	primitiveTokens          = dictKeyTokens | 1<<tokColon | 1<<tokInterOpen
	elementTokens            = primitiveTokens | 1<<tokBraceOpen | 1<<tokBracketOpen | 1<<tokQuoteOpen
	textTokens      tokenSet = 1<<tokText | 1<<tokEscInter | 1<<tokTopEsc | 1<<tokInterOpen | 1<<tokEsc | 1<<tokQuotedEsc
	keyTokens       tokenSet = 1<<tokInterOpen | 1<<tokID | 1<<tokKey
	stepTokens      tokenSet = 1<<tokBracketOpen | 1<<tokInterClose | 1<<tokDot
)

// tokenNames are ANTLR's names of the tokens, in its order.
var tokenNames = [...]struct {
	kind tokenKind
	name string
}{
	{tokEOF, "<EOF>"}, {tokText, "ANY_STR"}, {tokEscInter, "ESC_INTER"}, {tokTopEsc, "TOP_ESC"}, {tokInterOpen, "INTER_OPEN"}, {tokBraceOpen, "BRACE_OPEN"},
	{tokBraceClose, "BRACE_CLOSE"}, {tokQuoteOpen, "QUOTE_OPEN_SINGLE, QUOTE_OPEN_DOUBLE"}, {tokComma, "COMMA"}, {tokBracketOpen, "BRACKET_OPEN"},
	{tokBracketClose, "BRACKET_CLOSE"}, {tokColon, "COLON"}, {tokFloat, "FLOAT"}, {tokInt, "INT"}, {tokBool, "BOOL"}, {tokNull, "NULL"},
	{tokChar, "UNQUOTED_CHAR"}, {tokID, "ID"}, {tokEsc, "ESC"}, {tokSpace, "WS"}, {tokInterClose, "INTER_CLOSE"}, {tokDot, "'.'"}, {tokKey, "INTER_KEY"},
	{tokQuoteClose, "MATCHING_QUOTE_CLOSE"}, {tokQuotedEsc, "QUOTED_ESC"},
}

// String names the kinds as ANTLR does: one alone, several in braces.
func (s tokenSet) String() string {
	var names []string
	for _, t := range tokenNames {
		if s.has(t.kind) {
			names = append(names, t.name)
		}
	}
	if len(names) == 1 {
		return names[0]
	}
	return "{" + strings.Join(names, ", ") + "}"
}

func (t token) shown() string {
	if t.kind == tokEOF {
		return "<EOF>"
	}
	return t.text
}

// peek is the current token, the last one when there are no more.
func (p *parser) peek() token { return p.tokens[min(p.at, len(p.tokens)-1)] }

// failure is the lexer's error at this place, or the given message.
func (p *parser) failure(message string) error {
	if t := p.peek(); t.kind == tokError {
		return &errGrammar{t.text}
	}
	return &errGrammar{message}
}

// refuse is the error of a token where others are due. ANTLR looks one token further: if
// that one is due, the current one is too much. As long as it isn't decided what an
// interpolation is, there is no alternative.
func (p *parser) refuse(due tokenSet) error {
	if p.undecided >= 0 {
		return p.noAlternative(p.undecided)
	}
	switch next := p.tokens[min(p.at+1, len(p.tokens)-1)]; {
	case p.peek().kind == tokError:
	case next.kind == tokError:
		return &errGrammar{next.text}
	case due.has(next.kind):
		return p.extraneous(due)
	}
	return p.failure(fmt.Sprintf("mismatched input '%s' expecting %s", p.peek().shown(), due))
}

// extraneous is the error of a token that ANTLR would drop.
func (p *parser) extraneous(due tokenSet) error {
	if p.undecided >= 0 {
		return p.noAlternative(p.undecided)
	}
	return p.failure(fmt.Sprintf("extraneous input '%s' expecting %s", p.peek().shown(), due))
}

// match takes a token of one kind. If what is there may follow it, then it is missing.
func (p *parser) match(kind tokenKind, after tokenSet) error {
	t, next := p.peek(), p.tokens[min(p.at+1, len(p.tokens)-1)]
	if t.kind == kind {
		p.at++
		return nil
	}
	if p.undecided < 0 && next.kind != tokError && next.kind != kind && after.has(t.kind) {
		return p.failure(fmt.Sprintf("missing %s at '%s'", of(kind), t.shown()))
	}
	return p.refuse(of(kind))
}

// noAlternative complains about the text from a token on to the current one. For that
// ANTLR reads all tokens, so a character that fits nowhere comes first.
func (p *parser) noAlternative(from int) error {
	if last := p.tokens[len(p.tokens)-1]; last.kind == tokError {
		return &errGrammar{last.text}
	}
	var b strings.Builder
	for _, t := range p.tokens[from:min(p.at+1, len(p.tokens))] {
		if t.kind != tokEOF {
			b.WriteString(t.text)
		}
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
