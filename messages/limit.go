package messages

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of what people declare for concurrency keys.
const (
	// MaxConcurrency is the highest limit of runs at a time: each of them has a key of its own.
	MaxConcurrency = 1000
	// MaxLimits is how many keys of a tenant may be declared, and how many may be paused.
	MaxLimits = 1000
	// maxBurst bounds the starts that a rate lets through at once.
	maxBurst = 1_000_000
)

// everyKey ends a declaration that is about all keys with that prefix.
const everyKey = "*"

// Limit is what a person declared for a concurrency key, or for all keys with a prefix:
// each of these then has such a limit of its own.
type Limit struct {
	// Concurrency is how many runs with the key may be under way at a time. Zero: any number
	// when Rate is given, else one.
	Concurrency int `json:"concurrency,omitempty"`
	// Rate bounds the starts of runs with the key. Defaults to none.
	Rate *Rate `json:"rate,omitempty"`

	At time.Time `json:"at,omitzero"`
	By string    `json:"by,omitempty"` // who, as the caller calls itself
}

// Rate bounds how often runs start.
type Rate struct {
	Starts int      `json:"starts"` // in each Per
	Per    Duration `json:"per"`
	// Burst is how many of them may start at once when none started for long. Defaults to 1:
	// starts are spaced evenly, and in no Per there are more than Starts.
	Burst int `json:"burst,omitempty"`
}

// ParseRate reads a rate such as 10/1m; "10/m" is short for "10/1m".
func ParseRate(text string) (Rate, error) {
	starts, per, ok := strings.Cut(text, "/")
	n, err := strconv.Atoi(strings.TrimSpace(starts))
	if per = strings.TrimSpace(per); per != "" && (per[0] < '0' || per[0] > '9') {
		per = "1" + per
	}
	d, errPer := time.ParseDuration(per)
	rate := Rate{Starts: n, Per: Duration(d)}
	if !ok || err != nil || errPer != nil {
		return Rate{}, fmt.Errorf("rate %q: want a number and a time, for example 10/1m", clip(text))
	}
	if reason := rate.bad(); reason != "" {
		return Rate{}, fmt.Errorf("rate %q: %s", clip(text), reason)
	}
	return rate, nil
}

// String writes the rate as [ParseRate] reads it; without the burst.
func (r Rate) String() string {
	return fmt.Sprintf("%d/%s", r.Starts, shortDuration(time.Duration(r.Per)))
}

// shortDuration leaves out the parts that are zero: 1m instead of 1m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Interval is the time between two starts that are spaced evenly.
func (r Rate) Interval() time.Duration { return time.Duration(r.Per) / time.Duration(r.Starts) }

func (r Rate) bad() string {
	switch {
	case r.Starts < 1:
		return "at least one start is needed"
	case r.Per <= 0 || time.Duration(r.Per) > 365*24*time.Hour:
		return "the time must be more than 0 and at most 365 days"
	case r.Interval() < time.Microsecond:
		return "more than a million starts a second are not counted; leave the rate out"
	case r.Burst < 0 || r.Burst > maxBurst:
		return fmt.Sprintf("a burst is 1 to %d", maxBurst)
	}
	return ""
}

// Effective gives the runs at a time that the limit means; 0: any number.
func (l Limit) Effective() int {
	if l.Concurrency == 0 && l.Rate == nil {
		return 1
	}
	return l.Concurrency
}

// Validate checks the numbers; a *FieldError.
func (l Limit) Validate() error {
	if l.Concurrency < 0 || l.Concurrency > MaxConcurrency {
		return invalid("concurrency", fmt.Sprintf("must be 1 to %d, not %d", MaxConcurrency, l.Concurrency))
	}
	if l.Rate == nil {
		return nil
	}
	if reason := l.Rate.bad(); reason != "" {
		return invalid("rate", reason)
	}
	return nil
}

// KeyPause says that no run with a concurrency key, or with any key of a prefix, is to
// start.
type KeyPause struct {
	Pause
	Until time.Time `json:"until,omitzero"` // by the server's clock; zero: until it is resumed
}

// Over reports whether the pause has ended by itself.
func (p KeyPause) Over(now time.Time) bool { return !p.Until.IsZero() && !now.Before(p.Until) }

