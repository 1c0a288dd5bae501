package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/kedge-run/kedge/internal/pyyaml"
)

// NodeOption is an optional argument of [NewNode].
type NodeOption func(*Node)

// Name gives the node a name: letters, digits, hyphens, underscores and full
// stops (PIP-006). The empty name is no name.
func Name(name string) NodeOption {
	return func(n *Node) { n.given, n.named = name, true }
}

// Tags adds tags, of the same alphabet as names (PIP-007).
func Tags(tags ...string) NodeOption {
	return func(n *Node) { n.tags = append(n.tags, tags...) }
}

// Confirms names datasets that are confirmed after the node has run (PIP-013).
func Confirms(datasets ...string) NodeOption {
	return func(n *Node) { n.confirms = append(n.confirms, datasets...) }
}

// Namespace puts the node into a namespace; levels are separated by full stops.
func Namespace(namespace string) NodeOption {
	return func(n *Node) { n.namespace = namespace }
}

// Node is a function bound to the datasets that it reads and writes. It is
// immutable and safe for concurrent use as far as its function is.
type Node struct {
	fn        Func
	in, out   form
	given     string // the name given; "" is none
	named     bool   // a name was given, maybe an empty one: only GoString tells the difference
	namespace string
	tags      []string // sorted, without repeats
	confirms  []string

	// Derived by finish.
	name     string
	inputs   []string       // in binding order
	args     []string       // argument names of inputs; nil when positional
	types    []reflect.Type // wanted types of inputs; nil is any
	distinct int            // number of different inputs
	baseIn   []string       // inputs without transcoding
	baseOut  []string
	dotted   bool // a dataset name deserves the warning of PIP-011
	chunked  bool // a generator node
	blind    bool // the function gets no context
}

// NewNode binds fn, a Go function or a [Func], to its inputs and outputs: nil,
// a string, a []string, or [Args] for a mapping of argument names (or keys of
// the result) to datasets. []any, map[string]string and map[string]any are
// taken too, as declarations read from files have them; keys of Go maps are
// taken in sorted order.
//
// A Go function has the form
//
//	func([ctx context.Context,] in1 T1, in2 T2, ...) ([out1, out2, ...,] [error])
//
// with as many parameters and results as the node declares; the last parameter
// may be variadic. A mapping of inputs binds to one struct parameter, whose
// exported fields (or their tags `kedge:"name"`; snake case of the field's name
// will do) are the arguments; a mapping of outputs comes from one struct or map
// result. A list of outputs may also come from one slice. A function that
// returns an iter.Seq or an iter.Seq2 with an error makes a generator node.
//
// The error is an [*Error]: Kedro's ValueError for a bad declaration, TypeError
// when the function does not fit it (PIP-001 to PIP-013).
func NewNode(fn any, inputs, outputs any, opts ...NodeOption) (*Node, error) {
	n := &Node{}
	for _, opt := range opts {
		opt(n)
	}
	if !callable(fn) {
		return nil, invalid("first argument must be a function, not '%s'.", pyType(fn))
	}
	var err error
	if n.in, err = parseForm("inputs", inputs); err != nil {
		return nil, err
	}
	if n.out, err = parseForm("outputs", outputs); err != nil {
		return nil, err
	}
	if n.in.empty() && n.out.empty() {
		return nil, invalid("it must have some 'inputs' or 'outputs'.")
	}
	if n.fn, err = adapt(fn, n); err != nil {
		return nil, err
	}
	if err := n.finish(); err != nil {
		return nil, err
	}
	return n, nil
}

func callable(fn any) bool {
	if f, ok := fn.(Func); ok {
		v := reflect.ValueOf(f)
		return v.Kind() != reflect.Pointer || !v.IsNil()
	}
	v := reflect.ValueOf(fn)
	return v.Kind() == reflect.Func && !v.IsNil()
}

