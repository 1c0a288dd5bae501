package ledger

import (
	"fmt"
	"math/rand/v2"

	"github.com/kedge-run/kedge/messages"
)

// Retry says whether a failure of this claim's run gets another attempt, and what to
// put it back with. queue is the policy for requests that bring none.
func (c *Claim) Retry(queue messages.RetryPolicy, failure *messages.Failure) (Outcome, bool) {
	return retried(c.Status(), c.Request().RetryPolicy(queue), failure, rand.Float64()) //nolint:gosec // it spreads starts, it hides nothing
}

// retried is the other half of released: the outcome of an error that the policy
// retries. random in [0, 1) shortens the pause.
func retried(s messages.Status, policy messages.RetryPolicy, failure *messages.Failure, random float64) (Outcome, bool) {
	attempts := policy.Attempts(failure.Code)
	if s.Retries+1 >= attempts {
		return Outcome{}, false
	}
	return Outcome{
		Delay:  policy.Backoff.Jittered(s.Retries+1, random),
		Reason: fmt.Sprintf("an error, attempt %d of %d follows", s.Retries+2, attempts),
		Error:  failure,
	}, true
}
