package pipeline

import "strings"

// SplitTranscoding cuts name@format in two; a name without a format has the
// format "". More than one @ is Kedro's ValueError (PIP-110).
func SplitTranscoding(name string) (base, format string, err error) {
	base, format, _ = strings.Cut(name, "@")
	if strings.Contains(format, "@") {
		return "", "", valueError("Expected maximum 1 transcoding separator, found %d instead: '%s'.", strings.Count(name, "@"), name)
	}
	return base, format, nil
}

// baseName cuts the format off a name that is known to be good.
func baseName(name string) string {
	if i := strings.IndexByte(name, '@'); i >= 0 {
		return name[:i]
	}
	return name
}

// baseNames gives the names without their formats; the argument itself when there are none.
func baseNames(names []string) ([]string, error) {
	bases := names
	for i, name := range names {
		base, _, err := SplitTranscoding(name)
		if err != nil {
			return nil, err
		}
		if len(base) == len(name) {
			continue
		}
		if &bases[0] == &names[0] {
			bases = append([]string(nil), names...)
		}
		bases[i] = base
	}
	return bases, nil
}