// finish checks what can be checked without the function's signature and
// derives the fields that runs and pipelines need. Copies pass through it again.
func (n *Node) finish() error {
	if n.given != "" && !validName(n.given) {
		return valueError("'%s' is not a valid node name. It must contain only letters, digits, hyphens, underscores and/or fullstops.", n.given)
	}
	if err := n.setTags(n.tags); err != nil {
		return err
	}
	n.bindInputs()
	if repeated := repeats(n.out.names); repeated != nil {
		return valueError("Failed to create node %s due to duplicate output(s) %s.\nNode outputs must be unique.", n, reprSet(repeated))
	}
	var err error
	if n.baseIn, err = baseNames(n.inputs); err != nil {
		return err
	}
	if n.baseOut, err = baseNames(n.out.names); err != nil {
		return err
	}
	var both []string
	for _, name := range n.baseIn {
		if slices.Contains(n.baseOut, name) {
			both = append(both, name)
		}
	}
	if both != nil {
		return valueError("Failed to create node %s.\nA node cannot have the same inputs and outputs even if they are transcoded: %s", n, reprSet(both))
	}
	n.name = n.fullName()
	n.dotted = slices.ContainsFunc(n.inputs, n.isDotted) || slices.ContainsFunc(n.out.names, n.isDotted)
	if generator, ok := n.fn.(generatorFunc); ok {
		n.chunked = generator.Generator()
	}
	if f, ok := n.fn.(*goFunc); ok {
		n.blind = !f.withContext
	}
	return nil
}

// setTags sorts and checks tags, the first wrong one of which is named.
func (n *Node) setTags(tags []string) error {
	for _, tag := range tags {
		if !validName(tag) {
			return valueError("'%s' is not a valid node tag. It must contain only letters, digits, hyphens, underscores and/or fullstops.", tag)
		}
	}
	n.tags = unique(tags)
	return nil
}

// withTags is a copy of the node with more tags.
func (n *Node) withTags(tags []string) (*Node, error) {
	c := *n
	if err := c.setTags(slices.Concat(n.tags, tags)); err != nil {
		return nil, err
	}
	return &c, nil
}

// bindInputs puts the inputs into the order in which the function takes them (PIP-024).
func (n *Node) bindInputs() {
	n.inputs, n.args = n.in.names, nil
	if n.in.kind == formMapping {
		n.args = n.in.keys
		if params := paramsOf(n.fn); params != nil {
			n.args, n.inputs = nil, nil
			for _, param := range params {
				if i := slices.Index(n.in.keys, param); i >= 0 {
					n.args, n.inputs = append(n.args, param), append(n.inputs, n.in.names[i])
				}
			}
		}
	}
	n.distinct = 0
	for i, name := range n.inputs {
		if !slices.Contains(n.inputs[:i], name) {
			n.distinct++
		}
	}
	typed, ok := n.fn.(typedFunc)
	if !ok {
		return
	}
	n.types = make([]reflect.Type, len(n.inputs))
	for i := range n.types {
		arg := ""
		if n.args != nil {
			arg = n.args[i]
		}
		n.types[i] = typed.InputType(i, arg)
	}
}

// fullName is the name with its namespace, made up when none was given (PIP-020, PIP-021).
func (n *Node) fullName() string {
	name := n.given
	if name == "" {
		key := n.fn.Name() + "|" + reprNames(n.inputs) + "|" + reprNames(n.out.names)
		if module := n.fn.Module(); module != "" {
			key = module + "." + key
		}
		sum := sha256.Sum256([]byte(key))
		name = n.fn.Name() + "__" + hex.EncodeToString(sum[:4])
	}
	if n.namespace != "" {
		return n.namespace + "." + name
	}
	return name
}

// isDotted tells whether a dataset name has full stops that are not the node's namespace (PIP-011).
func (n *Node) isDotted(name string) bool {
	i := strings.LastIndexByte(name, '.')
	if i < 0 || strings.HasPrefix(name, "params:") {
		return false
	}
	return n.namespace == "" || !strings.HasPrefix(name[:i], topLevel(n.namespace))
}

