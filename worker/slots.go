package worker

import (
	"context"
	"slices"
	"sync"
)

// slots counts the places for runs. A place is taken before a request is fetched, so that no request waits in a
// worker that has no room for it.
type slots struct {
	freed chan struct{} // gets a token whenever a place came free

	mu        sync.Mutex // guards the fields below
	total     int
	taken     int
	storing   int           // taken by runs of which nothing is left to do but to store their replies
	abandoned int           // taken by runs that have ended but whose nodes have not returned
	idle      chan struct{} // closed when no place holds a run that has not ended; nil while nobody waits
	alone     chan struct{} // closed when its one waiter has the only place taken; nil while no place is kept for that
	empty     bool          // alone is closed, and its waiter has the only place
	paused    struct{ queue, worker bool }
	wanted    []chan struct{} // closed when its one waiter has a place; they come before new requests
}

func newSlots(total int) *slots {
	return &slots{total: total, freed: make(chan struct{}, 1)}
}

// take takes free places, at most most, and returns how many.
func (s *slots) take(most int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(most, s.free())
	s.taken += n
	return n
}

// free is how many places may be taken. The lock is held.
func (s *slots) free() int {
	if s.alone != nil || s.paused.queue || s.paused.worker {
		return 0
	}
	return max(0, s.total-s.taken+min(s.storing, s.spare()))
}

// leastSpare is how many places are given again at most, or as many as there are, whichever is more. It bounds what replies
// occupy while a server does not answer.
const leastSpare = 64

func (s *slots) spare() int { return max(leastSpare, s.total) }

// store lets a taken place be given again (by 1) while the reply of its run is being stored, until the place is to be
// returned (by -1): nodes need a place, waiting for the server doesn't.
func (s *slots) store(by int) {
	s.mu.Lock()
	s.storing += by
	s.serve()
	s.mu.Unlock()
	if by > 0 {
		s.signal()
	}
}

// signal tells that a place came free.
func (s *slots) signal() {
	select {
	case s.freed <- struct{}{}:
	default:
	}
}

// takeFirst takes one place before whoever takes places for new requests, and waits for it as
// long as ctx lasts.
func (s *slots) takeFirst(ctx context.Context) bool {
	place := make(chan struct{})
	s.mu.Lock()
	s.wanted = append(s.wanted, place)
	s.serve()
	s.mu.Unlock()
	select {
	case <-place:
		return true
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.wanted, place); i >= 0 {
		s.wanted = slices.Delete(s.wanted, i, i+1)
		return false
	}
	return true // it came just now
}

// serve gives free places to those who wait for them. The lock is held.
func (s *slots) serve() {
	for len(s.wanted) > 0 && s.free() > 0 {
		s.taken++
		close(s.wanted[0])
		s.wanted = s.wanted[1:]
	}
}

// give returns n places.
func (s *slots) give(n int) {
	if n == 0 {
		return
	}
	s.mu.Lock()
	s.taken -= n
	s.serve()
	s.checkIdle()
	s.checkAlone()
	s.mu.Unlock()
	s.signal()
}

// abandon notes that a taken place belongs to a run that has ended (by 1), or that its nodes returned (by -1). One that
// was alone keeps the others out no longer: its nodes may never return.
func (s *slots) abandon(by int) {
	s.mu.Lock()
	s.abandoned += by
	if by > 0 && s.empty { // then it is the run that was alone
		s.alone, s.empty = nil, false
		s.serve()
	}
	s.checkIdle()
	s.mu.Unlock()
	s.signal()
}

// reserve lets nobody take another place until open, and tells when the caller's place is the only one taken. It is
// false while somebody else has done so.
func (s *slots) reserve() (alone <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alone != nil {
		return nil, false
	}
	s.alone, s.empty = make(chan struct{}), false
	s.checkAlone()
	return s.alone, true
}

func (s *slots) checkAlone() {
	if s.alone != nil && !s.empty && s.taken <= 1 {
		close(s.alone)
		s.empty = true
	}
}

// open ends what reserve began with the channel alone, if it is not over.
func (s *slots) open(alone <-chan struct{}) {
	s.mu.Lock()
	if s.alone == alone {
		s.alone, s.empty = nil, false
	}
	s.serve()
	s.mu.Unlock()
	s.signal()
}

// pauseQueue lets nobody take places, or lets them again, and reports whether that is new.
func (s *slots) pauseQueue(paused bool) bool { return s.pause(&s.paused.queue, paused) }

// pauseWorker is pauseQueue for this worker alone.
func (s *slots) pauseWorker(paused bool) bool { return s.pause(&s.paused.worker, paused) }

func (s *slots) pause(which *bool, paused bool) bool {
	s.mu.Lock()
	changed := *which != paused
	*which = paused
	s.serve()
	s.mu.Unlock()
	s.signal()
	return changed
}

// pausedBy says why no places are given; "" when they are.
func (s *slots) pausedBy() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.paused.queue:
		return pausedQueue
	case s.paused.worker:
		return pausedWorker
	}
	return ""
}

// counts tells how many places there are, how many of them are busy, and how many of these with abandoned runs.
func (s *slots) counts() (total, busy, abandoned int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total, s.taken - s.storing, s.abandoned
}

// whenIdle is closed when no place holds a run that has not ended. Nobody may take places meanwhile.
func (s *slots) whenIdle() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.checkIdle()
	return idle
}

func (s *slots) checkIdle() {
	if s.idle != nil && s.taken == s.abandoned {
		close(s.idle)
		s.idle = nil
	}
}
