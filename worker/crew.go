package worker

import "github.com/nats-io/nats.go/jetstream"

// crew is the goroutines that work on requests. They stay, because a run needs a deep stack, and growing it anew for
// every run costs more than the rest of a short one.
type crew struct {
	work func(jetstream.Msg)
	jobs chan jetstream.Msg // unbuffered: who receives is idle
	gone chan struct{}      // closed when nobody is needed any more
}

func newCrew(work func(jetstream.Msg)) *crew {
	return &crew{work: work, jobs: make(chan jetstream.Msg), gone: make(chan struct{})}
}

// hand gives a request to an idle goroutine, or to a new one. Their number is bounded by the slots and the replies that are
// being stored.
func (c *crew) hand(msg jetstream.Msg) {
	select {
	case c.jobs <- msg:
	default:
		go c.member(msg)
	}
}

func (c *crew) member(msg jetstream.Msg) {
	for {
		c.work(msg)
		select {
		case msg = <-c.jobs:
		case <-c.gone:
			return
		}
	}
}

// dismiss lets idle goroutines end; the others end after their work.
func (c *crew) dismiss() { close(c.gone) }
