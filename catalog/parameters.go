package catalog

import (
	"iter"
	"strings"
)

// Parameter is one parameter as a dataset: "parameters" or "params:...".
type Parameter struct {
	Name  string
	Value any
}

// Parameters is an immutable list of parameters that many catalogs may share: a value is copied when it is loaded.
type Parameters struct {
	list  []Parameter
	index map[string]int
}

// NewParameters returns parameters in the given order; of two with one name the later value counts. The values must
// not be changed afterwards.
func NewParameters(list []Parameter) *Parameters {
	p := &Parameters{index: make(map[string]int, len(list))}
	for _, param := range list {
		if i, ok := p.index[param.Name]; ok {
			p.list[i].Value = param.Value
			continue
		}
		p.index[param.Name] = len(p.list)
		p.list = append(p.list, param)
	}
	return p
}

func (p *Parameters) len() int {
	if p == nil {
		return 0
	}
	return len(p.list)
}

func (p *Parameters) has(name string) bool {
	_, ok := p.get(name)
	return ok
}

func (p *Parameters) get(name string) (any, bool) {
	if p == nil || !IsParameter(name) {
		return nil, false
	}
	i, ok := p.index[name]
	if !ok {
		return nil, false
	}
	return p.list[i].Value, true
}

// FlattenParameters lists root as the dataset "parameters" and each of its levels as "params:a.b" (CAT-090, CAT-091).
// fields returns the fields of a value that has any, in order; false for a leaf. Lists are leaves.
func FlattenParameters(root any, fields func(value any) (iter.Seq2[string, any], bool)) []Parameter {
	list := []Parameter{{Name: "parameters", Value: root}}
	var add func(prefix string, value any)
	add = func(prefix string, value any) {
		inner, ok := fields(value)
		if !ok {
			return
		}
		for name, item := range inner {
			list = append(list, Parameter{Name: "params:" + prefix + name, Value: item})
			add(prefix+name+".", item)
		}
	}
	add("", root)
	return list
}

// IsParameter tells whether a dataset name is that of a parameter (CAT-092).
func IsParameter(name string) bool {
	return name == "parameters" || strings.HasPrefix(name, "params:")
}
