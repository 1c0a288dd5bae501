package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kedge-run/kedge/messages"
)

// RetryFlags say which errors of a run get another attempt.
type RetryFlags struct {
	attempts    int
	backoff, on string
}

// AddRetryFlags defines the flags of a retry policy on set. others says what holds
// where they are not given.
func AddRetryFlags(set *pflag.FlagSet, others string) *RetryFlags {
	flags := &RetryFlags{}
	set.IntVar(&flags.attempts, "max-attempts", 0, "start a run that fails again, up to so `many` attempts ("+others+")")
	set.StringVar(&flags.backoff, "backoff", "", "pause between attempts: `first[,longest[,factor]]`, less up to a half at random (default: 1s,5m,2)")
	set.StringVar(&flags.on, "retry-on", "", "only errors with these `codes` get another attempt, for instance node_failed,timeout (default: all that can)")
	return flags
}

// Policy is what the flags say. The error is one of usage.
func (f *RetryFlags) Policy() (messages.RetryPolicy, error) {
	policy := messages.RetryPolicy{MaxAttempts: f.attempts}
	for _, code := range SplitNames(f.on) {
		policy.RetryOn = append(policy.RetryOn, messages.Code(code))
	}
	var err error
	if policy.Backoff, err = parseBackoff(f.backoff); err != nil {
		return policy, &Error{Code: Usage, Err: fmt.Errorf("--backoff %s: %w", f.backoff, err), Hint: "write it as 2s, as 2s,5m or as 2s,5m,1.5"}
	}
	if err := policy.Validate(); err != nil {
		return policy, &Error{Code: Usage, Err: fmt.Errorf("retries: %w", err)}
	}
	return policy, nil
}

// parseBackoff reads first[,longest[,factor]].
func parseBackoff(text string) (*messages.Backoff, error) {
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, ",")
	if len(parts) > 3 {
		return nil, errors.New("has more than three parts")
	}
	backoff := &messages.Backoff{}
	for i, part := range parts {
		var err error
		switch i {
		case 0:
			backoff.Initial, err = parseDuration(part)
		case 1:
			backoff.Max, err = parseDuration(part)
		case 2:
			backoff.Factor, err = strconv.ParseFloat(strings.TrimSpace(part), 64)
			if err == nil && !(backoff.Factor >= 1) {
				err = errors.New("a factor is 1 or more")
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return backoff, nil
}

func parseDuration(text string) (messages.Duration, error) {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	if err == nil && d <= 0 {
		err = errors.New("a pause must be longer than nothing")
	}
	return messages.Duration(d), err
}
