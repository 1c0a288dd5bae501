package config

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// defaultPatterns are the files of each configuration type (CFG-014).
func defaultPatterns() map[string][]string {
	return map[string][]string{
		"catalog":     {"catalog*", "catalog*/**", "**/catalog*"},
		"parameters":  {"parameters*", "parameters*/**", "**/parameters*"},
		"credentials": {"credentials*", "credentials*/**", "**/credentials*"},
		"globals":     {"globals.yml"},
	}
}

// matcher compiles glob patterns over paths below an environment folder: * and ? stay
// within one level, ** spans any number of levels.
func matcher(patterns []string) (*regexp.Regexp, error) {
	alternatives := make([]string, len(patterns))
	for i, pattern := range patterns {
		expression, err := globExpression(strings.Trim(path.Clean(pattern), "/"))
		if err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		alternatives[i] = expression
	}
	if len(alternatives) == 0 {
		return nil, nil
	}
	return regexp.Compile(`(?s)^(?:` + strings.Join(alternatives, "|") + `)$`)
}

func globExpression(pattern string) (string, error) {
	var b strings.Builder
	segments := strings.Split(pattern, "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch {
		case segment == "**" && last:
			b.WriteString(".*")
			continue
		case segment == "**":
			b.WriteString("(?:.+/)?")
			continue
		case strings.Contains(segment, "**"):
			return "", failf("ValueError", "Invalid pattern: '**' can only be an entire path component")
		case segment == "*":
			b.WriteString("[^/]+")
		default:
			b.WriteString(segmentExpression(segment))
		}
		if !last {
			b.WriteString("/")
		}
	}
	return b.String(), nil
}

func segmentExpression(segment string) string {
	var b strings.Builder
	for i := 0; i < len(segment); i++ {
		switch c := segment[i]; c {
		case '*':
			b.WriteString("[^/]*")
		case '?':
			b.WriteString("[^/]")
		case '[':
			end := strings.IndexByte(segment[i+1:], ']')
			if end <= 0 {
				b.WriteString(`\[`)
				continue
			}
			class := strings.ReplaceAll(segment[i+1:i+1+end], `\`, `\\`)
			if rest, ok := strings.CutPrefix(class, "!"); ok {
				class = "^" + rest
			}
			b.WriteString("[" + class + "]")
			i += end + 1
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return b.String()
}
