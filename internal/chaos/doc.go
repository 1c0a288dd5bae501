// Package chaos has no code of its own: its tests break a fleet of real processes and ask the auditor what came of it.
//
// A server, or three, and workers run as processes of the test binary, on loopback, and end with it. While submitters
// hand in runs, processes are killed, at named places of a run's life and at random, or stopped for longer than a
// lease; stream leaders are lost; connections are cut and slow; stores are full; workers' wall clocks jump; requests
// arrive twice, late and under another priority. Then the dust settles, and internal/audit must find nothing: no run
// lost, none with two replies, none stuck, nothing left behind.
//
// "make test" runs the short form. "make chaos" runs the full one, with the times of production and 10,000 runs, and
// prints a table. KEDGE_CHAOS_SEED repeats the choices of a run, as far as processes and their timing can be repeated.
package chaos
