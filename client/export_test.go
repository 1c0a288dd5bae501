package client

// Waiting counts the runs that are waited for.
func (c *Client) Waiting() int {
	c.replies.mu.Lock()
	defer c.replies.mu.Unlock()
	return len(c.replies.waiting)
}
