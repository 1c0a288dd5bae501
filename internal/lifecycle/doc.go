// Package lifecycle runs a process that is a list of named loops: it starts them together, ends them one after
// another in a written order, and turns signals into a soft stop and then a hard one.
package lifecycle
