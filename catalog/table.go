package catalog

import (
	"maps"
	"slices"
)

// Layout is a list of dataset names, such as those of a pipeline, prepared once for the catalogs of many runs. It is
// immutable.
type Layout struct {
	names  []string
	places map[string]int
}

// NewLayout prepares names, all different, which must not be changed afterwards.
func NewLayout(names []string) *Layout {
	l := &Layout{names: names, places: make(map[string]int, len(names))}
	for i, name := range names {
		l.places[name] = i
	}
	return l
}

// table holds datasets by name: those of a layout by place, which spares a run a map of its own, and the others in a map.
type table struct {
	layout *Layout // nil before adopt
	laid   []Dataset
	others map[string]Dataset
}

func (t *table) get(name string) (Dataset, bool) {
	if t.layout != nil {
		if i, ok := t.layout.places[name]; ok {
			return t.laid[i], t.laid[i] != nil
		}
	}
	ds, ok := t.others[name]
	return ds, ok
}

func (t *table) put(name string, ds Dataset) {
	if t.layout != nil {
		if i, ok := t.layout.places[name]; ok {
			t.laid[i] = ds
			return
		}
	}
	if t.others == nil {
		t.others = map[string]Dataset{}
	}
	t.others[name] = ds
}

// remove leaves the datasets by place, as somebody may have them, and goes on with a copy.
func (t *table) remove(name string) {
	delete(t.others, name)
	if t.layout != nil {
		if i, ok := t.layout.places[name]; ok {
			t.laid = slices.Clone(t.laid)
			t.laid[i] = nil
		}
	}
}

// adopt makes a table that has no layout yet hold the datasets of l by place.
func (t *table) adopt(l *Layout) {
	if t.layout != nil {
		return
	}
	others := t.others
	t.layout, t.laid, t.others = l, make([]Dataset, len(l.names)), nil
	for name, ds := range maps.All(others) {
		t.put(name, ds)
	}
}

// vacant tells whether the table holds l by place, and nothing at place i.
func (t *table) vacant(l *Layout, i int) bool { return t.layout == l && t.laid[i] == nil }

// all gives the datasets of a layout, all of which the table has; they must not be changed.
func (t *table) all(l *Layout) []Dataset {
	if t.layout == l {
		return t.laid
	}
	datasets := make([]Dataset, len(l.names))
	for i, name := range l.names {
		datasets[i], _ = t.get(name)
	}
	return datasets
}
