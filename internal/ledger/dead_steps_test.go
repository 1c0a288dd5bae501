package ledger

import (
	"context"

	"github.com/kedge-run/kedge/messages"
)

// StoreLetter does only the first step of ending a run as dead.
func StoreLetter(ctx context.Context, c *Claim, reply *messages.Reply) error {
	return c.bury(ctx, sealed(reply, c.record.status, c.ledger.now()))
}
