package config

import (
	"strings"
	"unicode/utf8"
)

// tokenKind names the tokens of OmegaConf's interpolation grammar.
type tokenKind int

const (
	tokEOF tokenKind = iota
	tokError
	tokInterOpen  // ${
	tokInterClose // } of a reference
	tokBraceOpen
	tokBraceClose // } of a resolver or a mapping
	tokBracketOpen
	tokBracketClose
	tokQuoteOpen
	tokQuoteClose
	tokComma
	tokColon
	tokDot
	tokFloat
	tokInt
	tokBool
	tokNull
	tokChar // other characters of unquoted text
	tokID
	tokKey
	tokEsc
	tokSpace
	tokText
	tokEscInter  // escaped ${
	tokTopEsc    // an even number of backslashes
	tokQuotedEsc // the same inside quotes
)

// token is a piece of the text; of tokError the text is the message.
type token struct {
	kind tokenKind
	text string
}

// lexMode is a mode of the lexer; modes are stacked.
type lexMode int

const (
	modeText lexMode = iota
	modeValue
	modeInter
	modeSingle
	modeDouble
)

// lexer cuts a text into tokens by the longest match, as ANTLR does.
type lexer struct {
	text   string
	at     int
	modes  []lexMode
	tokens []token
}

// lex cuts the whole text. What can't be cut ends the list with a tokError, which
// becomes an error only if the parser gets there. The tokens are appended to room,
// which may be nil.
func lex(text string, mode lexMode, room []token) []token {
	l := &lexer{text: text, modes: append(make([]lexMode, 0, 4), mode), tokens: room}
	for l.at < len(l.text) && len(l.modes) > 0 {
		if !l.step() {
			return l.tokens
		}
	}
	if len(l.modes) == 0 {
		return append(l.tokens, token{tokError, "Empty Stack"})
	}
	return append(l.tokens, token{kind: tokEOF})
}

func (l *lexer) step() bool {
	switch mode := l.modes[len(l.modes)-1]; mode {
	case modeText, modeSingle, modeDouble:
		l.textToken(mode)
	case modeValue:
		return l.valueToken()
	case modeInter:
		return l.interToken()
	}
	return true
}

// add takes n bytes as a token.
func (l *lexer) add(kind tokenKind, n int) {
	l.tokens = append(l.tokens, token{kind, l.text[l.at : l.at+n]})
	l.at += n
}

func (l *lexer) push(mode lexMode) { l.modes = append(l.modes, mode) }
func (l *lexer) pop()              { l.modes = l.modes[:len(l.modes)-1] }

