package pipeline

import (
	"slices"
	"strings"
)

// interruptions finds namespaces that a chain of nodes leaves and enters again
// (PIP-048), by Kedro's rules: going along the order of execution, each node
// knows the namespaces that were left on some way to it. They are kept as bit
// sets that nodes share as long as nothing is added, so the cost is linear in
// nodes and edges as long as few namespaces are open at once.
func (p *Pipeline) interruptions() []string {
	s := newScopes(p)
	if s == nil {
		return nil
	}
	var found []string
	for _, v := range p.sequence {
		var left bits
		for _, u := range s.parents[v] {
			if prefix, ok := s.entered(u, v); ok {
				found = append(found, s.report(prefix, u, v))
			}
			left = left.union(s.left[u])
			if s.leaves(u, v) {
				for _, prefix := range s.prefixes[u] {
					if !strings.HasPrefix(s.namespace[v], s.texts[prefix]) {
						left = left.with(prefix)
					}
				}
			}
		}
		s.left[v] = left
	}
	return found
}

// scopes is the state of the search. Prefixes of namespaces are numbered.
type scopes struct {
	nodes     []*Node
	parents   [][]int32
	namespace []string // of each node
	prefixes  [][]int  // of each node's namespace, outermost first
	texts     []string // of each prefix
	left      []bits   // of each node: prefixes left on some way to it
}

// newScopes gives nil when no node has a namespace.
func newScopes(p *Pipeline) *scopes {
	if !slices.ContainsFunc(p.nodes, func(n *Node) bool { return n.namespace != "" }) {
		return nil
	}
	s := &scopes{
		nodes: p.nodes, parents: p.allParents(), namespace: make([]string, len(p.nodes)), prefixes: make([][]int, len(p.nodes)), left: make([]bits, len(p.nodes)),
	}
	numbers := map[string]int{}
	known := map[string][]int{}
	for i, n := range p.nodes {
		s.namespace[i] = n.namespace
		if n.namespace == "" {
			continue
		}
		own, ok := known[n.namespace]
		if !ok {
			for _, prefix := range prefixes(n.namespace) {
				number, ok := numbers[prefix]
				if !ok {
					number = len(s.texts)
					numbers[prefix] = number
					s.texts = append(s.texts, prefix)
				}
				own = append(own, number)
			}
			known[n.namespace] = own
		}
		s.prefixes[i] = own
	}
	return s
}

// entered gives the outermost namespace of v that was left before u, unless u
// stands in it, where the return was reported already.
func (s *scopes) entered(u, v int32) (prefix int, ok bool) {
	for _, prefix := range s.prefixes[v] {
		if s.left[u].has(prefix) {
			return prefix, !strings.HasPrefix(s.namespace[u]+".", s.texts[prefix]+".")
		}
	}
	return 0, false
}

// leaves tells whether the way from u to v goes out of u's namespace.
func (s *scopes) leaves(u, v int32) bool {
	last, current := s.namespace[u], s.namespace[v]
	return last != "" && current != last && !strings.HasPrefix(current, last+".")
}

// report names the nodes between leaving a namespace and entering it at v, from u.
func (s *scopes) report(prefix int, u, v int32) string {
	start := s.nearest(u, func(i int32) bool {
		return slices.ContainsFunc(s.parents[i], func(q int32) bool {
			return s.leaves(q, i) && slices.Contains(s.prefixes[q], prefix) && !strings.HasPrefix(s.namespace[i], s.texts[prefix])
		})
	})
	var names []string
	if len(start) > 0 {
		way := s.nearest(v, func(i int32) bool { return i == start[0] })
		for _, i := range way[:len(way)-1] {
			names = append(names, s.nodes[i].name)
		}
	}
	return "Namespace '" + s.texts[prefix] + "' is interrupted by nodes " + reprNames(names) + " and thus invalid."
}

// nearest goes upstream from a node to the nearest one that is wanted, and gives
// the way back down, both ends included.
func (s *scopes) nearest(from int32, wanted func(int32) bool) []int32 {
	below := map[int32]int32{from: -1}
	for queue := []int32{from}; len(queue) > 0; queue = queue[1:] {
		i := queue[0]
		if wanted(i) {
			way := []int32{i}
			for next := below[i]; next >= 0; next = below[next] {
				way = append(way, next)
			}
			return way
		}
		for _, parent := range s.parents[i] {
			if _, seen := below[parent]; !seen {
				below[parent] = i
				queue = append(queue, parent)
			}
		}
	}
	return nil
}

// bits is a set of small numbers. It is never changed, so that it can be shared.
type bits []uint64

func (b bits) has(i int) bool { return i/64 < len(b) && b[i/64]>>(i%64)&1 == 1 }

// with is the set with i added.
func (b bits) with(i int) bits {
	if b.has(i) {
		return b
	}
	c := make(bits, max(len(b), i/64+1))
	copy(c, b)
	c[i/64] |= 1 << (i % 64)
	return c
}

// union is the set of what either has, and one of the two when it has all.
func (b bits) union(other bits) bits {
	if len(b) < len(other) {
		b, other = other, b
	}
	for w := range other {
		if other[w]&^b[w] != 0 {
			c := slices.Clone(b)
			for w := range other {
				c[w] |= other[w]
			}
			return c
		}
	}
	return b
}
