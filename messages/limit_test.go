package messages

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]Rate{
		"10/1m":   {Starts: 10, Per: Duration(time.Minute)},
		"10/m":    {Starts: 10, Per: Duration(time.Minute)},
		"1 / 90s": {Starts: 1, Per: Duration(90 * time.Second)},
	} {
		got, err := ParseRate(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
		again, err := ParseRate(got.String())
		require.NoError(t, err)
		require.Equal(t, want, again)
	}
	for _, text := range []string{"", "10", "/1m", "0/1m", "-1/1m", "1/0s", "1/-1s", "x/1m", "1/x", "1/9000h", "1000000/1ms", "1/2/3"} {
		_, err := ParseRate(text)
		require.Error(t, err, text)
	}
}

func TestMostSpecificLimitHolds(t *testing.T) {
	l := Limits{Limits: map[string]Limit{
		"*": {Concurrency: 9}, "team-*": {Concurrency: 5}, "team-a*": {Concurrency: 4}, "team-a": {Concurrency: 3},
	}}
	for key, want := range map[string]string{"x": "*", "team-": "team-*", "team-b": "team-*", "team-ab": "team-a*", "team-a": "team-a"} {
		limit, name := l.For(key)
		require.Equal(t, want, name, key)
		require.Equal(t, l.Limits[want], limit, key)
	}
	nobody, name := Limits{}.For("k")
	require.Empty(t, name)
	require.Equal(t, 1, nobody.Effective())
	require.Zero(t, Limit{Rate: &Rate{Starts: 1, Per: 1}}.Effective(), "a rate alone bounds no runs at a time")
}

func TestLongestPauseHolds(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	l := Limits{Pauses: map[string]KeyPause{
		"a*": {Until: now.Add(time.Minute)}, "ab": {Until: now.Add(time.Hour)}, "b": {}, "c": {Until: now},
	}}
	_, name, paused := l.Paused("ab", now)
	require.True(t, paused)
	require.Equal(t, "ab", name)
	_, name, paused = l.Paused("ac", now)
	require.True(t, paused)
	require.Equal(t, "a*", name)
	_, _, paused = l.Paused("b", now.Add(1000*time.Hour))
	require.True(t, paused)
	_, _, paused = l.Paused("c", now)
	require.False(t, paused)
}

func TestWaitTexts(t *testing.T) {
	require.Equal(t, `concurrency key "k": 1 of at most 1 at a time under way (a)`, TakenText("k", 1, []RunID{"a"}))
	require.Equal(t, `concurrency key "k": 5 are under way, at most 2 at a time (a, b, c and 2 more)`, TakenText("k", 2, []RunID{"a", "b", "c", "d", "e"}))
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	require.Equal(t, `concurrency key "k": at most 3/1m starts, the next at 2026-11-23T12:00:00.0Z`, RateText("k", Rate{Starts: 3, Per: Duration(time.Minute)}, at))
	require.Equal(t, `concurrency key "k" to be resumed: paused by me until 2026-11-23T12:00:00Z (why)`, PauseText("k", KeyPause{Pause: Pause{By: "me", Reason: "why"}, Until: at}))
}
