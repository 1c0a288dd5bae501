package mask

import (
	"regexp"
	"strings"
)

// urlToken is a URL with a scheme anywhere in a text.
var urlToken = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.\-]*://[^\s'"<>)\]]+`)

// URL hides user info, query and fragment of every URL in text (CAT-015). A text without a scheme is taken for a URL
// when it is one word and has user info before the first delimiter, a query or a fragment: Kedro strips the scheme from the paths
// of object stores. Other texts come back unchanged.
func URL(text string) string {
	if strings.Contains(text, "://") {
		return urlToken.ReplaceAllStringFunc(text, redact)
	}
	if strings.Contains(text, " ") {
		return text
	}
	if i := strings.IndexAny(text, "/?#"); i >= 0 && strings.Contains(text[:i], "@") {
		return strings.TrimPrefix(redact("//"+text), "//")
	}
	if strings.ContainsAny(text, "?#") {
		return redact(text)
	}
	return text
}

// redact hides the parts of one URL, split as Python's urlsplit does.
func redact(url string) string {
	rest, fragment, hasFragment := strings.Cut(url, "#")
	rest, query, hasQuery := strings.Cut(rest, "?")
	head, host, path := splitAuthority(rest)
	at := strings.LastIndex(host, "@")
	if at < 0 && query == "" && fragment == "" {
		return url
	}
	if at >= 0 {
		host = Text + host[at:]
	}
	out := head + host + path
	if hasQuery && query != "" {
		out += "?" + Text
	}
	if hasFragment && fragment != "" {
		out += "#" + Text
	}
	return out
}

// splitAuthority cuts a URL without query and fragment into what leads up to the authority (scheme and slashes),
// the authority, and the path.
func splitAuthority(url string) (head, host, path string) {
	at := strings.Index(url, "//")
	if at < 0 || (at > 0 && url[at-1] != ':') {
		return "", "", url
	}
	head, rest := url[:at+2], url[at+2:]
	if slash := strings.Index(rest, "/"); slash >= 0 {
		return head, rest[:slash], rest[slash:]
	}
	return head, rest, ""
}
