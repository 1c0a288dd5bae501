package hook

import (
	"fmt"
	"reflect"
)

// RegistrationError is returned by [NewSet] for a value that can't be a hook:
// pluggy's PluginValidationError.
type RegistrationError struct {
	// Hook is the Go type of the refused value.
	Hook string
	// Reason says what is wrong with it.
	Reason string
}

// Error names the hook and the reason.
func (e *RegistrationError) Error() string {
	return fmt.Sprintf("hook %s: %s", e.Hook, e.Reason)
}

// ErrorType is the name of the Python exception.
func (e *RegistrationError) ErrorType() string { return "PluginValidationError" }

// TypeError mirrors Python's TypeError where Kedro raises it for hooks.
type TypeError struct {
	message string
}

// Error is Kedro's message.
func (e *TypeError) Error() string { return e.message }

// ErrorType is the name of the Python exception.
func (e *TypeError) ErrorType() string { return "TypeError" }

// ErrorBases are the base classes of the Python exception, nearest first.
func (e *TypeError) ErrorBases() []string { return []string{"Exception"} }

// Replacement turns the answer of a hook that computes it dynamically (a script, a
// plugin in another language) into what [BeforeNodeRun] returns: nil and mappings
// pass, anything else is Kedro's TypeError (HK-022).
func Replacement(answer any) (map[string]any, error) {
	switch answer := answer.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return answer, nil
	}
	return nil, &TypeError{message: fmt.Sprintf("'before_node_run' must return either None or a dictionary mapping "+
		"dataset names to updated values, got '%s' instead.", pythonType(answer))}
}

// pythonType names the Python type that the value stands for.
func pythonType(value any) string {
	t := reflect.TypeOf(value)
	switch t.Kind() {
	case reflect.String:
		return "str"
	case reflect.Bool:
		return "bool"
	case reflect.Float32, reflect.Float64:
		return "float"
	case reflect.Slice, reflect.Array:
		return "list"
	default:
		if t.ConvertibleTo(reflect.TypeFor[int64]()) {
			return "int"
		}
		return t.String()
	}
}