// fail ends the list with ANTLR's complaint about the text up to and with the
// character at end.
func (l *lexer) fail(end int) bool {
	bad := l.text[l.at:]
	if rest := l.text[end:]; rest != "" {
		_, size := utf8.DecodeRuneInString(rest)
		bad = l.text[l.at : end+size]
	}
	bad = strings.NewReplacer("\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(bad)
	l.tokens = append(l.tokens, token{tokError, "token recognition error at: '" + bad + "'"})
	return false
}

// textToken cuts plain text: at the top, or inside quotes of the given mode.
func (l *lexer) textToken(mode lexMode) {
	rest := l.text[l.at:]
	quote, stops, even := "", "$", tokTopEsc
	switch mode {
	case modeSingle:
		quote, stops, even = "'", "$'", tokQuotedEsc
	case modeDouble:
		quote, stops, even = `"`, `$"`, tokQuotedEsc
	}
	if strings.HasPrefix(rest, "${") {
		l.interOpen()
		return
	}
	if quote != "" && strings.HasPrefix(rest, quote) {
		l.add(tokQuoteClose, 1)
		l.pop()
		return
	}
	if rest[0] == '$' {
		l.add(tokText, 1)
		return
	}
	end := strings.IndexAny(rest, stops)
	if end < 0 {
		end = len(rest)
	}
	if plain := strings.TrimRight(rest[:end], `\`); plain != "" {
		l.add(tokText, len(plain))
		return
	}
	l.backslashes(rest, end, quote, even)
}

// backslashes cuts n of them: an odd number escapes what follows.
func (l *lexer) backslashes(rest string, n int, quote string, even tokenKind) {
	odd := n%2 == 1
	switch {
	case odd && strings.HasPrefix(rest[n:], "${"):
		l.add(tokEscInter, n+2)
	case odd && quote != "" && strings.HasPrefix(rest[n:], quote):
		l.add(tokEsc, n+1)
	case odd:
		l.add(tokText, n)
	default:
		l.add(even, n)
	}
}

func (l *lexer) interOpen() {
	l.add(tokInterOpen, 2+blanks(l.text[l.at+2:]))
	l.push(modeInter)
}

// blanks is the number of blanks and tabs at the start of text.
func blanks(text string) int { return len(text) - len(strings.TrimLeft(text, " \t")) }

// interToken cuts inside ${ before a colon.
func (l *lexer) interToken() bool {
	rest := l.text[l.at:]
	space := blanks(rest)
	after := rest[space:]
	switch {
	case strings.HasPrefix(rest, "${"):
		l.interOpen()
	case strings.HasPrefix(after, ":"):
		l.add(tokColon, space+1+blanks(after[1:]))
		l.modes[len(l.modes)-1] = modeValue
	case strings.HasPrefix(after, "}"):
		l.add(tokInterClose, space+1)
		l.pop()
	case space > 0:
		return l.fail(l.at + space)
	case rest[0] == '.':
		l.add(tokDot, 1)
	case rest[0] == '[':
		l.add(tokBracketOpen, 1)
	case rest[0] == ']':
		l.add(tokBracketClose, 1)
	default:
		return l.interKey(rest)
	}
	return true
}

func (l *lexer) interKey(rest string) bool {
	n := 0
	for n < len(rest) {
		if rest[n] == '\\' {
			if n+1 >= len(rest) || strings.IndexByte(`\.[]:=`, rest[n+1]) < 0 {
				break
			}
			n += 2
			continue
		}
		if strings.IndexByte("{}()[]:. \t'\"", rest[n]) >= 0 {
			break
		}
		n++
	}
	switch id := idLength(rest); {
	case n == 0 && rest[0] == '\\':
		return l.fail(l.at + 1)
	case n == 0:
		return l.fail(l.at)
	case id == n:
		l.add(tokID, n)
	default:
		l.add(tokKey, n)
	}
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// idLength is the length of the identifier at the start of text.
func idLength(text string) int {
	if text == "" || !isLetter(text[0]) {
		return 0
	}
	n := 1
	for n < len(text) && (isLetter(text[n]) || isDigit(text[n]) || text[n] == '-') {
		n++
	}
	return n
}

// valueToken cuts inside the arguments of a resolver.
func (l *lexer) valueToken() bool {
	rest := l.text[l.at:]
	space := blanks(rest)
	if l.punctuation(rest, space) {
		return true
	}
	if space > 0 {
		l.add(tokSpace, space)
		return true
	}
	kind, n := tokError, 0
	longer := func(k tokenKind, length int) {
		if length > n {
			kind, n = k, length
		}
	}
	float, integer := numberLength(rest)
	longer(tokFloat, float)
	longer(tokInt, integer)
	longer(tokBool, wordLength(rest, "true", "false"))
	longer(tokNull, wordLength(rest, "null"))
	if strings.IndexByte(`/-\+.$%*@?|`, rest[0]) >= 0 {
		longer(tokChar, 1)
	}
	longer(tokID, idLength(rest))
	longer(tokEsc, escapeLength(rest))
	if n == 0 {
		return l.fail(l.at)
	}
	l.add(kind, n)
	return true
}

// punctuation cuts brackets, quotes, commas and colons with the blanks around them.
func (l *lexer) punctuation(rest string, space int) bool {
	if space == 0 && l.opening(rest) {
		return true
	}
	after := rest[space:]
	if after == "" {
		return false
	}
	switch after[0] {
	case '}':
		l.add(tokBraceClose, space+1)
		l.pop()
	case ']':
		l.add(tokBracketClose, space+1)
	case ',':
		l.add(tokComma, space+1+blanks(after[1:]))
	case ':':
		l.add(tokColon, space+1+blanks(after[1:]))
	default:
		return false
	}
	return true
}

func (l *lexer) opening(rest string) bool {
	switch {
	case strings.HasPrefix(rest, "${"):
		l.interOpen()
	case rest[0] == '{':
		l.add(tokBraceOpen, 1+blanks(rest[1:]))
		l.push(modeValue)
	case rest[0] == '[':
		l.add(tokBracketOpen, 1+blanks(rest[1:]))
	case rest[0] == '\'':
		l.add(tokQuoteOpen, 1)
		l.push(modeSingle)
	case rest[0] == '"':
		l.add(tokQuoteOpen, 1)
		l.push(modeDouble)
	default:
		return false
	}
	return true
}

// wordLength is the length of one of the words at the start of text, in any case.
func wordLength(text string, words ...string) int {
	for _, word := range words {
		if len(text) >= len(word) && strings.EqualFold(text[:len(word)], word) {
			return len(word)
		}
	}
	return 0
}

// escapeLength is the length of a row of escaped characters.
func escapeLength(text string) int {
	n := 0
	for n+1 < len(text) && text[n] == '\\' && strings.IndexByte("\\()[]{}:=, \t", text[n+1]) >= 0 {
		n += 2
	}
	return n
}

// digitsLength is the length of digits joined by single underscores.
func digitsLength(text string) int {
	n := 0
	for n < len(text) {
		switch {
		case isDigit(text[n]):
			n++
		case text[n] == '_' && n > 0 && n+1 < len(text) && isDigit(text[n+1]):
			n += 2
		default:
			return n
		}
	}
	return n
}

// unsignedLength is the length of an integer without a leading zero.
func unsignedLength(text string) int {
	if strings.HasPrefix(text, "0") {
		return 1
	}
	return digitsLength(text)
}

// numberLength is the length of the longest float and of the longest integer.
func numberLength(text string) (float, integer int) {
	sign := 0
	if text[0] == '+' || text[0] == '-' {
		sign = 1
	}
	body := text[sign:]
	if n := wordLength(body, "inf", "nan"); n > 0 {
		float = sign + n
	}
	whole := unsignedLength(body)
	if whole > 0 {
		integer = sign + whole
	}
	mantissa := whole
	if strings.HasPrefix(body[whole:], ".") {
		if fraction := digitsLength(body[whole+1:]); fraction > 0 || whole > 0 {
			mantissa = whole + 1 + fraction
			float = max(float, sign+mantissa)
		}
	}
	if mantissa > 0 {
		if n := exponentLength(body[mantissa:]); n > 0 {
			float = max(float, sign+mantissa+n)
		}
	}
	return float, integer
}

func exponentLength(text string) int {
	if text == "" || text[0]|0x20 != 'e' {
		return 0
	}
	n := 1
	if n < len(text) && (text[n] == '+' || text[n] == '-') {
		n++
	}
	digits := digitsLength(text[n:])
	if digits == 0 {
		return 0
	}
	return n + digits
}
