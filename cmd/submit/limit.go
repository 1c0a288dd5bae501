package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

func (a *app) limitCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "limit",
		Short: "How many runs of a concurrency key may be under way, and how often they start",
		Long: `A run that is submitted with --concurrency-key KEY starts only while its key lets it.
A key that nobody declared lets one run of it be under way at a time, over all
workers and queues of the tenant. KEY may end in * to declare for each key that
begins so; of several declarations the key's own one holds, else the longest.`,
	}, a.limitSetCommand(), a.limitListCommand(), a.limitShowCommand(), a.limitRemoveCommand(), a.limitPauseCommand(), a.limitResumeCommand())
}

// oneKey checks that a command got exactly one key.
func oneKey(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &cli.UsageError{Class: "MissingParameter", Message: "Missing argument 'KEY': what runs give as --concurrency-key; `submit limit list` shows those that are declared or held"}
	}
	if err := messages.CheckLimitName(args[0]); err != nil {
		return usage(err.Error(), "")
	}
	return noMore(nil, args[1:])
}

// explainLimit is for what passed the checks of the words: it is refused for what the tenant has declared already.
func explainLimit(err error) error {
	var rejected *client.RejectedError
	if errors.As(err, &rejected) {
		return &cli.Error{Code: cli.Rejected, Err: err}
	}
	return cli.Explain(err)
}

// limitFlags are the flags of `submit limit set`.
type limitFlags struct {
	concurrency int
	rate        string
	burst       int
}

func (a *app) limitSetCommand() *cobra.Command {
	flags := &limitFlags{}
	cmd := &cobra.Command{
		Use:   "set KEY",
		Short: "Declare the limit of a key, in place of the one that it has",
		Example: `  submit limit set gpu --concurrency 2
  submit limit set 'customer-*' --concurrency 1 --rate 100/1h
  submit limit set api --rate 10/1s --burst 20`,
		Args: oneKey,
		RunE: func(cmd *cobra.Command, args []string) error {
			limit, err := flags.limit(cmd)
			if err != nil {
				return err
			}
			return a.withClient(cmd, func(c *client.Client) error {
				if err := c.SetLimit(cmd.Context(), args[0], limit); err != nil {
					return explainLimit(err)
				}
				_, err := fmt.Fprintf(a.env.Stdout, "key %s: %s\n", args[0], limitText(limit))
				return err
			})
		},
	}
	set := cmd.Flags()
	set.IntVar(&flags.concurrency, "concurrency", 0, "so `many` runs at a time (default: any number with --rate)")
	set.StringVar(&flags.rate, "rate", "", "so many starts in a time, for instance `10/1m` (default: any number)")
	set.IntVar(&flags.burst, "burst", 0, "so `many` starts of --rate at once when none were for long (default: 1, starts are spaced evenly)")
	return cmd
}

func (f *limitFlags) limit(cmd *cobra.Command) (messages.Limit, error) {
	limit := messages.Limit{Concurrency: f.concurrency}
	given := cmd.Flags().Changed
	switch {
	case given("burst") && !given("rate"):
		return limit, usage("--burst belongs to --rate", "for instance --rate 10/1m --burst 5")
	case !given("concurrency") && !given("rate"):
		return limit, usage("no limit is given", "--concurrency N bounds the runs at a time, --rate N/TIME how often they start")
	case given("concurrency") && f.concurrency < 1:
		return limit, usage("--concurrency: want at least 1", "`submit limit pause KEY` lets no run start")
	case given("burst") && f.burst < 1:
		return limit, usage("--burst: want at least 1", "")
	case !given("rate"):
		return limit, checkLimit(limit)
	}
	rate, err := messages.ParseRate(f.rate)
	if err != nil {
		return limit, usage("--"+err.Error(), "")
	}
	rate.Burst = f.burst
	limit.Rate = &rate
	return limit, checkLimit(limit)
}

func checkLimit(limit messages.Limit) error {
	if err := limit.Validate(); err != nil {
		return usage(err.Error(), "")
	}
	return nil
}

// limitText says what a limit means.
func limitText(l messages.Limit) string {
	text := "any number at a time"
	if most := l.Effective(); most > 0 {
		text = fmt.Sprintf("%d at a time", most)
	}
	if l.Rate != nil {
		text += fmt.Sprintf(", %s starts", l.Rate)
		if l.Rate.Burst > 1 {
			text += fmt.Sprintf(", %d at once", l.Rate.Burst)
		}
	}
	return text
}

