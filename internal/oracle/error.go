package oracle

import (
	"errors"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// Error is the vectors' form of an error: {"type", "bases", "message"}. Type
// and bases come from the methods ErrorType() string and ErrorBases() []string
// of err or of an error that it wraps; without them the type is "error" and
// there are no bases. The message is [Canonical]. A nil err gives nil.
func Error(err error) any {
	if err == nil {
		return nil
	}
	kind, bases := "error", []any{}
	var typed interface{ ErrorType() string }
	if errors.As(err, &typed) {
		kind = typed.ErrorType()
	}
	var based interface{ ErrorBases() []string }
	if errors.As(err, &based) {
		for _, base := range based.ErrorBases() {
			bases = append(bases, base)
		}
	}
	return map[string]any{"type": kind, "bases": bases, "message": Canonical(err.Error())}
}

var (
	nodesNamed = regexp.MustCompile(`(?s)(Pipeline does not contain nodes named )(\[.*?\])(\.)(?: Did you mean: (\[.*\])\?)?$`)
	cycle      = regexp.MustCompile(`(?s)(Circular dependencies exist among the following \d+ item\(s\): )\[(.*)\]$`)
	transcoded = regexp.MustCompile(`(?s)(but were referenced without the separator: )(.*?)(\.\nPlease specify)`)
	sameIO     = regexp.MustCompile(`(?s)(same inputs and outputs even if they are transcoded: )(\{.*\})$`)
	outputKeys = regexp.MustCompile(`(?s)(The node's output keys )(\{.*?\})( do not match with the returned output's keys )(\{.*?\})(\.)$`)
	oneSet     = []*regexp.Regexp{
		regexp.MustCompile(`(?s)(due to duplicate output\(s\) )(\{.*\})(\.\nNode outputs must be unique)`),
		regexp.MustCompile(`(?s)(Pipeline input\(s\) )(\{.*\})( not found in the )`),
		regexp.MustCompile(`(?s)(Keys used in the configuration )(\{.*\})( should present in)`),
	}
	duplicateKeys = regexp.MustCompile(`^Duplicate keys found in (.*?) and (.*?): (.*)$`)
	cycleItem     = regexp.MustCompile(`, Node\(`)
)

// Canonical puts the parts of known messages that Kedro takes out of sets into
// code-point order, as the generators did (canonical_message in common.py).
func Canonical(message string) string {
	if m := nodesNamed.FindStringSubmatchIndex(message); m != nil {
		out := message[:m[3]] + sortedItems(message[m[4]:m[5]]) + "."
		if m[8] >= 0 {
			out += " Did you mean: " + sortedItems(message[m[8]:m[9]]) + "?"
		}
		return out
	}
	if m := cycle.FindStringSubmatchIndex(message); m != nil {
		items := strings.Split(cycleItem.ReplaceAllString(message[m[4]:m[5]], "\x00Node("), "\x00")
		sort.Strings(items)
		return message[:m[3]] + "[" + strings.Join(items, ", ") + "]"
	}
	if m := transcoded.FindStringSubmatchIndex(message); m != nil {
		names := strings.Split(message[m[4]:m[5]], ", ")
		sort.Strings(names)
		return message[:m[4]] + strings.Join(names, ", ") + message[m[5]:]
	}
	for _, pattern := range oneSet {
		if m := pattern.FindStringSubmatchIndex(message); m != nil {
			return message[:m[4]] + sortedItems(message[m[4]:m[5]]) + message[m[5]:]
		}
	}
	if m := sameIO.FindStringSubmatchIndex(message); m != nil {
		return message[:m[4]] + sortedItems(message[m[4]:m[5]])
	}
	if m := outputKeys.FindStringSubmatchIndex(message); m != nil {
		return message[:m[4]] + sortedItems(message[m[4]:m[5]]) + message[m[5]:m[8]] + sortedItems(message[m[8]:m[9]]) + message[m[9]:]
	}
	if strings.HasPrefix(message, "Duplicate keys found in ") {
		return canonicalDuplicates(message)
	}
	return message
}

func canonicalDuplicates(message string) string {
	lines := strings.Split(message, "\n")
	for i, line := range lines {
		if m := duplicateKeys.FindStringSubmatch(line); m != nil {
			pair := []string{m[1], m[2]}
			sort.Strings(pair)
			lines[i] = "Duplicate keys found in " + pair[0] + " and " + pair[1] + ": " + m[3]
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// sortedItems sorts the members of a list or set in Python notation by the text
// that they stand for. What is no flat list or set is left as it is.
func sortedItems(text string) string {
	type item struct{ token, value string }
	var items []item
	rest := text[1 : len(text)-1]
	for rest != "" {
		token, value, ok := nextItem(rest)
		if !ok {
			return text
		}
		items = append(items, item{token, value})
		if rest = rest[len(token):]; rest != "" {
			rest = strings.TrimPrefix(rest, ", ")
			if rest == "" {
				return text
			}
		}
	}
	sort.SliceStable(items, func(i, j int) bool { return items[i].value < items[j].value })
	tokens := make([]string, len(items))
	for i := range items {
		tokens[i] = items[i].token
	}
	return text[:1] + strings.Join(tokens, ", ") + text[len(text)-1:]
}

// nextItem reads one literal from the start of text: a quoted text, or a bare
// word up to the next comma.
func nextItem(text string) (token, value string, ok bool) {
	quote := text[0]
	if quote != '\'' && quote != '"' {
		token, _, _ = strings.Cut(text, ", ")
		return token, token, !strings.ContainsAny(token, ":[]{}()")
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case quote:
			end := i + 1
			if end < len(text) && !strings.HasPrefix(text[end:], ", ") {
				return "", "", false
			}
			return text[:end], unquote(text[1:i]), true
		}
	}
	return "", "", false
}

// unquote resolves the escapes of Python's notation.
func unquote(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for text != "" {
		if text[0] == '\'' || text[0] == '"' {
			b.WriteByte(text[0])
			text = text[1:]
			continue
		}
		r, _, tail, err := strconv.UnquoteChar(text, '\'')
		if err != nil {
			r, _, tail, err = strconv.UnquoteChar(text, '"')
		}
		if err != nil {
			b.WriteString(text)
			break
		}
		b.WriteRune(r)
		text = tail
	}
	return b.String()
}
