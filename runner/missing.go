package runner

import (
	"context"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/pipeline"
)

// MissingOutputs splits the nodes of a schedule into those that have to run because
// an output isn't stored or somebody needs it, and the sorted names of the others
// (RUN-070 to RUN-074).
func MissingOutputs(ctx context.Context, s *Schedule, c *catalog.DataCatalog) (run []*pipeline.Node, skipped []string, err error) {
	m := missing{ctx: ctx, schedule: s, catalog: c, log: zerolog.Ctx(ctx), chosen: make([]bool, len(s.steps))}
	for i := len(s.steps) - 1; i >= 0; i-- {
		if m.chosen[i], err = m.mustRun(i); err != nil {
			return nil, nil, err
		}
	}
	for i := range s.steps {
		if m.chosen[i] {
			run = append(run, s.steps[i].node)
		} else {
			skipped = append(skipped, s.steps[i].name)
		}
	}
	slices.Sort(skipped)
	return run, skipped, nil
}

// filterMissing applies MissingOutputs and writes Kedro's lines about it (RUN-075).
func filterMissing(ctx context.Context, s *Schedule, c *catalog.DataCatalog, logger string) (*Schedule, error) {
	run, skipped, err := MissingOutputs(ctx, s, c)
	if err != nil {
		return nil, err
	}
	log := zerolog.Ctx(ctx).With().Str(loggerField, logger).Logger()
	if len(run) == 0 {
		log.Info().Msgf("Skipping all %d nodes (all persistent outputs exist)", len(s.steps))
		empty, err := pipeline.New()
		if err != nil {
			return nil, err
		}
		return NewSchedule(empty), nil
	}
	if len(skipped) > 0 {
		log.Info().Msgf("Skipping %d nodes with existing outputs: %s", len(skipped), strings.Join(skipped, ", "))
	}
	log.Info().Msgf("Running %d out of %d nodes", len(run), len(s.steps))
	if len(skipped) == 0 {
		return s, nil
	}
	parts := make([]pipeline.Part, len(run))
	for i, n := range run {
		parts[i] = n
	}
	p, err := pipeline.New(parts...)
	if err != nil {
		return nil, err
	}
	return NewSchedule(p), nil
}

// missing is one pass over a schedule, from the last step to the first.
type missing struct {
	ctx      context.Context //nolint:containedctx // lives for one call
	schedule *Schedule
	catalog  *catalog.DataCatalog
	log      *zerolog.Logger
	chosen   []bool // by step
}

func (m *missing) mustRun(i int) (bool, error) {
	st := &m.schedule.steps[i]
	if len(st.outputs) == 0 {
		m.log.Debug().Msgf("Node '%s' must run: has no outputs", st.name)
		return true, nil
	}
	for _, d := range st.outputs {
		name := m.schedule.slots[d].name
		state, err := m.state(name)
		if err != nil {
			return false, err
		}
		if state == absent {
			m.log.Debug().Msgf("Node '%s' must run: has missing output '%s'", st.name, name)
			return true, nil
		}
	}
	return m.needed(i)
}

// needed reports whether a step that runs reads an output of step i that isn't stored.
func (m *missing) needed(i int) (bool, error) {
	st := &m.schedule.steps[i]
	for _, d := range st.outputs {
		reader := m.reader(d)
		if reader < 0 {
			continue
		}
		name := m.schedule.slots[d].name
		state, err := m.state(name)
		if err != nil {
			return false, err
		}
		if state != stored {
			m.log.Debug().Msgf("Node '%s' must run: produces '%s' needed by running child '%s'",
				st.name, name, m.schedule.steps[reader].name)
			return true, nil
		}
	}
	return false, nil
}

// reader is a chosen step that reads the slot under exactly this name, or -1.
func (m *missing) reader(d int) int {
	for i := range m.schedule.steps {
		if m.chosen[i] && slices.Contains(m.schedule.steps[i].inputs, d) {
			return i
		}
	}
	return -1
}

// presence is where the data of a dataset is.
type presence int

const (
	stored presence = iota
	absent
	ephemeral // in memory only, or unknown to the catalog
)

func (m *missing) state(name string) (presence, error) {
	if !m.catalog.Has(name) {
		return ephemeral, nil
	}
	ds, err := m.catalog.Get(m.ctx, name, catalog.GetOptions{})
	if err != nil {
		return 0, err
	}
	if catalog.Ephemeral(ds) {
		return ephemeral, nil
	}
	ok, err := m.catalog.Exists(m.ctx, name)
	if err != nil {
		return 0, err
	}
	if ok {
		return stored, nil
	}
	return absent, nil
}
