package pyyaml

// The syntax is that of libyaml 0.2.5, which OmegaConf reads through PyYAML: what it
// takes, what it refuses, and where it says the mistake is. scan*.go cut the text into
// tokens and compose.go makes the tree of them, both rule by rule as its scanner.c and
// parser.c do (MIT licence, Copyright (c) 2017-2020 Ingy döt Net, (c) 2006-2016 Kirill Simonov).

// tokenKind names the tokens of YAML.
type tokenKind int

const (
	tokStreamEnd tokenKind = iota
	tokVersion
	tokTagDirective
	tokDocumentStart
	tokDocumentEnd
	tokBlockSequence
	tokBlockMapping
	tokBlockEnd
	tokFlowSequence
	tokFlowSequenceEnd
	tokFlowMapping
	tokFlowMappingEnd
	tokBlockEntry
	tokFlowEntry
	tokKey
	tokValue
	tokAlias
	tokAnchor
	tokTag
	tokScalar
)

// token is a piece of the text.
type token struct {
	kind       tokenKind
	start, end mark
	text       string // of a scalar, an anchor or alias; the suffix of a tag, the prefix of a tag directive
	handle     string // of a tag or a tag directive
	plain      bool   // a scalar without quotes or block indicator
	version    [2]int // of %YAML
}

// nodeKind names the kinds of nodes.
type nodeKind int

const (
	scalarNode nodeKind = iota
	sequenceNode
	mappingNode
)

// String is the name in PyYAML's messages.
func (k nodeKind) String() string { return [...]string{"scalar", "sequence", "mapping"}[k] }

// node is a node of the tree. An alias is the node that it names.
type node struct {
	kind    nodeKind
	tag     string // without the common prefix
	foreign bool   // a tag that isn't YAML's, in full
	text    string // of a scalar
	items   []*node
	pairs   []entry
	start   mark

	anchored bool
	value    any // once it is constructed
	made     bool
}

// entry is a key and its value in a mapping.
type entry struct{ key, value *node }
