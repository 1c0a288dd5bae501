package messages

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestScheduleRefuses is the table of what people and programs write; each refusal names
// the field.
func TestScheduleRefuses(t *testing.T) {
	tests := map[string]struct {
		change        func(*Schedule)
		field, reason string
	}{
		"no name":         {func(s *Schedule) { s.Name = "" }, "name", "must not be empty"},
		"name as path":    {func(s *Schedule) { s.Name = "../x" }, "name", "leave its folder"},
		"name as filter":  {func(s *Schedule) { s.Name = "a.>" }, "name", "'>'"},
		"huge name":       {func(s *Schedule) { s.Name = string(make([]byte, 200)) }, "name", "at most 128"},
		"tenant":          {func(s *Schedule) { s.Tenant = "*" }, "tenant", "'*'"},
		"queue":           {func(s *Schedule) { s.Queue = "" }, "queue", "must not be empty"},
		"no time":         {func(s *Schedule) { s.Cron = "" }, "", "one of cron, every and at"},
		"two times":       {func(s *Schedule) { s.Every = Duration(time.Hour) }, "", "one of cron, every and at"},
		"too often":       {func(s *Schedule) { s.Cron, s.Every = "", Duration(time.Millisecond) }, "every", "at least 1s"},
		"negative":        {func(s *Schedule) { s.Cron, s.Every = "", -1 }, "every", "at least 1s"},
		"zone and every":  {func(s *Schedule) { s.Cron, s.Every, s.TimeZone = "", Duration(time.Hour), "UTC" }, "time_zone", "with cron only"},
		"overlap":         {func(s *Schedule) { s.Overlap = "allow" }, "overlap", `one of skip, queue, replace, not "allow"`},
		"catch_up":        {func(s *Schedule) { s.CatchUp = "some" }, "catch_up", "one of one, none, all"},
		"limit":           {func(s *Schedule) { s.CatchUp, s.CatchUpLimit = CatchUpAll, 101 }, "catch_up_limit", "1 to 100"},
		"limit of one":    {func(s *Schedule) { s.CatchUpLimit = 5 }, "catch_up_limit", "policy all only"},
		"all and skip":    {func(s *Schedule) { s.CatchUp = CatchUpAll }, "catch_up", "needs the overlap policy queue"},
		"run id":          {func(s *Schedule) { s.Request.RunID = "r" }, "request.run_id", "must be empty"},
		"idempotency key": {func(s *Schedule) { s.Request.IdempotencyKey = "k" }, "request.idempotency_key", "must be empty"},
		"start_by":        {func(s *Schedule) { s.Request.StartBy = time.Now() }, "request.start_by", "must be empty"},
		"own label":       {func(s *Schedule) { s.Request.Labels = map[string]string{ScheduleLabel: "x"} }, "request.labels.kedge.schedule", "set by the schedule"},
		"request":         {func(s *Schedule) { s.Request.Tags = []string{""} }, "request.tags[0]", "must not be empty"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := &Schedule{Name: "nightly", Tenant: "t", Queue: "q", Cron: "@daily"}
			require.NoError(t, s.Validate())
			test.change(s)
			var field *FieldError
			require.ErrorAs(t, s.Validate(), &field)
			require.Equal(t, test.field, field.Field)
			require.ErrorContains(t, field, test.reason)
		})
	}
}

func TestTickRuns(t *testing.T) {
	at := time.Date(2026, 11, 24, 1, 30, 0, 0, time.UTC)
	s := &Schedule{Name: "nightly", Tenant: "t", CreatedAt: at, Request: RunRequest{Labels: map[string]string{"team": "red"}}}
	id := s.TickRunID(at)
	require.Regexp(t, `^2026-11-24T01\.30\.00\.000Z-[0-9a-f]{8}$`, id)
	require.NoError(t, id.Validate())
	require.Equal(t, id, s.TickRunID(at.In(time.FixedZone("", 3600))))
	require.NotEqual(t, id, s.TickRunID(at.Add(time.Nanosecond)))
	for _, change := range []func(*Schedule){
		func(s *Schedule) { s.Name = "other" }, func(s *Schedule) { s.Tenant = "other" },
		func(s *Schedule) { s.CreatedAt = at.Add(1) }, // removed, and added again
	} {
		other := *s
		change(&other)
		require.NotEqual(t, id, other.TickRunID(at))
	}
	request := s.TickRequest(id, at)
	require.Equal(t, map[string]string{"team": "red", "kedge.schedule": "nightly", "kedge.tick": "2026-11-24T01:30:00Z"}, request.Labels)
	require.Len(t, s.Request.Labels, 1)
}
