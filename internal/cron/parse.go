package cron

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are known wherever the program runs
)

// Schedule is a parsed expression in a time zone.
type Schedule struct {
	second, minute, hour, day, month, weekday uint64 // one bit per value
	anyDay, anyWeekday                        bool   // the field is "*": the other one decides
	everyHour                                 bool
	zone                                      *time.Location
}

// field is one field of an expression.
type field struct {
	name     string
	min, max int
	names    []string // of the values from min on
}

func fields() []field {
	return []field{
		{name: "second", max: 59},
		{name: "minute", max: 59},
		{name: "hour", max: 23},
		{name: "day of month", min: 1, max: 31},
		{name: "month", min: 1, max: 12, names: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
		{name: "day of week", max: 7, names: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
	}
}

func shortForm(text string) string {
	switch text {
	case "@yearly", "@annually":
		return "0 0 1 1 *"
	case "@monthly":
		return "0 0 1 * *"
	case "@weekly":
		return "0 0 * * 0"
	case "@daily", "@midnight":
		return "0 0 * * *"
	case "@hourly":
		return "0 * * * *"
	}
	return text
}

// maxLength bounds an expression: a list of all seconds fits.
const maxLength = 256

// Parse reads an expression for a zone of the IANA database; "" is UTC. The error names
// the field that is wrong. An expression that can never fire is an error too.
func Parse(text, zone string) (*Schedule, error) {
	if len(text) > maxLength {
		return nil, fmt.Errorf("cron expression has %d bytes, at most %d are allowed", len(text), maxLength)
	}
	location, err := Zone(zone)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(shortForm(strings.TrimSpace(text)))
	if len(words) == 5 {
		words = slices.Insert(words, 0, "0")
	}
	if len(words) != 6 {
		return nil, fmt.Errorf("cron expression %q has %d fields, want 5 (minute hour day month weekday) or 6 (second first), or @hourly, @daily, @weekly, @monthly, @yearly",
			text, len(words))
	}
	s := &Schedule{zone: location}
	into := []*uint64{&s.second, &s.minute, &s.hour, &s.day, &s.month, &s.weekday}
	for i, f := range fields() {
		if *into[i], err = f.parse(words[i]); err != nil {
			return nil, fmt.Errorf("cron expression %q: %s: %w", text, f.name, err)
		}
	}
	s.weekday |= s.weekday >> 7 & 1 // 7 is Sunday, too
	s.anyDay, s.anyWeekday = unrestricted(words[3]), unrestricted(words[5])
	s.everyHour = bits.OnesCount64(s.hour) == 24
	if s.Next(time.Unix(0, 0)).IsZero() {
		return nil, fmt.Errorf("cron expression %q never fires", text)
	}
	return s, nil
}

// unrestricted reports whether a field leaves the choice of the day to the other one.
func unrestricted(word string) bool { return word[0] == '*' || word[0] == '?' }

// Zone finds a time zone by its name in the IANA database; "" is UTC. The zone of the
// machine is refused: it differs between workers.
func Zone(name string) (*time.Location, error) {
	switch {
	case name == "Local":
		return nil, fmt.Errorf("time zone %q is another one on each machine; name it, for instance Europe/Berlin", name)
	case len(name) > maxLength:
		return nil, fmt.Errorf("time zone has %d bytes, at most %d are allowed", len(name), maxLength)
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %q is unknown; write it as Europe/Berlin or UTC", name)
	}
	return location, nil
}

// parse reads a list of ranges.
func (f field) parse(text string) (uint64, error) {
	var set uint64
	for part := range strings.SplitSeq(text, ",") {
		values, err := f.parseRange(part)
		if err != nil {
			return 0, err
		}
		set |= values
	}
	return set, nil
}

func (f field) parseRange(text string) (uint64, error) {
	span, stepText, stepped := strings.Cut(text, "/")
	step := 1
	if stepped {
		var err error
		if step, err = number(stepText); err != nil || step < 1 || step > f.max {
			return 0, fmt.Errorf("%q: the step must be 1 to %d", text, f.max)
		}
	}
	first, last := f.min, f.max
	if span != "*" && span != "?" {
		from, to, ranged := strings.Cut(span, "-")
		var err error
		if first, err = f.value(from); err != nil {
			return 0, err
		}
		switch {
		case ranged:
			if last, err = f.value(to); err != nil {
				return 0, err
			}
		case !stepped: // "5/15" goes on to the end
			last = first
		}
	}
	if first > last {
		return 0, fmt.Errorf("%q: the range ends before it begins", text)
	}
	var set uint64
	for v := first; v <= last; v += step {
		set |= 1 << v
	}
	return set, nil
}

func (f field) value(text string) (int, error) {
	if i := slices.Index(f.names, strings.ToLower(text)); i >= 0 {
		return f.min + i, nil
	}
	v, err := number(text)
	if err != nil || v < f.min || v > f.max {
		return 0, fmt.Errorf("%q is not one of %d to %d", text, f.min, f.max)
	}
	return v, nil
}

// number reads digits only: Atoi takes a sign, too.
func number(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), err
}
