package cli

import (
	"strings"
	"unicode"
)

// SplitNames splits a plain comma list: items are trimmed, empty ones dropped (CLI-020).
func SplitNames(text string) []string {
	names := []string{}
	for item := range strings.SplitSeq(text, ",") {
		if item = trim(item); item != "" {
			names = append(names, item)
		}
	}
	return names
}

// SplitNodes splits a comma list in which commas inside square brackets
// belong to a name, as in "f([a,b]) -> [c]" (CLI-021). As in Kedro, the comma
// after an empty item stays with the next one.
func SplitNodes(text string) []string {
	names := []string{}
	depth, start := 0, 0
	text += ","
	for i := range len(text) {
		switch text[i] {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth == 0 && i > start {
				names = append(names, trim(text[start:i]))
				start = i + 1
			}
		}
	}
	return names
}

// SplitVersions reads "dataset:version,..." (CLI-050 to CLI-052). The first
// colon separates, so versions may hold colons.
func SplitVersions(text string) (map[string]string, error) {
	versions := map[string]string{}
	if text == "" {
		return versions, nil
	}
	for item := range strings.SplitSeq(text, ",") {
		item = trim(item)
		name, version, ok := strings.Cut(item, ":")
		if !ok {
			return nil, kedroErrorf("Expected the form of 'load_versions' to be "+
				"'dataset_name:YYYY-MM-DDThh.mm.ss.sssZ',found %s instead", item)
		}
		if version == "" || version == "." || version == ".." || strings.ContainsAny(version, `/\`) {
			return nil, kedroErrorf("Version string '%s' is not allowed. Version strings must be a single non-empty path "+
				`component with no path separators ('/' or '\') and must not be '.' or '..'.`, version)
		}
		versions[name] = version
	}
	return versions, nil
}

// trim removes what Python's str.strip removes: Unicode white space and the
// four separators U+001C to U+001F.
func trim(text string) string {
	return strings.TrimFunc(text, isPythonSpace)
}

func isPythonSpace(r rune) bool {
	return unicode.IsSpace(r) || (r >= 0x1c && r <= 0x1f)
}
