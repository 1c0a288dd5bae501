// Package archtest holds no code of its own: its tests read the module's
// sources and fail, with the reason, when a package imports what it must not
// know, lacks a package comment, or keeps a test that sleeps.
//
// The layers are those of ARCHITECTURE.md, which are Kedro's own (its
// import-linter contract: session over runner over catalog and pipeline over
// config, the last three blind to each other).
package archtest