// limitRow is what `limit list` and `limit show` tell of a key or prefix.
type limitRow struct {
	Key string `json:"key"`
	// Declared is the name under which the limit was declared; empty: nobody did.
	Declared string             `json:"declared,omitempty"`
	Limit    messages.Limit     `json:"limit"`
	Paused   *messages.KeyPause `json:"paused,omitempty"`
	Holders  []client.KeyHolder `json:"holders,omitempty"`
	Waiting  []messages.RunID   `json:"waiting,omitempty"`
}

// limitRows tells of all keys that are declared, paused, held, or waited for.
func limitRows(keys client.Keys, queued []messages.Status, now time.Time) []limitRow {
	rows := map[string]*limitRow{}
	of := func(key string) *limitRow {
		if rows[key] == nil {
			row := &limitRow{Key: key}
			row.Limit, row.Declared = keys.Limits.For(key)
			if pause, _, paused := keys.Limits.Paused(key, now); paused {
				row.Paused = &pause
			}
			rows[key] = row
		}
		return rows[key]
	}
	for name := range keys.Limits.Limits {
		of(name)
	}
	for name, pause := range keys.Limits.Pauses {
		if !pause.Over(now) {
			of(name)
		}
	}
	for _, holder := range keys.Holders {
		row := of(holder.Key)
		row.Holders = append(row.Holders, holder)
	}
	for i := range queued {
		if s := &queued[i]; s.ConcurrencyKey != "" {
			row := of(s.ConcurrencyKey)
			row.Waiting = append(row.Waiting, s.RunID)
		}
	}
	var sorted []limitRow
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		slices.Reverse(rows[key].Waiting) // the oldest first
		sorted = append(sorted, *rows[key])
	}
	return sorted
}

func readLimitRows(cmd *cobra.Command, c *client.Client) ([]limitRow, error) {
	keys, err := c.Keys(cmd.Context())
	if err != nil {
		return nil, cli.Explain(err)
	}
	queued, err := c.List(cmd.Context(), client.ListOptions{States: []messages.State{messages.StateQueued}})
	if err != nil {
		return nil, cli.Explain(err)
	}
	return limitRows(keys, queued, time.Now()), nil
}

func (a *app) limitListCommand() *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use: "list", Short: "The keys that are declared, held or waited for", Args: noMore,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			rows, err := readLimitRows(cmd, c)
			if err != nil {
				return err
			}
			return a.writeLimits(rows, format)
		}),
	}
	addOutputFlag(cmd.Flags(), &format)
	return cmd
}

func (a *app) writeLimits(rows []limitRow, format outputFormat) error {
	if format == formatJSON {
		for i := range rows {
			if err := writeJSON(a.env.Stdout, &rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
	tw := tabwriter.NewWriter(a.env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "KEY\tLIMIT\tDECLARED AS\tUNDER WAY\tWAITING\tPAUSED")
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%d\t%s\n", r.Key, limitText(r.Limit), r.Declared, len(r.Holders), len(r.Waiting), pausedText(r.Paused))
	}
	return tw.Flush()
}

// pausedText says who paused a key, until when and why.
func pausedText(p *messages.KeyPause) string {
	if p == nil {
		return ""
	}
	text := by(p.By)
	if !p.Until.IsZero() {
		text += " until " + p.Until.UTC().Format(time.RFC3339)
	}
	return strings.TrimSpace("yes " + strings.TrimSpace(text+" "+parenthesised(p.Reason)))
}

func (a *app) limitShowCommand() *cobra.Command {
	var format outputFormat
	cmd := &cobra.Command{
		Use: "show KEY", Short: "The limit that holds for a key, who holds it, and who waits", Args: oneKey,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(cmd, func(c *client.Client) error {
				rows, err := readLimitRows(cmd, c)
				if err != nil {
					return err
				}
				return a.writeLimit(rows, args[0], format)
			})
		},
	}
	addOutputFlag(cmd.Flags(), &format)
	return cmd
}

// writeLimit shows one key. One that appears nowhere has the limit of those that nobody declared.
func (a *app) writeLimit(rows []limitRow, key string, format outputFormat) error {
	row := limitRow{Key: key}
	if at := slices.IndexFunc(rows, func(r limitRow) bool { return r.Key == key }); at >= 0 {
		row = rows[at]
	} else {
		for i := range rows { // a prefix may hold
			if r := &rows[i]; r.Declared == r.Key && messages.Covers(r.Key, key) && len(r.Key) > len(row.Declared) {
				row.Limit, row.Declared = r.Limit, r.Declared
			}
			if r := &rows[i]; r.Paused != nil && messages.Covers(r.Key, key) {
				row.Paused = r.Paused
			}
		}
	}
	if format == formatJSON {
		return writeJSON(a.env.Stdout, &row)
	}
	var f fields
	f.add("key", "%s", row.Key)
	f.add("limit", "%s", limitText(row.Limit))
	if row.Declared == "" {
		f.add("declared", "by nobody: one run at a time")
	} else {
		f.add("declared", "%s", strings.TrimSpace("as "+row.Declared+" "+by(row.Limit.By)))
	}
	f.add("paused", "%s", pausedText(row.Paused))
	for _, h := range row.Holders {
		f.add("under way", "%s on worker %s", h.RunID, h.Worker)
	}
	for i, run := range row.Waiting {
		if i == maxShownWaiting {
			f.add("waiting", "and %d more", len(row.Waiting)-i)
			break
		}
		f.add("waiting", "%s", run)
	}
	return f.write(a.env.Stdout)
}

// maxShownWaiting bounds the list of those that wait for a key; --output json shows all.
const maxShownWaiting = 10

func (a *app) limitRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rm KEY", Short: "Remove a declaration", Args: oneKey,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			err := c.RemoveLimit(cmd.Context(), args[0])
			if errors.Is(err, client.ErrNoLimit) {
				return &cli.Error{Code: cli.NotFound, Err: err, Hint: "`submit limit list` shows the declarations"}
			}
			if err != nil {
				return cli.Explain(err)
			}
			_, err = fmt.Fprintf(a.env.Stdout, "the limit of key %s is removed\n", args[0])
			return err
		}),
	}
}

