package session

import (
	"maps"
	"slices"

	"github.com/kedge-run/kedge/internal/oracle"
	"github.com/kedge-run/kedge/pipeline"
)

// Values of Python are references: what one node, hook or recorder changes, all others
// that hold the value see. The functions of this file do the same to what was recorded.

const mark = "mutated"

// forgetChanges takes what a node appended to a hook's returned value out of the question.
func (r *recording) forgetChanges() {
	if !slices.ContainsFunc(r.question.Nodes, mutates) {
		return
	}
	for i := range r.question.HookActions {
		a := &r.question.HookActions[i]
		if a.Return == nil {
			continue
		}
		a.value = oracle.Plain(a.Return.Any)
		replaced, _ := a.value.(map[string]any)
		for name, value := range replaced {
			switch value := value.(type) {
			case map[string]any:
				if value[mark] == true {
					r.vector.Normalise(oracle.RepeatedReturn)
					delete(value, mark)
				}
			case []any:
				if n := slices.Index(value, any(mark)); n >= 0 {
					r.vector.Normalise(oracle.RepeatedReturn)
					replaced[name] = value[:n]
				}
			}
		}
	}
}

// returned is the value of a hook's return: one and the same for all its calls.
func (p *plugin) returned(a *action) any {
	if a.value == nil {
		a.value = oracle.Plain(a.Return.Any)
	}
	return a.value
}

func mutates(n oracle.Node) bool { return n.Does != nil && n.Does.Kind == "mutate" }

// grown is the inputs of a node after it ran, with the lists longer that it grew.
func (p *plugin) grown(n *pipeline.Node, inputs map[string]any) map[string]any {
	f, ok := n.Func().(*vectorFunc)
	if !ok || !mutates(f.spec) {
		return inputs
	}
	inputs = maps.Clone(inputs)
	for name, value := range inputs {
		if list, ok := value.([]any); ok {
			p.mu.Lock()
			p.vector.Normalise(oracle.GrownList)
			p.mu.Unlock()
			inputs[name] = append(slices.Clone(list), mark)
		}
	}
	return inputs
}

// dropPins takes the pins of datasets that a hook replaces out of what was recorded.
func (p *plugin) dropPins(a *action) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acted = append(p.acted, a)
	for _, t := range p.trace {
		if pins, ok := t.entry["load_versions"].(map[string]string); ok {
			t.entry["load_versions"] = p.without(pins, a)
		}
	}
}

// pinned is the pins of a run without those of datasets that a hook replaced.
func (p *plugin) pinned(pins map[string]string) map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.acted {
		pins = p.without(pins, a)
	}
	return pins
}

func (p *plugin) without(pins map[string]string, a *action) map[string]string {
	left := maps.Clone(pins)
	for name := range a.Set {
		if _, ok := left[name]; ok {
			p.vector.Normalise(oracle.RecordedVersion)
			delete(left, name)
		}
	}
	return left
}
