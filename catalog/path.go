package catalog

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	windowsDrive = regexp.MustCompile(`^[a-zA-Z]:[\\/]`)
	schemePrefix = regexp.MustCompile(`^[a-zA-Z0-9]+://`)
	fileDrive    = regexp.MustCompile(`(?s)^/([a-zA-Z])[:|]([\\/].*)$`)
	urlScheme    = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.\-]*):`)
)

// cloudProtocols are those whose path starts with the bucket.
var cloudProtocols = []string{"abfs", "abfss", "adl", "gcs", "gdrive", "gs", "oci", "oss", "s3", "s3a", "s3n"}

// ParsePath splits the filepath of a catalog entry into protocol and path (CAT-074). A versioned path over http is refused (CAT-073).
func ParsePath(filepath string, version *Version) (protocol, name string, err error) {
	protocol, name = parsePath(filepath)
	if version != nil && (protocol == "http" || protocol == "https") {
		return "", "", Errorf("Versioning is not supported for HTTP protocols. Please remove the `versioned` flag from the dataset configuration.")
	}
	return protocol, name, nil
}

func parsePath(filepath string) (protocol, name string) {
	if windowsDrive.MatchString(filepath) || !schemePrefix.MatchString(filepath) {
		return "file", filepath
	}
	scheme, rest, _ := strings.Cut(filepath, "://")
	protocol = strings.ToLower(scheme)
	if protocol == "http" || protocol == "https" {
		return protocol, filepath
	}
	host := rest
	name = ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, name = rest[:i], rest[i:]
	}
	if protocol == "file" {
		if drive := fileDrive.FindStringSubmatch(name); drive != nil {
			name = drive[1] + ":" + drive[2]
		}
	}
	if host == "" || !slices.Contains(cloudProtocols, protocol) {
		return protocol, name
	}
	user := ""
	if i := strings.LastIndex(host, "@"); i >= 0 {
		user, host = host[:i], host[i+1:]
	}
	if i := strings.LastIndex(host, ":"); i >= 0 {
		host = host[:i]
	}
	name = host + name
	if user, _, _ = strings.Cut(user, ":"); user != "" && (protocol == "abfss" || protocol == "oci") {
		name = user + "@" + name
	}
	return protocol, name
}

// AbsolutePaths returns conf with the relative paths of its entries made absolute below the project's folder (CAT-010).
func AbsolutePaths(projectPath string, conf map[string]any) (map[string]any, error) {
	if !strings.HasPrefix(projectPath, "/") {
		return nil, raise("ValueError", "project_path must be an absolute path. Received: %s", projectPath)
	}
	return absolutePaths(projectPath, conf), nil
}

func absolutePaths(projectPath string, conf map[string]any) map[string]any {
	out := maps.Clone(conf)
	for key, value := range conf {
		switch v := value.(type) {
		case map[string]any:
			out[key] = absolutePaths(projectPath, v)
		case string:
			if key == "filename" || key == "filepath" || key == "path" {
				out[key] = absolutePath(projectPath, v)
			}
		}
	}
	return out
}

func absolutePath(projectPath, name string) string {
	switch drive := windowsDriveOf(name); {
	case drive:
		return posixWindows(name)
	case urlScheme.MatchString(name) || strings.HasPrefix(name, "/"):
		return name
	}
	return joinPure(projectPath, name)
}

// windowsDriveOf tells whether Windows would see a drive or a network share in name.
func windowsDriveOf(name string) bool {
	slashed := strings.ReplaceAll(name, `\`, "/")
	if len(name) >= 2 && name[1] == ':' {
		return true
	}
	share := strings.TrimPrefix(slashed, "//")
	return share != slashed && !strings.HasPrefix(share, "/") && strings.Contains(strings.TrimSuffix(share, "/"), "/")
}

// posixWindows writes a Windows path with forward slashes, as PureWindowsPath.as_posix does.
func posixWindows(name string) string {
	slashed := strings.ReplaceAll(name, `\`, "/")
	if strings.HasPrefix(slashed, "//") {
		share := "/" + path.Clean("/"+strings.TrimLeft(slashed, "/"))
		if strings.Count(share, "/") == 3 {
			share += "/"
		}
		return share
	}
	drive, rest := slashed[:2], slashed[2:]
	root := ""
	if strings.HasPrefix(rest, "/") {
		root = "/"
	}
	return drive + root + strings.Join(pureParts(rest), "/")
}

// pureParts splits a path as pathlib does: "." and empty parts vanish, ".." stays.
func pureParts(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "/"), func(part string) bool { return part == "" || part == "." })
}

// joinPure joins as pathlib does.
func joinPure(base, name string) string {
	return "/" + strings.Join(append(pureParts(base), pureParts(name)...), "/")
}
