package dataset

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// numberKind is what the format of a cell makes of a number.
type numberKind int

const (
	plainNumber numberKind = iota
	dateNumber             // a date, a time of day or both
	spanNumber             // a length of time, which may be longer than a day
)

// kindOfFormat tells what a number format shows: one of Excel's own, or a code whose first section has letters of dates.
func kindOfFormat(id int, code string) numberKind {
	if id == 46 {
		return spanNumber
	}
	if id >= 14 && id <= 22 || id == 45 || id == 47 {
		return dateNumber
	}
	code, _, _ = strings.Cut(code, ";")
	kind, quoted, bracket := plainNumber, false, -1
	for i, r := range code {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted || i > 0 && code[i-1] == '\\':
		case r == '[':
			bracket = i + 1
		case r == ']' && bracket >= 0:
			if slices.Contains(spanUnits, strings.ToLower(code[bracket:i])) {
				return spanNumber
			}
			bracket = -1
		case bracket < 0 && strings.ContainsRune("dmyhsDMYHS", r):
			kind = dateNumber
		}
	}
	return kind
}

// spanUnits in brackets count on beyond a day, an hour or a minute.
var spanUnits = []string{"h", "hh", "m", "mm", "s", "ss"}

// time turns a serial number, in days, into a time rounded to milliseconds. As openpyxl does, it takes one below 1 for a time of day.
func (w *workbook) time(text string) (any, error) {
	days, err := serial(text)
	if err != nil {
		return nil, err
	}
	whole := math.Floor(days)
	rest := time.Duration(math.Round((days-whole)*86_400_000)) * time.Millisecond
	if whole == 0 && rest < 24*time.Hour {
		return clockText(rest), nil
	}
	base := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if w.date1904 {
		base = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	} else if days > 0 && days < 60 { // Excel believes in 29 February 1900
		base = base.AddDate(0, 0, 1)
	}
	return base.AddDate(0, 0, int(whole)).Add(rest), nil
}

func serial(text string) (float64, error) {
	days, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(days) || math.Abs(days) > 3_000_000 {
		return 0, fmt.Errorf("date %q", text)
	}
	return days, nil
}

// span turns a number of days into the text of a length of time, rounded to milliseconds.
func span(text string) (any, error) {
	days, err := serial(text)
	if err != nil {
		return nil, err
	}
	whole := math.Floor(days)
	rest := time.Duration(math.Round((days-whole)*86_400_000)) * time.Millisecond
	if rest == 24*time.Hour {
		whole, rest = whole+1, 0
	}
	sign := ""
	if whole < 0 {
		sign = "+"
	}
	return fmt.Sprintf("%.0f days %s%s", whole, sign, clockText(rest)), nil
}

// clockText writes a time of day as Python's str does: microseconds only where there are any.
func clockText(t time.Duration) string {
	text := fmt.Sprintf("%02d:%02d:%02d", t/time.Hour, t/time.Minute%60, t/time.Second%60)
	if rest := t % time.Second; rest != 0 {
		text += fmt.Sprintf(".%06d", rest/time.Microsecond)
	}
	return text
}
