package session

// Store keeps facts about a session: Kedro's session store, a mapping that can be
// read from somewhere and saved there.
type Store interface {
	// Read returns what was stored before.
	Read() (map[string]any, error)
	// Save persists the content.
	Save(content map[string]any) error
}

// StoreOptions is what a store is made of (SES-020).
type StoreOptions struct {
	// Path is where stores keep their data, below the project.
	Path string
	// SessionID names the session.
	SessionID string
}

// Command is the command line that made a session (SES-025).
type Command struct {
	Args   []string
	Params map[string]any
	Name   string
	Path   string
}
