package oracle

// Node is the vectors' form of a node (README, "Nodes").
type Node struct {
	Name      *string  `json:"name"`
	Func      Value    `json:"func"`    // text, or map {"$literal": x}: not a function but the value x
	Inputs    Value    `json:"inputs"`  // nil, string, []any or Dict; in family construct anything
	Outputs   Value    `json:"outputs"` // likewise
	Tags      Value    `json:"tags"`    // nil, string or []any
	Namespace *string  `json:"namespace"`
	Confirms  Value    `json:"confirms"` // nil, string or []any
	Params    []string `json:"params"`   // the function's parameters; nil: it takes any arguments
	Does      *Does    `json:"does"`     // family run: what the function does; nil: hash
}

// Does is the body of a node function in family run (README, "Node functions").
type Does struct {
	Kind    string `json:"kind"` // hash, identity, const, none, fail, mutate or chunks
	Value   Value  `json:"value"`
	Type    string `json:"type"`
	Message string `json:"message"`
	Count   int    `json:"count"`
}

// Texts lists a text or an array of texts, as tags and confirms are given. Nil gives nil.
func (v Value) Texts() []string {
	switch value := v.Any.(type) {
	case string:
		return []string{value}
	case []any:
		out := make([]string, 0, len(value))
		for _, item := range value {
			text, _ := item.(string)
			out = append(out, text)
		}
		return out
	}
	return nil
}
