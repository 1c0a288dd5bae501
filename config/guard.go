package config

import (
	"github.com/kedge-run/kedge/internal/pyyaml"
)

// guard refuses a catalog in which a runtime parameter chose the type of a dataset
// (CFG-060..063). Kedro looks for the words runtime_params: in the text of "type"; this
// looks at what was really used, so a reference to another key, an entry inside a list
// and a whole mapping taken from runtime parameters are caught as well.
func (l *Loader) guard(r *resolution, tree *node, out *outcome) error {
	if tree == nil || l.hits == 0 {
		return nil
	}
	for _, i := range out.dynamic {
		if chosen, found, err := l.chosenType(r, tree.items[i]); err != nil {
			return tree.place(tree.keys[i], err)
		} else if found {
			return failf("InterpolationResolutionError", "Dataset '%s' resolves a 'type' field via the 'runtime_params:' resolver to '%s', which is not permitted. "+
				"Runtime parameters must not select which dataset class is instantiated, at any nesting depth.", pyyaml.Str(tree.keys[i]), pyyaml.Str(chosen))
		}
	}
	return nil
}

// chosenType finds a type below n that a runtime parameter chose.
func (l *Loader) chosenType(r *resolution, n *node) (any, bool, error) {
	if n.template != nil {
		fresh := newResolution(r.resolvers, false)
		before := l.hits
		value, err := fresh.plain(n)
		if err != nil || l.hits == before {
			return nil, false, err
		}
		if n.key == "type" && n.parent.kind == dictNode {
			return value, true, nil
		}
		chosen, found := typeWithin(value)
		return chosen, found, nil
	}
	for _, item := range n.items {
		if chosen, found, err := l.chosenType(r, item); found || err != nil {
			return chosen, found, err
		}
	}
	return nil, false, nil
}

// typeWithin finds a key "type" in a value.
func typeWithin(value any) (any, bool) {
	switch value := value.(type) {
	case *pyyaml.Map:
		if chosen, ok := value.Get("type"); ok {
			return chosen, true
		}
		for _, item := range value.All() {
			if chosen, ok := typeWithin(item); ok {
				return chosen, true
			}
		}
	case []any:
		for _, item := range value {
			if chosen, ok := typeWithin(item); ok {
				return chosen, true
			}
		}
	}
	return nil, false
}
