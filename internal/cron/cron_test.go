package cron_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedge-run/kedge/internal/cron"
)

// firings lists the next times in the zone, with its abbreviation.
func firings(t *testing.T, text, zone, from string, n int) []string {
	t.Helper()
	s, err := cron.Parse(text, zone)
	require.NoError(t, err)
	at, err := time.Parse(time.RFC3339, from)
	require.NoError(t, err)
	var all []string
	for range n {
		at = s.Next(at)
		all = append(all, at.Format("2006-01-02 15:04:05 MST"))
	}
	return all
}

func TestNext(t *testing.T) {
	tests := map[string]struct {
		text, from string
		want       []string
	}{
		"every minute":     {"* * * * *", "2026-11-23T10:59:30Z", []string{"2026-11-23 11:00:00 UTC", "2026-11-23 11:01:00 UTC"}},
		"every second":     {"* * * * * *", "2026-11-23T10:59:59.5Z", []string{"2026-11-23 11:00:00 UTC", "2026-11-23 11:00:01 UTC"}},
		"not now":          {"0 11 * * *", "2026-11-23T11:00:00Z", []string{"2026-11-24 11:00:00 UTC"}},
		"steps and lists":  {"5,*/20 9-10 * * *", "2026-11-23T10:10:00Z", []string{"2026-11-23 10:20:00 UTC", "2026-11-23 10:40:00 UTC", "2026-11-24 09:00:00 UTC", "2026-11-24 09:05:00 UTC"}},
		"open step":        {"0 20/2 * * *", "2026-11-23T00:00:00Z", []string{"2026-11-23 20:00:00 UTC", "2026-11-23 22:00:00 UTC", "2026-11-24 20:00:00 UTC"}},
		"weekdays":         {"30 6 * * MON-fri", "2026-11-27T07:00:00Z", []string{"2026-11-30 06:30:00 UTC"}},
		"7 is Sunday":      {"0 0 * * 7", "2026-11-23T00:00:00Z", []string{"2026-11-29 00:00:00 UTC"}},
		"weekend, to 7":    {"0 0 * * 6-7", "2026-11-23T00:00:00Z", []string{"2026-11-28 00:00:00 UTC", "2026-11-29 00:00:00 UTC", "2026-12-05 00:00:00 UTC"}},
		"either day":       {"0 0 13 * fri", "2026-11-01T00:00:00Z", []string{"2026-11-06 00:00:00 UTC", "2026-11-13 00:00:00 UTC", "2026-11-20 00:00:00 UTC"}},
		"month, leap year": {"0 0 29 feb ?", "2026-11-01T00:00:00Z", []string{"2028-02-29 00:00:00 UTC", "2032-02-29 00:00:00 UTC"}},
		"no leap century":  {"0 0 29 2 *", "2096-03-01T00:00:00Z", []string{"2104-02-29 00:00:00 UTC"}},
		"@weekly":          {"@weekly", "2026-11-23T00:00:00Z", []string{"2026-11-29 00:00:00 UTC"}},
		"@yearly":          {"@yearly", "2026-11-23T00:00:00Z", []string{"2027-01-01 00:00:00 UTC"}},
		"@monthly":         {"@monthly", "2026-11-23T00:00:00Z", []string{"2026-12-01 00:00:00 UTC"}},
		"@daily":           {" @daily ", "2026-11-23T00:00:00Z", []string{"2026-11-24 00:00:00 UTC"}},
		"@hourly":          {"@hourly", "2026-11-23T00:00:00Z", []string{"2026-11-23 01:00:00 UTC"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, firings(t, test.text, "", test.from, len(test.want)))
		})
	}
}

