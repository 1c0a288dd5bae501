package mask

import (
	"cmp"
	"slices"
	"strings"
)

// minSecret is the length below which a value isn't hidden: shorter ones ("1", "dev") would tear holes into any text.
const minSecret = 4

// Secrets hides known secret values in texts. It is immutable and safe for concurrent use; nil hides nothing.
type Secrets struct {
	values   []string
	replacer *strings.Replacer
}

// NewSecrets collects every text in credentials, at any depth of mappings and lists. Texts under 4 characters are ignored.
func NewSecrets(credentials any) *Secrets {
	var values []string
	collect(credentials, &values)
	if len(values) == 0 {
		return nil
	}
	// Longest first: a secret that contains another one is hidden whole.
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	values = slices.Compact(values)
	pairs := make([]string, 0, 2*len(values))
	for _, v := range values {
		pairs = append(pairs, v, Text)
	}
	return &Secrets{values: values, replacer: strings.NewReplacer(pairs...)}
}

func collect(value any, into *[]string) {
	switch v := value.(type) {
	case string:
		if len(v) >= minSecret {
			*into = append(*into, v)
		}
	case map[string]any:
		for _, item := range v {
			collect(item, into)
		}
	case map[any]any:
		for _, item := range v {
			collect(item, into)
		}
	case []any:
		for _, item := range v {
			collect(item, into)
		}
	case interface{ Plain() map[string]any }:
		collect(v.Plain(), into)
	}
}

// Text returns text without the secrets.
func (s *Secrets) Text(text string) string {
	if s == nil {
		return text
	}
	for _, v := range s.values {
		if strings.Contains(text, v) {
			return s.replacer.Replace(text)
		}
	}
	return text
}