// Limits is what a tenant declared for concurrency keys: the value of its key in the bucket
// of settings, changed by compare-and-set only. Its names are keys, or prefixes of keys that
// end in '*'. Readers skip unknown fields.
type Limits struct {
	Limits map[string]Limit    `json:"limits,omitempty"`
	Pauses map[string]KeyPause `json:"pauses,omitempty"`
}

// LimitsKey is the key of a tenant's limits in the bucket of settings.
func LimitsKey(tenant string) string { return "limits." + EncodeToken(tenant) }

// DecodeLimits reads what a tenant declared; unknown fields are skipped. What is invalid
// makes all of it invalid: a limit that is not understood must not be no limit.
func DecodeLimits(data []byte) (Limits, error) {
	var l Limits
	if err := json.Unmarshal(data, &l); err != nil {
		return Limits{}, fmt.Errorf("reading limits: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(l.Limits)) {
		if err := l.Limits[name].Validate(); err != nil {
			return Limits{}, fmt.Errorf("reading limits: %s: %w", clip(name), err)
		}
	}
	return l, nil
}

// CheckLimitName reports why text names no concurrency key and no prefix: a key as
// [CheckKey] wants it, or a prefix and '*'; a *FieldError.
func CheckLimitName(text string) error {
	if text == everyKey {
		return nil
	}
	if reason := badKey(text); reason != "" {
		return invalid("key", reason)
	}
	return nil
}

// Covers reports whether a declaration under name is about a key.
func Covers(name, key string) bool {
	prefix, all := strings.CutSuffix(name, everyKey)
	return name == key || all && strings.HasPrefix(key, prefix)
}

// For gives the limit of a key, and the name of the declaration that holds: the key itself,
// else the longest prefix. Without one, name is empty and the limit is one run at a time.
func (l Limits) For(key string) (limit Limit, name string) {
	for candidate, declared := range l.Limits {
		switch {
		case !Covers(candidate, key):
		case candidate == key: // a key that ends in '*' is declared as all that begin so
			return declared, candidate
		case name == "" || len(candidate) > len(name):
			limit, name = declared, candidate
		}
	}
	return limit, name
}

// Paused gives the pause of a key, and its name, if there is one; of several the one that
// lasts longest.
func (l Limits) Paused(key string, now time.Time) (pause KeyPause, name string, paused bool) {
	for _, candidate := range slices.Sorted(maps.Keys(l.Pauses)) {
		p := l.Pauses[candidate]
		if !Covers(candidate, key) || p.Over(now) {
			continue
		}
		if !paused || !pause.Until.IsZero() && (p.Until.IsZero() || p.Until.After(pause.Until)) {
			pause, name, paused = p, candidate, true
		}
	}
	return pause, name, paused
}

// maxNamed is how many runs an explanation names.
const maxNamed = 3

// TakenText says, for people, that a run waits because of the runs that hold a key.
func TakenText(key string, limit int, holders []RunID) string {
	text := fmt.Sprintf("concurrency key %q: ", clip(key))
	if len(holders) > limit {
		text += fmt.Sprintf("%d are under way, at most %d at a time", len(holders), limit)
	} else {
		text += fmt.Sprintf("%d of at most %d at a time under way", len(holders), limit)
	}
	for i, holder := range holders {
		switch {
		case i == maxNamed:
			return text + fmt.Sprintf(" and %d more)", len(holders)-i) // the bracket was opened by the first
		case i == 0:
			text += " (" + string(holder)
		default:
			text += ", " + string(holder)
		}
	}
	if len(holders) > 0 {
		text += ")"
	}
	return text
}

// RateText says, for people, that a run waits for its turn by a rate.
func RateText(key string, rate Rate, at time.Time) string {
	return fmt.Sprintf("concurrency key %q: at most %s starts, the next at %s", clip(key), rate, at.UTC().Format("2006-01-02T15:04:05.0Z"))
}

// PauseText says, for people, that a run waits for the end of a pause.
func PauseText(key string, p KeyPause) string {
	text := fmt.Sprintf("concurrency key %q to be resumed: paused", clip(key))
	if p.By != "" {
		text += " by " + p.By
	}
	if !p.Until.IsZero() {
		text += " until " + p.Until.UTC().Format(time.RFC3339)
	}
	if p.Reason != "" {
		text += " (" + p.Reason + ")"
	}
	return text
}
