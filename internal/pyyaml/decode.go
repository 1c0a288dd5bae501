package pyyaml

// Schema says which of Python's two readers to follow.
type Schema int

const (
	// OmegaConf is how OmegaConf.load reads: timestamps stay text, more texts are
	// floats, a duplicate key is an error.
	OmegaConf Schema = iota
	// Safe is yaml.safe_load: timestamps are read, the last of duplicate keys wins.
	Safe
)

// Decode reads the single document of data. An empty document is nil.
// Errors are *Error.
func Decode(data []byte, schema Schema) (any, error) { return nil, nil }

// Error is a YAML error with PyYAML's class and place.
type Error struct {
	Kind         string // PyYAML's class: ScannerError, ParserError, ComposerError, ConstructorError, ReaderError
	Problem      string
	Line, Column int // of the problem, from zero
	text         string
}

// Error is PyYAML's text, with both places.
func (e *Error) Error() string { return e.text }

// ErrorType is the name of the Python class.
func (e *Error) ErrorType() string { return e.Kind }
