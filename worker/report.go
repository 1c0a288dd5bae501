package worker

import (
	"fmt"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/session"
)

// maxLogLines is how many log lines of one run become events; a line then says that the rest is left out.
const maxLogLines = 1000

// observe turns what a session tells into events of the run, in the order in which it is told. It may be called by
// several goroutines at once and does not block: the ledger gathers events and stores them together.
func (w *Worker) observe(r *run, e session.Event) {
	if r.ended.Load() {
		return // an abandoned node goes on; its run has ended
	}
	switch e.Kind {
	case session.EventRunStarted:
		r.advance(0, len(e.Nodes), "")
	case session.EventNodeStarted:
		r.clocks.start(e.Node)
		r.advance(0, e.Total, e.Node)
	case session.EventNodeFinished:
		r.clocks.stop(e.Node)
		r.advance(e.Index, e.Total, e.Node)
	case session.EventNodeFailed:
		r.clocks.stop(e.Node)
	case session.EventLog:
		w.log(r, e)
		return
	}
	if event, ok := convertEvent(e); ok {
		w.tell(r, event)
	}
}

// log publishes a log line below the cap, and once that there are more.
func (w *Worker) log(r *run, e session.Event) {
	r.logs.mu.Lock()
	defer r.logs.mu.Unlock()
	r.logs.lines++
	if r.logs.lines > maxLogLines+1 {
		return
	}
	event, _ := convertEvent(e)
	if r.logs.lines > maxLogLines {
		event.Message = fmt.Sprintf("more than %d log lines: the rest is left out", maxLogLines)
	}
	w.tell(r, event)
}

// tell publishes an event of the run without waiting for it; Finish does.
func (w *Worker) tell(r *run, event messages.Event) {
	if err := r.claim.Publish(r.ctx, event); err != nil {
		zerolog.Ctx(r.ctx).Debug().Err(err).Str("event", string(event.Kind)).Msg("event not published")
	}
}
