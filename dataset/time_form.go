package dataset

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// timeForm is how the times of one column are written. As in pandas the first value tells it, unless date_format does.
type timeForm struct {
	layout   string // Go's layout
	iso      bool   // any form of ISO 8601, with or without the time of day
	mixed    bool   // each value has its own form
	dayFirst bool   // 1/2/2020 is in February
}

// parse reads a time; false when it isn't in the form of the column.
func (f *timeForm) parse(text string) (time.Time, bool) {
	text = strings.Trim(text, blankBytes)
	if f.mixed {
		one := timeForm{dayFirst: f.dayFirst}
		return one.parse(text)
	}
	if !f.known() {
		f.learn(text)
	}
	if f.iso {
		return parseTime(text)
	}
	if f.layout == "" {
		return time.Time{}, false
	}
	t, err := time.Parse(f.layout, text)
	return t, err == nil
}

func (f *timeForm) known() bool { return f.iso || f.mixed || f.layout != "" }

// unknown tells that a text may be a time in a form that we don't know, where pandas might read one: texts without a digit aren't.
func (f *timeForm) unknown(text string) bool {
	return !f.known() && strings.ContainsFunc(text, unicode.IsDigit)
}

func (f *timeForm) learn(text string) {
	if _, ok := parseTime(text); ok && !f.dayFirst {
		f.iso = true
		return
	}
	f.layout = guessLayout(text, f.dayFirst)
}

// clock is the time of day at the end of a text: hours and minutes, seconds, half of the day, zone.
var clock = regexp.MustCompile(`(T| +)\d{1,2}:\d{2}(:\d{2}(?:\.\d+)?)?( ?)([AP]M|[ap]m)?( ?)(Z|UTC|[+-]\d{2}:?\d{2})?$`)

// guessLayout tells the form of a time by an example; "" when it isn't certain.
func guessLayout(text string, dayFirst bool) string {
	day, hours := text, ""
	if m := clock.FindStringSubmatchIndex(text); m != nil {
		day, hours = text[:m[0]], clockLayout(clock.FindStringSubmatch(text))
	} else if len(text) == len("20060102T150405") && text[8] == 'T' {
		day, hours = text[:8], "T150405"
	}
	layout := dayLayout(day, dayFirst)
	if layout == "" {
		return ""
	}
	return layout + hours
}

func clockLayout(m []string) string {
	layout := m[1] + "15:04"
	if m[4] != "" {
		layout = m[1] + "3:04"
	}
	if m[2] != "" {
		layout += ":05"
	}
	layout += m[3]
	switch m[4] {
	case "AM", "PM":
		layout += "PM"
	case "am", "pm":
		layout += "pm"
	}
	layout += m[5]
	switch {
	case m[6] == "UTC":
		layout += "UTC"
	case m[6] != "" && strings.Contains(m[6], ":"):
		layout += "Z07:00"
	case m[6] != "":
		layout += "Z0700"
	}
	return layout
}

// dayTokens are the numbers, names and separators of a day.
var dayTokens = regexp.MustCompile(`\d+|[A-Za-z]+|[-/., ]+|.`)

func dayLayout(text string, dayFirst bool) string {
	switch tokens := dayTokens.FindAllString(text, -1); {
	case len(tokens) == 1 && len(text) == 8 && allDigits(text):
		return "20060102"
	case len(tokens) == 1 && len(text) == 14 && allDigits(text):
		return "20060102150405"
	default:
		return strings.Join(tokenLayouts(tokens, dayFirst), "")
	}
}

func allDigits(text string) bool { return strings.Trim(text, "0123456789") == "" }

// tokenLayouts puts the element of Go's layouts in the place of each token; nil when one of them could mean several things.
func tokenLayouts(tokens []string, dayFirst bool) []string {
	var numbers []int // positions of the numbers that aren't the year
	year, month := -1, false
	for i, token := range tokens {
		switch {
		case allDigits(token) && len(token) == 4 && year < 0:
			year, tokens[i] = i, "2006"
		case allDigits(token) && len(token) <= 2:
			numbers = append(numbers, i)
		case strings.Trim(token, "-/., ") == "":
		case nameLayout(token) == "" || month && strings.HasPrefix(nameLayout(token), "Jan"):
			return nil
		default:
			tokens[i] = nameLayout(token)
			month = month || strings.HasPrefix(tokens[i], "Jan")
		}
	}
	elements := numberElements(tokens, numbers, year, month, dayFirst)
	if year < 0 || len(elements) != len(numbers) {
		return nil
	}
	for i, at := range numbers {
		tokens[at] = elements[i]
	}
	return tokens
}

// numberElements tells which of the numbers beside the year are the day and the month.
func numberElements(tokens []string, numbers []int, year int, month, dayFirst bool) []string {
	value := func(i int) int { n, _ := strconv.Atoi(tokens[numbers[i]]); return n }
	switch {
	case month && len(numbers) == 1:
		return []string{"2"}
	case month || len(numbers) == 0 || len(numbers) > 2:
		return nil
	case year < numbers[0] && !dayFirst:
		return []string{"1", "2"}[:len(numbers)]
	case len(numbers) < 2 || year < numbers[1]:
		return nil
	case value(0) > 12 || dayFirst && value(1) <= 12:
		return []string{"2", "1"}
	}
	return []string{"1", "2"}
}

var (
	shortNames = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	longNames  = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
)

// nameLayout is the element for the name of a month or a day of the week.
func nameLayout(name string) string {
	switch lower := strings.ToLower(name); {
	case slices.Contains(shortNames, lower):
		return "Mon"
	case slices.Contains(longNames, lower):
		return "Monday"
	case parses("Jan", name):
		return "Jan"
	case parses("January", name):
		return "January"
	}
	return ""
}

func parses(layout, text string) bool {
	_, err := time.Parse(layout, text)
	return err == nil
}
