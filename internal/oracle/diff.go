package oracle

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Difference is one place where an answer is not Kedro's.
type Difference struct {
	Path      string // as "/queries/3/error/message"
	Want, Got any    // Kedro's part and ours; [Absent] when the part is missing
}

// String shows both sides as JSON.
func (d Difference) String() string {
	return fmt.Sprintf("at %s\n    kedro: %s\n    kedge: %s", d.Path, show(d.Want), show(d.Got))
}

type absent struct{}

func isAbsent(value any) bool {
	_, is := value.(absent)
	return is
}

// Absent stands for a part that one side does not have.
var Absent any = absent{}

// shownBytes is how much of one side of a difference is printed.
const shownBytes = 1500

func show(value any) string {
	if isAbsent(value) {
		return "(nothing)"
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprintf("%v", value)
	}
	text := strings.TrimSuffix(b.String(), "\n")
	if len(text) > shownBytes {
		return text[:shownBytes] + "..."
	}
	return text
}

// comparison counts and collects while two values are compared.
type comparison struct {
	leave       func(path string) bool // parts that are not compared; nil compares all
	path        []byte                 // of the part at hand
	compared    int                    // leaves that were compared
	left        int                    // parts left out
	differences []Difference
}

// Diff compares an answer with Kedro's, both in the JSON form of the vectors
// (see [Encode]), leaving out the paths for which leave says so.
func Diff(want, got any, leave func(path string) bool) []Difference {
	c := comparison{leave: leave}
	c.compare(want, got)
	return c.differences
}

func (c *comparison) compare(want, got any) {
	if c.leave != nil && c.leave(string(c.path)) {
		c.left++
		return
	}
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			c.compareObjects(want, got)
			return
		}
	case []any:
		if got, ok := got.([]any); ok && len(got) == len(want) {
			for i := range want {
				c.step(strconv.Itoa(i), want[i], got[i])
			}
			return
		}
	case json.Number:
		if got, ok := got.(json.Number); ok && sameNumber(want, got) {
			c.compared++
			return
		}
	default:
		if !composite(got) && want == got {
			c.compared++
			return
		}
	}
	c.compared++
	c.differences = append(c.differences, Difference{string(c.path), want, got})
}

// step compares a part of the part at hand.
func (c *comparison) step(name string, want, got any) {
	length := len(c.path)
	c.path = append(append(c.path, '/'), name...)
	c.compare(want, got)
	c.path = c.path[:length]
}

func (c *comparison) compareObjects(want, got map[string]any) {
	keys := make([]string, 0, len(want))
	for key := range want {
		keys = append(keys, key)
	}
	for key := range got {
		if _, both := want[key]; !both {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	for _, key := range keys {
		c.step(key, part(want, key), part(got, key))
	}
}

func part(object map[string]any, key string) any {
	if value, ok := object[key]; ok {
		return value
	}
	return Absent
}

// composite values are not comparable by ==.
func composite(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// sameNumber tells integers from floats, and compares either by value.
func sameNumber(a, b json.Number) bool {
	x, y := number(a), number(b)
	if fx, ok := x.(float64); ok {
		fy, ok := y.(float64)
		return ok && fx == fy
	}
	_, float := y.(float64)
	return !float && fmt.Sprint(x) == fmt.Sprint(y)
}