// topLevel is the first level of a namespace.
func topLevel(namespace string) string {
	top, _, _ := strings.Cut(namespace, ".")
	return top
}

// validName tells whether a name has only word characters, full stops and hyphens.
func validName(name string) bool {
	for _, r := range name {
		if r != '.' && r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsNumber(r) {
			return false
		}
	}
	return name != ""
}

// repeats lists the names that occur more than once.
func repeats(names []string) []string {
	var out []string
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			out = append(out, name)
		}
	}
	return out
}

// Name is the full name, namespace included (PIP-020, PIP-021).
func (n *Node) Name() string { return n.name }

// ShortName is the given name, else the function's name in words (PIP-022).
func (n *Node) ShortName() string {
	if n.given != "" {
		return n.given
	}
	return title(strings.ReplaceAll(n.fn.Name(), "_", " "))
}

// title is Python's str.title: of letters in a row that have a case, the first
// is upper case and the others are lower case.
func title(text string) string {
	inWord := false
	return strings.Map(func(r rune) rune {
		first := !inWord
		inWord = unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r)
		if first {
			return unicode.ToTitle(r)
		}
		return unicode.ToLower(r)
	}, text)
}

// Namespace is the node's namespace; "" is none.
func (n *Node) Namespace() string { return n.namespace }

// NamespacePrefixes lists a, a.b, a.b.c for a.b.c, and "" alone without a namespace (PIP-027).
func (n *Node) NamespacePrefixes() []string { return prefixes(n.namespace) }

func prefixes(namespace string) []string {
	var out []string
	for i, r := range namespace {
		if r == '.' {
			out = append(out, namespace[:i])
		}
	}
	return append(out, namespace)
}

// Inputs lists the datasets read, in binding order (PIP-024). Do not change it.
func (n *Node) Inputs() []string { return n.inputs }

// Outputs lists the datasets written, as declared. Do not change it.
func (n *Node) Outputs() []string { return n.out.names }

// Tags lists the tags, sorted. Do not change it.
func (n *Node) Tags() []string { return n.tags }

// Confirms lists the datasets to confirm after a run. Do not change it.
func (n *Node) Confirms() []string { return n.confirms }

// Func is what the node runs.
func (n *Node) Func() Func { return n.fn }

// FuncName is the readable name of the function.
func (n *Node) FuncName() string { return n.fn.Name() }

// Generator tells whether the function yields its result in chunks (PIP-037).
func (n *Node) Generator() bool { return n.chunked }

// TakesContext tells whether the function gets the context of the call, which it may keep.
func (n *Node) TakesContext() bool { return !n.blind }

// InputType is the Go type in which the function wants an input; nil is any.
func (n *Node) InputType(dataset string) reflect.Type {
	for i, t := range n.types {
		if t != nil && n.inputs[i] == dataset {
			return t
		}
	}
	return nil
}

// String is Kedro's text form, "name: func([in1;in2]) -> [out]" (PIP-023).
func (n *Node) String() string {
	var b strings.Builder
	if n.given != "" {
		b.WriteString(n.given + ": ")
	}
	side := func(f form, names []string) string {
		if f.empty() {
			return "None"
		}
		return "[" + strings.Join(names, ";") + "]"
	}
	b.WriteString(n.fn.Name() + "(" + side(n.in, n.inputs) + ") -> " + side(n.out, n.out.names))
	return b.String()
}

// GoString is Kedro's debug form, "Node(func, inputs, outputs, name)" (PIP-023).
func (n *Node) GoString() string {
	name := "None"
	if n.named {
		name = pyyaml.Repr(n.given)
	}
	return "Node(" + n.fn.Name() + ", " + n.in.repr() + ", " + n.out.repr() + ", " + name + ")"
}

// key is equal for nodes that Kedro takes for the same (PIP-025).
func (n *Node) key() string {
	return n.name + "\x00" + n.in.key() + "\x00" + n.out.key()
}
