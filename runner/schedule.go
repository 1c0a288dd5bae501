package runner

import (
	"reflect"
	"slices"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/pipeline"
)

// Schedule is the prepared form of a pipeline: everything about its execution that
// doesn't change from run to run. It is immutable and safe for concurrent use.
type Schedule struct {
	pipeline *pipeline.Pipeline
	steps    []step // in execution order
	slots    []slot
	names    []string        // of the slots
	layout   *catalog.Layout // of the slots
	levels   int
	widest   int // inputs and outputs of the step that has most
	// freeInputs and freeOutputs are indexes into slots.
	freeInputs, freeOutputs []int
}

// step is a node with everything resolved to indexes.
type step struct {
	node      *pipeline.Node
	name      string
	inputs    []int // into Schedule.slots, one per input of the node
	outputs   []int
	types     []reflect.Type // wanted types of the inputs; nil means any
	confirms  []string
	parents   int
	children  []int // into Schedule.steps
	generator bool
	repeated  bool // an input is listed more than once
	context   bool // the function gets the context
}

// slot is a dataset of the pipeline under its exact, transcoded name (RUN-041).
type slot struct {
	name   string
	reads  int  // inputs that read it
	input  bool // free input of the pipeline
	output bool // free output of the pipeline
	writer int  // step that writes it under this name, or -1
	source int  // step that writes it under any transcoded name, or -1
}

// NewSchedule prepares a pipeline. A session prepares each pipeline once.
func NewSchedule(p *pipeline.Pipeline) *Schedule {
	nodes := p.Nodes()
	s := &Schedule{pipeline: p, steps: make([]step, len(nodes)), levels: len(p.GroupedNodes())}
	index := make(map[string]int)
	position := make(map[*pipeline.Node]int, len(nodes))
	for i, n := range nodes {
		position[n] = i
		s.steps[i] = s.newStep(n, index)
		s.widest = max(s.widest, len(s.steps[i].inputs)+len(s.steps[i].outputs))
		for _, d := range s.steps[i].inputs {
			s.slots[d].reads++
		}
		for _, d := range s.steps[i].outputs {
			s.slots[d].writer = i
		}
	}
	s.findSources()
	for child, parents := range p.NodeDependencies() {
		at := position[child]
		s.steps[at].parents = len(parents)
		for _, parent := range parents {
			up := &s.steps[position[parent]]
			up.children = append(up.children, at)
		}
	}
	// A range over a map has no order; children are submitted in execution order.
	for i := range s.steps {
		slices.Sort(s.steps[i].children)
	}
	for _, name := range p.Inputs() {
		s.slots[index[name]].input = true
		s.freeInputs = append(s.freeInputs, index[name])
	}
	for _, name := range p.Outputs() {
		s.slots[index[name]].output = true
		s.freeOutputs = append(s.freeOutputs, index[name])
	}
	s.layout = catalog.NewLayout(s.names)
	return s
}

// Pipeline is the pipeline that was prepared.
func (s *Schedule) Pipeline() *pipeline.Pipeline { return s.pipeline }

// findSources connects the transcoded names of one dataset.
func (s *Schedule) findSources() {
	writers := make(map[string]int)
	for i := range s.slots {
		if s.slots[i].writer >= 0 {
			writers[baseName(s.slots[i].name)] = s.slots[i].writer
		}
	}
	for i := range s.slots {
		s.slots[i].source = -1
		if writer, ok := writers[baseName(s.slots[i].name)]; ok {
			s.slots[i].source = writer
		}
	}
}

func baseName(dataset string) string {
	base, _, err := pipeline.SplitTranscoding(dataset)
	if err != nil {
		return dataset // the pipeline has refused such names
	}
	return base
}

func (s *Schedule) newStep(n *pipeline.Node, index map[string]int) step {
	st := step{node: n, name: n.Name(), confirms: n.Confirms(), generator: n.Generator(), context: n.TakesContext()}
	for _, name := range n.Inputs() {
		slot := s.slotOf(name, index)
		st.repeated = st.repeated || slices.Contains(st.inputs, slot)
		st.inputs = append(st.inputs, slot)
		st.types = append(st.types, n.InputType(name))
	}
	for _, name := range n.Outputs() {
		st.outputs = append(st.outputs, s.slotOf(name, index))
	}
	return st
}

func (s *Schedule) slotOf(name string, index map[string]int) int {
	i, ok := index[name]
	if !ok {
		i = len(s.slots)
		index[name] = i
		s.slots = append(s.slots, slot{name: name, writer: -1})
		s.names = append(s.names, name)
	}
	return i
}
