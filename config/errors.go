package config

// MissingConfigError is Kedro's MissingConfigException: a folder or all files of a
// type are absent (CFG-012, CFG-020).
type MissingConfigError struct{ Message string }

func (e *MissingConfigError) Error() string { return e.Message }

// ErrorType is the name of Kedro's class.
func (e *MissingConfigError) ErrorType() string { return "MissingConfigException" }

// ErrorBases are the base classes, nearest first.
func (e *MissingConfigError) ErrorBases() []string { return []string{"Exception"} }
