package messages

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// RetryPolicy says which errors of a run get another attempt, how many, and when. A
// request may bring one; what it leaves open, the worker's policy for its queue says.
// Lost workers and stops spend nothing of it.
type RetryPolicy struct {
	// MaxAttempts counts the first attempt too. 1: an error is final. 0: the same,
	// unless the error says of itself that another attempt may succeed; then 3.
	MaxAttempts int
	// Backoff spaces the attempts. nil: 1 s, doubled after each, up to 5 min.
	Backoff *Backoff
	// RetryOn are the codes that get another attempt. Empty: all that [Code.Retry]
	// leaves to the policy. An error that says of itself that another attempt may
	// succeed needs no entry.
	RetryOn []Code
}

// transientAttempts is how many attempts an error gets that asks for them where no
// policy says a number.
const transientAttempts = 3

// maxPause bounds the pauses of a backoff: a run that waits is nobody's memory.
const maxPause = 24 * time.Hour

// RetryPolicy is the request's policy, completed by the queue's.
func (r *RunRequest) RetryPolicy(queue RetryPolicy) RetryPolicy {
	policy := RetryPolicy{
		MaxAttempts: cmp.Or(r.MaxAttempts, queue.MaxAttempts), Backoff: queue.Backoff, RetryOn: queue.RetryOn,
	}
	if r.Backoff != nil {
		policy.Backoff = r.Backoff
	}
	if len(r.RetryOn) > 0 {
		policy.RetryOn = r.RetryOn
	}
	return policy
}

// Attempts is how many attempts an error with this code may use up in all; at most 1:
// it is final.
func (p RetryPolicy) Attempts(code Code) int {
	switch {
	case code.Retry() != RetryByPolicy:
		return 1
	case code == CodeTransient:
		return cmp.Or(p.MaxAttempts, transientAttempts)
	case len(p.RetryOn) > 0 && !slices.Contains(p.RetryOn, code):
		return 1
	}
	return max(p.MaxAttempts, 1)
}

// Validate checks the policy of a queue as that of a request is checked. The error is a
// *FieldError.
func (p RetryPolicy) Validate() error {
	r := RunRequest{MaxAttempts: p.MaxAttempts, Backoff: p.Backoff, RetryOn: p.RetryOn}
	if err := r.checkRetries(); err != nil {
		return err
	}
	return nil
}

func (r *RunRequest) checkRetries() *FieldError {
	if r.MaxAttempts < 0 || r.MaxAttempts > maxAttempts {
		return invalid("max_attempts", fmt.Sprintf("must be 0 to %d", maxAttempts))
	}
	for i, code := range r.RetryOn {
		if code.Retry() != RetryByPolicy {
			return invalid(fmt.Sprintf("retry_on[%d]", i), fmt.Sprintf("%q can't be retried; what can: %s", clip(string(code)), retryableCodes()))
		}
	}
	if r.Backoff == nil {
		return nil
	}
	return r.Backoff.check()
}

// retryableCodes lists what retry_on may name.
func retryableCodes() string {
	var codes []string
	for code, class := range retryClasses {
		if class == RetryByPolicy {
			codes = append(codes, string(code))
		}
	}
	slices.Sort(codes)
	return strings.Join(codes, ", ")
}

// Backoff spaces the attempts of a run: Initial, times Factor after each, up to Max.
type Backoff struct {
	Initial Duration `json:"initial,omitempty"` // defaults to 1 s
	Max     Duration `json:"max,omitempty"`     // defaults to 5 min
	Factor  float64  `json:"factor,omitempty"`  // defaults to 2
}

func (b *Backoff) check() *FieldError {
	for _, pause := range []struct {
		field string
		d     Duration
	}{{"backoff.initial", b.Initial}, {"backoff.max", b.Max}} {
		if pause.d < 0 {
			return invalid(pause.field, "must not be negative")
		}
		if time.Duration(pause.d) > maxPause {
			return invalid(pause.field, fmt.Sprintf("must be at most %s", Duration(maxPause)))
		}
	}
	if b.Factor != 0 && !(b.Factor >= 1 && b.Factor <= 100) { // a NaN fits nowhere
		return invalid("backoff.factor", "must be 1 to 100")
	}
	return nil
}

// Delay is the pause before the start that follows n errors, n from 1.
func (b *Backoff) Delay(n int) time.Duration {
	initial, most, factor := time.Second, 5*time.Minute, 2.0
	if b != nil {
		if b.Initial > 0 {
			initial = time.Duration(b.Initial)
		}
		if b.Max > 0 {
			most = time.Duration(b.Max)
		}
		if b.Factor > 0 {
			factor = b.Factor
		}
	}
	delay := float64(initial)
	for range n - 1 {
		if delay *= factor; delay >= float64(most) {
			return most
		}
	}
	return min(time.Duration(delay), most)
}

// Jittered is Delay shortened by up to a half, as random in [0, 1) says: runs that
// failed together must not come back together.
func (b *Backoff) Jittered(n int, random float64) time.Duration {
	delay := b.Delay(n)
	return delay - time.Duration(random/2*float64(delay))
}
