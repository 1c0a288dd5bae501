package pipeline

import (
	"slices"
	"strings"
)

// graph is a pipeline's nodes and datasets as numbers. A node's number is its
// place in the order of construction; a dataset's number belongs to its name
// without transcoding, and slices of a pipeline keep the numbers of the whole.
type graph struct {
	nodes    []*Node
	byName   []int32          // nodes sorted by full name: Kedro's order within a level, names being unique (PIP-052)
	datasets map[string]int32 // base name to number, shared with slices
	in, out  [][]int32        // datasets of each node, as often as it names them
	producer []int32          // node that writes a dataset; -1 is none
	reads    [][]int32        // nodes that read a dataset, as often as they name it
}

// intern numbers the datasets of the nodes.
func (g *graph) intern() {
	total := 0
	for _, n := range g.nodes {
		total += len(n.baseIn) + len(n.baseOut)
	}
	g.datasets = make(map[string]int32, total/2)
	flat := make([]int32, 0, total)
	number := func(names []string) []int32 {
		from := len(flat)
		for _, name := range names {
			id, ok := g.datasets[name]
			if !ok {
				id = int32(len(g.datasets))
				g.datasets[name] = id
			}
			flat = append(flat, id)
		}
		return flat[from:len(flat):len(flat)]
	}
	g.in, g.out = make([][]int32, len(g.nodes)), make([][]int32, len(g.nodes))
	for i, n := range g.nodes {
		g.in[i], g.out[i] = number(n.baseIn), number(n.baseOut)
	}
}

// link fills producer and reads.
func (g *graph) link() {
	g.producer = make([]int32, len(g.datasets))
	for d := range g.producer {
		g.producer[d] = -1
	}
	counts, total := make([]int32, len(g.datasets)), 0
	for i := range g.nodes {
		for _, d := range g.out[i] {
			g.producer[d] = int32(i)
		}
		for _, d := range g.in[i] {
			counts[d]++
		}
		total += len(g.in[i])
	}
	flat := make([]int32, total)
	g.reads = make([][]int32, len(g.datasets))
	at := int32(0)
	for d, n := range counts {
		g.reads[d] = flat[at : at : at+n]
		at += n
	}
	for i := range g.nodes {
		for _, d := range g.in[i] {
			g.reads[d] = append(g.reads[d], int32(i))
		}
	}
}

// sortNames fills byName and tells whether all names differ.
func (g *graph) sortNames() (differ bool) {
	type named struct {
		name string
		i    int32
	}
	all := make([]named, len(g.nodes))
	for i, n := range g.nodes {
		all[i] = named{n.name, int32(i)}
	}
	slices.SortFunc(all, func(a, b named) int { return strings.Compare(a.name, b.name) })
	g.byName = make([]int32, len(all))
	differ = true
	for k, each := range all {
		g.byName[k] = each.i
		differ = differ && (k == 0 || all[k-1].name != each.name)
	}
	return differ
}

// levels gives the longest distance of each node from a source, and how many
// nodes could be placed: fewer than all when there is a cycle.
func (g *graph) levels() (level []int32, placed int) {
	level = make([]int32, len(g.nodes))
	waits := make([]int32, len(g.nodes))
	ready := make([]int32, 0, len(g.nodes))
	for i := range g.nodes {
		for _, d := range g.in[i] {
			if g.producer[d] >= 0 {
				waits[i]++
			}
		}
		if waits[i] == 0 {
			ready = append(ready, int32(i))
		}
	}
	for placed < len(ready) {
		i := ready[placed]
		placed++
		for _, d := range g.out[i] {
			for _, child := range g.reads[d] {
				level[child] = max(level[child], level[i]+1)
				if waits[child]--; waits[child] == 0 {
					ready = append(ready, child)
				}
			}
		}
	}
	return level, placed
}

// ordered lists the nodes by level, by name within a level, which is the order
// of execution, and where each level ends.
func (g *graph) ordered(level []int32) (order []int32, ends []int) {
	for _, l := range level {
		for int(l) >= len(ends) {
			ends = append(ends, 0)
		}
		ends[l]++
	}
	at := make([]int, len(ends)) // where the next node of a level goes
	for l := 1; l < len(ends); l++ {
		at[l] = at[l-1] + ends[l-1]
	}
	order = make([]int32, len(g.nodes))
	for _, i := range g.byName {
		order[at[level[i]]] = i
		at[level[i]]++
	}
	return order, at
}

// allParents lists for each node the different nodes whose outputs it reads.
func (g *graph) allParents() [][]int32 {
	total := 0
	for _, in := range g.in {
		total += len(in)
	}
	flat := make([]int32, 0, total)
	all := make([][]int32, len(g.nodes))
	for i, in := range g.in {
		from := len(flat)
		for _, d := range in {
			if p := g.producer[d]; p >= 0 && !slices.Contains(flat[from:], p) {
				flat = append(flat, p)
			}
		}
		all[i] = flat[from:len(flat):len(flat)]
	}
	return all
}

// slice is the graph of some of the nodes, in the order given, without repeats.
func (g *graph) slice(keep []int32) graph {
	s := graph{
		nodes: make([]*Node, len(keep)), datasets: g.datasets,
		in: make([][]int32, len(keep)), out: make([][]int32, len(keep)), byName: make([]int32, 0, len(keep)),
	}
	place := make([]int32, len(g.nodes))
	for k, i := range keep {
		s.nodes[k], s.in[k], s.out[k] = g.nodes[i], g.in[i], g.out[i]
		place[i] = int32(k) + 1
	}
	for _, i := range g.byName {
		if place[i] > 0 {
			s.byName = append(s.byName, place[i]-1)
		}
	}
	s.link()
	return s
}

// cycle finds the cycle that Kedro reports: Python's graphlib follows, from the
// first node on, the readers of its outputs, in order of construction.
func (g *graph) cycle() []*Node {
	children := make([][]int32, len(g.nodes))
	var start []int32 // graphlib meets a node or its parents first
	for i, parents := range g.allParents() {
		start = append(append(start, int32(i)), parents...)
		for _, p := range parents {
			children[p] = append(children[p], int32(i))
		}
	}
	place := map[int32]int{} // of the nodes on the stack
	seen := make([]bool, len(g.nodes))
	next := make([]int, len(g.nodes))
	for _, node := range start {
		if seen[node] {
			continue
		}
		stack := []int32{node}
		seen[node], place[node] = true, 0
		for len(stack) > 0 {
			top := stack[len(stack)-1]
			if next[top] == len(children[top]) {
				delete(place, top)
				stack = stack[:len(stack)-1]
				continue
			}
			child := children[top][next[top]]
			next[top]++
			if from, on := place[child]; on {
				return g.pick(stack[from:])
			}
			if !seen[child] {
				seen[child], place[child] = true, len(stack)
				stack = append(stack, child)
			}
		}
	}
	return nil
}

func (g *graph) pick(indexes []int32) []*Node {
	nodes := make([]*Node, len(indexes))
	for k, i := range indexes {
		nodes[k] = g.nodes[i]
	}
	return nodes
}
