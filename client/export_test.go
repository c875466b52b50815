package client

// StreamAtOnce makes the first command worth a stream.
func (c *Client) StreamAtOnce() { c.commands.Store(streamFrom) }

// Exported for tests.
const (
	StreamFrom  = streamFrom
	NoStreamFor = noStreamFor
	IdleLimit   = idleLimit
)