func (a *app) limitPauseCommand() *cobra.Command {
	var reason, until string
	var lasts time.Duration
	cmd := &cobra.Command{
		Use: "pause KEY", Short: "Start no run of a key until it is resumed, or until a time", Args: oneKey,
		Example: `  submit limit pause api --for 5m --reason 'too many requests'
  submit limit pause 'customer-*' --until 2026-11-24T06:00:00Z`,
		RunE: func(cmd *cobra.Command, args []string) error {
			pause := messages.KeyPause{Pause: messages.Pause{Reason: reason}}
			var err error
			if pause.Until, err = pauseEnd(until, lasts, time.Now()); err != nil {
				return err
			}
			return a.withClient(cmd, func(c *client.Client) error {
				if err := c.PauseKey(cmd.Context(), args[0], pause); err != nil {
					return explainLimit(err)
				}
				text := "until it is resumed"
				if !pause.Until.IsZero() {
					text = "until " + pause.Until.Format(time.RFC3339)
				}
				_, err := fmt.Fprintf(a.env.Stdout, "key %s is paused %s\n", args[0], text)
				return err
			})
		},
	}
	set := cmd.Flags()
	set.DurationVar(&lasts, "for", 0, "so long, for instance 5m (default: until it is resumed)")
	set.StringVar(&until, "until", "", "until this `time` (RFC 3339)")
	set.StringVar(&reason, "reason", "", "why: a `text` that submit status and the like show")
	return cmd
}

// pauseEnd is when a pause ends; zero: when it is ended.
func pauseEnd(until string, lasts time.Duration, now time.Time) (time.Time, error) {
	switch {
	case until != "" && lasts != 0:
		return time.Time{}, usage("--for and --until both say when the pause ends", "give one of them")
	case lasts < 0:
		return time.Time{}, usage("--for must not be negative", "")
	case lasts > 0:
		return now.Add(lasts).UTC().Round(time.Millisecond), nil
	case until == "":
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, until)
	if err != nil {
		return time.Time{}, usage(fmt.Sprintf("--until %q is not a time", until), "write it as 2026-11-23T18:00:00Z or 2026-11-23T19:00:00+01:00; --for takes a duration")
	}
	if !at.After(now) {
		return time.Time{}, usage("--until "+until+" has passed", "`submit limit resume KEY` ends a pause")
	}
	return at.UTC(), nil
}

func (a *app) limitResumeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "resume KEY", Short: "End the pause of a key", Args: oneKey,
		RunE: a.asClient(func(cmd *cobra.Command, c *client.Client, args []string) error {
			if err := c.ResumeKey(cmd.Context(), args[0]); err != nil {
				return cli.Explain(err)
			}
			_, err := fmt.Fprintf(a.env.Stdout, "key %s lets runs start\n", args[0])
			return err
		}),
	}
}
