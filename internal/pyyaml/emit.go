package pyyaml

import (
	"fmt"
	"strings"
)

func (e *emitter) increaseIndent(flow, indentless bool) (saved int) {
	saved = e.indent
	switch {
	case e.indent == noIndent && flow:
		e.indent = bestIndent
	case e.indent == noIndent:
		e.indent = 0
	case !indentless:
		e.indent += bestIndent
	}
	return saved
}

func (e *emitter) write(text string) {
	e.out.WriteString(text)
	e.column += len([]rune(text))
}

func (e *emitter) indicator(text string, needWhitespace, whitespace, indention bool) {
	if !e.whitespace && needWhitespace {
		text = " " + text
	}
	e.whitespace = whitespace
	e.indention = e.indention && indention
	e.openEnded = false
	e.write(text)
}

func (e *emitter) lineBreak() {
	e.whitespace, e.indention = true, true
	e.out.WriteByte('\n')
	e.column = 0
}

func (e *emitter) writeIndent() {
	indent := max(e.indent, 0)
	if !e.indention || e.column > indent || (e.column == indent && !e.whitespace) {
		e.lineBreak()
	}
	if e.column < indent {
		e.whitespace = true
		e.write(strings.Repeat(" ", indent-e.column))
	}
}

func (e *emitter) scalar(text, tag string, at context) {
	analysis := analyze(text)
	split := !at.simpleKey
	fitsOneLine := !at.simpleKey || !analysis.multiline
	switch {
	case implicitTag(text, Safe) == tag && analysis.plain && fitsOneLine:
		e.plain([]rune(text), split, at.root)
	case analysis.singleQuoted && fitsOneLine:
		e.singleQuoted([]rune(text), split)
	default:
		e.doubleQuoted([]rune(text), split)
	}
}

func (e *emitter) plain(text []rune, split, root bool) {
	if root {
		e.openEnded = true
	}
	if !e.whitespace {
		e.write(" ")
	}
	e.whitespace, e.indention = false, false
	start := 0
	spaces := false
	for end := 0; end <= len(text); end++ {
		last := end == len(text)
		space := !last && text[end] == ' '
		switch {
		case spaces && !space:
			if start+1 == end && e.column > bestWidth && split {
				e.writeIndent()
				e.whitespace, e.indention = false, false
			} else {
				e.write(string(text[start:end]))
			}
			start = end
		case !spaces && (last || space):
			e.write(string(text[start:end]))
			start = end
		}
		spaces = space
	}
}

func isBreak(r rune) bool { return r == '\n' || r == 0x85 || r == 0x2028 || r == 0x2029 }

func (e *emitter) singleQuoted(text []rune, split bool) {
	e.indicator("'", true, false, false)
	start := 0
	spaces, breaks := false, false
	for end := 0; end <= len(text); end++ {
		last := end == len(text)
		var ch rune
		if !last {
			ch = text[end]
		}
		switch {
		case spaces:
			if last || ch != ' ' {
				e.quotedSpaces(text, start, end, split)
				start = end
			}
		case breaks:
			if last || !isBreak(ch) {
				e.quotedBreaks(text[start:end])
				start = end
			}
		case last || ch == ' ' || ch == '\'' || isBreak(ch):
			e.write(string(text[start:end]))
			start = end
		}
		if !last && ch == '\'' {
			e.write("''")
			start = end + 1
		}
		spaces, breaks = !last && ch == ' ', !last && isBreak(ch)
	}
	e.indicator("'", false, false, false)
}

func (e *emitter) quotedSpaces(text []rune, start, end int, split bool) {
	if start+1 == end && e.column > bestWidth && split && start != 0 && end != len(text) {
		e.writeIndent()
		return
	}
	e.write(string(text[start:end]))
}

func (e *emitter) quotedBreaks(breaks []rune) {
	if breaks[0] == '\n' {
		e.lineBreak()
	}
	for range breaks {
		e.lineBreak()
	}
	e.writeIndent()
}

var escapes = map[rune]string{
	0: `\0`, '\a': `\a`, '\b': `\b`, '\t': `\t`, '\n': `\n`, '\v': `\v`, '\f': `\f`, '\r': `\r`, 0x1b: `\e`,
	'"': `\"`, '\\': `\\`, 0x85: `\N`, 0xa0: `\_`, 0x2028: `\L`, 0x2029: `\P`,
}

func (e *emitter) doubleQuoted(text []rune, split bool) {
	e.indicator(`"`, true, false, false)
	start := 0
	for end := 0; end <= len(text); end++ {
		last := end == len(text)
		if last || text[end] == '"' || text[end] == '\\' || text[end] < 0x20 || text[end] > 0x7e {
			e.write(string(text[start:end]))
			start = end
			if !last {
				e.write(escape(text[end]))
				start = end + 1
			}
		}
		if 0 < end && end < len(text)-1 && (text[end] == ' ' || start >= end) && e.column+(end-start) > bestWidth && split {
			start = e.foldDoubleQuoted(text, start, end)
		}
	}
	e.indicator(`"`, false, false, false)
}

func (e *emitter) foldDoubleQuoted(text []rune, start, end int) int {
	if start < end {
		e.write(string(text[start:end]))
		start = end
	}
	e.write(`\`)
	e.writeIndent()
	e.whitespace, e.indention = false, false
	if text[start] == ' ' {
		e.write(`\`)
	}
	return start
}

func escape(r rune) string {
	if text, ok := escapes[r]; ok {
		return text
	}
	switch {
	case r <= 0xff:
		return fmt.Sprintf(`\x%02X`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04X`, r)
	}
	return fmt.Sprintf(`\U%08X`, r)
}

// analysis tells how a text may be written in block context.
type analysis struct{ multiline, plain, singleQuoted bool }

// analyze follows PyYAML's analyze_scalar.
func analyze(text string) analysis {
	if text == "" {
		return analysis{plain: true, singleQuoted: true}
	}
	runes := []rune(text)
	indicators := strings.HasPrefix(text, "---") || strings.HasPrefix(text, "...")
	var breaks, special, edge, breakSpace, spaceBreak bool
	for i, r := range runes {
		first, last := i == 0, i == len(runes)-1
		indicators = indicators || isIndicator(runes, i)
		if isBreak(r) {
			breaks = true
			edge = edge || first || last
			spaceBreak = spaceBreak || (!first && runes[i-1] == ' ')
		}
		if r == ' ' {
			edge = edge || first || last
			breakSpace = breakSpace || (!first && isBreak(runes[i-1]))
		}
		special = special || (r != '\n' && (r < 0x20 || r > 0x7e))
	}
	return analysis{
		multiline:    breaks,
		plain:        !edge && !breakSpace && !spaceBreak && !special && !breaks && !indicators,
		singleQuoted: !breakSpace && !spaceBreak && !special,
	}
}

// isIndicator tells whether the rune at i would be read as syntax in block context.
func isIndicator(runes []rune, i int) bool {
	blank := func(at int) bool {
		return at < 0 || at >= len(runes) || strings.ContainsRune("\x00 \t\r\n\u0085\u2028\u2029", runes[at])
	}
	r := runes[i]
	if i == 0 {
		return strings.ContainsRune("#,[]{}&*!|>'\"%@`", r) || (strings.ContainsRune("?:-", r) && blank(1))
	}
	return (r == ':' && blank(i+1)) || (r == '#' && blank(i-1))
}
