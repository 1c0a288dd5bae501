package config

// Cache keeps parsed files, folder listings and resolved configuration over the
// loaders of a session. The zero value is ready; it is safe for concurrent use.
type Cache struct {
	// Reload walks the folders at every access instead of at most once in 100 ms.
	Reload bool
}