// TestClockChanges covers the hours that are skipped and those that come twice. Berlin: 29 March 2026 02:00 to
// 03:00, 25 October 2026 03:00 to 02:00. Lord Howe changes by half an hour, Havana and Beirut at midnight, and Samoa left
// out 30 December 2011.
func TestClockChanges(t *testing.T) {
	tests := map[string]struct {
		text, zone, from string
		want             []string
	}{
		"skipped hour fires when the clock has changed": {"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
			[]string{"2026-03-29 03:00:00 CEST", "2026-03-30 02:30:00 CEST"}},
		"several skipped times fire once": {"*/10 2 * * *", "Europe/Berlin", "2026-03-29T00:30:00Z",
			[]string{"2026-03-29 03:00:00 CEST", "2026-03-30 02:00:00 CEST"}},
		"skipped and kept hour fire once": {"0 2,3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
			[]string{"2026-03-29 03:00:00 CEST", "2026-03-30 02:00:00 CEST", "2026-03-30 03:00:00 CEST"}},
		"the hour behind the change": {"15 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
			[]string{"2026-03-29 03:15:00 CEST", "2026-03-30 03:15:00 CEST"}},
		"doubled hour fires the first time": {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
			[]string{"2026-10-25 02:30:00 CEST", "2026-10-26 02:30:00 CET"}},
		"from within the second hour": {"30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z",
			[]string{"2026-10-26 02:30:00 CET"}},
		"times in the doubled hour fire once each": {"0,30 2,3 * * *", "Europe/Berlin", "2026-10-24T23:30:00Z",
			[]string{"2026-10-25 02:00:00 CEST", "2026-10-25 02:30:00 CEST", "2026-10-25 03:00:00 CET", "2026-10-25 03:30:00 CET"}},
		"every hour repeats with the clock": {"30 * * * *", "Europe/Berlin", "2026-10-24T23:00:00Z",
			[]string{"2026-10-25 01:30:00 CEST", "2026-10-25 02:30:00 CEST", "2026-10-25 02:30:00 CET", "2026-10-25 03:30:00 CET"}},
		"every hour skips with the clock": {"30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z",
			[]string{"2026-03-29 01:30:00 CET", "2026-03-29 03:30:00 CEST"}},
		"every half hour, across half an hour": {"*/30 * * * *", "Australia/Lord_Howe", "2026-10-03T14:59:00Z",
			[]string{"2026-10-04 01:30:00 +1030", "2026-10-04 02:30:00 +11", "2026-10-04 03:00:00 +11"}},
		"skipped half hour": {"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z",
			[]string{"2026-10-04 02:30:00 +11", "2026-10-05 02:15:00 +11"}},
		"the last day of a far leap year": {"0 9 31 12 *", "Europe/Berlin", "2040-12-30T12:00:00Z",
			[]string{"2040-12-31 09:00:00 CET", "2041-12-31 09:00:00 CET"}},
		"skipped midnight": {"0 0 * * *", "America/Havana", "2026-03-07T12:00:00Z",
			[]string{"2026-03-08 01:00:00 CDT", "2026-03-09 00:00:00 CDT"}},
		"skipped day": {"0 9 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z",
			[]string{"2011-12-29 09:00:00 -10", "2011-12-31 00:00:00 +14", "2011-12-31 09:00:00 +14"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, firings(t, test.text, test.zone, test.from, len(test.want)))
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]struct{ text, zone, reason string }{
		"empty":              {"", "", "has 0 fields"},
		"four fields":        {"* * * *", "", "has 4 fields"},
		"seven fields":       {"* * * * * * *", "", "has 7 fields"},
		"minute":             {"60 * * * *", "", `minute: "60" is not one of 0 to 59`},
		"second":             {"60 * * * * *", "", `second: "60" is not one of 0 to 59`},
		"hour":               {"0 24 * * *", "", `hour: "24"`},
		"day":                {"0 0 0 * *", "", `day of month: "0" is not one of 1 to 31`},
		"month":              {"0 0 1 13 *", "", `month: "13"`},
		"month by name":      {"0 0 1 january *", "", `month: "january"`},
		"weekday":            {"0 0 * * 8", "", `day of week: "8"`},
		"empty part":         {", * * * *", "", `minute: ""`},
		"open range":         {"5- * * * *", "", `minute: ""`},
		"backwards":          {"30-10 * * * *", "", "ends before it begins"},
		"step 0":             {"*/0 * * * *", "", "the step must be 1 to 59"},
		"two steps":          {"*/5/5 * * * *", "", "the step"},
		"negative":           {"-5 * * * *", "", `minute: ""`},
		"signed":             {"+5 * * * *", "", `minute: "+5"`},
		"last day":           {"0 0 L * *", "", `day of month: "L"`},
		"zone in expression": {"TZ=UTC 0 0 * * *", "", `second: "TZ=UTC"`},
		"unknown short form": {"@fortnightly", "", "has 1 fields"},
		"never":              {"0 0 31 2 *", "", "never fires"},
		"huge":               {strings.Repeat("1,", 500) + "1 * * * *", "", "at most 256"},
		"unknown zone":       {"* * * * *", "Mars/Olympus", `time zone "Mars/Olympus" is unknown`},
		"zone as path":       {"* * * * *", "../../etc/passwd", "is unknown"},
		"absolute zone":      {"* * * * *", "/etc/localtime", "is unknown"},
		"zone of machine":    {"* * * * *", "Local", "another one on each machine"},
		"huge zone":          {"* * * * *", strings.Repeat("a", 1000), "at most 256"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := cron.Parse(test.text, test.zone)
			require.ErrorContains(t, err, test.reason)
		})
	}
}

// TestNextMovesOn checks for random expressions and zones that times rise, that their clock matches what they would
// show, and that nothing lies between two of them.
func TestNextMovesOn(t *testing.T) {
	zones := []string{"", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu", "Pacific/Apia"}
	texts := []string{"* * * * *", "*/7 * * * *", "30 2 * * *", "0 0 * * *", "15 1-3 * * sun", "0 3 1 * *", "*/20 0-5 * 3,4,10,11 *", "59 23 31 12 *"}
	rapid.Check(t, func(t *rapid.T) {
		s, err := cron.Parse(rapid.SampledFrom(texts).Draw(t, "text"), rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		from := time.Unix(rapid.Int64Range(1_300_000_000, 2_100_000_000).Draw(t, "from"), 0)
		next := s.Next(from)
		if !next.After(from) {
			t.Fatalf("%s is not after %s", next, from)
		}
		if between := from.Add(next.Sub(from) / 2); between.After(from) {
			if again := s.Next(between); between.Before(next) && !again.Equal(next) {
				t.Fatalf("after %s comes %s, and after %s, between them, %s", from, next, between, again)
			}
		}
		if second := s.Next(next); !second.After(next) {
			t.Fatalf("%s follows %s", second, next)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"* * * * *", "*/15 9-17 * * mon-fri", "0 0 0 29 2 ?", "@daily", "TZ=x", "1-", "5/99999999999 * * * *", "\x00 * * * *", "0 0 31 2 *", "?/2 * * * * *"} {
		f.Add(text, "Europe/Berlin")
	}
	f.Add("* * * * *", "../x")
	f.Fuzz(func(t *testing.T, text, zone string) {
		s, err := cron.Parse(text, zone)
		if err != nil {
			require.Less(t, len(err.Error()), 4096)
			return
		}
		at := time.Unix(1_790_000_000, 0)
		for range 5 {
			next := s.Next(at)
			if next.IsZero() {
				return
			}
			require.True(t, next.After(at))
			at = next
		}
	})
}
