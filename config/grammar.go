package config

// maxGrammarDepth bounds how deep interpolations, lists and mappings may nest in one text.
const maxGrammarDepth = 200

// template is a parsed text with interpolations (grammar rule text).
type template struct{ parts []part }

// part is a piece of a template: literal text, or a reference.
type part struct {
	text  string
	inter *interpolation
}

// interpolation is ${path} or, with a resolver name, ${name:args}.
type interpolation struct {
	source string // as written
	// of a reference
	dots  int
	keys  []pathKey
	fixed *keyPath // where it leads, unless that hangs on other references
	// of a resolver
	resolver bool
	name     []part
	args     []*element
	values   []any // of the arguments, when all are literals
}

// pathKey is one step of a reference: a key, or a reference that yields one.
type pathKey struct {
	part
	brackets bool
	raw      string // as written, for messages
}

// element is an argument: a literal value, a template, a list or a mapping.
type element struct {
	kind   elementKind
	value  any
	text   template
	list   []*element
	keys   []any
	values []*element
}

type elementKind int

const (
	elemLiteral elementKind = iota
	elemText
	elemList
	elemDict
)
