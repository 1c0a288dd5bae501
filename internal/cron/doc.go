// Package cron reads cron expressions and computes when they fire, in any time zone.
//
// An expression has five fields (minute, hour, day of month, month, day of week) or six,
// with seconds in front. A field is a list of values, ranges and steps: "*", "5", "1-5",
// "*/15", "0-30/10", "mon,wed-fri". Where both days are restricted, either may match. The
// short forms @yearly, @monthly, @weekly, @daily and @hourly stand for their expression.
//
// When clocks change, an expression that names hours fires as people expect: what falls
// into an hour that is skipped fires once, when the clocks have changed; what falls into an
// hour that comes twice fires the first time only. An expression for every hour follows
// real time: it pauses for nothing and repeats with the clock.
package cron
