package client

import "github.com/kedge-run/kedge/messages"

// Waiting counts the runs that are waited for.
func (c *Client) Waiting() int {
	c.replies.mu.Lock()
	defer c.replies.mu.Unlock()
	return len(c.replies.waiting)
}

// IsKeyed tells whether a submit under a new run id may meet another one's run.
func IsKeyed(request *messages.RunRequest) bool { return isKeyed(request) }
