package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kedge-run/kedge/messages"
)

// Bytes is a number of bytes as a flag: 500000, 64KiB, 1.5GiB or 2GB.
type Bytes int64

var byteUnits = []struct {
	name string
	size int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// Set reads a number with or without a unit; it must be positive.
func (b *Bytes) Set(text string) error {
	number, unit := strings.TrimSpace(text), int64(1)
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.size
			break
		}
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || !(value > 0) || value*float64(unit) >= 1<<62 || value*float64(unit) < 1 {
		return fmt.Errorf("%q is no number of bytes: write it as 500000, 64MiB or 2GB", text)
	}
	*b = Bytes(value * float64(unit))
	return nil
}

// String writes the number with the largest binary unit that it is a multiple of.
func (b *Bytes) String() string {
	n, unit := int64(*b), ""
	for _, u := range byteUnits[:4] {
		if n > 0 && n%u.size == 0 {
			unit = u.name
		}
	}
	for _, u := range byteUnits[:4] {
		if u.name == unit {
			return strconv.FormatInt(n/u.size, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10)
}

// Type is what the help shows as the value.
func (b *Bytes) Type() string { return "size" }

// AddMaxData defines the flag for the limit of data that goes through the object bucket. A
// variable that can't be read counts as absent, so that help can be shown.
func AddMaxData(set *pflag.FlagSet, env *Env, limit *Bytes) {
	*limit = messages.DefaultMaxDataBytes
	if text := env.Getenv("KEDGE_MAX_DATA", ""); text != "" {
		_ = limit.Set(text)
	}
	set.Var(limit, "max-data", "largest parameters, input or output that go through the object bucket (KEDGE_MAX_DATA)")
}
