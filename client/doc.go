// Package client submits runs and follows them: the Go library under the submit
// command.
package client
